"""Mautic: point actions and triggers, as its REST API gives them (`/api/points`, `/api/points/triggers`).

A contact's points in Mautic stay: rules are carried over without decay. An action counts once per contact
unless it is `repeatable`, a trigger fires once per contact. What the keys mean is told by Mautic's own code:
`PointBundle/Entity`, and `PointActionHelper` of the bundles whose actions they are.
"""

import html
import re
from collections.abc import Callable
from math import ceil
from typing import Any

from leadstream.models.importing.carried import EVER, Carried, NotCarried, cut, number
from leadstream.models.importing.payload import payload
from leadstream.models.importing.source import Node, Reading, squeezed
from leadstream.models.rules import MAX_ORDINALS

TYPES = {
    "email.open": ("email.opened", "emails", "data.campaign"),
    "email.send": ("email.sent", "emails", "data.campaign"),
    "form.submit": ("form.submitted", "forms", "data.form"),
    "asset.download": ("resource.downloaded", "assets", "data.name"),
}
"""By Mautic's type: our type of signal, the property with the ids that an action is limited to, our field."""
LISTS = ("emails", "forms", "assets", "pages")
VISITS = ("first_time", "page_hits", "accumulative_time", "returns_within", "returns_after")
UNITS = ("accumulative_time_unit", "returns_within_unit", "returns_after_unit")
"""In which unit Mautic shows a time; the time itself is in seconds."""
CHANNELS = {"email.send": "email", "email.send_to_user": "internal"}
"""By the type of a trigger's event: the channel, where it is not `crm`."""
ABOUT = (
    "dateAdded", "dateModified", "createdBy", "createdByUser", "modifiedBy", "modifiedByUser", "checkedOut",
    "checkedOutBy", "checkedOutByUser", "uuid", "color", "order",
)  # fmt: skip
"""Keys that say nothing of a score."""
KNOWN = frozenset(
    map(
        squeezed,
        (
            *ABOUT, *VISITS, *UNITS, *LISTS, "id", "name", "description", "type", "isPublished", "publishUp",
            "publishDown", "delta", "points", "properties", "repeatable", "category", "group", "events",
            "triggerExistingLeads", "page_url", "title", "alias", "bundle",
        ),
    )
)  # fmt: skip


def from_mautic(export: Any, carried: Carried) -> None:
    """Reads what calls of the API gave: an answer, a list of answers, or entries alone."""
    root = Node(export, Reading(KNOWN))
    answers = root.entries() if isinstance(export, list) else [root]
    found = [read_answer(one, carried) for one in answers]
    if not any(found):
        raise NotCarried("neither `points` nor `triggers`: no answer of /api/points or /api/points/triggers")
    for one in root.unread():
        carried.leave_out(one.place, "it is not known here")


def read_answer(answer: Node, carried: Carried) -> bool:
    """Reads an answer, or an entry alone; whether it is one."""
    if not isinstance(answer.value, dict):
        return False
    if isinstance(answer.value.get("points"), list | dict) or "point" in answer.value:
        found = True
    else:
        found = isinstance(answer.value.get("triggers"), list | dict) or "trigger" in answer.value
        if not found and "delta" in answer.value:
            read(answer, "point action", carried, rule)
            return True
        if not found and "events" in answer.value:
            read(answer, "point trigger", carried, trigger)
            return True
    if not found:
        return False
    for names, kind, carry in (
        (("points", "point"), "point action", rule),
        (("triggers", "trigger"), "point trigger", trigger),
    ):
        count = 0
        for name in names:
            listed = answer.get(name)
            # One entry stands there by itself, several in a list, or in an object by their ids.
            alone = isinstance(listed.value, dict) and {"id", "type", "delta"} & set(listed.value)
            for one in [listed] if alone else listed.entries():
                read(one, kind, carried, carry)
                count += 1
        total = answer.get("total").text()
        if count and total.isdecimal() and int(total) > count:
            carried.leave_out(
                f"{answer.get('total').place}",
                f"Mautic has {total} of them and this file {count}: the others are on further pages of the "
                f"API (`?limit={total}`)",
            )
    return True


