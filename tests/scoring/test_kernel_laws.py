"""The laws of `leadstream.scoring.kernels.kernel.Kernel`, over every kernel that is registered."""

from dataclasses import dataclass
from itertools import pairwise
from math import inf

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from leadstream.scoring.decay.segments import Term, segment_of
from leadstream.scoring.kernels.age_table import AgeTable
from leadstream.scoring.kernels.buckets import MAX_BUCKETS, add_bucket
from leadstream.scoring.kernels.kernel import Ages, Bucket, Kernel, Named, Parameters
from leadstream.scoring.kernels.registry import KERNELS, kernel_of_record, kernels_of_rules
from tests.scoring.folding import DAY, HOUR, MINUTE, T0

PERIODS = st.sampled_from([1, 997, MINUTE, HOUR, DAY, 7 * DAY, 30 * DAY, 3650 * DAY])
PARAMETERS = st.builds(
    Parameters, st.sampled_from([0.0, 5.0, 33.3, 100.0]), st.booleans(), st.sampled_from([0.0, 0.0, 4.0, 1e6])
)
AGES: list[Ages] = [
    ((DAY, 2.0), (7 * DAY, 1.5), (30 * DAY, 1.0), (0, 0.5)),
    ((HOUR, 0.0), (9 * DAY, 3.0), (0, 1.0)),
    ((0, 0.25),),
    ((DAY, 1.0), (0, 0.0)),
]
POINTS = st.sampled_from([1.0, 2.5, 40.0, -20.0])
AGO = st.sampled_from([0, 1, HOUR, DAY - 1, DAY, 7 * DAY, 30 * DAY]) | st.integers(0, 200 * DAY)
"""How long before T0 a signal was, in ms."""
AHEAD = st.sampled_from([0, 1, DAY - 1, DAY, 400 * DAY]) | st.integers(0, 400 * DAY)
"""How long after T0 a worth is read, in ms."""
SIGNALS = st.lists(st.tuples(AGO.map(lambda ago: T0 - ago), st.sampled_from([1.0, 2.0, 0.375])), max_size=6)

of_every_kernel = pytest.mark.parametrize("kind", list(KERNELS))
of_kernels_of_signals = pytest.mark.parametrize(
    "kind", [kind for kind, kernel in KERNELS.items() if not kernel.spell]
)


def plain(kind: str) -> st.SearchStrategy[Named]:
    """The kernel with any time and parameters; a kernel that has no time takes none."""
    made = KERNELS[kind].of_record
    return st.builds(made, st.just(0) if kind == "none" else PERIODS, PARAMETERS)


def kernels(kind: str) -> st.SearchStrategy[Kernel]:
    """The same, also under an age table."""
    if KERNELS[kind].spell:
        return plain(kind)
    return plain(kind) | st.builds(AgeTable, plain(kind), st.sampled_from(AGES))


@dataclass
class Held:
    """An accumulator at T0, whatever its kernel; its signals are (effective time, mass)."""

    kernel: Kernel
    points: float
    mass: float = 0.0
    ref: int = T0
    buckets: tuple[Bucket, ...] = ()
    active_at: int | None = None

    @classmethod
    def of(cls, kernel: Kernel, points: float, signals: list[Bucket]) -> "Held":
        """All signals folded in their order; for a kernel that counts activities the last of them was one."""
        if not signals:
            return cls(kernel, points)
        mass, ref, buckets = 0.0, signals[0][0], list[Bucket]()
        for at, one_mass in signals:
            if kernel.bucketed:
                mass, ref = add_bucket(buckets, kernel, mass, ref, (at, one_mass), T0)
            else:
                mass, ref = kernel.added((mass, ref), (one_mass, at))
        newest = max(at for at, _ in signals)
        if kernel.locks:
            ref = newest
        return cls(kernel, points, mass, ref, tuple(buckets), newest if kernel.locks else None)

    def worth(self, t: int) -> float:
        return self.kernel.worth(self.points, self.mass, self.ref, self.buckets, self.active_at, t)

    def term(self) -> Term:
        return Term(0, self.points, self.kernel, self.mass, self.ref, self.buckets, self.active_at)

    def merged(self, other: "Held") -> "Held":
        mass, ref = self.kernel.added((self.mass, self.ref), (other.mass, other.ref))
        buckets = list(self.buckets)
        for bucket in other.buckets:
            mass, ref = add_bucket(buckets, self.kernel, mass, ref, bucket, T0)
        return Held(self.kernel, self.points, mass, ref, tuple(buckets), self.active_at)


