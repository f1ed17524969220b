"""What levels, stages, timers, spikes and actions of a file must be to each other."""

from datetime import date

from leadstream.models.check_parts import ascending, known, known_scoring, one_key, scoring, unique
from leadstream.models.document import Document, Path
from leadstream.models.policy import Action, Hours, Spike, Timer, Trigger
from leadstream.models.schema import RuleFile
from leadstream.scoring.compiled.channels import ALL_OUTREACH, OUTREACH


def check_policy(document: Document, file: RuleFile) -> None:
    """Notes all contradictions, in the order of the schema's keys."""
    check_thresholds(document, file)
    check_bands(document, file)
    check_stages(document, file)
    for index, timer in enumerate(file.timers):
        check_timer(document, ("timers", index), timer, file)
    unique(
        document, [(("spikes", index, "id"), spike.id) for index, spike in enumerate(file.spikes)], "spike"
    )
    for index, spike in enumerate(file.spikes):
        check_spike(document, ("spikes", index), spike, file)
    check_internal(document, file)
    check_actions(document, file)


def check_thresholds(document: Document, file: RuleFile) -> None:
    ascending(
        document, [(("thresholds", i, "at"), one.at) for i, one in enumerate(file.thresholds)], "thresholds"
    )
    for index, threshold in enumerate(file.thresholds):
        if threshold.hysteresis >= threshold.at:
            document.wrong(
                ("thresholds", index, "hysteresis"),
                f"a hysteresis of {threshold.hysteresis:g} would leave {threshold.at:g} passed for ever",
            )


def check_bands(document: Document, file: RuleFile) -> None:
    unique(document, [(("bands", i, "name"), band.name) for i, band in enumerate(file.bands)], "band")
    if file.bands[0].from_ != 0:
        document.wrong(("bands", 0, "from"), "the first band begins at 0, or totals below it have no band")
    ascending(document, [(("bands", i, "from"), band.from_) for i, band in enumerate(file.bands)], "bands")
    for index, band in enumerate(file.bands):
        if band.to is not None and band.to <= band.from_:
            document.wrong(("bands", index, "to"), f"`to` is above `from`: {band.to:g} is not")
        check_hysteresis(document, ("bands", index), band.name, band.from_, band.hysteresis)


def check_hysteresis(
    document: Document, path: Path, name: str, start: float | None, hysteresis: float | None
) -> None:
    """Of a band or a stage: it must be possible to leave it downwards."""
    if not hysteresis:
        return
    place = (*path, "hysteresis")
    if start is None:
        document.wrong(place, f"`{name}` has a `hysteresis` but no `from`: no total moves a lead out of it")
    elif not start:
        document.wrong(place, f"`{name}` is the lowest: no lead leaves it downwards; leave `hysteresis` out")
    elif hysteresis >= start:
        document.wrong(
            place, f"a hysteresis of {hysteresis:g} would keep a lead in `{name}`, from {start:g}, for ever"
        )


def check_stages(document: Document, file: RuleFile) -> None:
    stages = file.stages
    unique(document, [(("stages", i, "name"), stage.name) for i, stage in enumerate(stages)], "stage")
    for index, stage in enumerate(stages):
        check_hysteresis(document, ("stages", index), stage.name, stage.from_, stage.hysteresis)
    levels = [(("stages", i, "from"), one.from_) for i, one in enumerate(stages) if one.from_ is not None]
    if not levels:
        return
    for index, stage in enumerate(stages):
        if stage.from_ is None:
            document.wrong(("stages", index), "all stages have a `from`, or none has one")
    if len(levels) < len(stages):
        return
    ascending(document, levels, "stages")
    if levels[0][1] != 0:
        document.wrong(("stages", 0, "from"), "the first stage begins at 0, as the first band does")


def check_timer(document: Document, path: Path, timer: Timer, file: RuleFile) -> None:
    one_key(document, path, timer)
    absence = timer.absence
    if timer.points is not None and absence is not None:
        document.wrong((*path, "points"), f"timer `{timer.id}`: only inactivity has points, while it lasts")
    if timer.category is not None and timer.points is None:
        document.wrong((*path, "category"), f"timer `{timer.id}` has a `category` but no points")
    if absence is None:
        return
    path = (*path, "absence")
    one_key(document, path, absence)
    unique(document, [((*path, "of", index), type_) for index, type_ in enumerate(absence.of)], "type")
    known(document, (*path, "band"), absence.band, [band.name for band in file.bands], "band")
    known(document, (*path, "stage"), absence.stage, [stage.name for stage in file.stages], "stage")
    if absence.rule is not None:
        known_scoring(document, (*path, "rule"), absence.rule, file.rules, scoring(file.rules))