def read(one: Node, kind: str, carried: Carried, carry: Callable[[Node, str, str, Carried], None]) -> None:
    """Carries one entry over, or says why it can't be."""
    name = one.get("name").text()
    title = f"{kind} {one.get('id').text() or '?'} `{name}`"
    what = f"{one.place}, {title}"
    one.settle(*ABOUT)
    try:
        if not one.get("isPublished").flag(default=True):
            raise NotCarried("it is not published")
        for key in ("publishUp", "publishDown"):
            if one.get(key):
                raise NotCarried(
                    f"it counts for a time only ({key} {one.get(key).text()}), and rules have no dates"
                )
        group = one.get("group", "pointGroup", "pointsGroup")
        if group:
            called = (group.get("name") if isinstance(group.value, dict) else group).text()
            raise NotCarried(
                f"its points are those of the group `{called}`, a score of its own: make it a model"
            )
        carry(one, what, title, carried)
    except NotCarried as reason:
        carried.leave_out(what, str(reason))
        one.reading.left_out.add(one.path)


def why(one: Node, title: str, more: str, what: str, carried: Carried) -> str:
    """Where a rule came from: its title, Mautic's category and description."""
    category = one.get("category")
    label = (category.get("title", "name", "alias") if isinstance(category.value, dict) else category).text()
    if isinstance(category.value, dict):
        category.settle()
    text = f"Mautic's {title}{more}.{f' Category {label}.' if label else ''} {one.get('description').text()}"
    if len(" ".join(text.split())) > len(cut(text)):
        carried.remark(what, "its description is cut")
    return cut(text)


def rule(one: Node, what: str, title: str, carried: Carried) -> None:
    """A point action as a rule."""
    type_ = one.get("type").text()
    properties = one.get("properties")
    points = number(one.get("delta").value, "its points (`delta`)")
    once = not one.get("repeatable").flag(default=False)
    repeat: dict[str, Any] | None = {"factors": [1, 0]} if once else None
    when: dict[str, Any] = {}
    if type_ == "url.hit":
        signal = "page.viewed"
        when["data.url"] = url(properties)
        repeat = visits(properties, once)
    elif type_ == "page.hit":
        raise NotCarried(
            "it counts Mautic's own landing pages, and signals do not tell them from other pages: write a "
            "rule on `page.viewed` with the `data.url` of those pages"
        )
    elif type_ in TYPES:
        signal, limited, field = TYPES[type_]
        ids = ids_of(properties.get(limited))
        if ids:
            when[field] = {"in": [*ids, *(int(entry) for entry in ids if entry.isdecimal())]}
    else:
        raise NotCarried(f"there is no signal for Mautic's `{type_}`")
    # Mautic leaves empty fields of other types behind.
    properties.settle(*(name for name in (*LISTS, *VISITS, "page_url") if properties.empty(name)), *UNITS)
    properties.refuse_unread()
    if properties and not isinstance(properties.value, dict):
        raise NotCarried(f"`{properties.place}` is no object")
    found: dict[str, Any] = {"on": signal}
    if when:
        found["when"] = when
    found["points"] = points
    if repeat:
        found["repeat"] = repeat
    found["rationale"] = why(one, title, f", {type_}", what, carried)
    carried.add("rules", found, one.get("name").text() or type_, what)


def ids_of(node: Node) -> list[str]:
    """The ids that an action is limited to; none for no limit. Raises `NotCarried` if they can't be read."""
    value = node.value
    if isinstance(value, str) and "," in value:
        value = value.split(",")
    listed = (
        value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else [value]
    )
    found = []
    for one in listed if node or node.value == "0" else []:
        one = one.get("id") if isinstance(one, dict) and set(one) <= {"id", "name", "title"} else one
        if isinstance(one, bool) or not isinstance(one, str | int):
            raise NotCarried(f"`{node.place}` is no list of ids: {str(node.value)[:40]}")
        found.append(str(one).strip())
    node.settle()
    return found


