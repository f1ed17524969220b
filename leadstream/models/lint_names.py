"""Names that look like a documented one and are written differently, unknown channels, values left out."""

from collections.abc import Iterable, Iterator, Sequence

from leadstream.models.policy import Fact
from leadstream.models.rules import Rule, When
from leadstream.models.schema import RuleFile
from leadstream.records.slips import nearest
from leadstream.records.types import DATA_VALUES, FACTS, OPEN_TYPES, SIGNAL_TYPES
from leadstream.scoring.compiled.channels import ALL_OUTREACH, INTERNAL, OUTREACH
from leadstream.scoring.state.facts import CONSENT, CONSENT_CHANGED

Path = tuple[str | int, ...]
Found = Iterator[tuple[Path, str, str]]
CHANNELS = sorted({ALL_OUTREACH} | INTERNAL | OUTREACH)
"""Channels that LeadStream knows."""
KINDS = ("profiling", "tracking")
"""What a consent may be of beside a channel."""
OWN = "or give what is your own a name that differs more"


def misspelt(file: RuleFile) -> Found:
    """Types, facts, fields and values that are nearly, and not quite, a documented one."""
    for path, name, known, what in named(file):
        meant = nearest(name, known)
        if meant is not None:
            yield (
                path,
                f"{what} `{name}` is not a documented one (did you mean `{meant}`?)",
                f"write `{meant}`, {OWN}",
            )
    for index, rule in enumerate(file.rules):
        yield from fields_of(("rules", index), rule)


def named(file: RuleFile) -> Iterator[tuple[Path, str, Iterable[str], str]]:
    """The names of a file that may be documented ones: place, name, what there is, what it is."""
    types: list[tuple[Path, list[str]]] = [(("rules", i, "on"), rule.on) for i, rule in enumerate(file.rules)]
    types += [(("guards", i, "on"), guard.on) for i, guard in enumerate(file.guards)]
    types += [
        (("timers", i, "absence", "of"), timer.absence.of)
        for i, timer in enumerate(file.timers)
        if timer.absence is not None
    ]
    for path, names in types:
        for index, name in enumerate(names):
            yield (*path, index), name, SIGNAL_TYPES, "type"
    for path, fact in facts_of(file):
        if not fact.startswith(CONSENT):
            yield path, fact, FACTS, "fact"


def facts_of(file: RuleFile) -> Iterator[tuple[Path, str]]:
    """The facts that a file reads, with their places."""
    for index, fit in enumerate(file.fit):
        yield ("fit", index, "fact"), fit.fact
    for index, action in enumerate(file.actions):
        for key, value in action.payload.items():
            if isinstance(value, Fact):
                yield ("actions", index, "payload", key, "fact"), value.fact


def unknown_channels(file: RuleFile) -> Found:
    """Channels of actions, consents and suppressions that LeadStream does not know."""
    for path, channel, known in channels_of(file):
        if channel in known or channel.casefold() in {name.casefold() for name in file.internal_channels}:
            continue
        meant, inside = (
            nearest(channel, known),
            "list it in `internal_channels` if it does not reach the lead",
        )
        if meant is None:
            yield path, f"channel `{channel}` is not a known one: it counts as outreach", inside
        else:
            said = f"channel `{channel}` is not a known one (did you mean `{meant}`?)"
            yield path, said, f"write `{meant}`, or {inside}"


def channels_of(file: RuleFile) -> Iterator[tuple[Path, str, Sequence[str]]]:
    """The channels that a file names: place, name, what there is."""
    consents = [*CHANNELS, *KINDS]
    for index, rule in enumerate(file.rules):
        if rule.channel is not None:
            yield ("rules", index, "channel"), rule.channel, CHANNELS
        if rule.on == [CONSENT_CHANGED]:
            for _, field, values in conditions(("rules", index, "when"), rule.when):
                for where, value in values if field in ("data.channel", "data.kind") else ():
                    yield where, value, consents
            if rule.by is not None and {*rule.by.field} <= {"data.channel", "data.kind"}:
                for value in rule.by.points:
                    yield ("rules", index, "by", "points", value), value, consents
    for index, action in enumerate(file.actions):
        if action.channel:
            yield ("actions", index, "channel"), action.channel, CHANNELS
    for path, fact in facts_of(file):
        if fact.startswith(CONSENT):
            yield path, fact.removeprefix(CONSENT), consents


