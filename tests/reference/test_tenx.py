"""The engine against the reference on random histories, with the preset `tenx`."""

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadstream.models import load_catalog
from leadstream.records.keys import lead_key
from leadstream.scoring.decay.totals import score

from .budget import examples, note_seed
from .comparison import assert_close, assert_same_history, assert_same_outputs, reference
from .engine import TENANT, record, run, run_in_pieces
from .histories import COMMUTING, NARROW, START, Said, histories, reordered, with_ticks
from .reference import Lead
from .rules import DAY, TENX
from .signals import Signal

CATALOG = load_catalog("tenx")
LONG = 400 * DAY
"""By then a score of 100 has shown 0 for long."""


@pytest.mark.requirement("S0-2")
@pytest.mark.requirement("S0-10")
@pytest.mark.requirement("S1-1")
@pytest.mark.requirement("S1-12")
@pytest.mark.requirement("N-2")
@pytest.mark.requirement("N-6")
@examples
@given(histories() | histories(NARROW, leads=1), st.integers(0, 60 * DAY))
def test_crossings_bands_actions_history_and_scores_are_those_of_the_reference(
    signals: list[Signal], later: int
) -> None:
    note_seed()
    found, partition = run(CATALOG, [record(signal) for signal in signals])
    expected = reference(TENX, signals)

    assert partition.now == expected.now
    found.assert_ids_are_consistent()
    assert_same_outputs(found.outputs(), expected.outputs)
    assert_same_history(found.history(), expected.history)
    assert {key.decode() for key in found.snapshots} == {f"{TENANT}:{name}" for name in expected.leads}
    for name, lead in expected.leads.items():
        key = lead_key(TENANT, name)
        for time in (expected.now, expected.now + later):
            state = partition.state_of(key)
            assert state is not None
            got = score(state, partition.model_of(key), time)
            assert_close(got.total, lead.total(time), name)
            assert (got.score, got.band) == (lead.score(time), lead.band_of(lead.total(time)))
        assert_same_snapshot(found.snapshots[key], lead, expected.now + later)


def assert_same_snapshot(snapshot: dict[str, object], lead: Lead, time: int) -> None:
    """The snapshot is the lead at its `at`, can be read at a later time, and says what changes next."""
    at = int(str(snapshot["at"]))
    assert_close(float(str(snapshot["total"])), lead.total(at), snapshot)
    assert (snapshot["score"], snapshot["band"]) == (lead.score(at), lead.band)
    assert set(snapshot["suppressed"]) == lead.suppressed  # type: ignore[call-overload]
    shares: dict[str, float] = {}
    for factor, _, points, kernel, half_life, mass, t_ref, _, _ in snapshot["accumulators"]:  # type: ignore[attr-defined]
        assert kernel == "exponential"
        shares[factor] = points * mass * 2 ** (-(time - t_ref) / half_life)
    expected = lead.factors(time)
    assert shares.keys() == expected.keys()
    for factor, points in expected.items():
        assert_close(shares[factor], points, factor)
    assert_close(sum(shares.values()), lead.total(time), "the sum of the factors")
    instants = (lead.next_score(at, at + LONG), lead.next_change(lead.evaluated + LONG))
    first = min((one for one in instants if one is not None), default=None)
    told = snapshot["next_change"]
    assert (told is None) == (first is None), (told, first)
    if first is not None:
        told = int(str(told))
        near = abs(lead.total(told) - lead.total(first)) < Decimal("1e-9")
        assert told == first or (abs(told - first) == 1 and near), (told, first)


@pytest.mark.requirement("N-10")
@examples
@given(histories(), st.integers(0, 2**32))
def test_packs_steps_and_restores_at_random_places_change_no_byte(signals: list[Signal], pieces: int) -> None:
    note_seed()
    records = [record(signal) for signal in signals]
    whole, _ = run(CATALOG, records)
    parts = run_in_pieces(CATALOG, records, pieces)
    assert parts == whole


@pytest.mark.requirement("N-2")
@pytest.mark.requirement("N-10")
@examples
@given(histories(), st.integers(0, 2**32))
def test_ticks_at_random_places_change_no_byte(signals: list[Signal], places: int) -> None:
    note_seed()
    last = max((signal.broker_time for signal in signals), default=START) + 200 * DAY
    # The end is the same for both, so that all timers have fired.
    end = Signal(2 * len(signals), last)
    ticked = with_ticks([*signals, end], Random(places))
    plain, _ = run(CATALOG, [record(signal) for signal in [*signals, end]])
    found, _ = run(CATALOG, [record(signal) for signal in ticked])
    assert found == plain
    assert_same_outputs(found.outputs(), reference(TENX, ticked).outputs)


@st.composite
def commuting(draw: st.DrawFn) -> tuple[list[Signal], list[int]]:
    """Signals of one lead, all of which happened before the first arrives, and another order of arrival."""
    steps: list[tuple[Said, int, int]] = draw(
        st.lists(
            st.tuples(st.sampled_from(COMMUTING), st.integers(0, 90 * DAY), st.integers(0, DAY)),
            min_size=2,
            max_size=25,
        )
    )
    signals, now = [], START
    for number, ((kind, source, data), age, gap) in enumerate(steps):
        now += gap
        signals.append(Signal(number, now, "lead", f"s{number}", kind, START - age, source, data))
    return signals, draw(st.permutations(range(len(signals))))


@pytest.mark.requirement("N-5")
@examples
@given(commuting())
def test_law_7_signals_that_commute_give_the_same_total_in_any_order(
    drawn: tuple[list[Signal], list[int]],
) -> None:
    note_seed()
    signals, order = drawn
    now = signals[-1].broker_time
    expected = reference(TENX, signals).leads["lead"].total(now)
    for history in (signals, reordered(signals, order)):
        found, _ = run(CATALOG, [record(signal) for signal in history])
        assert_close(found.snapshots[lead_key(TENANT, "lead")]["total"], expected, "the total")
