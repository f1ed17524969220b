"""What the rules, fit rules and guards of a file must be, beyond their form."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from leadstream.models.check_conditions import check_when, expressions
from leadstream.models.check_parts import (
    ascending,
    check_decay,
    known,
    known_scoring,
    one_key,
    scoring,
    unique,
)
from leadstream.models.decay import keeps_apart, kernel_of, keys_kept_apart
from leadstream.models.document import Document, Path
from leadstream.models.errors import nearest
from leadstream.models.policy import Timer
from leadstream.models.protected import protected
from leadstream.models.rules import AgeStep, By, Decay, Fit, Guard, Rule
from leadstream.models.schema import RuleFile

MAX_FACTORS = 10_000
MAX_KEPT = 1000
"""Factors that keep their signals apart: more would make rows that no topic takes."""
MAX_TYPES = 1000
MAX_EXPRESSIONS = 100
"""Each may take some megabytes and, to compile, some hundredths of a second."""
RESERVED = {
    "score.bumped": "what is given by hand",
    "cap": "what a cap takes away",
}
"""Ids whose factors would be called like others."""


def check_rules(document: Document, file: RuleFile) -> None:
    """Notes all contradictions of the rules."""
    if not file.rules and not file.fit and not any(kind in ("rule", "fit") for kind, _ in document.unread):
        document.wrong((), "nothing gives points: `rules` or `fit` is needed")
    ids = [(("rules", index, "id"), rule.id) for index, rule in enumerate(file.rules)]
    unique(document, ids, "rule")
    ids = list({name: (place, name) for place, name in reversed(ids)}.values())[::-1]
    ids += [(("fit", index, "id"), fit.id) for index, fit in enumerate(file.fit)]
    ids += [(("timers", index, "id"), timer.id) for index, timer in enumerate(file.timers)]
    unique(document, ids, "id")
    for place, name in ids:
        if name in RESERVED:
            document.wrong(place, f"`{name}` is the factor of {RESERVED[name]}: take another id")
    check_numbers(document, file)
    for index, rule in enumerate(file.rules):
        check_rule(document, ("rules", index), rule, file)
    for index, fit in enumerate(file.fit):
        check_fit(document, ("fit", index), fit)
    check_guards(document, file)
    check_categories(document, file)


def check_numbers(document: Document, file: RuleFile) -> None:
    """What a file has in all is no more than a worker has room and time for."""
    factors = sum(len(points) for points in scoring(file.rules).values())
    factors += sum(len(entries(fit)) for fit in file.fit) + len(file.timers)
    types = {type_ for rule in file.rules for type_ in rule.on}
    types |= {type_ for guard in file.guards for type_ in guard.on}
    types |= {type_ for timer in file.timers if timer.absence is not None for type_ in timer.absence.of}
    matched = sum(expressions(rule.when) for rule in file.rules)
    for number, most, what in (
        (factors, MAX_FACTORS, "factors"),
        (kept_apart(file), MAX_KEPT, f"factors that are {keys_kept_apart()} or have a `recency`"),
        (len(types), MAX_TYPES, "types of signals"),
        (matched, MAX_EXPRESSIONS, "expressions (`matches`)"),
    ):
        if number > most:
            document.wrong((), f"{number} {what} are more than {most}: use fewer")


def kept_apart(file: RuleFile) -> int:
    """How many factors keep their signals apart."""
    found = 0
    for rule in file.rules:
        category = file.parts.get(rule.category or "")
        decay = rule.decay if rule.decay is not None or category is None else category.decay
        if rule.recency or keeps_apart(decay):
            found += len(rule.by.points) if rule.by is not None else 1
    return found


def check_rule(document: Document, path: Path, rule: Rule, file: RuleFile) -> None:
    points = scoring([rule]).get(rule.id)
    if rule.points is not None and rule.by is not None:
        document.wrong_key((*path, "by"), f"rule `{rule.id}` has `points` and `by`: one of them")
    pointless = [
        name
        for name in ("category", "after", "repeat", "recency", "decay", "stage", "guards")
        if getattr(rule, name) and points is None
    ]
    for name in pointless:
        document.wrong((*path, name), f"rule `{rule.id}` has `{name}` but no points")
    for name in ("group", "after"):
        if getattr(rule, name) and name not in pointless and rule.effect != ["points"]:
            document.wrong(
                (*path, name),
                f"rule `{rule.id}` has `{name}`, but resets and suppression hold whatever else scores: "
                "make its effect a rule of its own",
            )
    if points is None and "points" in rule.effect and not pointless:
        document.wrong(path, f"rule `{rule.id}` has neither `points` nor `by` nor another `effect`")
    if points is not None and "reset" in rule.effect:
        document.wrong((*path, "effect"), f"rule `{rule.id}`: a reset gives no points of its own")
    if rule.channel is not None and "suppress" not in rule.effect:
        document.wrong((*path, "channel"), f"rule `{rule.id}` has a `channel` but no `effect: suppress`")
    unique(document, [((*path, "on", index), type_) for index, type_ in enumerate(rule.on)], "type")
    check_when(document, (*path, "when"), rule.when)
    check_decay(document, (*path, "decay"), rule.decay)
    if rule.by is not None:
        check_by(document, (*path, "by"), rule.by)
    if rule.recency is not None:
        check_recency(document, (*path, "recency"), rule.recency, points or [])
    if rule.after is not None:
        place = (*path, "after", "rule")
        if rule.after.rule == rule.id:
            document.wrong(place, f"rule `{rule.id}` comes after itself: it could never begin")
        else:
            known_scoring(document, place, rule.after.rule, file.rules, scoring(file.rules))
    guards = [guard.id for guard in file.guards]
    for name in rule.guards:
        known(document, (*path, "guards", name), name, guards, "guard")
    check_stage(document, (*path, "stage"), rule, file)


def check_by(document: Document, path: Path, by: By) -> None:
    for index, field in enumerate(by.field):
        reason = protected(field)
        if reason is not None:
            document.wrong((*path, "field", index), reason)
    if by.default is not None and by.default not in by.points:
        names = list(by.points)
        document.wrong((*path, "default"), f"`{by.default}` is not in `points`{nearest(by.default, names)}")


def check_recency(document: Document, path: Path, steps: Sequence[AgeStep], points: Sequence[float]) -> None:
    if any(one < 0 for one in points):
        document.wrong(path, "`recency` is for points that are not negative")
    for index, step in enumerate(steps):
        if (step.to is None) is not (index == len(steps) - 1):
            document.wrong((*path, index), "each step but the last has a `to`, the last has none")
    for index, (one, other) in enumerate(pairwise(steps)):
        if one.to is not None and other.to is not None and other.to <= one.to:
            document.wrong((*path, index + 1, "to"), "ages ascend: this one is not older than the last")


def check_stage(document: Document, path: Path, rule: Rule, file: RuleFile) -> None:
    if rule.stage is None:
        return
    known(document, path, rule.stage, [stage.name for stage in file.stages], "stage")
    if any(stage.from_ is not None for stage in file.stages):
        document.wrong(path, f"rule `{rule.id}` has a `stage`, but stages go by the total: they have `from`")


def check_fit(document: Document, path: Path, fit: Fit) -> None:
    reason = protected(fit.fact)
    if reason is not None:
        document.wrong((*path, "fact"), reason)
    sound = one_key(document, path, fit)
    place = (*path, "decay")
    one = isinstance(fit.decay, Decay) and one_key(document, place, fit.decay)
    if one and isinstance(fit.decay, Decay) and not kernel_of(fit.decay).memoryless:
        document.wrong(place, f"fit `{fit.id}` fades by a `half_life` or not at all: `none`")
    if fit.ranges is not None:
        starts = [((*path, "ranges", index, "from"), one.from_) for index, one in enumerate(fit.ranges)]
        sound = ascending(document, starts, "ranges") and sound
    for keyword in fit.keywords.points if fit.keywords else ():
        if not any(letter.isalnum() for letter in keyword):
            document.wrong_key((*path, "keywords", "points", keyword), f"`{keyword}` has no word")
    counted = Counter(name.casefold() for name, _ in entries(fit))
    twice = [name for name, number in counted.items() if number > 1]
    if twice and sound:
        document.wrong(path, f"fit `{fit.id}` has two entries `{twice[0]}`: give them names that differ")
    values = [
        ((*path, "tiers", index, "values", place), value.casefold())
        for index, tier in enumerate(fit.tiers or ())
        for place, value in enumerate(tier.values)
    ]
    unique(document, values, "value")


def entries(fit: Fit) -> list[tuple[str, float]]:
    """The entries of a fit rule with their points; each is a factor `<id>:<entry>`."""
    found: list[tuple[str, float]] = []
    found += [(one.name or f"{one.from_:g}+", one.points) for one in fit.ranges or ()]
    found += list((fit.values or {}).items())
    found += list(fit.keywords.points.items()) if fit.keywords else []
    found += [(one.name, one.points) for one in fit.tiers or ()]
    return found if fit.other is None else [*found, ("other", fit.other)]


def check_guards(document: Document, file: RuleFile) -> None:
    unique(
        document, [(("guards", index, "id"), guard.id) for index, guard in enumerate(file.guards)], "guard"
    )
    for index, guard in enumerate(file.guards):
        check_guard(document, ("guards", index), guard)


def check_guard(document: Document, path: Path, guard: Guard) -> None:
    one_key(document, path, guard)
    unique(document, [((*path, "on", index), type_) for index, type_ in enumerate(guard.on)], "type")
    for index, text in enumerate(guard.user_agents or ()):
        if not text.strip():
            document.wrong((*path, "user_agents", index), "every user agent holds an empty text")


def check_categories(document: Document, file: RuleFile) -> None:
    if file.categories and file.dimensions:
        document.wrong_key(("dimensions",), "`categories` and `dimensions`: one of them")
    key = "categories" if file.categories else "dimensions"
    for name, category in file.parts.items():
        check_decay(document, (key, name, "decay"), category.decay)
    points = scoring(file.rules)
    members: list[tuple[Path, Rule | Fit | Timer, Sequence[float]]] = []
    members += [(("rules", i), rule, points.get(rule.id, [])) for i, rule in enumerate(file.rules)]
    members += [(("fit", i), fit, [worth for _, worth in entries(fit)]) for i, fit in enumerate(file.fit)]
    members += [(("timers", i), timer, [timer.points or 0.0]) for i, timer in enumerate(file.timers)]
    for path, part, worths in members:
        place = (*path, "category")
        if not known(document, place, part.category, file.parts, "category"):
            continue
        if part.category and file.parts[part.category].sign == "negative" and max(worths, default=0.0) > 0:
            document.wrong(place, f"category `{part.category}` is negative: no points in it are positive")
