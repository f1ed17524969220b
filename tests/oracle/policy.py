"""Whether an action is asked for, withheld or put off, and what it carries."""

from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from tests.oracle import consent
from tests.oracle.conditions import lookup, there
from tests.oracle.contact import address, dialable
from tests.oracle.hours import is_open, next_opening, zone_of
from tests.oracle.lead import Lead
from tests.oracle.rules import duration, listed

MOST_WAITING = 16


@dataclass
class Verdict:
    """`reason` is None if the action is asked for; `until` is set if it is put off."""

    reason: str | None
    payload: dict[str, Any] = field(default_factory=dict)
    until: int | None = None


def judged(
    lead: Lead,
    action: dict[str, Any],
    at: int,
    signal: dict[str, Any],
    key: tuple[str, str],
    turns: dict[tuple[str, str], int],
) -> Verdict:
    """What becomes of an action at an instant; the first that says no is the reason."""
    if lead.suppressed_at(at) & lead.rules.withheld_by(action):
        return Verdict("suppressed")
    if consent.forbids(lead, action.get("channel") or ""):
        return Verdict("no_consent")
    required = listed(action.get("requires", []))
    for name in required:
        reason = missing(lead, action, name)
        if reason:
            return Verdict(reason)
    window = duration(action.get("dedupe", "none"))
    last = lead.requested.get(action["do"])
    if last is not None and at - last < window:
        return Verdict("repeated")
    if window and any(one.action["do"] == action["do"] for one in lead.waiting):
        return Verdict("repeated")
    hours = action.get("hours")
    route = None
    if hours is not None:
        zone = zone_of(lead.fact("timezone"), lead.rules.timezone)
        if is_open(hours, zone, at):
            route = hours.get("route_to")
        elif hours["outside"] == "skip":
            return Verdict("outside_hours")
        elif hours["outside"] == "defer":
            if len(lead.waiting) >= MOST_WAITING:
                return Verdict("outside_hours")
            return Verdict("deferred", until=next_opening(hours, zone, at))
        else:
            route = hours["outside"]["route_to"]
    payload = written(lead, action, signal)
    if "phone" in required:
        payload["phone"] = dialable(lead.fact("phone"))
    if "email" in required:
        payload["email"] = address(lead.fact("email"))
    if "owner" in required or "assign" in action:
        payload["owner"] = assigned(lead, action, key, turns)
    if route is not None:
        payload["route"] = route
    return Verdict(None, payload)


def missing(lead: Lead, action: dict[str, Any], required: str) -> str | None:
    """Why a requirement is not met."""
    if required == "consent":
        return None if consent.gives(lead, action.get("channel") or "") else "no_consent"
    value = lead.fact(required)
    if required == "owner":
        return None if (isinstance(value, str) and value) or "assign" in action else "no_owner"
    if not there(value):
        return f"no_{required}"
    good = dialable(value) if required == "phone" else address(value)
    return None if good else f"invalid_{required}"


def written(lead: Lead, action: dict[str, Any], signal: dict[str, Any]) -> dict[str, Any]:
    """The payload as the rule file writes it, as far as facts and signal have it."""
    payload = {}
    for name, value in action.get("payload", {}).items():
        if isinstance(value, dict):
            value = lead.fact(value["fact"]) if "fact" in value else lookup(value["signal"], signal)
        if isinstance(value, (str, int, float)):
            payload[name] = value
    return payload


def assigned(
    lead: Lead, action: dict[str, Any], key: tuple[str, str], turns: dict[tuple[str, str], int]
) -> str | None:
    """Whose lead it is: by the fact, by an earlier assignment, by turn or by the key."""
    known = lead.fact("owner")
    if isinstance(known, str) and known:
        return known
    assign = action.get("assign")
    if assign is None:
        return None
    sticky = assign.get("sticky", True)
    if sticky and lead.owner is not None:
        return lead.owner
    owners: list[str] = assign["owners"]
    if assign.get("by", "turn") == "hash":
        owner = owners[crc32(f"{key[0]}:{key[1]}".encode()) % len(owners)]
    else:
        counter = (key[0], action["do"])
        owner = owners[turns.get(counter, 0) % len(owners)]
        turns[counter] = turns.get(counter, 0) + 1
    if sticky:
        lead.owner = owner
    return owner
