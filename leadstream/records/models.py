"""What the topic of models says: which model scores the leads of a tenant, and how."""

from typing import Any

import msgspec

ANY_TENANT = ""
"""The tenant of a model that scores the leads of every tenant."""


class ModelLevel(msgspec.Struct, frozen=True, omit_defaults=True):
    """A band or a stage: it begins at a total of `start`, and is left downwards below `start - hysteresis`.
    The first band also holds what is below it; stages without a `start` are those that rules speak for."""

    name: str
    start: float | None = None
    hysteresis: float = 0.0


class ModelThreshold(msgspec.Struct, frozen=True):
    """A threshold: passed upwards at `at`, and downwards below `at - hysteresis`."""

    at: float
    hysteresis: float = 0.0


class ModelDecay(msgspec.Struct, frozen=True):
    """A way of fading, and the `factors` that fade so. Its members are those of an accumulator: `half_life`
    in milliseconds is 0 for `none`, of `linear` the period, of `inactivity_step` the interval, of `inactive`
    the time after which it counts. `ages` are (to in ms, factor), the last with 0 for all older ones."""

    kernel: str
    half_life: int
    factors: tuple[str, ...]
    percent: float = 0.0
    linear: bool = False
    floor: float = 0.0
    ages: tuple[tuple[int, float], ...] = ()


class ScoringModel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """That a model scores the leads of a tenant from here on, in the compacted topic of models.

    The key is `tenant:fingerprint`; the tenant is empty for a model of all tenants. Of a tenant's records
    the last in the log holds: with `active` its model is the one in force, without the tenant has none any
    more. `created` is the broker's time (epoch ms) of the key's first record, left out in that one itself.
    `rules` is the rule file with its includes resolved and the tenant's own half-life: it loads as the same
    model. The rest is what it comes to: the first `decay` is the model's default, `caps` are low and high of
    categories, `timezone` is the tenant's.
    """

    tenant: str
    name: str
    version: str
    fingerprint: str
    active: bool
    rules: dict[str, Any]
    bands: tuple[ModelLevel, ...]
    decay: tuple[ModelDecay, ...]
    thresholds: tuple[ModelThreshold, ...] = ()
    stages: tuple[ModelLevel, ...] = ()
    caps: dict[str, tuple[float, float]] = {}
    timezone: str | None = None
    created: int | None = None


def model_key(tenant: str, fingerprint: str) -> bytes:
    """The key of a model's records. No tenant holds a colon."""
    return f"{tenant}:{fingerprint}".encode()
