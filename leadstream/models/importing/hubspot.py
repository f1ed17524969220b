"""HubSpot: scores of its lead scoring API, and score properties with their positive and negative criteria.

What a criterion asks for is read in the two forms that HubSpot documents for filters: that of its lists
(`filterBranch`) and that of its CRM search (`filterGroups`). Its points stay as long as the criterion holds:
they are carried over without decay, what a lead did once and what is known of it as a fit rule.
"""

from typing import Any

from leadstream.models.importing.carried import MOST_POINTS, Carried, NotCarried, entries, number
from leadstream.models.importing.hubspot_criteria import criterion

CONTACT = "0-1"
"""HubSpot's type of objects that leads are."""


def from_hubspot(export: Any, carried: Carried) -> None:
    """Reads a score, a score property, or a list of either (`results`)."""
    if isinstance(export, dict) and "results" in export:
        export = export["results"]
    listed = list(entries(export if isinstance(export, list) else [export]))
    if not any("groupConfigs" in one or "fieldType" in one for one in listed):
        raise NotCarried("neither a score (`groupConfigs`) nor a property (`fieldType`) of HubSpot")
    for one in listed:
        if "groupConfigs" in one:
            score(one, carried)
        elif one.get("fieldType") == "calculation_score":
            score_property(one, carried)


def score(one: dict[str, Any], carried: Carried) -> None:
    """A score of the lead scoring API: groups with a greatest value, each with rules."""
    what = f"score `{one.get('name', '')}`"
    if one.get("objectTypeId") not in (None, CONTACT):
        carried.leave_out(what, f"it is of objects {one['objectTypeId']}, not of contacts ({CONTACT})")
        return
    if one.get("maxScore") is not None:
        carried.leave_out(
            f"{what}, maxScore {one['maxScore']}", "a total has no cap of its own; its groups have"
        )
    for group in entries(one.get("groupConfigs")):
        name = str(group.get("groupName") or group.get("groupCategory") or "group")
        lowest, highest = group.get("minValue"), group.get("maxValue")
        category = category_of(f"{what}, group `{name}`", name, lowest, highest, carried)
        for position, rule in enumerate(entries(group.get("ruleConfigurations")), 1):
            configuration = rule.get("configuration")
            configuration = configuration if isinstance(configuration, dict) else {}
            label = str(rule.get("name") or f"{name} {position}")
            title = f"{what}, group `{name}`, rule {position} ({rule.get('id', 'no id')})"
            try:
                if rule.get("enabled") is False:
                    raise NotCarried("it is not enabled")
                points = points_of(configuration.get("calculation"))
                for key, worse in (("maximumValue", 1), ("minimumValue", -1)):
                    bound = rule.get(key)
                    if bound is not None and bound != points and points * worse > 0:
                        raise NotCarried(
                            f"it has a {key} of its own, {bound}: rules of a category share its cap"
                        )
                carry(title, label, points, {**rule, **configuration}, category, carried)
            except NotCarried as reason:
                carried.leave_out(title, str(reason))


def category_of(what: str, name: str, lowest: Any, highest: Any, carried: Carried) -> str | None:
    """The category of a group that has a greatest or a least value."""
    low, high = (
        one if type(one) in (int, float) and abs(one) <= MOST_POINTS else 0 for one in (lowest, highest)
    )
    if high <= 0 and low >= 0:
        return None
    name = carried.new_id(name)
    if high > 0:
        if low < 0:
            carried.leave_out(f"{what}, minValue {low}", "a category counts from 0 to its cap")
        carried.categories[name] = {"cap": high, "rationale": f"HubSpot's {what}."}
    else:
        carried.categories[name] = {"cap": -low, "sign": "negative", "rationale": f"HubSpot's {what}."}
    return name


def points_of(calculation: Any) -> float:
    """The points of a rule, which must be the same for all. Raises `NotCarried`."""
    if not isinstance(calculation, dict):
        raise NotCarried("the export has no calculation for it")
    if calculation.get("type") != "CONSTANT":
        raise NotCarried(f"its points are not constant: {calculation.get('type')}")
    return number(calculation.get("value"), "its points")


def score_property(one: dict[str, Any], carried: Carried) -> None:
    """A score property: criteria whose points are added, and others whose points are taken away."""
    what = f"score property `{one.get('name', '')}`"
    found = False
    for key, sign in (("positive", 1), ("negative", -1)):
        for position, entry in enumerate(entries(one.get(key)), 1):
            found = True
            title = f"{what}, {key} criterion {position}"
            try:
                points = abs(number(entry.get("points"), "its points")) * sign
                label = str(entry.get("name") or f"{one.get('name')} {key} {position}")
                carry(title, label, points, entry, None, carried)
            except NotCarried as reason:
                carried.leave_out(title, str(reason))
    if not found:
        carried.leave_out(
            what,
            "the API gives a score property without its criteria: add them as `positive` and `negative`",
        )


def carry(
    what: str, label: str, points: float, entry: dict[str, Any], category: str | None, carried: Carried
) -> None:
    """One criterion as a rule or a fit rule."""
    kind, part = criterion(entry, points)
    if category is not None:
        part["category"] = category
    carried.add(kind, {**part, "rationale": f"HubSpot's {what}."}, label)
