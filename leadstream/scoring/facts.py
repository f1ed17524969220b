"""Facts of a lead: the last value of each profile field by effective time."""

from collections.abc import Mapping
from typing import Any

import msgspec

FACT_TYPES = frozenset({"lead.created", "lead.updated", "lead.enriched"})
"""Signal types whose data are facts."""
EXPECTED = frozenset(
    {
        "email", "phone", "title", "country", "timezone", "company_size", "industry", "revenue", "owner",
        "consent.email", "consent.tracking", "consent.profiling",
    }
)  # fmt: skip
"""Fields that are kept however many others a lead has."""
MAX_OTHERS = 32
MAX_NAME = 64
MAX_TEXT = 512
MAX_INTEGER = 2**53
"""The largest integer that JSON readers agree on."""

Scalar = str | int | float | bool | None
Facts = dict[str, tuple[Scalar, int]]

pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Facts).decode


def unpack(blob: bytes) -> Facts:
    """Field -> (value, effective time) of a state's facts."""
    return _unpack(blob) if blob else {}


def learn(facts: Facts, data: Mapping[str, Any], at: int) -> list[str]:
    """Notes the fields of a fact signal and says which were noted; `facts` is changed in place.

    The later `at` wins, of two alike the one that arrives later. A null is a value: the field is not known
    any more. `consent: {email: false}` is the field `consent.email`. Left out are values that are neither
    text of at most 512 characters, number, boolean nor null, integers beyond 2**53, names of more than 64
    characters, and fields that are not in `EXPECTED` once there are 32 of those.
    """
    others = sum(1 for name in facts if name not in EXPECTED)
    noted = []
    for name, value in flattened(data):
        if not keepable(value):
            continue
        old = facts.get(name)
        if old is None:
            if len(name) > MAX_NAME:
                continue
            if name not in EXPECTED:
                if others >= MAX_OTHERS:
                    continue
                others += 1
        elif old[1] > at:
            continue
        facts[name] = (value, at)
        noted.append(name)
    return noted


def keepable(value: Any) -> bool:
    """Whether a value can be a fact: text, number, boolean or null within bounds."""
    kind = type(value)
    if kind is str:
        return bool(len(value) <= MAX_TEXT)
    if kind is int:
        return bool(-MAX_INTEGER <= value <= MAX_INTEGER)
    return value is None or kind in (float, bool)


def flattened(data: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The fields of fact data, those of a `consent` object under `consent.<name>`."""
    consent = data.get("consent")
    if type(consent) is not dict:
        return list(data.items())
    fields = [(name, value) for name, value in data.items() if name != "consent"]
    return fields + [(f"consent.{name}", value) for name, value in consent.items()]


def owner_of(blob: bytes) -> str | None:
    """The fact `owner` of a state's facts, if it is a text that is not empty."""
    owner = known(unpack(blob), "owner")
    return owner if isinstance(owner, str) and owner else None


def known(facts: Facts, name: str) -> Scalar:
    """The value of a field, None if it is not known."""
    found = facts.get(name)
    return found[0] if found else None
