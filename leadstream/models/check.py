"""What a rule file's parts must be to each other, beyond the form of each."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from leadstream.models.document import Document, Path
from leadstream.models.errors import nearest
from leadstream.models.schema import Rule, RuleFile

MAX_FACTORS = 10_000


def check(document: Document, file: RuleFile) -> None:
    """Raises `ModelError` for the first contradiction, in the order of the file's keys."""
    unique(document, [(("rules", index, "id"), rule.id) for index, rule in enumerate(file.rules)], "rule")
    for index, rule in enumerate(file.rules):
        check_rule(document, ("rules", index), rule)
    factors = sum(len(rule.by.points) if rule.by else 1 for rule in file.rules)
    if factors > MAX_FACTORS:
        raise document.error(("rules",), f"{factors} factors are more than {MAX_FACTORS}")
    check_thresholds(document, file)
    check_bands(document, file)
    check_actions(document, file)


def unique(document: Document, names: Iterable[tuple[Path, str]], what: str) -> None:
    seen: set[str] = set()
    for path, name in names:
        if name in seen:
            raise document.error(path, f"the {what} `{name}` stands here a second time")
        seen.add(name)


def check_rule(document: Document, path: Path, rule: Rule) -> None:
    scores = rule.points is not None or rule.by is not None
    if rule.points is not None and rule.by is not None:
        raise document.key_error((*path, "by"), f"rule `{rule.id}` has `points` and `by`: one of them")
    for name in ("repeat", "decay"):
        if getattr(rule, name) is not None and not scores:
            raise document.error((*path, name), f"rule `{rule.id}` has `{name}` but no points")
    if not scores and "points" in rule.effect:
        raise document.error(path, f"rule `{rule.id}` has neither `points` nor `by` nor another `effect`")
    if scores and "reset" in rule.effect:
        raise document.error((*path, "effect"), f"rule `{rule.id}`: a reset gives no points of its own")
    if rule.channel is not None and "suppress" not in rule.effect:
        raise document.error(
            (*path, "channel"), f"rule `{rule.id}` has a `channel` but no `effect: suppress`"
        )
    unique(document, [((*path, "on", index), type_) for index, type_ in enumerate(rule.on)], "type")
    if rule.by is not None and rule.by.default is not None and rule.by.default not in rule.by.points:
        names = list(rule.by.points)
        raise document.error(
            (*path, "by", "default"),
            f"`{rule.by.default}` is not in `points`{nearest(rule.by.default, names)}",
        )
    for field, condition in rule.when.items():
        if not condition.model_fields_set:
            raise document.error(
                (*path, "when", field), "a condition asks for nothing: eq, in, exists or url_path"
            )


def check_thresholds(document: Document, file: RuleFile) -> None:
    ascending(
        document, [(("thresholds", i, "at"), one.at) for i, one in enumerate(file.thresholds)], "thresholds"
    )
    for index, threshold in enumerate(file.thresholds):
        if threshold.hysteresis >= threshold.at:
            raise document.error(
                ("thresholds", index, "hysteresis"),
                f"a hysteresis of {threshold.hysteresis:g} would leave {threshold.at:g} passed for ever",
            )


def check_bands(document: Document, file: RuleFile) -> None:
    unique(document, [(("bands", i, "name"), band.name) for i, band in enumerate(file.bands)], "band")
    if file.bands[0].from_ != 0:
        raise document.error(
            ("bands", 0, "from"), "the first band begins at 0, or totals below it have no band"
        )
    ascending(document, [(("bands", i, "from"), band.from_) for i, band in enumerate(file.bands)], "bands")


def ascending(document: Document, levels: Sequence[tuple[Path, float]], what: str) -> None:
    for (_, lower), (path, upper) in pairwise(levels):
        if upper <= lower:
            raise document.error(path, f"{what} ascend: {upper:g} stands after {lower:g}")


def check_actions(document: Document, file: RuleFile) -> None:
    levels = {threshold.at for threshold in file.thresholds}
    seen: set[tuple[str, float]] = set()
    for index, action in enumerate(file.actions):
        path: Path = ("actions", index, "at")
        if action.at not in levels:
            there = ", ".join(f"{level:g}" for level in sorted(levels)) or "none"
            raise document.error(
                path, f"action `{action.do}` waits for {action.at:g}, no threshold ({there})"
            )
        if (action.do, action.at) in seen:
            raise document.error(path, f"action `{action.do}` is asked for twice at {action.at:g}")
        seen.add((action.do, action.at))
