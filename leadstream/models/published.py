"""What the topic of models should say of a catalog, and what it says already. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from leadstream.models.catalog import compile_rules
from leadstream.records.intents import Intents
from leadstream.records.models import (
    ANY_TENANT,
    ModelDecay,
    ModelLevel,
    ModelThreshold,
    ScoringModel,
    model_key,
)
from leadstream.scoring.compiled.levels import Level
from leadstream.scoring.compiled.model import CompiledModel, ModelCatalog

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(ScoringModel).decode


@dataclass(frozen=True, slots=True)
class Logged:
    """A record of the topic; `timestamp` is the broker's, in epoch ms."""

    model: ScoringModel
    timestamp: int


class Published:
    """What the records of the topic say, given in their order."""

    def __init__(self) -> None:
        self._records: dict[bytes, Logged] = {}
        """By key, in the order of the log."""

    def add(self, key: bytes | None, value: bytes | None, timestamp: int) -> None:
        """Takes the next record. One that can't be read counts as absent: the projector says what it is."""
        if key is None:
            return
        if value is None:
            self._records.pop(key, None)
            return
        try:
            model = _decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        # The last of a tenant stands last.
        self._records.pop(key, None)
        self._records[key] = Logged(model, timestamp)

    def active(self) -> list[ScoringModel]:
        """Of each tenant the model in force, as its last record says."""
        last = {logged.model.tenant: logged.model for logged in self._records.values()}
        return [model for model in last.values() if model.active]

    def lacking(self, wanted: Mapping[str, CompiledModel]) -> list[tuple[bytes, bytes]]:
        """The records, key and value, after which the topic says that exactly these models are in force.

        One for each tenant whose model is another one or not told of, and one for each that the topic has a
        model of and that is none of these.
        """
        last = {logged.model.tenant: (key, logged) for key, logged in self._records.items()}
        found = []
        for tenant, compiled in wanted.items():
            model = as_read(record_of(tenant, compiled))
            key = model_key(tenant, compiled.fingerprint)
            before = self._records.get(key)
            if before is None:
                found.append((key, _encode(model)))
            elif last[tenant][0] != key or replace(before.model, created=None) != model:
                found.append((key, _encode(replace(model, created=created(before)))))
        for tenant, (key, logged) in last.items():
            if tenant not in wanted and logged.model.active:
                gone = replace(logged.model, active=False, created=created(logged))
                found.append((key, _encode(gone)))
        return found


def with_activations(seed: Mapping[str, CompiledModel], intents: Intents) -> dict[str, CompiledModel]:
    """The models in force by tenant: those activated, for the other tenants those of `seed`."""
    found = dict(seed)
    for tenant in {**seed, **dict.fromkeys(intents.tenants)}:
        last = intents.in_force(tenant)
        if last is not None:
            found[tenant] = compile_rules(last.rules, last.timezone)
    return found


def models_of(catalog: ModelCatalog) -> Mapping[str, CompiledModel]:
    """Each tenant of a catalog with its model; without tenants, the one for all of them."""
    return {ANY_TENANT: catalog.default} if catalog.tenants is None else catalog.tenants


def created(logged: Logged) -> int:
    """The broker's time of the first record with the key."""
    return logged.timestamp if logged.model.created is None else logged.model.created


def as_read(model: ScoringModel) -> ScoringModel:
    """The record as whoever reads it has it: lists for tuples in its rules, and the like."""
    return _decode(_encode(model))


def record_of(tenant: str, model: CompiledModel) -> ScoringModel:
    """What the topic says of a tenant's model."""
    return ScoringModel(
        tenant=tenant,
        name=model.name,
        version=model.version,
        fingerprint=model.fingerprint,
        active=True,
        rules=dict(model.rules),
        bands=_levels(model.bands),
        decay=tuple(
            ModelDecay(
                kernel.kind,
                kernel.half_life,
                tuple(branch.factor for branch in model.branches if branch.kernel == index),
                *kernel.parameters,
                ages=kernel.ages,
            )
            for index, kernel in enumerate(model.kernels)
        ),
        thresholds=tuple(ModelThreshold(one.at, one.hysteresis) for one in model.thresholds),
        stages=_levels(tuple(stage for stage in model.stages if stage.name)),
        caps=model.caps,
        timezone=model.timezone,
    )


def _levels(levels: tuple[Level, ...]) -> tuple[ModelLevel, ...]:
    return tuple(ModelLevel(level.name, level.start, level.hysteresis) for level in levels)
