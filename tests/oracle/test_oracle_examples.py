"""The oracle itself against numbers computed by hand."""

from decimal import Decimal
from typing import Any

import pytest

from tests.oracle.facts import entries
from tests.oracle.hours import next_opening
from tests.oracle.log import Oracle
from tests.oracle.rules import DAY, Rules

T0 = 1_767_571_200_000
"""2026-01-05T00:00:00Z, a Monday."""
HOUR = 3_600_000
STEPS: dict[str, Any] = {"percent": 5, "every": "30d"}
STEP = {"inactivity_step": STEPS}


def oracle_of(*rules: dict[str, Any], **more: Any) -> Oracle:
    file = {
        "name": "m", "version": "1", "half_life": "none", "bands": [{"name": "cold", "from": 0}],
        "rules": list(rules), **more,
    }  # fmt: skip
    return Oracle(Rules(file), "app", "signals")


def fold(oracle: Oracle, kind: str, now: int, at: int | None = None, **data: Any) -> None:
    offset = len(oracle.told)
    oracle.fold(
        {
            "id": f"s{offset}", "tenant": "t", "lead": "l", "type": kind, "at": now if at is None else at,
            "source": "", "data": data, "offset": offset, "timestamp": now,
        }
    )  # fmt: skip


def total(oracle: Oracle, t: int) -> Decimal:
    return oracle.leads["t", "l"].total(t)


def close(found: Decimal, expected: int) -> bool:
    return abs(found - expected) < Decimal("1e-30")


def records(oracle: Oracle) -> list[tuple[str, str]]:
    """What was put out after the crossings: what, and the reason or the direction."""
    return [
        (event.what, event.reason or event.direction)
        for event in oracle.events
        if event.type != "lead.threshold.crossed"
    ]


def test_80_points_idle_for_60_days_are_72_2_and_an_open_worth_5_makes_77_2() -> None:
    oracle = oracle_of(
        {"id": "big", "on": "big", "points": 80, "decay": STEP},
        {"id": "open", "on": "open", "points": 5, "decay": STEP},
    )
    fold(oracle, "big", T0)
    assert total(oracle, T0 + 30 * DAY - 1) == 80
    assert total(oracle, T0 + 30 * DAY) == 76
    assert total(oracle, T0 + 60 * DAY) == Decimal("72.2")
    fold(oracle, "open", T0 + 60 * DAY)
    assert total(oracle, T0 + 90 * DAY - 1) == Decimal("77.2")
    assert total(oracle, T0 + 90 * DAY) == Decimal("77.2") * Decimal("0.95")


def test_the_variants_of_inactivity_part_at_120_days_and_a_floor_holds() -> None:
    steps: list[tuple[dict[str, Any], Decimal]] = [
        ({"variant": "compounding"}, Decimal("65.1605")),
        ({"variant": "linear"}, Decimal(64)),
        ({"floor": 70}, Decimal(70)),
        ({"percent": 100, "floor": 3}, Decimal(3)),
    ]
    for step, expected in steps:
        decay = {"inactivity_step": {**STEPS, **step}}
        oracle = oracle_of({"id": "big", "on": "big", "points": 80, "decay": decay})
        fold(oracle, "big", T0)
        assert total(oracle, T0 + 120 * DAY) == expected


def test_another_rules_signal_locks_the_loss_in_and_begins_the_count_anew() -> None:
    oracle = oracle_of(
        {"id": "big", "on": "big", "points": 80, "decay": STEP}, {"id": "small", "on": "small", "points": 1}
    )
    fold(oracle, "big", T0)
    fold(oracle, "small", T0 + 45 * DAY)
    assert total(oracle, T0 + 75 * DAY - 1) == 77
    assert total(oracle, T0 + 75 * DAY) == Decimal("73.2")


def test_an_age_steps_at_24_hours_7_days_and_30_days() -> None:
    table = [
        {"to": "24h", "factor": 2},
        {"to": "7d", "factor": 1.5},
        {"to": "30d", "factor": 1},
        {"factor": 0.5},
    ]
    oracle = oracle_of({"id": "r", "on": "a", "points": 10, "recency": table})
    fold(oracle, "a", T0)
    assert [total(oracle, T0 + age) for age in (0, DAY - 1, DAY, 7 * DAY - 1, 7 * DAY)] == [
        20,
        20,
        15,
        15,
        10,
    ]
    assert [total(oracle, T0 + age) for age in (30 * DAY - 1, 30 * DAY, 400 * DAY)] == [10, 5, 5]