@of_kernels_of_signals
@settings(deadline=None)
@given(st.data(), POINTS, AGO)
def test_a_signal_of_age_0_is_worth_its_points(
    kind: str, data: st.DataObject, points: float, ago: int
) -> None:
    kernel = data.draw(plain(kind))
    at = T0 - ago
    one = Held(kernel, points, 0.0 if kernel.bucketed else 1.0, at, ((at, 1.0),) if kernel.bucketed else ())
    assert one.worth(at) == points


@of_kernels_of_signals
@settings(deadline=None)
@given(st.data(), POINTS, SIGNALS, st.lists(AHEAD, min_size=2, max_size=6))
def test_worth_never_grows_and_never_turns(
    kind: str, data: st.DataObject, points: float, signals: list[Bucket], ahead: list[int]
) -> None:
    held = Held.of(data.draw(plain(kind)), points, signals)
    sign = 1.0 if points > 0 else -1.0
    sizes = [sign * held.worth(T0 + one) for one in sorted(ahead)]
    assert sizes[-1] >= 0.0
    assert all(later <= earlier * (1 + 1e-12) for earlier, later in pairwise(sizes))


@of_every_kernel
@settings(deadline=None)
@given(st.data(), SIGNALS, AHEAD)
def test_worth_is_proportional_to_points(
    kind: str, data: st.DataObject, signals: list[Bucket], ahead: int
) -> None:
    kernel = data.draw(kernels(kind))
    assume(not kernel.parameters.floor or not kernel.locks)
    single, many = Held.of(kernel, 1.0, signals), Held.of(kernel, -20.0, signals)
    assert many.worth(T0 + ahead) == pytest.approx(-20.0 * single.worth(T0 + ahead), rel=1e-12, abs=1e-12)


@of_every_kernel
@settings(deadline=None)
@given(st.data(), POINTS, SIGNALS)
def test_the_form_holds_until_the_next_change_and_no_longer(
    kind: str, data: st.DataObject, points: float, signals: list[Bucket]
) -> None:
    held = Held.of(data.draw(kernels(kind)), points, signals)
    segment = segment_of([held.term()], [(-inf, inf)], T0)
    end = T0 + 1000 * DAY if segment.end is None else segment.end
    assert end > T0
    (part,) = segment.parts
    assert segment.end is not None or not part.curves
    for t in {T0, data.draw(st.integers(T0, end - 1)), end - 1}:
        worth = held.worth(t)
        # Between an instant and itself the bounds are the value.
        least, most, _, _ = segment.bounds(t, t)
        assert least == pytest.approx(worth, rel=1e-9, abs=1e-9)
        assert most == pytest.approx(worth, rel=1e-9, abs=1e-9)
        first, last = sorted((t, data.draw(st.integers(T0, end - 1))))
        least, most, falls, rises = segment.bounds(first, last)
        change = held.worth(last) - held.worth(first)
        for value in (held.worth(first), held.worth(last)):
            assert least - 1e-9 <= value <= most + 1e-9
        assert falls * (last - first) - 1e-9 <= change <= rises * (last - first) + 1e-9


@of_kernels_of_signals
@settings(deadline=None)
@given(st.data(), POINTS, SIGNALS, st.integers(0, 6), AHEAD)
def test_any_order_and_any_merge_give_the_same(
    kind: str, data: st.DataObject, points: float, signals: list[Bucket], cut: int, ahead: int
) -> None:
    kernel = data.draw(kernels(kind))
    held = Held.of(kernel, points, signals)
    shuffled = data.draw(st.permutations(signals))
    folded = Held.of(kernel, points, shuffled)
    merged = Held.of(kernel, points, shuffled[:cut]).merged(Held.of(kernel, points, shuffled[cut:]))
    merged.active_at = held.active_at
    if kernel.locks:
        # Both are as of the same activity, as a merge of leads makes them.
        merged.ref = held.ref
    for one in (folded, merged):
        assert one.worth(T0 + ahead) == pytest.approx(held.worth(T0 + ahead), rel=1e-9, abs=1e-9)


@of_every_kernel
@settings(deadline=None)
@given(st.data(), POINTS, SIGNALS, AHEAD, AHEAD)
def test_worth_stays_within_the_outlook(
    kind: str, data: st.DataObject, points: float, signals: list[Bucket], since: int, ahead: int
) -> None:
    held = Held.of(data.draw(kernels(kind)), points, signals)
    at = T0 + since
    least, most, lasting, half_life = held.kernel.outlook(
        points, held.mass, held.ref, held.buckets, held.active_at, at
    )
    assert least <= lasting <= 0.0 <= most
    worth = held.worth(at + ahead)
    faded = most * 2.0 ** (-ahead / half_life) if half_life else most + lasting
    assert least - 1e-9 <= worth <= faded + 1e-9