def check_spike(document: Document, path: Path, spike: Spike, file: RuleFile) -> None:
    one_key(document, path, spike)
    points = scoring(file.rules)
    rules = [((*path, "rules", index), name) for index, name in enumerate(spike.rules or ())]
    unique(document, rules, "rule")
    for place, name in rules:
        if known_scoring(document, place, name, file.rules, points) and max(points[name]) <= 0:
            document.wrong(place, f"rule `{name}` has no positive points, which alone make a spike")
    unread = any(kind == "rule" for kind, _ in document.unread)
    positive = any(one > 0 for worths in points.values() for one in worths)
    if spike.rules is None and not positive and not unread:
        document.wrong(path, f"spike `{spike.id}`: no rule has positive points, which alone make one")


def check_internal(document: Document, file: RuleFile) -> None:
    """Channels that are said not to reach the lead."""
    for index, channel in enumerate(file.internal_channels):
        if channel.casefold() == ALL_OUTREACH or channel.casefold() in OUTREACH:
            document.wrong(
                ("internal_channels", index), f"channel `{channel}` reaches the lead: it can't be internal"
            )


def check_actions(document: Document, file: RuleFile) -> None:
    levels = {threshold.at for threshold in file.thresholds}
    seen: set[tuple[str, float | Trigger | None]] = set()
    for index, action in enumerate(file.actions):
        path: Path = ("actions", index)
        one_key(document, path, action)
        unread = {("threshold", action.at), ("threshold", None)} & document.unread
        if action.at is not None and action.at not in levels and not unread:
            there = ", ".join(f"{level:g}" for level in sorted(levels)) or "none"
            document.wrong(
                (*path, "at"), f"action `{action.do}` waits for {action.at:g}, no threshold ({there})"
            )
        if action.when is not None:
            check_trigger(document, (*path, "when"), action.when, file)
        what = (action.do, action.at if action.when is None else action.when)
        if what in seen and what[1] is not None:
            place = "there" if action.at is None else f"at {action.at:g}"
            document.wrong(
                (*path, "when" if action.at is None else "at"),
                f"action `{action.do}` is asked for twice {place}",
            )
        seen.add(what)
        check_action(document, path, action)


def check_trigger(document: Document, path: Path, when: Trigger, file: RuleFile) -> None:
    one_key(document, path, when)
    bands, stages = [band.name for band in file.bands], [stage.name for stage in file.stages]
    known(document, (*path, "band"), when.band, bands, "band")
    known(document, (*path, "stage"), when.stage, stages, "stage")
    known(document, (*path, "spike"), when.spike, [spike.id for spike in file.spikes], "spike")
    known(document, (*path, "timer"), when.timer, [timer.id for timer in file.timers], "timer")
    if when.rule is not None:
        known_scoring(document, (*path, "rule"), when.rule, file.rules, scoring(file.rules))
    if when.was is None:
        return
    place = (*path, "was")
    if when.band is None and when.stage is None:
        document.wrong(place, "`was` stands beside `band` or `stage`")
    elif when.was in (when.band, when.stage):
        document.wrong(place, f"the lead can't come into `{when.was}` from there")
    else:
        known(document, place, when.was, bands if when.band else stages, "band" if when.band else "stage")


def check_action(document: Document, path: Path, action: Action) -> None:
    unique(
        document,
        [((*path, "requires", index), name) for index, name in enumerate(action.requires)],
        "requirement",
    )
    if action.channel is None and "consent" in action.requires:
        raise document.error(
            (*path, "requires"),
            f"action `{action.do}` requires the consent of its channel, and has none: write a `channel`",
        )
    if action.hours is not None:
        check_hours(document, (*path, "hours"), action.hours)


def check_hours(document: Document, path: Path, hours: Hours) -> None:
    unique(document, [((*path, "days", index), day) for index, day in enumerate(hours.days)], "day")
    if hours.to <= hours.from_:
        key = "to" if "to" in hours.model_fields_set else "from"
        document.wrong((*path, key), f"`to` comes after `from`: {hours.to} is not after {hours.from_}")
    for index, holiday in enumerate(hours.holidays):
        try:
            date.fromisoformat(holiday)
        except ValueError:
            document.wrong((*path, "holidays", index), f"there is no day {holiday}")
