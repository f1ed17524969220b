"""The timers by themselves: whatever moves, they come up in order, none is missed and none early."""

from hypothesis import given, settings
from hypothesis import strategies as st

from leadstream.scoring.partition.timers import NEVER, SPAN_BITS, Timers

KEYS = [b"a", b"b", b"c", b"d"]
STEP = 1 << SPAN_BITS

moves = st.lists(
    st.tuples(
        st.sampled_from(KEYS),
        st.sampled_from([0, 1, 2, 1000, STEP - 1, STEP, STEP + 1, 5 * STEP, 300 * STEP]),
        st.sampled_from(["move", "move", "move", "rebuild", "fire"]),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(moves)
def test_timers_fire_in_order_however_leads_move(steps: list[tuple[bytes, int, str]]) -> None:
    now, dues = 0, dict.fromkeys(KEYS, 0)
    timers = Timers(dues.__getitem__)
    for key, ahead, kind in steps:
        if kind == "move":
            before, dues[key] = dues[key], now + ahead if ahead else 0
            if dues[key] and (not before or dues[key] < before):
                timers.add(key, dues[key])
        elif kind == "rebuild":
            timers.rebuild((one, due) for one, due in dues.items() if due)
        else:
            now += ahead
            assert timers.soonest <= min((due for due in dues.values() if due), default=NEVER)
            fired = []
            while (first := timers.first()) is not None and first[0] <= now:
                fired.append(first)
                dues[first[1]] = 0
                timers.fired(0)
            assert fired == sorted(fired)
            assert all(due > now for due in dues.values() if due)
    expected = sorted((due, key) for key, due in dues.items() if due)
    assert timers.first() == (expected[0] if expected else None)


def test_a_lead_that_is_due_again_comes_up_again() -> None:
    dues = {b"a": 10, b"b": 20}
    timers = Timers(dues.__getitem__)
    timers.rebuild(dues.items())
    assert timers.first() == (10, b"a")
    dues[b"a"] = 20
    timers.fired(20)
    assert timers.first() == (20, b"a")
    dues[b"a"] = 3 * STEP
    timers.fired(3 * STEP)
    assert timers.first() == (20, b"b")
    dues[b"b"] = 0
    timers.fired(0)
    assert timers.first() == (3 * STEP, b"a")
    assert timers.count == 1