def url(properties: Node) -> dict[str, Any]:
    """The URL that an action is limited to, in which `*` and `?` stand for others and `&amp;` for `&`."""
    wanted = html.unescape(properties.get("page_url").text().strip())
    if not wanted:
        raise NotCarried("it names no URL")
    if "[" in wanted:
        raise NotCarried(f"its URL has a set of characters: {wanted[:200]}")
    if "\\" in wanted:
        raise NotCarried(
            f"its URL has a backslash, which takes the sense of the sign after it: {wanted[:200]}"
        )
    if not set("*?") & set(wanted):
        return {"eq": wanted}
    if len(wanted) > 200:
        raise NotCarried("its URL is too long for an expression")
    signs = {"*": ".*", "?": "."}
    return {"matches": "(?s)^" + "".join(signs.get(sign, re.escape(sign)) for sign in wanted) + "$"}


def visits(properties: Node, once: bool) -> dict[str, Any] | None:
    """Which visits of a URL count, by their ordinal."""
    asked = [
        key
        for key in VISITS
        if (properties.get(key).flag(default=False) if key == "first_time" else bool(properties.get(key)))
    ]
    if len(asked) > 1:
        raise NotCarried(f"it asks for {' and '.join(asked)} at once")
    if "accumulative_time" in asked or "returns_after" in asked:
        raise NotCarried(f"rules know no `{asked[0]}`")
    if "returns_within" in asked:
        if once:
            raise NotCarried("it counts the first return within a time only, and a window knows no once")
        seconds = number(properties.get("returns_within").value, "its seconds", 36_525 * 86_400)
        if seconds < 0.001:
            raise NotCarried("the time within which it counts is over before it begins")
        return {"factors": [0, 1], "within": f"{round(seconds * 1000)}ms"}
    if "page_hits" in asked:
        hits = ceil(number(properties.get("page_hits").value, "its visits"))
        if not 1 <= hits < MAX_ORDINALS:
            raise NotCarried(f"it waits for {hits} visits, and ordinals go to {MAX_ORDINALS - 1}")
        return {"factors": [0] * (hits - 1) + ([1, 0] if once else [1])}
    return {"factors": [1, 0]} if once or asked else None


def trigger(one: Node, what: str, title: str, carried: Carried) -> None:
    """A point trigger as a threshold with actions."""
    at = number(one.get("points").value, "its points")
    if at < 0.001:
        raise NotCarried(f"it fires at {at:g} points, and a threshold lies above 0")
    existing = one.get("triggerExistingLeads").flag(default=False)
    carried.level(at, one.get("name").text() or f"from-{at:g}", why(one, title, "", what, carried))
    if existing:
        carried.remark(
            what,
            "in Mautic it also fires for contacts that had the points before (`triggerExistingLeads`); here "
            "an action is asked for when a lead passes the threshold",
        )
    for event in one.get("events").entries():
        type_ = event.get("type").text()
        name = event.get("name").text() or type_
        label = f"{event.place}, event `{name}` of {title}"
        about = " ".join(event.get("description").text().split())
        event.settle("order")
        values = {"mautic_type": type_, "mautic_event": event.get("id").text()}
        try:
            carried.add_action(
                {
                    "at": at,
                    "channel": CHANNELS.get(type_, "crm"),
                    "dedupe": EVER,
                    "payload": payload(event.get("properties"), values, carried),
                    "rationale": cut(f"Mautic's {title}, {type_}, which fires once per contact. {about}"),
                },
                name,
                label,
            )
        except NotCarried as reason:
            carried.leave_out(label, str(reason))
            event.reading.left_out.add(event.path)
