"""What a criterion of HubSpot asks for, as a rule or a fit rule."""

from math import inf
from typing import Any

from leadstream.models.importing.carried import NotCarried, entries, number, texts
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
    "IS_EXACTLY": "EQ",
    "IS_NOT_EQUAL_TO": "NEQ",
    "IS_NONE_OF": "NOT_IN",
    "CONTAINS": "CONTAINS_TOKEN",
    "IS_GREATER_THAN": "GT",
    "IS_GREATER_THAN_OR_EQUAL_TO": "GTE",
    "IS_LESS_THAN": "LT",
    "IS_LESS_THAN_OR_EQUAL_TO": "LTE",
    "IS_BETWEEN": "BETWEEN",
    "IS_KNOWN": "HAS_PROPERTY",
}
"""Operators of lists by those of searches."""
Part = tuple[str, dict[str, Any]]


def criterion(entry: dict[str, Any], points: float) -> Part:
    """`rules` or `fit`, and the part. Raises `NotCarried`."""
    filters = filters_of(entry)
    if len(filters) != 1:
        raise NotCarried(f"it joins {len(filters)} filters, and a fit rule looks at one fact")
    (one,) = filters
    type_, operator = str(one.get("filterType", "PROPERTY")), str(one.get("operator", ""))
    for key in ("pruningRefineBy", "coalescingRefineBy"):
        if one.get(key):
            raise NotCarried(f"it counts in a time only, or from a number of times on ({key})")
    if type_ == "PROPERTY":
        return of_property(one, points)
    signal: dict[str, Any]
    if type_ == "EMAIL_EVENT" and operator in EVENTS:
        signal = {"on": EVENTS[operator]}
        if one.get("emailId"):
            signal["when"] = {"data.campaign": str(one["emailId"])}
        if one.get("clickUrl"):
            signal["when"] = {**signal.get("when", {}), "data.url": one["clickUrl"]}
    elif type_ == "FORM_SUBMISSION" and operator == "FILLED_OUT":
        signal = {"on": "form.submitted"}
        if one.get("formId"):
            signal["when"] = {"data.form": str(one["formId"])}
    elif type_ == "PAGE_VIEW" and operator in PAGES:
        signal = {"on": "page.viewed", "when": {"data.url": {PAGES[operator]: one.get("pageUrl", "")}}}
    else:
        raise NotCarried(f"there is no signal for {type_} {operator}".rstrip())
    return "rules", {**signal, "points": points, "repeat": {"factors": [1, 0]}}


def filters_of(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The filters of a criterion, in the form of lists or of searches."""
    if isinstance(entry.get("filterBranch"), dict):
        return of_branch(entry["filterBranch"])
    if "filterGroups" in entry:
        groups = list(entries(entry["filterGroups"]))
        if len(groups) != 1:
            raise NotCarried(f"it has {len(groups)} filter groups: make a rule of each")
        return list(entries(groups[0].get("filters")))
    raise NotCarried("the export does not say what it asks for (no `filterBranch`, no `filterGroups`)")


def of_branch(branch: dict[str, Any]) -> list[dict[str, Any]]:
    inner = [one for each in entries(branch.get("filterBranches")) for one in of_branch(each)]
    if branch.get("filterBranchType") not in ("AND", "OR", None):
        raise NotCarried(f"rules know no branch {branch['filterBranchType']} of HubSpot")
    return [*entries(branch.get("filters")), *inner]


def of_property(one: dict[str, Any], points: float) -> Part:
    """What is known of a contact, or how often it did something."""
    name = str(one.get("propertyName") or one.get("property") or "")
    operation = one["operation"] if isinstance(one.get("operation"), dict) else one
    operator = OPERATORS.get(str(operation.get("operator")), str(operation.get("operator")))
    reason = protected(name)
    if reason is not None:
        raise NotCarried(reason)
    if not name:
        raise NotCarried("it names no property")
    values = texts(operation.get("values")) or texts(operation.get("value"))
    if name in COUNTERS:
        return "rules", {"on": COUNTERS[name], "points": points, "repeat": counted(name, operator, values)}
    fit: dict[str, Any] = {"fact": FACTS.get(name, name)}
    if operator in ("EQ", "IN") and values:
        fit["values"] = dict.fromkeys(values, points)
    elif operator in ("NEQ", "NOT_IN") and values:
        fit |= {"values": dict.fromkeys(values, 0), "other": points}
    elif operator == "CONTAINS_TOKEN" and values:
        fit["keywords"] = {"points": dict.fromkeys((value.strip("*") for value in values), points)}
    elif operator in ("GTE", "LT", "BETWEEN"):
        fit["ranges"] = ranges(operator, values, operation, points)
    else:
        raise NotCarried(f"a fit rule has no {operator or 'operator'}")
    return "fit", fit


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


def ranges(
    operator: str, values: list[str], operation: dict[str, Any], points: float
) -> list[dict[str, Any]]:
    """Numbers from a bound on, below one, or between two, of which HubSpot takes both in."""
    if operator == "BETWEEN":
        low = number(operation.get("lowerBound", operation.get("value")), "its lower bound", inf)
        high = number(operation.get("upperBound", operation.get("highValue")), "its upper bound", inf)
        if low != int(low) or high != int(high):
            raise NotCarried("its bounds are no whole numbers, and a range leaves its upper bound out")
        return [{"from": low, "points": points}, {"from": high + 1, "points": 0}]
    bound = number(values[0] if values else None, "its bound", inf)
    if operator == "GTE":
        return [{"from": bound, "points": points}]
    if bound <= 0:
        raise NotCarried("it is below a bound that is not above 0")
    return [{"from": 0, "points": points}, {"from": bound, "points": 0}]
