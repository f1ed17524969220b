"""HubSpot: scores of its lead scoring API, and score properties with their positive and negative criteria.

What a criterion asks for is read in the two forms that HubSpot documents for filters: that of its lists
(`filterBranch`) and that of its CRM search (`filterGroups`). Its points stay as long as the criterion holds:
they are carried over without decay, what a lead did once and what is known of it as a fit rule.
"""

from typing import Any

from leadstream.models.importing.carried import Carried, NotCarried, cut, number
from leadstream.models.importing.hubspot_criteria import criterion
from leadstream.models.importing.source import Node, Reading, squeezed

CONTACT = "0-1"
"""HubSpot's type of objects that leads are."""
ABOUT = (
    "createdAt", "updatedAt", "createdBy", "updatedBy", "allowedGroupTypes", "type", "fieldType", "label",
    "groupName", "groupCategory", "description", "displayOrder", "hidden", "hasUniqueValue", "calculated",
    "externalOptions", "formField", "archived", "options", "modificationMetadata", "createdUserId",
    "updatedUserId", "lastPublishedAt",
)  # fmt: skip
"""Keys of a score or a score property that say nothing of it."""
KNOWN = frozenset(
    map(
        squeezed,
        (
            *ABOUT, "id", "name", "objectTypeId", "scoreStatus", "maxScore", "groupConfigs", "minValue",
            "maxValue", "ruleConfigurations", "enabled", "configuration", "calculation", "value", "values",
            "filterBranch", "filterBranches", "filterBranchType", "filterBranchOperator", "filters",
            "filterGroups", "filterType", "operator", "operation", "operationType", "property",
            "propertyName", "includeObjectsWithNoValueSet", "positive", "negative", "points", "maximumValue",
            "minimumValue", "highValue", "lowerBound", "upperBound", "emailId", "appId", "level", "clickUrl",
            "formId", "pageUrl", "pruningRefineBy", "coalescingRefineBy", "minOccurrences", "maxOccurrences",
            "results", "paging",
        ),
    )
)  # fmt: skip


def from_hubspot(export: Any, carried: Carried) -> None:
    """Reads a score, a score property, or a list of either (`results`)."""
    root = Node(export, Reading(KNOWN))
    listed = root.get("results") if root.key("results") is not None else root
    entries = listed.entries() if isinstance(listed.value, list) else [listed]
    if not any(one.key("groupConfigs", "fieldType") for one in entries):
        raise NotCarried("neither a score (`groupConfigs`) nor a property (`fieldType`) of HubSpot")
    for one in entries:
        if one.key("groupConfigs") is not None:
            score(one, carried)
        elif one.get("fieldType").text() == "calculation_score" or one.key("positive", "negative"):
            score_property(one, carried)
        else:
            name = one.get("name").text()
            carried.leave_out(f"{one.place}, property `{name}`", "it is no score, and no criterion of one")
            one.reading.left_out.add(one.path)
    if root.get("paging").get("next"):
        carried.leave_out(
            root.get("paging").place,
            "there are more on further pages of the API (`after`), which are not here",
        )
    root.get("paging").settle()
    for left in root.unread():
        carried.leave_out(left.place, "it is not known here")


def score(one: Node, carried: Carried) -> None:
    """A score of the lead scoring API: groups with a greatest value, each with rules."""
    what = f"score `{one.get('name').text()}`"
    title = f"{one.place}, {what}" if one.path else what
    one.settle("id", *ABOUT)
    type_ = one.get("objectTypeId")
    if type_.value is not None and type_.text() != CONTACT:
        carried.leave_out(title, f"it is of objects {type_.text()}, not of contacts ({CONTACT})")
        one.reading.left_out.add(one.path)
        return
    status = one.get("scoreStatus").text()
    if status and status.casefold() != "published":
        carried.remark(title, f"in HubSpot it is `{status}`, and not in use")
    highest = one.get("maxScore")
    if highest.value is not None:
        carried.leave_out(
            f"{highest.place}, {what}, maxScore {highest.text()}",
            "a total has no cap of its own; its groups have",
        )
    for group in one.get("groupConfigs").entries():
        group_of(group, what, carried)


