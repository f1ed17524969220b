"""From a rule file's parts to the model that the fold runs."""

from hashlib import blake2b
from typing import Any

import msgspec

from leadstream.models import schema
from leadstream.records.outputs import Contribution
from leadstream.scoring.conditions import Test, all_of, getter, one_of, picker, present, url_path
from leadstream.scoring.facts import FACT_TYPES
from leadstream.scoring.kernel import Kernel
from leadstream.scoring.model import (
    ALL_OUTREACH,
    Action,
    Band,
    Branch,
    CompiledModel,
    Effect,
    Plan,
    Repeat,
    Rule,
    Threshold,
)

DOCUMENTATION = {"owner", "description", "rationale"}
"""Keys that say why; they change no score."""
SUPPRESSING = {"email.bounced": "email", "email.unsubscribed": ALL_OUTREACH, "email.complained": ALL_OUTREACH}
"""Types after which a channel must be left alone, whatever a model says of their points."""
RELEASING = "email.resubscribed"
BUMPED = "score.bumped"
WRITING = "lead.recompute"


class _Compiler:
    """Collects kernels, branches and channels while it goes through the rules."""

    def __init__(self, file: schema.RuleFile, half_life: int) -> None:
        self.file = file
        self.kernels = [kernel_of(half_life)]
        self.branches: list[Branch] = []
        self.branch(BUMPED, 1.0, 0)
        self.channels = [ALL_OUTREACH, "email"]
        self.rings = 0
        self.rules: dict[str, list[Rule]] = {}
        self.effects: dict[str, list[Effect]] = {}

    def channel_bit(self, channel: str) -> int:
        if channel not in self.channels:
            self.channels.append(channel)
        return 1 << self.channels.index(channel)

    def rule(self, rule: schema.Rule) -> None:
        test = all_of([test for field, condition in rule.when.items() for test in tests_of(field, condition)])
        reset, suppress = "reset" in rule.effect, "suppress" in rule.effect
        if reset or suppress:
            bits = self.channel_bit(rule.channel or ALL_OUTREACH) if suppress else 0
            for type_ in rule.on:
                self.effects.setdefault(type_, []).append(Effect(test, reset, bits))
        if rule.points is None and rule.by is None:
            return
        kernel = self.kernel(rule)
        repeat = None
        if rule.repeat is not None:
            repeat = Repeat(self.rings, rule.repeat.within, tuple(rule.repeat.factors))
            self.rings += 1
        branch, pick = None, None
        if rule.by is None:
            branch = self.branch(rule.id, float(rule.points or 0.0), kernel)
        else:
            values = {
                value: self.branch(f"{rule.id}:{value}", float(points), kernel)
                for value, points in rule.by.points.items()
            }
            default = None if rule.by.default is None else values[rule.by.default]
            pick = picker([getter(field) for field in rule.by.field], values, default)
        for type_ in rule.on:
            self.rules.setdefault(type_, []).append(Rule(test, branch, pick, repeat))

    def branch(self, factor: str, points: float, kernel: int) -> Branch:
        symbol = chr(len(self.branches))
        branch = Branch(factor, points, kernel, symbol, (Contribution(factor, points),))
        self.branches.append(branch)
        return branch

    def kernel(self, rule: schema.Rule) -> int:
        """Half-life: the rule's, else the tenant's, else the model's."""
        if rule.decay is None:
            return 0
        kernel = kernel_of(0 if rule.decay == "none" else rule.decay.half_life)
        if kernel not in self.kernels:
            self.kernels.append(kernel)
        return self.kernels.index(kernel)

    def plans(self) -> dict[str, Plan]:
        types = {*self.rules, *self.effects, *SUPPRESSING, *FACT_TYPES, RELEASING, BUMPED, WRITING}
        return {
            type_: Plan(
                name=type_,
                rules=tuple(self.rules.get(type_, ())),
                effects=tuple(self.effects.get(type_, ())),
                suppress=self.channel_bit(SUPPRESSING[type_]) if type_ in SUPPRESSING else 0,
                releases=type_ == RELEASING,
                facts=type_ in FACT_TYPES,
                bump=type_ == BUMPED,
                special=type_ in self.effects
                or type_ in SUPPRESSING
                or type_ in FACT_TYPES
                or type_ in (RELEASING, WRITING),
            )
            for type_ in sorted(types)
        }

    def thresholds(self) -> tuple[Threshold, ...]:
        names = list(dict.fromkeys(action.do for action in self.file.actions))
        return tuple(
            Threshold(
                at=float(threshold.at),
                hysteresis=float(threshold.hysteresis),
                fire_on_recovery=threshold.on_recovery == "fire",
                actions=tuple(
                    self.action(action, names.index(action.do))
                    for action in self.file.actions
                    if action.at == threshold.at
                ),
            )
            for threshold in self.file.thresholds
        )

    def action(self, action: schema.Action, number: int) -> Action:
        literal = {
            name: value for name, value in action.payload.items() if not isinstance(value, schema.Fact)
        }
        facts = {name: value.fact for name, value in action.payload.items() if isinstance(value, schema.Fact)}
        return Action(
            do=action.do,
            number=number,
            channel=action.channel,
            channel_bits=self.channel_bit(ALL_OUTREACH) | self.channel_bit(action.channel),
            needs_phone=action.requires == "phone",
            dedupe=action.dedupe,
            payload=tuple(literal.items()),
            fact_payload=tuple(facts.items()),
        )


def compile_model(file: schema.RuleFile, tenant: schema.Tenant | None = None) -> CompiledModel:
    """The model of a checked rule file; a tenant's half-life goes before the file's own."""
    half_life = file.half_life if tenant is None or tenant.half_life is None else tenant.half_life
    compiler = _Compiler(file, half_life)
    for rule in file.rules:
        compiler.rule(rule)
    thresholds = compiler.thresholds()
    plans = compiler.plans()
    return CompiledModel(
        name=file.name,
        version=file.version,
        fingerprint=fingerprint(file, half_life),
        timezone=tenant.timezone if tenant else None,
        branches=tuple(compiler.branches),
        kernels=tuple(compiler.kernels),
        plans=plans,
        thresholds=thresholds,
        bands=tuple(Band(band.name, float(band.from_)) for band in file.bands),
        channels=tuple(compiler.channels),
    )


def kernel_of(half_life: int) -> Kernel:
    return Kernel("exponential", half_life) if half_life else Kernel("none")


def tests_of(field: str, condition: schema.Condition) -> list[Test]:
    get = getter(field)
    tests: list[Test] = []
    if condition.eq is not None:
        tests.append(one_of(get, [condition.eq]))
    if condition.in_ is not None:
        tests.append(one_of(get, condition.in_))
    if condition.exists is not None:
        tests.append(present(get, condition.exists))
    if condition.url_path is not None:
        tests.append(url_path(get, condition.url_path))
    return tests


def fingerprint(file: schema.RuleFile, half_life: int) -> str:
    """Sixteen hexadecimal digits that two models share only if they score alike."""
    rules: dict[str, Any] = file.model_dump(by_alias=True)
    rules["half_life"] = half_life
    canonical = msgspec.json.encode(without_documentation(rules), order="deterministic")
    return blake2b(canonical, digest_size=8).hexdigest()


def without_documentation(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_documentation(one) for key, one in value.items() if key not in DOCUMENTATION}
    if isinstance(value, list):
        return [without_documentation(one) for one in value]
    return value
