"""When time alone next does something to a lead: the first millisecond, by halving.

The future is cut where a kernel bends (an age, the end of a line, a step of inactivity). Between two cuts a
category is a constant, a line and one sum for each half-life, each of which lies between its values at the
ends of a stretch: a stretch whose extremes stay inside can be passed over, and no other can. Doubles pass
over what is clearly inside; everything else is decided in 40 digits.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from tests.oracle.kernels import Part, fading, of_age, power
from tests.oracle.lead import Lead
from tests.oracle.rules import duration

NARROW = 1e-6
"""Extremes closer than this are compared in 40 digits."""
MARGIN = 1e-11


@dataclass
class Terms:
    """A category from an instant on: constant, change a millisecond, and the worth then by half-life."""

    caps: tuple[Decimal, Decimal] | None
    constant: Decimal = Decimal(0)
    slope: Decimal = Decimal(0)
    halves: dict[int, Decimal] = field(default_factory=dict)


def next_event(lead: Lead, until: int) -> int | None:
    """The first instant in (settled, until] at which something is due."""
    found = [one for one in appointments(lead) if lead.settled < one <= until]
    level = next_level(lead, min(found, default=until))
    return min([*found, level] if level is not None else found, default=None)


def appointments(lead: Lead) -> list[int]:
    """Instants that are known without looking at the total."""
    found = [one.until for one in lead.waiting]
    for timer in lead.rules.absence:
        if timer["id"] in lead.waits:
            found.append(lead.waits[timer["id"]] + duration(timer["absence"]["within"]))
    if lead.anchor is not None:
        found += [lead.anchor + duration(timer["inactivity"]) for timer in lead.rules.inactivity]
    return found


def next_level(lead: Lead, until: int) -> int | None:
    """The first instant in (settled, until] at which a threshold, the band or the stage has to change."""
    low, high = lead.bounds()
    start = lead.settled
    for end in [*cuts(lead, start, until), until + 1]:
        # The last stretch has no cut at its end.
        found = leaves(lead, terms_of(lead, start), start, end - 1, low, high)
        if found is not None:
            return found
        if end <= until and not low <= lead.total(end) < high:
            return end
        start = end
    return None


def cuts(lead: Lead, after: int, until: int) -> list[int]:
    """Instants in (after, until] at which a kernel bends or jumps."""
    found: set[int] = set()
    for part in lead.happenings:
        if isinstance(part, Part):
            found.update(part.at + to for to, _ in part.ages if to is not None)
            if part.kernel.kind == "linear":
                found.add(part.at + part.kernel.time)
    for _, _, stepping in lead.stepping():
        begin = stepping.since if stepping.active is None else stepping.active
        assert begin is not None
        every = stepping.kernel.time
        first = begin + max(1, (after - begin) // every + 1) * every
        found.update(range(first, until + 1, every))
    return sorted(one for one in found if after < one <= until)


def terms_of(lead: Lead, start: int) -> list[Terms]:
    """The total from `start` to the next cut."""
    found: dict[str | None, Terms] = {}

    def of(category: str | None) -> Terms:
        return found.setdefault(category, Terms(lead.rules.caps(category)))

    stepping = {name for name, _, _ in lead.stepping()}
    smooth = [part for part in [*lead.happenings, *lead.fit] if isinstance(part, Part)]
    smooth = [part for part in smooth if part.factor not in stepping]
    for part in smooth:
        terms, worth = of(part.category), part.at_time(start)
        if part.kernel.kind == "exponential":
            terms.halves[part.kernel.time] = terms.halves.get(part.kernel.time, Decimal(0)) + worth
            continue
        terms.constant += worth
        if part.kernel.kind == "linear" and fading(part.kernel, part.at, start):
            scale = part.points * part.weight * of_age(part.ages, start - part.at)
            terms.slope -= scale / part.kernel.time
    for factor, category, worth in lead.contributions(start):
        if factor not in {part.factor for part in smooth}:
            of(category).constant += worth
    return list(found.values())


def leaves(lead: Lead, terms: list[Terms], start: int, end: int, low: Decimal, high: Decimal) -> int | None:
    """The first instant in (start, end] at which the total is outside [low, high); inside at `start`."""
    least_allowed, most_allowed = float(low) + MARGIN, float(high) - MARGIN

    def first(a: int, b: int) -> int | None:
        if b <= a:
            return None
        least, most = rough(terms, a - start, b - start)
        margin = MARGIN * (abs(least) + abs(most))
        if least_allowed + margin <= least and most < most_allowed - margin:
            return None
        if most - least < NARROW or b - a == 1:
            if b - a == 1:
                return b if not low <= lead.total(b) < high else None
            finest, largest = fine(terms, a - start, b - start)
            if low <= finest and largest < high:
                return None
        middle = (a + b) // 2
        found = first(a, middle)
        return found if found is not None else first(middle, b)

    return first(start, end)


def rough(terms: list[Terms], a: int, b: int) -> tuple[float, float]:
    """Least and most that the total can be in [a, b], in doubles."""
    least = most = 0.0
    for one in terms:
        low = high = float(one.constant)
        ends = [(float(one.slope) * a, float(one.slope) * b)]
        for half_life, worth in one.halves.items():
            value = float(worth)
            ends.append((value * 2.0 ** (-a / half_life), value * 2.0 ** (-b / half_life)))
        for pair in ends:
            low, high = low + min(pair), high + max(pair)
        if one.caps is not None:
            floor, cap = float(one.caps[0]), float(one.caps[1])
            low, high = min(max(low, floor), cap), min(max(high, floor), cap)
        least, most = least + low, most + high
    return least, most


def fine(terms: list[Terms], a: int, b: int) -> tuple[Decimal, Decimal]:
    """The same in 40 digits."""
    least = most = Decimal(0)
    for one in terms:
        low = high = one.constant
        ends = [(one.slope * a, one.slope * b)]
        for half_life, worth in one.halves.items():
            ends.append((worth * power(half_life, -a), worth * power(half_life, -b)))
        for pair in ends:
            low, high = low + min(pair), high + max(pair)
        if one.caps is not None:
            low, high = min(max(low, one.caps[0]), one.caps[1]), min(max(high, one.caps[0]), one.caps[1])
        least, most = least + low, most + high
    return least, most
