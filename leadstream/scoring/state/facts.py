"""Facts of a lead: the last value of each profile field by effective time, as it came."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from leadstream.scoring.facts.consent import consent_name, consent_of
from leadstream.scoring.facts.text import composed, folded

CONSENT_CHANGED = "consent.changed"
FACT_TYPES = frozenset({"lead.created", "lead.updated", "lead.enriched", CONSENT_CHANGED})
"""Signal types whose data are facts."""
CONSENT = "consent."
"""How the names of consents begin."""
BEYOND = "*"
"""What consents beyond those that are kept are noted as, once one of them is withdrawn."""
EXPECTED = frozenset(
    {
        "email", "phone", "title", "country", "timezone", "company_size", "industry", "revenue", "owner",
        "consent.email", "consent.tracking", "consent.profiling", "consent.all", CONSENT + BEYOND,
    }
)  # fmt: skip
"""Fields that are kept however many others a lead has."""
MAX_OTHERS = 32
MAX_CONSENTS = 32
"""Consents to what neither the engine nor the model knows."""
MAX_NAME = 64
MAX_TEXT = 512
MAX_INTEGER = 2**53
"""The largest integer that JSON readers agree on."""
NOT_KEPT = "\u2026"
"""What is kept of a consent that is no scalar: it can't be read, so it withdraws."""

Scalar = str | int | float | bool | None
Facts = dict[str, tuple[Scalar, int]]

pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Facts).decode


def unpack(blob: bytes) -> Facts:
    """Field -> (value, effective time) of a state's facts."""
    return _unpack(blob) if blob else {}


def learn(
    facts: Facts,
    data: Mapping[str, Any],
    at: int,
    kept: Collection[str] = EXPECTED,
    *,
    type_: str = "lead.updated",
    standing: Collection[str] = (),
) -> list[str]:
    """Notes the fields of a signal of facts and says which were noted; `facts` is changed in place.

    The later `at` wins, of two alike the one that arrives later. A null is a value: the field is not known
    any more. Left out are values that are neither text of at most 512 characters, number, boolean nor null,
    integers beyond 2**53, names of more than 64 characters, and fields that are not in `kept` once there are
    32 of those: one that is null makes room, and a null of a field that was never known takes none. Of
    consents nothing is left out that withdraws one.
    """
    noted = []
    others: list[str] | None = None
    for name, value in fields_of(type_, data, standing):
        is_consent = name.startswith(CONSENT)
        if is_consent:
            name, value = kept_consent(facts, name, value, kept)
        if not name or len(name) > MAX_NAME or not keepable(value):
            continue
        old = facts.get(name)
        if old is None:
            if name not in kept and not is_consent:
                if value is None:
                    continue
                if others is None:
                    others = others_of(facts, kept)
                if len(others) >= MAX_OTHERS and not make_room(facts, others):
                    continue
                others.append(name)
        elif old[1] > at:
            continue
        facts[name] = (value, at)
        noted.append(name)
    return noted


def others_of(facts: Facts, kept: Collection[str]) -> list[str]:
    """The fields of which there are at most 32."""
    return [name for name in facts if name not in kept and not name.startswith(CONSENT)]


def make_room(facts: Facts, others: list[str]) -> bool:
    """Takes out the oldest of these fields that is not known any more; whether there was one."""
    empty = [name for name in others if facts[name][0] is None]
    if not empty:
        return False
    oldest = min(empty, key=lambda name: facts[name][1])
    del facts[oldest]
    others.remove(oldest)
    return True


def kept_consent(facts: Facts, name: str, value: Any, kept: Collection[str]) -> tuple[str, Scalar]:
    """The field in which a consent finds room, empty for none, and its value.

    Whose consent it is may find no room; that one is withdrawn does.
    """
    if not keepable(value):
        value = f"{value[: MAX_TEXT - 1]}\u2026" if type(value) is str else NOT_KEPT
    if name in facts or name in kept:
        return name, value
    if sum(1 for one in facts if one.startswith(CONSENT) and one not in kept) < MAX_CONSENTS:
        return name, value
    if consent_of(value) in ("withdrawn", "unreadable"):
        return CONSENT + BEYOND, False
    return "", None


def keepable(value: Any) -> bool:
    """Whether a value can be a fact: text, number, boolean or null within bounds."""
    kind = type(value)
    if kind is str:
        return bool(len(value) <= MAX_TEXT)
    if kind is int:
        return bool(-MAX_INTEGER <= value <= MAX_INTEGER)
    return value is None or kind in (float, bool)


def fields_of(type_: str, data: Mapping[str, Any], standing: Collection[str] = ()) -> list[tuple[str, Any]]:
    """The facts that a signal of the type tells, its consents as `consent.<name>` and last.

    `consent` may be an object. Else it speaks of everything: a withdrawal, and what can't be read, is one of
    `profiling`; null takes back all that the lead has said, which is of `standing`; and nobody gives
    everything at once. A `consent.changed` tells consents only: the `value` for its `channel` and `kind`.
    """
    fields: list[tuple[str, Any]] = []
    consents: dict[str, Any] = {}
    for name, value in data.items():
        key = folded(name)
        if key.startswith(CONSENT):
            add_consent(consents, key[len(CONSENT) :], value)
        elif key != "consent":
            fields.append((composed(name), value))
        elif type(value) is dict:
            for one, said in value.items():
                add_consent(consents, one, said)
        else:
            add_general(consents, value, standing)
    if type_ == CONSENT_CHANGED:
        fields = []
        value = data.get("value", NOT_KEPT)
        of = [data.get("channel"), data.get("kind")]
        names = [one for each in of for one in (each if type(each) is list else [each])]
        known = [one for one in names if type(one) is str and consent_name(one) is not None]
        for name in known:
            add_consent(consents, name, value)
        if not known and not consents:
            add_general(consents, value, standing)
    return fields + [(CONSENT + name, value) for name, value in consents.items()]


def add_general(consents: dict[str, Any], value: Any, standing: Collection[str]) -> None:
    """Adds what is said of everything."""
    meaning = consent_of(value)
    if meaning == "unknown":
        for name in standing:
            add_consent(consents, name, value)
    elif meaning != "given":
        add_consent(consents, "profiling", value)


def add_consent(consents: dict[str, Any], name: str, value: Any) -> None:
    """Adds a consent under its name; of two under one name the stricter."""
    known = consent_name(name)
    if known is None:
        return
    before = consent_of(consents[known]) if known in consents else "given"
    if before == "given" or (before == "unknown" and consent_of(value) != "given"):
        consents[known] = value


def consents_of_facts(facts: Facts) -> dict[str, tuple[bool, int]] | None:
    """The consents that facts speak of, by channel or kind: whether given, and since when.

    What it was that a null took back is not told by the facts alone: it counts as withdrawn.
    """
    found: dict[str, tuple[bool, int]] = {}
    for name, (value, at) in facts.items():
        key = folded(name)
        if key == "consent" and consent_of(value) in ("withdrawn", "unreadable"):
            found["profiling"] = (False, at)
        kind = consent_name(key[len(CONSENT) :]) if key.startswith(CONSENT) else None
        if kind is not None and found.get(kind, (True, 0))[0]:
            found[kind] = (consent_of(value) == "given", at)
    return found or None


def owner_of(blob: bytes) -> str | None:
    """The fact `owner` of a state's facts, if it is a text that is not empty."""
    owner = known(unpack(blob), "owner")
    return owner if isinstance(owner, str) and owner else None


def known(facts: Facts, name: str) -> Scalar:
    """The value of a field, None if it is not known."""
    found = facts.get(name)
    return found[0] if found else None
