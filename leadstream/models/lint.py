"""What is legal in a rule file and yet can't be meant: findings with their place and what to do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import isclose

from leadstream.models.check_rules import entries
from leadstream.models.document import Document, Path, Place
from leadstream.models.lint_groups import shadowed
from leadstream.models.lint_names import left_out, misspelt, unknown_channels
from leadstream.models.policy import Action
from leadstream.models.reach import greatest_total, points_of, strongest
from leadstream.models.schema import RuleFile
from leadstream.scoring.compiled.channels import same_channel
from leadstream.scoring.compiled.image_fetches import IMAGE_PROXIES, OPENED, is_image_proxy

FULL = 100.0
"""The highest score that is shown."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at; a warning, since the model does what it says all the same."""

    place: Place
    message: str
    remedy: str
    level: str = "warning"

    def __str__(self) -> str:
        return f"{self.place}: {self.level}: {self.message}; {self.remedy}"


_Found = Iterator[tuple[Path, str, str]]


def lint(document: Document, file: RuleFile) -> list[Finding]:
    """The findings of a checked rule file, as they stand in it."""
    checks: list[Callable[[RuleFile], _Found]] = [
        beyond_caps, out_of_reach, never_entered, shadowed, misspelt, unknown_channels, left_out,
        proxies_listed, bands_apart, conflicting,
    ]  # fmt: skip
    order = {path: number for number, path in enumerate(document.places)}
    found = [
        (order.get(path, -1), Finding(document.place(path), message, remedy))
        for check in checks
        for path, message, remedy in check(file)
    ]
    return [finding for _, finding in sorted(found, key=lambda one: one[0])]


def beyond_caps(file: RuleFile) -> _Found:
    """Points of one occurrence, with its greatest factor, beyond a cap where nothing pulls the other way."""
    worths: list[tuple[Path, str, str | None, list[float]]] = []
    for index, rule in enumerate(file.rules):
        key = "by" if rule.by is not None else "points"
        factor = strongest(rule, file)
        points = [one * factor for one in points_of(rule).values()]
        worths.append((("rules", index, key), rule.id, rule.category, points))
    for index, fit in enumerate(file.fit):
        worths.append((("fit", index), fit.id, fit.category, [points for _, points in entries(fit)]))
    for index, timer in enumerate(file.timers):
        worths.append((("timers", index, "points"), timer.id, timer.category, [timer.points or 0.0]))
    for path, name, category, points in worths:
        if category is None:
            continue
        cap, sign = file.parts[category].cap, -1 if file.parts[category].sign == "negative" else 1
        contrary = any(one * sign < 0 for _, _, other, all_ in worths if other == category for one in all_)
        most = max((one * sign for one in points), default=0.0)
        if cap is not None and most > cap and not contrary:
            yield (
                path,
                f"`{name}` gives {most * sign:g} points, but `{category}` is capped at {cap:g}: "
                f"{most - cap:g} of them can never count",
                f"give at most {cap:g}, or raise the cap",
            )


def out_of_reach(file: RuleFile) -> _Found:
    """Thresholds, bands and stages above the greatest total, and stages that no rule speaks for."""
    greatest, parts = greatest_total(file)
    levels: list[tuple[Path, str, float]] = []
    levels += [
        (("thresholds", i, "at"), f"threshold {one.at:g}", one.at) for i, one in enumerate(file.thresholds)
    ]
    levels += [(("bands", i, "from"), f"band `{one.name}`", one.from_) for i, one in enumerate(file.bands)]
    levels += [
        (("stages", i, "from"), f"stage `{one.name}`", one.from_)
        for i, one in enumerate(file.stages)
        if one.from_ is not None
    ]
    because = f" ({', '.join(f'{name} {points:g}' for name, points in parts.items())})" if parts else ""
    for path, what, level in levels:
        if greatest < level and not isclose(greatest, level, rel_tol=0, abs_tol=1e-9):
            yield (
                path,
                f"no lead can reach {what}: the greatest total is {greatest:g}{because}",
                "lower it, or raise points or caps",
            )
    if file.stages and file.stages[0].from_ is None:
        spoken = {rule.stage for rule in file.rules}
        for index, stage in enumerate(file.stages):
            # The first is where a lead begins as soon as any rule speaks for a stage.
            if stage.name not in spoken and (index or spoken == {None}):
                yield (
                    ("stages", index),
                    f"no lead can reach stage `{stage.name}`: no rule speaks for it",
                    "give a rule this `stage`, or leave it out",
                )


def never_entered(file: RuleFile) -> _Found:
    """Actions that wait for a band or stage to be entered in a way that can't happen."""
    bands, stages = [band.name for band in file.bands], [stage.name for stage in file.stages]
    by_rules = bool(file.stages) and file.stages[0].from_ is None
    for index, action in enumerate(file.actions):
        when = action.when
        if when is None or not (when.band or when.stage):
            continue
        names = bands if when.band else stages
        kind, name = ("band", when.band) if when.band else ("stage", when.stage)
        place = names.index(name or "")
        if when.was is None and place == 0 and not (kind == "stage" and by_rules):
            yield (
                ("actions", index, "when"),
                f"action `{action.do}` waits for a rise into `{name}`, below which there is no {kind}",
                f"say from which {kind} it falls, with `was`",
            )
        if when.was is not None and kind == "stage" and by_rules and names.index(when.was) > place:
            yield (
                ("actions", index, "when", "was"),
                f"action `{action.do}` waits for a step back to `{name}`, but stages by rules only go on",
                "name an earlier stage",
            )