def group_of(group: Node, what: str, carried: Carried) -> None:
    """A group of a score as a category with rules."""
    name = group.get("groupName").text() or group.get("groupCategory").text() or "group"
    group.settle("id", "groupCategory")
    title = f"{what}, group `{name}`"
    try:
        category = category_of(group, title, name, carried)
    except NotCarried as reason:
        carried.leave_out(f"{group.place}, {title}", str(reason))
        group.reading.left_out.add(group.path)
        return
    for position, rule in enumerate(group.get("ruleConfigurations").entries(), 1):
        configuration = rule.get("configuration")
        label = rule.get("name", "label").text() or f"{name} {position}"
        said = f"{title}, rule {position} ({rule.get('id').text() or 'no id'})"
        where = f"{rule.place}, {said}"
        rule.settle("description", "createdAt", "updatedAt")
        configuration.settle("id")
        try:
            if not rule.get("enabled").flag(default=True):
                raise NotCarried("it is not enabled")
            points = points_of(configuration.get("calculation"))
            for key, worse in (("maximumValue", 1), ("minimumValue", -1)):
                bound = rule.get(key)
                own = None if bound.value is None else number(bound.value, f"its {key}")
                if own is not None and own != points and points * worse > 0:
                    raise NotCarried(f"it has a {key} of its own, {own:g}: rules of a category share its cap")
            holder = rule if rule.key("filterBranch", "filterGroups") else configuration
            kind, part = criterion(holder, points, where, carried)
            configuration.refuse_unread()
            rule.refuse_unread()
            carry(kind, part, said, label, where, category, carried)
        except NotCarried as reason:
            carried.leave_out(where, str(reason))
            rule.reading.left_out.add(rule.path)


def category_of(group: Node, title: str, name: str, carried: Carried) -> str | None:
    """The category of a group that has a greatest or a least value. Raises `NotCarried`."""
    lowest, highest = group.get("minValue"), group.get("maxValue")
    low = 0.0 if lowest.value is None else number(lowest.value, f"`{lowest.place}`")
    high = None if highest.value is None else number(highest.value, f"`{highest.place}`")
    if high is None and low >= 0:
        if low > 0:
            carried.leave_out(f"{lowest.place}, {title}, minValue {low:g}", "a category counts from 0 on")
        return None
    if (high is not None and high < 0) or low > 0 or (not high and low == 0):
        raise NotCarried(
            f"its values go from {low:g} to {high if high is not None else 'no end'}: no cap does"
        )
    carried.need_room("categories", len(carried.categories))
    found = carried.new_id(name)
    why = cut(f"HubSpot's {title}.")
    if high:
        if low < 0:
            carried.leave_out(
                f"{lowest.place}, {title}, minValue {low:g}", "a category counts from 0 to its cap"
            )
        carried.categories[found] = {"cap": high, "rationale": why}
    else:
        if high is None:
            carried.remark(f"{group.place}, {title}", "it counts only what takes points away")
        carried.categories[found] = {"cap": -low, "sign": "negative", "rationale": why}
    return found


def points_of(calculation: Node) -> float:
    """The points of a rule, which must be the same for all. Raises `NotCarried`."""
    if not isinstance(calculation.value, dict):
        raise NotCarried("the export has no calculation for it")
    if calculation.get("type").text() != "CONSTANT":
        raise NotCarried(f"its points are not constant: {calculation.get('type').text()}")
    calculation.settle("id")
    found = number(calculation.get("value").value, "its points")
    calculation.refuse_unread()
    return found


def score_property(one: Node, carried: Carried) -> None:
    """A score property: criteria whose points are added, and others whose points are taken away."""
    name = one.get("name").text()
    what = f"score property `{name}`"
    one.settle("id", *ABOUT)
    found = False
    for key, sign in (("positive", 1), ("negative", -1)):
        for position, entry in enumerate(one.get(key).entries(), 1):
            found = True
            said = f"{what}, {key} criterion {position}"
            where = f"{entry.place}, {said}"
            try:
                points = abs(number(entry.get("points").value, "its points")) * sign
                label = entry.get("name").text() or f"{name} {key} {position}"
                entry.settle("id", "description")
                kind, part = criterion(entry, points, where, carried)
                entry.refuse_unread()
                carry(kind, part, said, label, where, None, carried)
            except NotCarried as reason:
                carried.leave_out(where, str(reason))
                entry.reading.left_out.add(entry.path)
    if not found:
        carried.leave_out(
            f"{one.place}, {what}",
            "the API gives a score property without its criteria: add them as `positive` and `negative`",
        )


def carry(
    kind: str, part: dict[str, Any], said: str, label: str, where: str, category: str | None, carried: Carried
) -> None:
    """Adds one criterion as a rule or a fit rule."""
    if category is not None:
        part["category"] = category
    carried.add(kind, {**part, "rationale": cut(f"HubSpot's {said}.")}, label, where)