def test_a_line_goes_down_evenly_to_nothing() -> None:
    oracle = oracle_of({"id": "r", "on": "a", "points": 40, "decay": {"linear": "10d"}})
    fold(oracle, "a", T0)
    assert [total(oracle, T0 + days * DAY) for days in (0, 5, 9, 10, 11)] == [40, 20, 4, 0, 0]


def test_30_points_under_a_cap_of_25_stay_25_for_14_days_times_log2_of_1_2() -> None:
    oracle = oracle_of(
        {"id": "r", "on": "a", "points": 30, "category": "c"},
        half_life="14d", categories={"c": {"cap": 25}}, thresholds=[{"at": 25}, {"at": 20}][::-1],
    )  # fmt: skip
    fold(oracle, "a", T0)
    # 1,209,600,000 ms x log2(30 / 25) = 318,166,417.3; x log2(30 / 20) = 707,570,640.9
    oracle.advance(T0 + 20 * DAY)
    downs = [event.at for event in oracle.events if event.direction == "down"]
    assert downs == ["2026-01-08T16:22:46.418Z", "2026-01-13T04:32:50.641Z"]
    shares = oracle.leads["t", "l"].shares(T0)
    assert shares == {"r": 30, "cap:c": -5}


def test_a_negative_category_counts_down_to_minus_its_cap() -> None:
    oracle = oracle_of(
        {"id": "r", "on": "a", "points": -7, "category": "c"},
        categories={"c": {"cap": 10, "sign": "negative"}},
    )
    fold(oracle, "a", T0)
    assert total(oracle, T0) == -7
    fold(oracle, "a", T0)
    assert total(oracle, T0) == -10


@pytest.mark.parametrize(
    ("fit", "value", "expected"),
    [
        ({"keywords": {"points": {"manager": 10, "senior manager": 8}}}, "Senior Manager", [("manager", 10)]),
        (
            {"keywords": {"points": {"manager": 10, "senior manager": 8}, "take": "sum"}},
            "SENIOR-Manager, Sales",
            [("manager", 10), ("senior manager", 8)],
        ),
        ({"keywords": {"points": {"vp": 20}}, "other": 1}, "mvp", [("other", 1)]),
        ({"ranges": [{"from": 51, "points": 10}, {"from": 201, "points": 15}]}, 201, [("201+", 15)]),
        ({"ranges": [{"from": 51, "points": 10, "name": "mid"}]}, " 1,200 ", [("mid", 10)]),
        ({"ranges": [{"from": 51, "points": 10}], "other": -2}, 50.9, [("other", -2)]),
        ({"ranges": [{"from": 51, "points": 10}]}, "about 60", []),
        ({"values": {"Software": 12}}, " software ", [("Software", 12)]),
        ({"tiers": [{"name": "west", "values": ["DE", "FR"], "points": 6}]}, "fr", [("west", 6)]),
        ({"values": {"true": 3, "5": 4}}, True, [("true", 3)]),
    ],
)
def test_fit_entries(fit: dict[str, Any], value: Any, expected: list[tuple[str, Any]]) -> None:
    assert entries({"id": "f", "fact": "x", **fit}, value) == expected


def test_a_fact_is_worth_its_points_until_another_takes_its_place() -> None:
    oracle = oracle_of(
        {"id": "r", "on": "a", "points": 1},
        fit=[{"id": "f", "fact": "x", "values": {"big": 8}, "other": -1, "decay": {"half_life": "10d"}}],
    )
    fold(oracle, "lead.created", T0, T0 - 10 * DAY, x="big")
    assert close(total(oracle, T0), 4)
    fold(oracle, "lead.updated", T0, x="small")
    assert total(oracle, T0) == -1
    changes = oracle.told[-1].contributions
    assert list(changes) == ["f:other", "f:big"]
    assert close(changes["f:other"], -1)
    assert close(changes["f:big"], -4)