def bands_apart(file: RuleFile) -> _Found:
    """Bands whose `to` is not where the next one begins."""
    for index, (band, following) in enumerate(pairwise(file.bands)):
        # 0 to 25 and from 26 is written of the shown score, which has no fractions.
        whole = band.to is not None and band.to == following.from_ - 1 and float(band.to).is_integer()
        if band.to is None or band.to == following.from_ or whole:
            continue
        path: Path = ("bands", index, "to")
        if band.to < following.from_:
            yield (
                path,
                f"between {band.to:g} and {following.from_:g} is a gap: such totals are in `{band.name}`",
                f"write `to: {following.from_:g}`, or leave `to` out",
            )
        else:
            yield (
                path,
                f"`{band.name}` and `{following.name}` overlap: totals from {following.from_:g} are in "
                f"`{following.name}`",
                f"write `to: {following.from_:g}`, or leave `to` out",
            )
    last = file.bands[-1]
    if last.to is not None and last.to < FULL:
        yield (
            ("bands", len(file.bands) - 1, "to"),
            f"above {last.to:g} is a gap: such totals are in `{last.name}`, the last band",
            "leave `to` out",
        )


def proxies_listed(file: RuleFile) -> _Found:
    """User agents of guards on opens alone that are those of image proxies, through which people read."""
    for index, guard in enumerate(file.guards):
        if guard.on != [OPENED]:
            continue
        for number, text in enumerate(guard.user_agents or ()):
            agent = text.casefold()
            if is_image_proxy(agent) or any(proxy.startswith(agent) for proxy in IMAGE_PROXIES):
                yield (
                    ("guards", index, "user_agents", number),
                    f"guard `{guard.id}` does not flag opens through `{text}`: an image proxy "
                    "fetches for a person who opens the e-mail",
                    "leave it out, or use `after_send` for what is fetched at delivery",
                )


def conflicting(file: RuleFile) -> _Found:
    """Actions that are asked for at the same moment on one channel, or twice."""
    for index, action in enumerate(file.actions):
        twice: dict[str, list[str]] = {}
        beside: dict[str, list[str]] = {}
        for earlier in file.actions[:index]:
            moment = together(earlier, action, file)
            if moment is not None and earlier.do == action.do:
                twice.setdefault(moment, []).append(earlier.do)
            elif (
                moment is not None and action.channel and same_channel(earlier.channel or "", action.channel)
            ):
                beside.setdefault(moment, []).append(earlier.do)
        path: Path = ("actions", index)
        for moment in twice:
            yield path, f"action `{action.do}` is asked for twice {moment}", "leave one of the two out"
        for moment, others in beside.items():
            names = ", ".join(f"`{name}`" for name in dict.fromkeys(others))
            yield (
                path,
                f"action `{action.do}` goes out on channel `{action.channel}` together with {names} {moment}",
                "keep one, or give them different channels or levels",
            )


def together(one: Action, other: Action, file: RuleFile) -> str | None:
    """The moment at which both are asked for; None if there is none."""
    kind, name, was = trigger_of(one)
    if (kind, name) == trigger_of(other)[:2]:
        came_from = {was, trigger_of(other)[2]}
        lower = lower_levels(file, kind, name)
        if len(came_from) == 2 and (None not in came_from or not came_from <= {None, *lower}):
            return None
        return f"at {name}" if kind == "at" else f"at {kind} `{name}`"
    level = rises_to(one, file)
    return (
        f"when the total rises to {level:g}" if level is not None and level == rises_to(other, file) else None
    )


def trigger_of(action: Action) -> tuple[str, str, str | None]:
    """Kind and name of what an action waits for, and where the lead must come from."""
    if action.when is None:
        return "at", f"{action.at:g}", None
    given = {key: value for key, value in action.when.model_dump().items() if value is not None}
    was = given.pop("was", None)
    ((kind, name),) = given.items()
    return kind, name, was


def lower_levels(file: RuleFile, kind: str, name: str) -> list[str]:
    """The bands or stages before one."""
    names = [one.name for one in (file.bands if kind == "band" else file.stages if kind == "stage" else ())]
    return names[: names.index(name)] if name in names else []


def rises_to(action: Action, file: RuleFile) -> float | None:
    """The total that brings an action about when it is reached from below."""
    kind, name, was = trigger_of(action)
    if kind == "at":
        return action.at
    if was is not None and was not in lower_levels(file, kind, name):
        return None
    levels = {("band", one.name): one.from_ for one in file.bands}
    return levels.get((kind, name), {("stage", one.name): one.from_ for one in file.stages}.get((kind, name)))