@of_kernels_of_signals
@settings(deadline=None)
@given(st.data(), POINTS)
def test_beyond_64_signals_kept_apart_none_is_lost(kind: str, data: st.DataObject, points: float) -> None:
    kernel = data.draw(kernels(kind))
    signals = [(T0 - number, 1.0) for number in range(MAX_BUCKETS + 10)]
    held = Held.of(kernel, points, signals)
    assert len(held.buckets) <= MAX_BUCKETS
    if kernel.bucketed and kernel.oldest > 1000 * MAX_BUCKETS:
        exact = sum(kernel.worth(points, 0.0, at, [(at, mass)], held.active_at, T0) for at, mass in signals)
        assert held.worth(T0) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("kind", [kind for kind, kernel in KERNELS.items() if kernel.locks])
@settings(deadline=None)
@given(st.data(), POINTS, SIGNALS, AHEAD)
def test_what_activity_locks_in_is_what_was_left(
    kind: str, data: st.DataObject, points: float, signals: list[Bucket], ahead: int
) -> None:
    kernel = data.draw(kernels(kind))
    held, at = Held.of(kernel, points, signals), T0 + ahead
    before = held.worth(at)
    factor = kernel.locked(points, held.mass, held.ref, held.buckets, held.active_at, at)
    kept = tuple((since, mass * factor) for since, mass in held.buckets)
    after = Held(kernel, points, held.mass * factor, at, kept, at)
    assert after.worth(at) == pytest.approx(before, rel=1e-9, abs=1e-9)


@of_kernels_of_signals
@settings(deadline=None)
@given(st.data(), st.sampled_from(AGES), AGO)
def test_an_age_table_multiplies_by_the_factor_of_the_age(
    kind: str, data: st.DataObject, ages: Ages, age: int
) -> None:
    base = data.draw(plain(kind))
    assume(not base.parameters.floor)
    factor = next((factor for to, factor in ages[:-1] if age < to), ages[-1][1])
    bucket, at = [(T0 - age, 1.0)], T0 - age
    bare = base.worth(10.0, 0.0, at, bucket, at, T0)
    assert AgeTable(base, ages).worth(10.0, 0.0, at, bucket, at, T0) == pytest.approx(bare * factor)


@of_every_kernel
@settings(deadline=None)
@given(st.data(), st.sampled_from([(), *AGES]))
def test_a_record_gives_the_same_kernel_again(kind: str, data: st.DataObject, ages: Ages) -> None:
    made = data.draw(plain(kind))
    kernel = AgeTable(made, ages) if ages else made
    again = kernel_of_record(kernel.kind, kernel.half_life, kernel.parameters, kernel.ages)
    assert again == kernel
    assert hash(again) == hash(kernel)


@of_every_kernel
def test_parameters_out_of_range_are_refused_with_one_line(kind: str) -> None:
    periods = [5] if kind == "none" else [0, -1]
    wrong = [(period, Parameters()) for period in periods]
    if KERNELS[kind].locks:
        wrong += [(DAY, Parameters(percent=one)) for one in (-1.0, 100.5, float("nan"))]
        wrong += [(DAY, Parameters(floor=one)) for one in (-1.0, inf, float("nan"))]
    for half_life, parameters in wrong:
        with pytest.raises(ValueError, match=kind) as refused:
            kernel_of_record(kind, half_life, parameters, ())
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("ages", [((DAY, 1.0),), ((DAY, 1.0), (HOUR, 2.0), (0, 1.0)), ((-1, 1.0), (0, 1.0))])
def test_an_age_table_out_of_order_is_refused_with_one_line(ages: Ages) -> None:
    with pytest.raises(ValueError, match="ascends") as refused:
        kernel_of_record("none", 0, Parameters(), ages)
    assert "\n" not in str(refused.value)


def test_a_kernel_that_is_not_registered_is_refused_with_one_line() -> None:
    with pytest.raises(ValueError, match="no kernel is called sigmoid"):
        kernel_of_record("sigmoid", DAY, Parameters(), ())


@of_every_kernel
@settings(deadline=None)
@given(st.data())
def test_its_words_name_its_time(kind: str, data: st.DataObject) -> None:
    kernel = data.draw(plain(kind))
    assert ("as long as this" in kernel.words(lambda ms: "as long as this")) is bool(kernel.half_life)
    if not kernel.spell:
        assert AgeTable(kernel, AGES[0]).words(str).endswith("by age")


def test_names_and_keys_are_of_one_kernel_each() -> None:
    assert all(kernel.kind == kind for kind, kernel in KERNELS.items())
    keys = [kernel.key for kernel in KERNELS.values() if kernel.key]
    assert sorted(keys) == sorted(kernels_of_rules())
    assert all(kernel.example for kernel in kernels_of_rules().values())
