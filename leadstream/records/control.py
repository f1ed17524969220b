"""Control records: what stands in the log of signals and speaks to a partition instead of a lead.

Their keys begin with `\\0`. A replay meets them at the same place as the worker did.
"""

from typing import Any

import msgspec

from leadstream.records.keys import CONTROL_PREFIX, TICK_KEY
from leadstream.records.models import ANY_TENANT
from leadstream.records.rejection import Rejected, shorten

ACTIVATE_KEY = CONTROL_PREFIX + b"activate"
"""The key of an `Activation`."""
SWEEP_KEY = CONTROL_PREFIX + b"sweep"
"""The key of a `Sweep`."""
CONTROL_KEYS = frozenset({TICK_KEY, ACTIVATE_KEY, SWEEP_KEY})
"""The keys of all control records that are known."""


class Activation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From here on the tenant's leads are scored with these rules.

    `number` orders activations: of those for a tenant the highest is in force, a lower or repeated one is
    ignored. `rules` is a rule file as plain values, its includes resolved and the tenant's half-life in it;
    `timezone` is the tenant's; `ANY_TENANT` stands for all tenants, also those that are seen later. `by` and
    `why` are for people.
    """

    number: int
    tenant: str = ANY_TENANT
    rules: dict[str, Any]
    timezone: str | None = None
    by: str = ""
    why: str = ""


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """Moves the next `count` leads of the partition to the models in force, from the key `start` on (hex).

    Void unless `number` is that of the partition's last activation and `start` where its sweep stands, so one
    too many does nothing.
    """

    number: int
    start: str
    count: int


control_value = msgspec.json.encode
"""The value of a control record, and of an intent."""
_decode_activation = msgspec.json.Decoder(Activation).decode
_decode_sweep = msgspec.json.Decoder(Sweep).decode


def read_activation(value: bytes | None) -> Activation:
    """Raises `Rejected("bad_control")`."""
    activation: Activation = _read(_decode_activation, ACTIVATE_KEY, value)
    if activation.number < 1:
        raise Rejected("bad_control", f"the number of an activation is 1 or more, not {activation.number}")
    return activation


def read_sweep(value: bytes | None) -> Sweep:
    """Raises `Rejected("bad_control")`."""
    sweep: Sweep = _read(_decode_sweep, SWEEP_KEY, value)
    return sweep


def _read(decode: Any, key: bytes, value: bytes | None) -> Any:
    try:
        return decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        name = key.removeprefix(CONTROL_PREFIX).decode()
        raise Rejected("bad_control", f"no {name} record: {shorten(str(error), 200)}") from None
