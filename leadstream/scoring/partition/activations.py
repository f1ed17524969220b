"""The models of a partition: the one it was started with, then those activated in its log."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec

from leadstream.records.control import Activation
from leadstream.records.keys import CONTROL_PREFIX
from leadstream.records.models import ANY_TENANT
from leadstream.records.rejection import Rejected
from leadstream.scoring.compiled.model import CompiledModel, ModelCatalog
from leadstream.scoring.partition.rows import read, refuse_other, tenant_of
from leadstream.scoring.state.lead_state import CODEC

ACTIVATION = CONTROL_PREFIX + b"activation:"
SWEEP = CONTROL_PREFIX + b"sweep"


class ActivationRow(msgspec.Struct, array_like=True, frozen=True):
    """An activation that leads of the partition may be scored with. `since` is its instant in ms."""

    codec: int
    number: int
    since: int
    rules: dict[str, Any]
    timezone: str | None = None


class SweepRow(msgspec.Struct, array_like=True, frozen=True):
    """How far leads have been moved: those with keys below `start`; `number` is the last activation's."""

    codec: int
    number: int
    start: bytes
    """Of no lead once all have been."""
    done: bool = False


_encode = msgspec.msgpack.Encoder().encode
_decode_activation = msgspec.msgpack.Decoder(ActivationRow).decode
_decode_sweep = msgspec.msgpack.Decoder(SweepRow).decode


class Activations:
    """The models of a partition's tenants by the number of their activation."""

    def __init__(self, seed: ModelCatalog) -> None:
        """`seed` are the models that the application was started with, of number 0."""
        self._seed = seed
        self._compile = seed.compile_rules
        self._models: dict[tuple[str, int], CompiledModel] = {}
        """By tenant, or `ANY_TENANT`, and number."""
        self._latest: dict[str, int] = {}
        self.number = 0
        """Of the last activation of any tenant."""
        self.sweep: SweepRow | None = None
        """None before the first activation."""
        self.changed: dict[bytes, bytes | None] = {}
        """Rows to be written, None for those to be removed."""

    def restore(self, key: bytes, row: bytes) -> None:
        """Takes a row. Raises `DamagedRow`, `NewerEngine`."""
        if key == SWEEP:
            self.sweep = read(_decode_sweep, key, row)
            refuse_other(self.sweep.codec)
            self.number = max(self.number, self.sweep.number)
            return
        stored = read(_decode_activation, key, row)
        refuse_other(stored.codec)
        tenant = tenant_of(key, ACTIVATION).rpartition(":")[0]
        self._add(tenant, stored)

    def in_force(self, tenant: str) -> CompiledModel:
        """The model that the tenant's leads are to be scored with. Raises `Rejected("unknown_tenant")`."""
        own, every = self._latest.get(tenant, -1), self._latest.get(ANY_TENANT, -1)
        if own < 1 and every < 1:
            return self._seed.for_tenant(tenant)
        return self._models[(tenant, own) if own > every else (ANY_TENANT, every)]

    def model(self, tenant: str, number: int) -> CompiledModel:
        """The model of a number, which a lead of the tenant is scored with."""
        found = self._models.get((tenant, number)) or self._models.get((ANY_TENANT, number))
        return self._seed.for_tenant(tenant) if found is None else found

    def needs_seed(self, tenant: str) -> bool:
        """Whether leads of the tenant may be scored with the model that the application was started with."""
        latest = self._latest.get(tenant, self._latest.get(ANY_TENANT, 0))
        return latest < 1 and (tenant, 0) not in self._models

    def activate(self, activation: Activation, now: int, tenants: Iterable[str]) -> bool:
        """Puts an activation in force; False if it is not a later one. `tenants` have leads here.

        Raises `Rejected("bad_control")` for rules that are no model; then nothing has changed.
        """
        number, tenant = activation.number, activation.tenant
        if number <= self.number:
            return False
        try:
            row = ActivationRow(CODEC, number, now, activation.rules, activation.timezone)
            compiled = self._compile(row.rules, row.timezone)
        except ValueError as error:
            raise Rejected("bad_control", f"activation {number} has no model: {error}") from None
        for name in tenants:
            if tenant in (ANY_TENANT, name) and self.needs_seed(name):
                # So that its leads can be moved whatever the application is started with next.
                seed = self._seed.for_tenant(name)
                self._write(name, ActivationRow(CODEC, 0, 0, dict(seed.rules), seed.timezone), seed)
        self._write(tenant, row, replace(compiled, activation=number, since=now))
        self.number = number
        self._write_sweep(SweepRow(CODEC, number, b""))
        return True

    def swept(self, start: bytes, *, done: bool) -> None:
        """The leads with keys below `start` are moved; with `done` all are."""
        self._write_sweep(SweepRow(CODEC, self.number, start, done))
        if not done:
            return
        for tenant, number in list(self._models):
            if number == 0 or number < self._latest[tenant]:
                # No lead is scored with it any more.
                del self._models[tenant, number]
                self.changed[row_key(tenant, number)] = None
                if number == self._latest[tenant]:
                    del self._latest[tenant]

    def _write(self, tenant: str, row: ActivationRow, model: CompiledModel) -> None:
        self.changed[row_key(tenant, row.number)] = _encode(row)
        self._models[tenant, row.number] = model
        self._latest[tenant] = max(row.number, self._latest.get(tenant, 0))

    def _write_sweep(self, row: SweepRow) -> None:
        self.sweep = row
        self.changed[SWEEP] = _encode(row)

    def _add(self, tenant: str, row: ActivationRow) -> None:
        model = self._compile(row.rules, row.timezone)
        self._models[tenant, row.number] = replace(model, activation=row.number, since=row.since)
        self._latest[tenant] = max(row.number, self._latest.get(tenant, 0))
        self.number = max(self.number, row.number)


def row_key(tenant: str, number: int) -> bytes:
    return ACTIVATION + f"{tenant}:{number}".encode()
