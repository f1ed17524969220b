"""Whether conditions imply others: each signal that meets the ones meets the others too.

Sound and not complete: what is said to be implied is, what is not said may be.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from leadstream.models.rules import Condition, When
from leadstream.models.when import tests_of
from leadstream.records.signal import Signal
from leadstream.scoring.facts.text import plain

Proof = frozenset[str] | None
"""The fields that it holds for only while they are texts, most often none; None if nothing is proven."""
PROVEN: Proof = frozenset()
MAX_STEPS = 2000
"""Alternatives in alternatives are many; past this nothing is proven."""


class _Gave(Exception):
    """There are too many cases to look at."""


def implies(stronger: Sequence[When], weaker: When) -> Proof:
    """Whether all of the stronger conditions, together, imply the weaker one."""
    try:
        return _Prover().all_of(list(stronger), weaker)
    except _Gave:
        return None


class _Prover:
    def __init__(self) -> None:
        self.steps = 0

    def all_of(self, known: list[When], goal: When) -> Proof:
        """Whether what is known implies each part of a goal."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise _Gave
        found: frozenset[str] = frozenset()
        for field, condition in goal.fields.items():
            for name, value in atoms(condition):
                proof = self.by_cases(known, field, name, value)
                if proof is None:
                    return None
                found |= proof
        for one in goal.all or ():
            proof = self.all_of(known, one)
            if proof is None:
                return None
            found |= proof
        if goal.any is not None:
            proof = self.one_of(known, goal.any)
            if proof is None:
                return None
            found |= proof
        if goal.not_ is not None:
            proof = self.none_of(known, goal.not_)
            if proof is None:
                return None
            found |= proof
        return found

    def by_cases(self, known: list[When], field: str, name: str, value: Any) -> Proof:
        proof = implied(list(asked(known, field)), field, name, value)
        if proof is not None:
            return proof
        condition = Condition.model_validate({name: value})
        goal = When.model_validate({field: condition.model_dump(by_alias=True, exclude_none=True)})
        return self.each_case(known, goal)

    def each_case(self, known: list[When], goal: When) -> Proof:
        """Whether each alternative of an `any` that is known implies the goal."""
        for place, choices in alternatives(known):
            found: frozenset[str] = frozenset()
            for choice in choices:
                proof = self.all_of([*without(known, place), choice], goal)
                if proof is None:
                    break
                found |= proof
            else:
                return found
        return None

    def one_of(self, known: list[When], goals: list[When]) -> Proof:
        for goal in goals:
            proof = self.all_of(known, goal)
            if proof is not None:
                return proof
        return (
            self.each_case(known, When.model_construct(all=None, any=goals, not_=None))
            if any(True for _ in alternatives(known))
            else None
        )

    def none_of(self, known: list[When], goal: When) -> Proof:
        """Whether a condition can't hold: it implies one that is known not to, or a field rules it out."""
        for denied in denials(known):
            proof = self.all_of([goal], denied)
            if proof is not None:
                return proof
        for field, condition in conjuncts([goal]):
            if excluded(list(asked(known, field)), field, condition):
                return PROVEN
        return None


def conjuncts(known: Iterable[When]) -> Iterator[tuple[str, Condition]]:
    """The conditions on fields that all hold."""
    for when in known:
        yield from when.fields.items()
        yield from conjuncts(when.all or ())


def asked(known: Iterable[When], field: str) -> Iterator[Condition]:
    return (condition for name, condition in conjuncts(known) if name == field)


def denials(known: Iterable[When]) -> Iterator[When]:
    """What is known not to hold."""
    for when in known:
        if when.not_ is not None:
            yield when.not_
        yield from denials(when.all or ())


def alternatives(known: list[When]) -> Iterator[tuple[int, list[When]]]:
    """The `any`s of which one alternative holds, by the number in which they are met."""
    flat = flattened(known)
    return ((place, when.any) for place, when in enumerate(flat) if when.any is not None)


def flattened(known: Iterable[When]) -> list[When]:
    return [one for when in known for one in (when, *flattened(when.all or ()))]


def without(known: list[When], place: int) -> list[When]:
    """What is known but for the `any` of this number."""
    found = []
    for number, when in enumerate(flattened(known)):
        fields = dict(when.fields)
        kept = When.model_construct(all=None, any=None if number == place else when.any, not_=when.not_)
        object.__setattr__(kept, "__pydantic_extra__", fields)
        found.append(kept)
    return found


