"""How far signals, facts and timers can lift a total; points given by hand are left out."""

from collections.abc import Mapping
from math import inf

from leadstream.models.check_rules import entries
from leadstream.models.rules import Fit, Rule
from leadstream.models.schema import RuleFile


def greatest_total(file: RuleFile) -> tuple[float, dict[str, float]]:
    """The greatest total that a lead can have, infinite if there is none, and what each category gives of it.

    `rest` is what has no category. Exact where no rule hinders another: a group, a sequence or contrary
    conditions may keep leads below it.
    """
    parts: dict[str, float] = dict.fromkeys(file.parts, 0.0)
    for name, points in highest(file):
        parts[name] = parts.get(name, 0.0) + points
    for name, category in file.parts.items():
        if category.sign == "negative":
            parts[name] = 0.0
        elif category.cap is not None:
            parts[name] = min(parts.get(name, 0.0), category.cap)
    found = {name: points for name, points in parts.items() if points}
    return sum(found.values()), found


def highest(file: RuleFile) -> list[tuple[str, float]]:
    """What each rule, fit rule and timer can add at most, with its category."""
    found = [(rule.category or "rest", of_rule(rule, file)) for rule in file.rules]
    found += [(fit.category or "rest", of_fit(fit)) for fit in file.fit]
    found += [(timer.category or "rest", max(0.0, timer.points or 0.0)) for timer in file.timers]
    return found


def of_rule(rule: Rule, file: RuleFile) -> float:
    """What a rule can add: no end to it, unless the factors of `repeat` end in 0 for all time."""
    points = max(points_of(rule).values(), default=0.0)
    if points <= 0:
        return 0.0
    repeat = rule.repeat
    times = inf
    if repeat is not None and repeat.factors[-1] == 0 and (not repeat.within or not any(repeat.factors)):
        times = sum(repeat.factors)
    once = around(rule, file)
    return points * times * once if times and once else 0.0


def strongest(rule: Rule, file: RuleFile) -> float:
    """The greatest factor by which one occurrence of a rule may count."""
    return around(rule, file) * (max(rule.repeat.factors) if rule.repeat is not None else 1.0)


def around(rule: Rule, file: RuleFile) -> float:
    """The greatest factor by guards and by age."""
    weight = 1.0
    for guard in file.guards:
        if set(guard.on) & set(rule.on):
            weight *= max(1.0, rule.guards.get(guard.id, guard.weight))
    return weight * (max(step.factor for step in rule.recency) if rule.recency else 1.0)


def of_fit(fit: Fit) -> float:
    """What a fit rule can add."""
    worths = [points for _, points in entries(fit)]
    if fit.keywords is not None and fit.keywords.take == "sum":
        return max(sum(max(0.0, points) for points in fit.keywords.points.values()), fit.other or 0.0)
    return max(0.0, *worths)


def points_of(rule: Rule) -> Mapping[str, float]:
    """The points of a rule by the value of `by`; by "" if it has no `by`; none if it gives no points."""
    if rule.by is not None:
        return rule.by.points
    return {} if rule.points is None else {"": rule.points}
