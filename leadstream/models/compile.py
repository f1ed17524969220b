"""From a rule file's parts to the model that the fold runs."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import msgspec

from leadstream.models import schema
from leadstream.models.compile_policy import PolicyCompiler
from leadstream.models.compile_rules import RuleCompiler
from leadstream.models.forms import Part
from leadstream.models.policy import Fact
from leadstream.models.written import written
from leadstream.scoring.compiled.model import CompiledModel
from leadstream.scoring.facts.text import composed
from leadstream.scoring.state.facts import CONSENT, EXPECTED

DOCUMENTATION = {"owner", "description", "rationale"}
"""Keys that say why; they change no score."""


def compile_model(file: schema.RuleFile, tenant: schema.Tenant | None = None) -> CompiledModel:
    """The model of a checked rule file; a tenant's half-life goes before the file's own."""
    half_life = file.half_life if tenant is None or tenant.half_life is None else tenant.half_life
    policy = PolicyCompiler(file)
    rules = RuleCompiler(file, half_life, policy)
    timers = policy.timers(rules.timer_branches)
    return CompiledModel(
        name=file.name,
        version=file.version,
        fingerprint=fingerprint(file, half_life),
        timezone=None if tenant is None else tenant.timezone,
        branches=tuple(rules.branches),
        kernels=tuple(rules.kernels),
        categories=tuple(rules.categories),
        plans=rules.plans(),
        thresholds=policy.thresholds(),
        bands=policy.bands(),
        stages=policy.stages(),
        staged_by_total=policy.staged_by_total,
        channels=tuple(policy.channels),
        actions=policy.actions(),
        fits=tuple(rules.fits),
        kept_facts=kept_facts(file, policy.channels),
        rings=tuple(rules.rings),
        fitted=frozenset(rules.fitted),
        timers=timers,
        spikes=policy.spikes(),
        consent_required=file.consent == "required",
        bounces=policy.bounces(),
        rules=written(file.model_copy(update={"half_life": half_life})),
    )


def kept_facts(file: schema.RuleFile, channels: Iterable[str]) -> frozenset[str]:
    """The facts that always find room: those expected, those that a rule file reads, consents of channels."""
    read = {fit.fact for fit in file.fit}
    read |= {one.fact for action in file.actions for one in action.payload.values() if isinstance(one, Fact)}
    consents = {f"{CONSENT}{channel.casefold()}" for channel in channels}
    return EXPECTED | consents | {composed(name) for name in read}


def fingerprint(file: schema.RuleFile, half_life: int) -> str:
    """Sixteen hexadecimal digits that two models share only if they score alike."""
    rules = {**scored(file), "half_life": half_life}
    canonical = msgspec.json.encode(rules, order="deterministic")
    return blake2b(canonical, digest_size=8).hexdigest()


def scored(value: Any) -> Any:
    """A part of a rule file without what only says why."""
    if isinstance(value, Part):
        fields = type(value).model_fields
        names = [
            name
            for name in fields
            if name not in DOCUMENTATION
            and not (name in value.quiet and getattr(value, name) == fields[name].default)
        ]
        return scored({name: getattr(value, name) for name in names} | (value.model_extra or {}))
    if isinstance(value, dict):
        return {key: scored(one) for key, one in value.items()}
    if isinstance(value, list):
        return [scored(one) for one in value]
    return value
