"""What a lead has said about being written to, called and profiled."""

import json
import re
from typing import Any

from tests.oracle.lead import Lead

YES = ["true", "t", "yes", "y", "on", "1", "given", "granted", "optin", "optedin", "subscribed"]


def meaning(value: Any) -> bool | None:
    """True if it gives, False if it withdraws or can't be read, None if it says nothing."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, (list, dict)):
        return False
    word = value.lower() if isinstance(value, str) else json.dumps(value)
    if re.fullmatch(r"[+-]?[0-9]+[.]0+", word.strip()):
        word = str(int(float(word)))
    return re.sub(r"[\s_-]", "", word) in YES


def told(signal: dict[str, Any], lead: Lead) -> dict[str, Any]:
    """What a signal of facts says of consent, by channel or kind in lower case."""
    pairs: list[tuple[str, Any]] = []
    general: list[Any] = []
    for name, value in signal["data"].items():
        name = name.strip().lower()
        if name.startswith("consent."):
            pairs.append((name[8:], value))
        elif name == "consent" and isinstance(value, dict):
            pairs += value.items()
        elif name == "consent":
            general.append(value)
    if signal["type"] == "consent.changed":
        value = signal["data"].get("value", [])
        of = [signal["data"].get(key) for key in ("channel", "kind")]
        named = [(one, value) for one in of if isinstance(one, str) and is_name(one)]
        pairs += named
        if not pairs and not general:
            general.append(value)
    for value in general:
        if meaning(value) is False:
            pairs.append(("profiling", value))
        elif meaning(value) is None:
            pairs += [(name, value) for name in lead.consents]
    found: dict[str, Any] = {}
    for name, value in pairs:
        name = name.strip().lower()
        if is_name(name) and (name not in found or strictness(value) > strictness(found[name])):
            found[name] = value
    return found


def is_name(name: str) -> bool:
    return re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,49}", name.strip().lower()) is not None


def strictness(value: Any) -> int:
    return {True: 0, None: 1, False: 2}[meaning(value)]


def note(lead: Lead, name: str, value: Any, at: int) -> None:
    """Notes a consent; the last word by effective time, but a withdrawal holds since it was first told."""
    if name in lead.told and lead.told[name] > at:
        return
    lead.told[name] = at
    said = meaning(value)
    stood = lead.consents.get(name)
    if said is None and stood is None:
        return
    if said:
        lead.consents[name] = (True, at)
    elif stood is None or stood[0]:
        lead.consents[name] = (False, at)


def allows(lead: Lead, covering: list[str], at: int) -> bool:
    """Whether consent lets something of this time count, of what these consents cover."""
    given = [lead.consents[one] for one in covering if one in lead.consents]
    if any(not value and at >= since for value, since in given):
        return False
    return not lead.rules.consent_required or any(value for value, _ in given)


def forbids(lead: Lead, channel: str) -> bool:
    """Whether the lead has withdrawn its consent to the channel, or to all that reaches it.

    What names no channel, and what is internal to the file, reaches nobody outside.
    """
    channel = channel.lower()
    withdrawn = [name for name, (value, _) in lead.consents.items() if not value]
    if channel in withdrawn and channel:
        return True
    inside = not channel or channel in lead.rules.internal
    return not inside and ("profiling" in withdrawn or "all" in withdrawn)


def gives(lead: Lead, channel: str) -> bool:
    return lead.consents.get(channel.lower(), (False, 0))[0]


def merge(survivor: Lead, loser: Lead) -> None:
    """The last word of either, of two at one time the stricter."""
    for name in {**survivor.told, **loser.told}:
        words = [
            (lead.told[name], 0 if lead.consents.get(name, (None, 0))[0] else 1, lead.consents.get(name))
            for lead in (survivor, loser)
            if name in lead.told
        ]
        words.sort(key=lambda word: word[:2])
        at, _, last = words[-1]
        before = words[0][2] if len(words) > 1 else None
        if last is None and before is not None:
            last = (False, at)
        if last is not None and before is not None and not last[0] and not before[0]:
            last = (False, min(last[1], before[1]))
        survivor.told[name] = at
        if last is not None:
            survivor.consents[name] = last


def covering(kind: str) -> list[str]:
    """The consents that cover signals of a type."""
    head = kind.split(".")[0] + "."
    found = ["profiling"]
    if kind.startswith("email."):
        found.append("email")
    if head in ("page.", "session.", "video.", "resource.") and "." in kind:
        found.append("tracking")
    return found
