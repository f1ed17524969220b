"""What a criterion of HubSpot asks for, as a rule or a fit rule."""

from math import inf
from typing import Any

from leadstream.models.importing.carried import Carried, NotCarried, number
from leadstream.models.importing.source import Node
from leadstream.models.protected import protected
from leadstream.models.rules import MAX_ORDINALS

FACTS = {
    "jobtitle": "title",
    "hs_country_region_code": "country",
    "numemployees": "company_size",
    "annualrevenue": "revenue",
}
"""Our fact for a property of HubSpot, where it has another name."""
COUNTERS = {
    "hs_email_open": "email.opened",
    "hs_email_click": "email.clicked",
    "hs_email_replied": "email.replied",
    "hs_email_bounce": "email.bounced",
    "num_conversion_events": "form.submitted",
    "hs_analytics_num_page_views": "page.viewed",
    "hs_analytics_num_visits": "session.ended",
}
"""Our type of signal for a property that counts what a contact did."""
EVENTS = {
    "OPENED": "email.opened",
    "LINK_CLICKED": "email.clicked",
    "REPLIED": "email.replied",
    "BOUNCED": "email.bounced",
    "UNSUBSCRIBED": "email.unsubscribed",
    "MARKED_SPAM": "email.complained",
    "SENT": "email.sent",
}
"""Our type of signal for an event of an e-mail."""
PAGES = {
    "HAS_PAGEVIEW_EQ": "eq",
    "HAS_PAGEVIEW_CONTAINS": "contains",
    "HAS_PAGEVIEW_MATCHES_REGEX": "matches",
}
OPERATORS = {
    "IS_EQUAL_TO": "EQ",
    "IS_ANY_OF": "IN",
    "IS_EXACTLY": "EXACTLY",
    "IS_NOT_EQUAL_TO": "NEQ",
    "IS_NONE_OF": "NOT_IN",
    "IS_GREATER_THAN": "GT",
    "IS_GREATER_THAN_OR_EQUAL_TO": "GTE",
    "IS_LESS_THAN": "LT",
    "IS_LESS_THAN_OR_EQUAL_TO": "LTE",
    "IS_BETWEEN": "BETWEEN",
    "IS_KNOWN": "HAS_PROPERTY",
}
"""Operators of lists by those of searches."""
Part = tuple[str, dict[str, Any]]


def criterion(entry: Node, points: float, what: str, carried: Carried) -> Part:
    """`rules` or `fit`, and the part. Raises `NotCarried`."""
    filters = filters_of(entry)
    if len(filters) != 1:
        raise NotCarried(f"it joins {len(filters)} filters, and a fit rule looks at one fact")
    (one,) = filters
    kind = one.get("filterType").text() or "PROPERTY"
    if kind == "PROPERTY":
        part = of_property(one, points, what, carried)
    else:
        part = "rules", {**of_event(one, kind), "points": points, "repeat": {"factors": occurrences(one)}}
    one.refuse_unread()
    entry.get("filterBranch", "filterGroups").refuse_unread()
    return part


def filters_of(entry: Node) -> list[Node]:
    """The filters of a criterion, in the form of lists or of searches."""
    if isinstance(entry.get("filterBranch").value, dict):
        return of_branch(entry.get("filterBranch"))
    if entry.key("filterGroups") is not None:
        groups = entry.get("filterGroups").entries()
        if len(groups) != 1:
            raise NotCarried(f"it has {len(groups)} filter groups: make a rule of each")
        return groups[0].get("filters").entries()
    raise NotCarried("the export does not say what it asks for (no `filterBranch`, no `filterGroups`)")


def of_branch(branch: Node) -> list[Node]:
    kind = branch.get("filterBranchType").text() or "AND"
    if kind not in ("AND", "OR") or branch.get("filterBranchOperator").text() not in ("", kind):
        raise NotCarried(f"rules know no branch {kind} of HubSpot")
    inner = [one for each in branch.get("filterBranches").entries() for one in of_branch(each)]
    return [*branch.get("filters").entries(), *inner]


