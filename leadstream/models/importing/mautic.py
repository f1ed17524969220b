"""Mautic: point actions and triggers, as its REST API gives them (`/api/points`, `/api/points/triggers`).

A contact's points in Mautic stay: rules are carried over without decay. An action counts once per contact
unless it is `repeatable`, a trigger fires once per contact.
"""

import re
from typing import Any

from leadstream.models.importing.carried import EVER, Carried, NotCarried, entries, number, slug, texts
from leadstream.models.rules import MAX_ORDINALS

TYPES = {
    "email.open": ("email.opened", "emails", "data.campaign"),
    "email.send": ("email.sent", "emails", "data.campaign"),
    "form.submit": ("form.submitted", "forms", "data.form"),
    "asset.download": ("resource.downloaded", "assets", "data.name"),
    "page.hit": ("page.viewed", "pages", None),
    "url.hit": ("page.viewed", None, None),
}
"""By Mautic's type: our type of signal, the property with the ids that an action is limited to, our field."""
CHANNELS = {"email.send": "email", "email.send_to_user": "internal"}
"""By the type of a trigger's event: the channel, where it is not `crm`."""


def from_mautic(export: Any, carried: Carried) -> None:
    """Reads what one call of the API gave."""
    if not isinstance(export, dict) or not {"points", "point", "triggers", "trigger"} & set(export):
        raise NotCarried("neither `points` nor `triggers`: no answer of /api/points or /api/points/triggers")
    for one in [*entries(export.get("points")), *entries([export.get("point")])]:
        read(one, "point action", carried, rule)
    for one in [*entries(export.get("triggers")), *entries([export.get("trigger")])]:
        read(one, "point trigger", carried, trigger)


def read(one: dict[str, Any], kind: str, carried: Carried, carry: Any) -> None:
    """Carries one entry over, or says why it can't be."""
    what = f"{kind} {one.get('id', '?')} `{one.get('name', '')}`"
    try:
        if one.get("isPublished") is False:
            raise NotCarried("it is not published")
        for key in ("publishUp", "publishDown"):
            if one.get(key):
                raise NotCarried(f"it counts for a time only ({key} {one[key]}), and rules have no dates")
        if one.get("group"):
            group = one["group"]
            name = group.get("name", "") if isinstance(group, dict) else group
            raise NotCarried(
                f"its points are those of the group `{name}`, a score of its own: make it a model"
            )
        carry(one, what, carried)
    except NotCarried as reason:
        carried.leave_out(what, str(reason))


def rule(one: dict[str, Any], what: str, carried: Carried) -> None:
    """A point action as a rule."""
    type_ = str(one.get("type"))
    if type_ not in TYPES:
        raise NotCarried(f"there is no signal for Mautic's `{type_}`")
    signal, limited, field = TYPES[type_]
    properties = one.get("properties") or {}
    if not isinstance(properties, dict):
        properties = {}
    points = number(one.get("delta"), "its points (`delta`)")
    when: dict[str, Any] = {}
    ids = texts(properties.get(limited or ""))
    if ids and field is None:
        raise NotCarried("signals have no ids of Mautic's pages: write a rule with `url_path` for them")
    if ids and field is not None:
        when[field] = {"in": [*ids, *(int(entry) for entry in ids if entry.isdecimal())]}
    once = not one.get("repeatable")
    repeat: dict[str, Any] | None = {"factors": [1, 0]} if once else None
    if type_ == "url.hit":
        when["data.url"] = url(properties)
        repeat = visits(properties, once)
    found: dict[str, Any] = {"on": signal}
    if when:
        found["when"] = when
    found["points"] = points
    if repeat:
        found["repeat"] = repeat
    found["rationale"] = " ".join(f"Mautic's {what}, {type_}. {one.get('description') or ''}".split())
    carried.add("rules", found, str(one.get("name") or type_))


def url(properties: dict[str, Any]) -> dict[str, Any]:
    """The URL that an action is limited to, in which `*` and `?` stand for others."""
    wanted = str(properties.get("page_url") or "").strip()
    if not wanted:
        raise NotCarried("it names no URL")
    if "[" in wanted:
        raise NotCarried(f"its URL has a set of characters: {wanted}")
    if not set("*?") & set(wanted):
        return {"eq": wanted}
    if len(wanted) > 200:
        raise NotCarried("its URL is too long for an expression")
    signs = {"*": ".*", "?": "."}
    return {"matches": "^" + "".join(signs.get(sign, re.escape(sign)) for sign in wanted) + "$"}


def visits(properties: dict[str, Any], once: bool) -> dict[str, Any] | None:
    """Which visits of a URL count, by their ordinal."""
    asked = [
        key
        for key in ("first_time", "page_hits", "accumulative_time", "returns_within", "returns_after")
        if properties.get(key)
    ]
    if len(asked) > 1:
        raise NotCarried(f"it asks for {' and '.join(asked)} at once")
    if "accumulative_time" in asked or "returns_after" in asked:
        raise NotCarried(f"rules know no `{asked[0]}`")
    if "returns_within" in asked:
        if once:
            raise NotCarried("it counts the first return within a time only, and a window knows no once")
        return {"factors": [0, 1], "within": f"{int(number(properties['returns_within'], 'its seconds'))}s"}
    if "page_hits" in asked:
        hits = int(number(properties["page_hits"], "its visits"))
        if not 1 <= hits < MAX_ORDINALS:
            raise NotCarried(f"it waits for {hits} visits, and ordinals go to {MAX_ORDINALS - 1}")
        return {"factors": [0] * (hits - 1) + ([1, 0] if once else [1])}
    return {"factors": [1, 0]} if once or asked else None


def trigger(one: dict[str, Any], what: str, carried: Carried) -> None:
    """A point trigger as a threshold with actions."""
    at = number(one.get("points"), "its points")
    if at < 0.001:
        raise NotCarried(f"it fires at {at:g} points, and a threshold lies above 0")
    name = str(one.get("name") or f"from-{at:g}")
    carried.level(at, name, f"Mautic's {what}.")
    for event in entries(one.get("events")):
        type_ = str(event.get("type"))
        carried.actions.append(
            {
                "do": carried.new_id(str(event.get("name") or type_)),
                "at": at,
                "channel": CHANNELS.get(type_, "crm"),
                "dedupe": EVER,
                "payload": payload(event),
                "rationale": f"Mautic's {what}, {type_}, which fires once per contact.",
            }
        )


def payload(event: dict[str, Any]) -> dict[str, Any]:
    """What an event of a trigger says, as values of one level."""
    found: dict[str, Any] = {"mautic_type": str(event.get("type")), "mautic_event": str(event.get("id", ""))}
    properties = event.get("properties")
    for key, value in properties.items() if isinstance(properties, dict) else ():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        if isinstance(shown, str | int | float) and shown != "" and slug(key) == key:
            found[key] = shown
    return found