def test_an_absence_fires_exactly_at_its_end_unless_the_signal_came() -> None:
    timers = [{"id": "quiet", "absence": {"of": "reply", "within": "7d", "rule": "r"}}]
    oracle = oracle_of({"id": "r", "on": "a", "points": 1}, timers=timers, actions=[ENROLL])
    fold(oracle, "a", T0)
    oracle.advance(T0 + 7 * DAY - 1)
    assert records(oracle) == []
    oracle.advance(T0 + 7 * DAY)
    assert records(oracle) == [("timer:quiet", "up"), ("enroll", "up")]
    assert {event.at for event in oracle.events} == {"2026-01-12T00:00:00.000Z"}
    fold(oracle, "a", T0 + 8 * DAY)
    fold(oracle, "reply", T0 + 9 * DAY)
    oracle.advance(T0 + 30 * DAY)
    assert len(oracle.events) == 2


ENROLL = {"do": "enroll", "when": {"timer": "quiet"}, "channel": "email"}


def test_inactivity_counts_while_it_lasts_and_ends_with_activity() -> None:
    timers = [
        {"id": "idle", "inactivity": "90d", "points": -20},
        {"id": "gone", "inactivity": "180d", "points": -60},
    ]
    oracle = oracle_of({"id": "r", "on": "a", "points": 10}, timers=timers)
    fold(oracle, "a", T0)
    assert [total(oracle, T0 + days * DAY) for days in (89, 90, 179, 180)] == [10, -10, -10, -70]
    fold(oracle, "a", T0 + 200 * DAY)
    assert records(oracle) == [("timer:idle", "up"), ("timer:gone", "up")]
    assert total(oracle, T0 + 200 * DAY) == 20


@pytest.mark.parametrize(
    ("at", "opening"),
    [
        # Friday 27 March 2026, 19:00 in Berlin (UTC+1); on Monday it is UTC+2.
        (1_774_634_400_000, 1_774_854_000_000),
        # Saturday 24 October 2026, 12:00 in Berlin (UTC+2); on Monday it is UTC+1.
        (1_792_836_000_000, 1_793_001_600_000),
    ],
)
def test_a_weekend_with_a_change_of_the_clock_in_berlin(at: int, opening: int) -> None:
    assert next_opening({"outside": "defer"}, "Europe/Berlin", at) == opening


def test_a_deferred_action_is_asked_for_at_the_opening_if_it_still_holds() -> None:
    action = {"do": "call", "at": 10, "channel": "phone", "hours": {"outside": "defer"}}
    oracle = oracle_of(
        {"id": "r", "on": "a", "points": 20, "decay": {"linear": "2d"}},
        thresholds=[{"at": 10}],
        actions=[action],
    )
    fold(oracle, "a", T0 - 2 * HOUR)
    fold(oracle, "a", T0 + 18 * HOUR)
    oracle.advance(T0 + 5 * DAY)
    assert records(oracle) == [
        ("call", "deferred"),
        ("call", "up"),
    ]
    assert [event.until for event in oracle.events if event.reason] == ["2026-01-05T09:00:00.000Z"]


def test_a_deferred_action_whose_threshold_is_not_passed_any_more() -> None:
    action = {"do": "call", "at": 15, "channel": "phone", "hours": {"outside": "defer"}}
    oracle = oracle_of(
        {"id": "r", "on": "a", "points": 20, "decay": {"linear": "2d"}},
        thresholds=[{"at": 15}],
        actions=[action],
    )
    fold(oracle, "a", T0 + 18 * HOUR)
    oracle.advance(T0 + 5 * DAY)
    assert records(oracle) == [("call", "deferred"), ("call", "no_longer")]
    assert oracle.events[-1].at == "2026-01-06T09:00:00.000Z"


def test_a_spike_is_told_when_the_level_is_reached_within_the_time() -> None:
    oracle = oracle_of(
        {"id": "r", "on": "a", "points": 10},
        spikes=[{"id": "s", "points": 25, "within": "1d"}, {"id": "n", "count": 3, "within": "2d"}],
    )
    for hours in (0, 12, 24, 30, 36):
        fold(oracle, "a", T0 + hours * HOUR)
    # At 24 h the first is a day old and counts no more; at 30 h there are three within the day,
    # as there are at 36 h, when that at 12 h is a day old.
    assert [(event.what, event.at[11:13], event.value) for event in oracle.events] == [
        ("spike:n", "00", 3.0),
        ("spike:s", "06", 30.0),
        ("spike:s", "12", 30.0),
    ]