def of_event(one: Node, kind: str) -> dict[str, Any]:
    """The signals that a filter of events asks for."""
    operator = one.get("operator").text()
    when: dict[str, Any] = {}
    if kind == "EMAIL_EVENT" and operator in EVENTS:
        one.settle("appId", "level")
        when["data.campaign"] = either(one.get("emailId"))
        when["data.url"] = one.get("clickUrl").text()
        found = {"on": EVENTS[operator]}
    elif kind == "FORM_SUBMISSION" and operator == "FILLED_OUT":
        when["data.form"] = either(one.get("formId"))
        found = {"on": "form.submitted"}
    elif kind == "PAGE_VIEW" and operator in PAGES:
        one.settle("enableTracking")
        page = one.get("pageUrl").text()
        if not page:
            raise NotCarried("it names no page")
        when["data.url"] = {PAGES[operator]: page}
        found = {"on": "page.viewed"}
    else:
        raise NotCarried(f"there is no signal for {kind} {operator}".rstrip())
    when = {field: wanted for field, wanted in when.items() if wanted}
    return {**found, **({"when": when} if when else {})}


def either(node: Node) -> Any:
    """A condition on an id, which sources give as a text or as a number; None for no id."""
    if node and not node.text():
        raise NotCarried(f"`{node.place}` is no id")
    text = node.text()
    return {"in": [text, int(text)]} if text.isdecimal() and len(text) < 19 else text or None


def occurrences(one: Node) -> list[int]:
    """The factors of `repeat` for a filter that counts: once, from a number of times on."""
    if one.get("pruningRefineBy") and one.get("pruningRefineBy").get("type").text() != "ALL_HISTORY":
        raise NotCarried("it counts in a time only (pruningRefineBy)")
    refine = one.get("coalescingRefineBy")
    if not refine:
        return [1, 0]
    if refine.get("type").text() != "NUM_OCCURRENCES" or refine.get("maxOccurrences"):
        raise NotCarried("it counts certain occurrences only, or up to a number of them (coalescingRefineBy)")
    least = number(refine.get("minOccurrences").value, "its number of times")
    if not 1 <= least < MAX_ORDINALS or least != int(least):
        raise NotCarried(f"it waits for {least:g} times, and ordinals go to {MAX_ORDINALS - 1}")
    return [0] * (int(least) - 1) + [1, 0]


def of_property(one: Node, points: float, what: str, carried: Carried) -> Part:
    """What is known of a contact, or how often it did something."""
    name = (one.get("propertyName") if one.key("propertyName") is not None else one.get("property")).text()
    operation = one.get("operation") if isinstance(one.get("operation").value, dict) else one
    type_, operator = operation.get("operationType").text(), operation.get("operator").text()
    operator = OPERATORS.get(operator, operator)
    reason = protected(name)
    if reason is not None:
        raise NotCarried(reason)
    if not name:
        raise NotCarried("it names no property")
    if operation.get("includeObjectsWithNoValueSet").flag(default=False):
        raise NotCarried(
            "it also holds for contacts without the property (`includeObjectsWithNoValueSet`), and rules "
            "look at what is known"
        )
    for key in ("pruningRefineBy", "coalescingRefineBy"):
        if one.get(key):
            raise NotCarried(f"it counts in a time only, or from a number of times on ({key})")
    listed = operator in ("IN", "NOT_IN", "EXACTLY")
    values = texts(operation.get("values"), listed) or texts(operation.get("value"), listed)
    if name in COUNTERS:
        return "rules", {"on": COUNTERS[name], "points": points, "repeat": counted(name, operator, values)}
    fit: dict[str, Any] = {"fact": FACTS.get(name, name)}
    if type_ == "ENUMERATION" and operator in ("IN", "NOT_IN"):
        carried.remark(
            what,
            f"a contact with several values of `{name}` at once (`a;b`) is looked up with all of them in "
            "one: list such combinations in `values` if the property takes several",
        )
    if operator == "EXACTLY" and len(values) > 1:
        raise NotCarried("it asks for several values at once, and a fit rule looks up one")
    if operator in ("EQ", "IN", "EXACTLY") and values:
        fit["values"] = dict.fromkeys(values, points)
    elif operator in ("NEQ", "NOT_IN") and values:
        fit |= {"values": dict.fromkeys(values, 0), "other": points}
    elif operator == "HAS_PROPERTY":
        # Whatever the value is, it is this one or another one.
        fit |= {"values": {"any": points}, "other": points}
    elif operator in ("CONTAINS_TOKEN", "CONTAINS") and values:
        fit["keywords"] = {"points": dict.fromkeys(words(operator, values, what, carried), points)}
    elif operator in ("GTE", "LT", "BETWEEN"):
        fit["ranges"] = ranges(operator, values, operation, points)
    else:
        raise NotCarried(
            f"a fit rule has no {operator or 'operator'}{' with these values' if values else ''}"
        )
    return "fit", fit


