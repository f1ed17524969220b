"""Says where the engine and the reference differ."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from .reference import ALLOWED, History, Output, Partition
from .rules import Model
from .signals import Signal


def reference(model: Model, signals: Iterable[Signal]) -> Partition:
    partition = Partition(model)
    for signal in signals:
        partition.fold(signal)
    return partition


def assert_close(got: Decimal | float, expected: Decimal, what: object) -> None:
    """Equal within 1e-9, relative for what is larger than 1."""
    assert abs(Decimal(got) - expected) <= ALLOWED * max(Decimal(1), abs(expected)), (
        f"{what}: {got}, not {expected}"
    )


def assert_same_outputs(got: list[Output], expected: list[Output]) -> None:
    """The same records in the same order, of each lead and of all."""
    assert [output.at for output in got] == sorted(output.at for output in got)
    of_lead: defaultdict[str, tuple[list[Output], list[Output]]] = defaultdict(lambda: ([], []))
    for output in got:
        of_lead[output.lead][0].append(output)
    for output in expected:
        of_lead[output.lead][1].append(output)
    for lead, (found, wanted) in of_lead.items():
        assert [bare(one) for one in found] == [bare(one) for one in wanted], lead
        for one, other in zip(found, wanted, strict=True):
            assert one.at == other.at or on_edge(one, other), (one, other)
            if one.at == other.at:
                assert_close(one.before, other.before, one)
                assert_close(one.total, other.total, one)
    if [output.at for output in got] == [output.at for output in expected]:
        assert [bare(output) for output in got] == [bare(output) for output in expected]


def bare(output: Output) -> Output:
    return replace(output, at=0, before=Decimal(0), total=Decimal(0))


def on_edge(one: Output, other: Output) -> bool:
    """Whether two instants of decay are apart only because the engine computes in doubles.

    They may be a millisecond apart where the totals at the two differ by less than 1e-9, which comparisons
    allow, and further where a total creeps up to a level so slowly that doubles can't tell its values apart.
    """
    assert one.signal is None, one
    apart = abs(one.total - other.total)
    return apart < Decimal("1e-12") or (abs(one.at - other.at) == 1 and apart < ALLOWED)


def assert_same_history(got: list[History], expected: list[History]) -> None:
    assert [without_totals(one) for one in got] == [without_totals(one) for one in expected]
    for one, other in zip(got, expected, strict=True):
        assert_close(one.before, other.before, one)
        assert_close(one.after, other.after, one)


def without_totals(entry: History) -> History:
    return replace(entry, before=Decimal(0), after=Decimal(0))