def test_stages_go_up_by_the_rules_that_score_and_a_reset_leaves_none() -> None:
    oracle = oracle_of(
        {"id": "r", "on": "a", "points": 1, "stage": "late"},
        {"id": "q", "on": "b", "points": 1, "stage": "early"},
        {"id": "w", "on": "wipe", "effect": "reset"},
        stages=[{"name": "early"}, {"name": "late"}],
    )
    for kind in ("b", "a", "b", "wipe"):
        fold(oracle, kind, T0)
    assert records(oracle) == [("early", "up"), ("late", "up"), ("", "down")]


def test_a_burst_and_a_machine_open_are_flagged_and_left_out() -> None:
    oracle = oracle_of(
        {"id": "r", "on": "a", "points": 4, "guards": {"machine": 0.5}},
        guards=[
            {"id": "machine", "on": "a", "machine": True},
            {"id": "burst", "on": "a", "burst": {"more_than": 2, "within": "1m"}},
        ],
    )
    fold(oracle, "a", T0, machine=True)
    fold(oracle, "a", T0)
    fold(oracle, "a", T0)
    assert [one.outcome for one in oracle.told] == ["scored", "scored", "flagged"]
    assert [one.flags for one in oracle.told] == [["machine"], [], ["burst"]]
    assert total(oracle, T0) == 6


def test_withdrawn_consent_stops_what_it_covers_from_its_time_on() -> None:
    oracle = oracle_of({"id": "r", "on": ["page.viewed", "email.opened"], "points": 4})
    fold(oracle, "lead.updated", T0, consent={"tracking": False})
    fold(oracle, "page.viewed", T0)
    fold(oracle, "page.viewed", T0, T0 - 1)
    fold(oracle, "email.opened", T0)
    assert oracle.outcomes == ["noted", "no_consent", "scored", "scored"]


def test_a_threshold_that_cools_asks_for_nothing() -> None:
    oracle = oracle_of(
        {"id": "r", "on": "a", "points": 20, "decay": {"linear": "1d"}},
        thresholds=[{"at": 15, "cooldown": "2d"}],
        actions=[{"do": "call", "at": 15, "channel": "phone"}],
    )
    for days in (0, 1, 2):
        fold(oracle, "a", T0 + days * DAY)
    assert records(oracle) == [("call", "up"), ("call", "cooldown"), ("call", "up")]


def test_owners_take_turns_and_a_lead_keeps_its_own() -> None:
    oracle = oracle_of(
        {"id": "r", "on": "a", "points": 1},
        actions=[
            {"do": "x", "when": {"rule": "r"}, "channel": "crm", "assign": {"owners": ["ann", "bob"]}},
            {
                "do": "x", "when": {"rule": "r"}, "channel": "crm",
                "assign": {"owners": ["ann", "bob"], "sticky": False},
            },
        ],
    )  # fmt: skip
    fold(oracle, "a", T0)
    fold(oracle, "a", T0)
    owners = [event.payload["owner"] for event in oracle.events if event.payload]
    assert owners == ["ann", "bob", "ann", "ann"]


def test_a_group_scores_once_and_a_sequence_needs_its_first_part() -> None:
    oracle = oracle_of(
        {"id": "deep", "on": "a", "when": {"data.n": {"gt": 15}}, "points": 10, "group": "g"},
        {"id": "any", "on": "a", "points": 5, "group": "g"},
        {"id": "then", "on": "b", "points": 100, "after": {"rule": "any", "within": "1d"}},
    )
    fold(oracle, "b", T0)
    fold(oracle, "a", T0, n=16)
    fold(oracle, "b", T0)
    assert total(oracle, T0) == 10
    fold(oracle, "a", T0, n=15)
    fold(oracle, "b", T0 + DAY)
    assert total(oracle, T0 + DAY) == 115
    fold(oracle, "b", T0 + DAY + 1)
    assert total(oracle, T0 + DAY + 1) == 115