def texts(node: Node, listed: bool) -> list[str]:
    """The plain values of a list, or a plain value alone, as texts, each once whatever its case.

    Where several are meant they may also stand in one text, `a;b`. Raises `NotCarried` for what is no value.
    """
    values = node.value if isinstance(node.value, list) else [] if node.value is None else [node.value]
    found: dict[str, str] = {}
    for value in values:
        if not isinstance(value, str | int | float):
            raise NotCarried(f"`{node.place}` has what is no value: {str(value)[:40]}")
        if isinstance(value, bool):
            text = "true" if value else "false"
        else:
            text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        for part in text.split(";") if listed else [text]:
            if part.strip():
                found.setdefault(part.strip().casefold(), part.strip())
    node.settle()
    return list(found.values())


def words(operator: str, values: list[str], what: str, carried: Carried) -> list[str]:
    """Values as keywords."""
    if any("*" in value for value in values):
        raise NotCarried(
            f"it looks for parts of words ({', '.join(values)[:40]}), and a keyword is a whole one"
        )
    if operator == "CONTAINS":
        carried.remark(
            what,
            f"{', '.join(f'`{value}`' for value in values)} is looked for as whole words, not within words",
        )
    return values


def counted(name: str, operator: str, values: list[str]) -> dict[str, Any]:
    """From which occurrence on, once."""
    if operator == "HAS_PROPERTY":
        first = 1.0
    elif operator in ("GTE", "GT") and values:
        first = number(values[0], "its number") + (operator == "GT")
    else:
        raise NotCarried(f"`{name}` counts what was done, and a rule can't take back with {operator}")
    if not 1 <= first < MAX_ORDINALS or first != int(first):
        raise NotCarried(f"it waits for {first:g} of `{name}`, and ordinals go to {MAX_ORDINALS - 1}")
    return {"factors": [0] * (int(first) - 1) + [1, 0]}


def ranges(operator: str, values: list[str], operation: Node, points: float) -> list[dict[str, Any]]:
    """Numbers from a bound on, below one, or between two, of which HubSpot takes both in."""
    if operator == "BETWEEN":
        low = number(operation.get("lowerBound", "value").value, "its lower bound", inf)
        high = number(operation.get("upperBound", "highValue").value, "its upper bound", inf)
        if low != int(low) or high != int(high):
            raise NotCarried("its bounds are no whole numbers, and a range leaves its upper bound out")
        return [{"from": low, "points": points}, {"from": high + 1, "points": 0}]
    bound = number(values[0] if values else None, "its bound", inf)
    if operator == "GTE":
        return [{"from": bound, "points": points}]
    if bound <= 0:
        raise NotCarried("it is below a bound that is not above 0")
    return [{"from": 0, "points": points}, {"from": bound, "points": 0}]