def atoms(condition: Condition) -> Iterator[tuple[str, Any]]:
    """The tests of a condition, by the name that they have in a file."""
    for name, field in Condition.model_fields.items():
        value = getattr(condition, name)
        if value is not None:
            yield field.alias or name, value


def implied(known: list[Condition], field: str, name: str, value: Any) -> Proof:
    """Whether what is known of a field implies one test of it."""
    values = certain(known, field)
    if values is not None:
        goal = Condition.model_validate({name: value})
        return PROVEN if values and all(holds(goal, field, one) for one in values) else None
    for condition in known:
        for other, bound in atoms(condition):
            proof = follows(field, other, bound, name, value)
            if proof is not None:
                return proof
    return None


def follows(field: str, other: str, bound: Any, name: str, value: Any) -> Proof:
    """Whether one test of a field implies another."""
    found = False
    if name == "exists":
        positive = other in ("not", "gt", "gte", "lt", "lte", "contains", "url_path")
        found = (value is True and positive) or (other == "exists" and bound is value)
    elif name == "not":
        same = other == "not" and plain(bound) == plain(value)
        found = same or (other in BEYOND and is_number(value) and BEYOND[other](bound, value))
    elif name in ("gt", "gte") and other in ("gt", "gte"):
        found = bound > value or (bound == value and (name, other) != ("gt", "gte"))
    elif name in ("lt", "lte") and other in ("lt", "lte"):
        found = bound < value or (bound == value and (name, other) != ("lt", "lte"))
    elif name == other == "contains":
        if bound == value:
            return PROVEN
        inside = value.casefold() in bound.casefold() and folded(value) in folded(bound)
        # Of a list, `contains` wants the very entry.
        return (frozenset() if field == "source" else frozenset({field})) if inside else None
    elif name == other == "matches":
        found = bound == value
    elif name == other == "url_path":
        found = set(bound) <= set(value)
    return PROVEN if found else None


BEYOND = {
    "gt": lambda bound, value: bound >= value,
    "gte": lambda bound, value: bound > value,
    "lt": lambda bound, value: bound <= value,
    "lte": lambda bound, value: bound < value,
}
"""Comparisons that a number does not meet, so that what meets them is another one."""


def excluded(known: list[Condition], field: str, condition: Condition) -> bool:
    """Whether what is known of a field rules a condition out."""
    values = certain(known, field)
    if values is not None:
        return bool(values) and not any(holds(condition, field, one) for one in values)
    wanted = certain([condition], field)
    denied = [one.not_ for one in known if one.not_ is not None]
    return bool(wanted) and all(any(plain(one) == plain(other) for other in denied) for one in wanted or ())


def certain(known: list[Condition], field: str) -> list[Any] | None:
    """All values that the field can have, as `eq` and `in` tell them; None if they do not."""
    for condition in known:
        listed = condition.in_ if condition.eq is None else [condition.eq]
        if listed is not None:
            forms = [form for value in listed for form in forms_of(value)]
            return [one for one in forms if all(holds(other, field, one) for other in known)]
    return None


def forms_of(value: Any) -> list[Any]:
    """A value with what may stand for the same in a signal: a number as a text, letters in their parts."""
    if isinstance(value, bool):
        return [value, str(value).lower()]
    if isinstance(value, int | float):
        return [value, str(value)]
    found = [value, *(unicodedata.normalize(form, value) for form in ("NFC", "NFD"))]
    if value.casefold() in ("true", "false"):
        found.append(value.casefold() == "true")
    try:
        number = float(value)
    except ValueError:
        return found
    return [*found, number, int(number)] if number == number and abs(number) < 2**53 else found


def holds(condition: Condition, field: str, value: Any) -> bool:
    """Whether a field with this value meets a condition."""
    data: Any = value
    source = value if field == "source" and isinstance(value, str) else ""
    for part in reversed(field.split(".")[1:]):
        data = {part: data}
    signal = Signal("", "", "", "", 0, source, data if isinstance(data, dict) else {})
    if field == "source" and not isinstance(value, str):
        return False
    return all(test(signal) for test in tests_of(field, condition))


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()
