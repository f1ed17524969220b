"""Says where the engine and the reference differ."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from .reference import ALLOWED, History, Lead, Output, Partition, Signal
from .rules import Model


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


def assert_same_outputs(got: list[Output], expected: list[Output], model: Model) -> None:
    """The same records in the same order of each lead, and all in order of time.

    Records of different leads in one millisecond have no order among them.
    """
    assert [output.at for output in got] == sorted(output.at for output in got)
    of_lead: defaultdict[str, tuple[list[Output], list[Output]]] = defaultdict(lambda: ([], []))
    for output in got:
        of_lead[output.lead][0].append(output)
    for output in expected:
        of_lead[output.lead][1].append(output)
    for lead, (found, wanted) in of_lead.items():
        assert [bare(one) for one in found] == [bare(one) for one in wanted], lead
        for one, other in zip(found, wanted, strict=True):
            assert one.at == other.at or on_edge(one, other, model), (one, other)
            if one.at == other.at:
                assert_close(one.before, other.before, one)
                assert_close(one.total, other.total, one)


def bare(output: Output) -> Output:
    return replace(output, at=0, before=Decimal(0), total=Decimal(0))


def on_edge(one: Output, other: Output, model: Model) -> bool:
    """Whether two instants of decay differ by a millisecond in which the totals differ by less than 1e-9.

    The engine computes in doubles: where a total moves by less than that in a millisecond, which one is
    the first below a level is beyond what comparisons promise.
    """
    assert one.signal is None, one
    return abs(one.at - other.at) == 1 and abs(one.total - other.total) < ALLOWED


def assert_same_history(got: list[History], expected: list[History]) -> None:
    assert [without_totals(one) for one in got] == [without_totals(one) for one in expected]
    for one, other in zip(got, expected, strict=True):
        assert_close(one.before, other.before, one)
        assert_close(one.after, other.after, one)


def without_totals(entry: History) -> History:
    return replace(entry, before=Decimal(0), after=Decimal(0))


def lead_of(partition: Partition, key: bytes) -> Lead:
    return partition.leads[key.decode().partition(":")[2]]