def fields_of(path: Path, rule: Rule) -> Found:
    """Fields and values of a rule's conditions and of its `by` that its types do not have."""
    if any(type_ not in SIGNAL_TYPES or type_ in OPEN_TYPES for type_ in rule.on):
        return
    known = {field for type_ in rule.on for field in SIGNAL_TYPES[type_]}
    asked = [*conditions((*path, "when"), rule.when)]
    if rule.by is not None:
        values = [((*path, "by", "points", value), value) for value in rule.by.points]
        for index, field in enumerate(rule.by.field):
            asked.append(((*path, "by", "field", index), field, values))
    for place, field, values in asked:
        name = field.split(".")[1] if field != "source" else ""
        if not name:
            continue
        types = ", ".join(f"`{type_}`" for type_ in rule.on)
        if name not in known:
            meant = nearest(name, known)
            if meant is not None:
                yield (
                    place,
                    f"rule `{rule.id}` looks at `data.{name}` (did you mean `data.{meant}`?)",
                    f"write `data.{meant}`, {OWN}",
                )
            elif name in ELSEWHERE:
                others = ", ".join(f"`{type_}`" for type_ in sorted(ELSEWHERE[name]))
                yield (
                    place,
                    f"rule `{rule.id}` looks at `data.{name}`, which {types} is not documented to have "
                    f"({others} is)",
                    "look at another field or type, or make sure that its source sends it",
                )
            continue
        listed = {value for type_ in rule.on for value in DATA_VALUES.get((type_, name), ())}
        for where, value in values:
            meant = nearest(value, listed) if listed and "." not in field.removeprefix("data.") else None
            if meant is not None:
                yield (
                    where,
                    f"rule `{rule.id}` looks for `{value}` in `{field}` (did you mean `{meant}`?)",
                    f"write `{meant}`, {OWN}",
                )


ELSEWHERE: dict[str, set[str]] = {
    field: {type_}
    for type_, field in DATA_VALUES
    if sum(field in fields for fields in SIGNAL_TYPES.values()) == 1
}
"""Fields with certain values that one type alone has, by that type."""


def conditions(path: Path, when: When) -> Iterator[tuple[Path, str, list[tuple[Path, str]]]]:
    """The fields of conditions, with the texts that they are compared with."""
    for field, condition in when.fields.items():
        place = (*path, field)
        values: list[tuple[Path, object]] = [
            ((*place, "in", i), one) for i, one in enumerate(condition.in_ or ())
        ]
        values += [((*place, key), one) for key, one in (("eq", condition.eq), ("not", condition.not_))]
        yield place, field, [(where, one) for where, one in values if isinstance(one, str)]
    inner = [
        ((*path, key, i), one) for key in ("all", "any") for i, one in enumerate(getattr(when, key) or ())
    ]
    inner += [((*path, "not"), when.not_)] if when.not_ is not None else []
    for place, one in inner:
        yield from conditions(place, one)


def left_out(file: RuleFile) -> Found:
    """Tables of `by` without a `default` that lack values which the field is documented to have."""
    for index, rule in enumerate(file.rules):
        by = rule.by
        if by is None or by.default is not None or len(by.field) > 1:
            continue
        name = by.field[0].removeprefix("data.")
        listed = dict.fromkeys(value for type_ in rule.on for value in DATA_VALUES.get((type_, name), ()))
        lacking = [value for value in listed if value not in by.points]
        if lacking and len(lacking) < len(listed):
            yield (
                ("rules", index, "by"),
                f"rule `{rule.id}` does not match {', '.join(f'`{value}`' for value in lacking)} of "
                f"`{by.field[0]}`, and has no `default`",
                "list them, with 0 points if that is meant, or name a `default`",
            )
