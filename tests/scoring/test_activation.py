"""Rules activated while leads are scored: what moves, what comes back, what must not fire. By hand."""

from copy import deepcopy
from typing import Any

import msgspec
import pytest

from leadstream.models.catalog import compile_rules
from leadstream.records.control import ACTIVATE_KEY, SWEEP_KEY, Activation, Sweep
from leadstream.scoring.compiled.model import ModelCatalog
from leadstream.scoring.state.lead_state import Extra, LeadState
from tests.scoring.folding import DAY, HOUR, T0, Log, Result, run

FILE: dict[str, Any] = {
    "name": "m", "version": "1", "half_life": "none",
    "rules": [
        {"id": "open", "on": "email.opened", "points": 2},
        {"id": "visit", "on": "page.viewed", "points": 10},
    ],
    "bands": [{"name": "cold", "from": 0}, {"name": "hot", "from": 20}],
    "thresholds": [{"at": 20}],
    "actions": [{"do": "call", "at": 20, "channel": "phone", "dedupe": "24h"}],
}  # fmt: skip


def other(**changes: Any) -> dict[str, Any]:
    return {**deepcopy(FILE), **changes}


def with_points(**points: float) -> dict[str, Any]:
    """The file with other points for rules, by id."""
    file = deepcopy(FILE)
    for rule in file["rules"]:
        rule["points"] = points.get(rule["id"], rule["points"])
    return file


def activate(log: Log, number: int, file: dict[str, Any], now: int, tenant: str = "") -> Log:
    value = Activation(number=number, tenant=tenant, rules=file, by="ann", why="test")
    return log.raw(ACTIVATE_KEY, msgspec.json.encode(value), now)


def sweep(log: Log, number: int, now: int, start: str = "", count: int = 500) -> Log:
    return log.raw(SWEEP_KEY, msgspec.json.encode(Sweep(number=number, start=start, count=count)), now)


def fold(log: Log, file: dict[str, Any] = FILE, **options: Any) -> Result:
    return run(log, ModelCatalog(compile_rules(file, None), compile_rules=compile_rules), **options)


def test_other_points_hold_at_once_for_what_was_scored_before() -> None:
    log = Log().add("email.opened", T0).add("page.viewed", T0).add("email.opened", T0, lead="l2")
    sweep(activate(log, 1, with_points(open=3), T0), 1, T0)
    result = fold(log)
    assert result.snapshot("l1").total == 3 + 10
    assert result.snapshot("l2").total == 3
    assert result.outputs == []
    assert {state.activation for _, state in result.fold.leads()} == {1}
    assert result.fold.next_sweep() is None


def test_a_rule_that_is_gone_counts_nothing_and_comes_back_as_it_was() -> None:
    log = Log().add("email.opened", T0).add("page.viewed", T0)
    file = other(rules=[FILE["rules"][1]])
    sweep(activate(log, 1, file, T0 + 1), 1, T0 + 1).add("email.opened", T0 + 2)
    assert fold(log).snapshot().total == 10
    sweep(activate(log, 2, FILE, T0 + 3), 2, T0 + 3)
    # The open under the file without the rule counted nothing, and does not come back.
    assert fold(log).snapshot().total == 2 + 10


def test_a_lift_by_rules_alone_records_the_band_and_asks_for_nothing() -> None:
    log = Log().add("email.opened", T0).add("lead.updated", T0, data={"phone": "+4930901820"})
    sweep(activate(log, 1, with_points(open=25), T0 + 1), 1, T0 + 1)
    result = fold(log)
    [band] = result.outputs
    assert (band["type"], band["band"], band["previous_band"], band["cause"]) == (
        "lead.band.changed", "hot", "cold", "model",
    )  # fmt: skip
    # The threshold counts as passed: 25 to 35 is no crossing. Down and up again is one.
    log.add("page.viewed", T0 + 2)
    assert fold(log).crossings == []
    log.add("score.bumped", T0 + 3, data={"set": 0, "by": "a", "why": "b"}).add("page.viewed", T0 + 4)
    log.add("page.viewed", T0 + 5)
    assert fold(log).crossings == [(20.0, "down", "signal"), (20.0, "up", "signal")]


def test_a_threshold_out_of_reach_by_rules_alone_is_armed_without_a_record() -> None:
    log = Log().add("page.viewed", T0).add("page.viewed", T0)
    sweep(activate(log, 1, with_points(visit=1), T0 + 1), 1, T0 + 1)
    before = fold(log)
    assert before.crossings == [(20.0, "up", "signal")]
    assert [one["cause"] for one in before.of_type("lead.band.changed")] == ["signal", "model"]
    log.add("score.bumped", T0 + 2, data={"points": 18, "by": "a", "why": "b"})
    assert fold(log).crossings == [(20.0, "up", "signal")] * 2


def test_an_action_is_not_asked_for_twice_within_its_window_across_activations() -> None:
    log = Log().add("lead.updated", T0, data={"phone": "+4930901820"})
    log.add("page.viewed", T0).add("page.viewed", T0)
    gone = other(actions=[])
    for number, file in enumerate([gone, FILE], 1):
        sweep(activate(log, number, file, T0 + number), number, T0 + number)
    log.add("score.bumped", T0 + HOUR, data={"set": 0, "by": "a", "why": "b"})
    log.add("score.bumped", T0 + HOUR, data={"set": 30, "by": "a", "why": "b"})
    result = fold(log)
    assert result.actions == ["call"]
    assert result.skipped == [("call", "repeated")]


@pytest.mark.parametrize("actions", [["sms", "phone"], ["phone"], ["sms"], []])
def test_a_suppressed_channel_stays_so_whatever_the_order_of_the_file(actions: list[str]) -> None:
    """Also when the rules between have no such channel, and one that is not suppressed does not become it."""

    def file_of(channels: list[str]) -> dict[str, Any]:
        mute = {"id": "mute", "on": "x.muted", "effect": "suppress", "channel": "phone"}
        return other(
            rules=[*FILE["rules"], mute] if "phone" in channels else FILE["rules"],
            actions=[{"do": f"by-{one}", "at": 20, "channel": one} for one in channels],
        )

    first = file_of(["phone", "sms"])
    log = Log().add("x.muted", T0)
    for number, file in enumerate([file_of(actions), first], 1):
        sweep(activate(log, number, file, T0 + number), number, T0 + number)
    log.add("page.viewed", T0 + 9).add("page.viewed", T0 + 9)
    result = fold(log, first)
    assert result.skipped == [("by-phone", "suppressed")]
    assert result.actions == ["by-sms"]


def test_what_lifts_all_suppression_lifts_it_of_channels_that_the_rules_do_not_have() -> None:
    mute = {"id": "mute", "on": "x.muted", "effect": "suppress", "channel": "phone"}
    first = other(rules=[*FILE["rules"], mute])
    log = Log().add("x.muted", T0)
    sweep(activate(log, 1, other(actions=[]), T0 + 1), 1, T0 + 1).add("email.resubscribed", T0 + 2)
    sweep(activate(log, 2, first, T0 + 3), 2, T0 + 3)
    log.add("page.viewed", T0 + 9).add("page.viewed", T0 + 9)
    assert fold(log, first).actions == ["call"]


def test_a_reset_voids_what_is_parked() -> None:
    wipe = {"id": "wipe", "on": "x.wipe", "effect": "reset"}
    log = Log().add("email.opened", T0)
    sweep(activate(log, 1, other(rules=[FILE["rules"][1], wipe]), T0 + 1), 1, T0 + 1).add("x.wipe", T0 + 2)
    sweep(activate(log, 2, FILE, T0 + 3), 2, T0 + 3)
    assert fold(log).snapshot().total == 0


def test_a_half_life_changes_from_the_instant_on() -> None:
    """10 points under a half-life of 1 day are 5 a day later; under 2 days 2.5 two days after that."""
    file = other(half_life="1d", rules=[{"id": "visit", "on": "page.viewed", "points": 10}])
    log = Log().add("page.viewed", T0)
    slower = {**file, "half_life": "2d"}
    sweep(activate(log, 1, slower, T0 + DAY), 1, T0 + DAY)
    log.add("lead.recompute", T0 + 3 * DAY)
    assert fold(log, file).snapshot().total == pytest.approx(2.5, abs=1e-9)


def test_a_lead_that_waits_for_the_sweep_keeps_its_worth_as_of_the_activation() -> None:
    """The same, though the lead is moved a day late: 5 points at the instant, 3.5355 a day on."""
    file = other(half_life="1d", rules=[{"id": "visit", "on": "page.viewed", "points": 10}], thresholds=[],
                 actions=[], bands=[{"name": "all", "from": 0}])  # fmt: skip
    log = Log().add("page.viewed", T0)
    activate(log, 1, {**file, "half_life": "2d"}, T0 + DAY).add("lead.recompute", T0 + 2 * DAY)
    assert fold(log, file).snapshot().total == pytest.approx(5 / 2**0.5, abs=1e-9)


def test_what_waited_for_opening_hours_is_skipped_where_the_rules_lack_it() -> None:
    hours = {"from": "09:00", "to": "17:00", "days": ["mon"], "outside": "defer"}
    file = other(actions=[{**FILE["actions"][0], "hours": hours}])
    log = Log().add("page.viewed", T0).add("page.viewed", T0)  # 2026-01-01 is a Thursday.
    assert fold(log, file).skipped == [("call", "deferred")]
    sweep(activate(log, 1, other(actions=[]), T0 + 1), 1, T0 + 1)
    result = fold(log, file, until=T0 + 7 * DAY)
    assert result.skipped == [("call", "deferred"), ("call", "no_longer")]
    assert result.actions == []


def test_an_absence_goes_on_by_name_with_its_deadline() -> None:
    timers = [
        {"id": "first", "absence": {"of": "x", "within": "3d", "rule": "open"}},
        {"id": "quiet", "absence": {"of": "x", "within": "2d", "rule": "visit"}},
    ]
    actions = [{"do": "nudge", "when": {"timer": "quiet"}}, *FILE["actions"]]
    file = other(timers=timers, actions=actions)
    log = Log().add("page.viewed", T0)
    sweep(activate(log, 1, {**file, "timers": timers[::-1]}, T0 + DAY), 1, T0 + DAY)
    result = fold(log, file, until=T0 + 5 * DAY)
    assert [(one["do"], one["at"]) for one in result.of_type("lead.action.requested")] == [
        ("nudge", "2026-01-03T00:00:00.000Z")
    ]


def test_a_timer_that_is_due_before_the_sweep_fires_under_the_new_rules_or_not_at_all() -> None:
    timer = {"id": "quiet", "absence": {"of": "x", "within": "2d", "rule": "visit"}}
    action = {"do": "nudge", "when": {"timer": "quiet"}}
    file = other(timers=[timer], actions=[action])
    log = activate(Log().add("page.viewed", T0), 1, other(timers=[timer], actions=[]), T0 + DAY)
    result = fold(log, file, until=T0 + 5 * DAY)
    assert result.actions == []
    assert [one["at"] for one in result.of_type("lead.trigger.fired")] == ["2026-01-03T00:00:00.000Z"]


@pytest.mark.parametrize("number", [1, 2])
def test_a_number_that_is_not_higher_is_ignored(number: int) -> None:
    log = sweep(activate(Log().add("email.opened", T0), 2, with_points(open=3), T0), 2, T0)
    activate(log, number, with_points(open=50), T0 + 1).add("email.opened", T0 + 2)
    result = fold(log)
    assert result.snapshot().total == 6
    assert result.dead_letters == []


@pytest.mark.parametrize(
    "value",
    [
        b"", b"[]", b'{"number": 0, "rules": {}}', b'{"number": 1, "rules": {"name": "x"}}',
        msgspec.json.encode(Activation(number=1, rules={**FILE, "rules": [{"id": "a", "pionts": 1}]})),
    ],
)  # fmt: skip
def test_rules_that_are_none_go_to_the_dead_letters_and_change_nothing(value: bytes) -> None:
    log = Log().add("email.opened", T0).raw(ACTIVATE_KEY, value, T0).add("email.opened", T0 + 1)
    result = fold(log)
    assert result.reasons == ["bad_control"]
    assert result.snapshot().total == 4
    assert result.fold.activation == 0


def test_an_activation_of_one_tenant_is_none_of_another() -> None:
    log = Log().add("email.opened", T0).add("email.opened", T0, tenant="beta")
    sweep(activate(log, 1, with_points(open=3), T0, "beta"), 1, T0)
    result = fold(log)
    assert result.snapshot().total == 2
    assert result.snapshot(tenant="beta").total == 3


def test_an_activation_for_all_is_for_tenants_that_come_later() -> None:
    log = activate(Log().add("email.opened", T0), 1, with_points(open=3), T0)
    result = fold(log.add("email.opened", T0, tenant="late"))
    assert result.snapshot(tenant="late").total == 3


def test_a_sweep_moves_so_many_in_the_order_of_keys_and_only_from_where_it_stands() -> None:
    log = Log()
    for lead in ("c", "a", "b"):
        log.add("email.opened", T0, lead=lead)
    activate(log, 1, with_points(open=3), T0)
    sweep(log, 1, T0, count=2)
    at_c = b"acme:c".hex()
    result = fold(log)
    assert {key: state.activation for key, state in result.fold.leads()} == {
        b"acme:a": 1, b"acme:b": 1, b"acme:c": 0,
    }  # fmt: skip
    assert result.fold.next_sweep() == Sweep(number=1, start=at_c, count=500)
    # From the beginning once more, of another number, from elsewhere: all void.
    sweep(log, 1, T0)
    sweep(log, 2, T0, start=at_c)
    sweep(log, 1, T0, start=b"acme:d".hex())
    assert fold(log).fold.next_sweep() is not None
    assert fold(sweep(log, 1, T0, start=at_c)).fold.next_sweep() is None


@pytest.mark.parametrize("cut", range(1, 9))
def test_state_that_is_restored_anywhere_goes_on_alike(cut: int) -> None:
    log = Log()
    for lead in ("c", "a", "b"):
        log.add("email.opened", T0, lead=lead)
    activate(log, 1, with_points(open=30), T0 + 1)
    sweep(log, 1, T0 + 1, count=1)
    activate(log, 2, with_points(open=4), T0 + 2)
    sweep(log, 2, T0 + 2, count=2)
    sweep(log, 2, T0 + 2, start=b"acme:c".hex())
    log.add("email.opened", T0 + 3)
    whole = fold(log)
    first = run(log.records[:cut], catalog())
    rows: dict[bytes, bytes] = {}
    for step in first.steps:
        for key, row in step.changelog:
            if row is None:
                rows.pop(key, None)
            else:
                rows[key] = row
    second = run(log.records[cut:], catalog(), rows=rows)
    assert first.outputs + second.outputs == whole.outputs
    assert dict(second.fold.leads()) == dict(whole.fold.leads())
    assert sorted(second.fold._rows) == sorted(whole.fold._rows)


def catalog() -> ModelCatalog:
    return ModelCatalog(compile_rules(FILE, None), compile_rules=compile_rules)


def test_what_the_application_is_started_with_matters_no_more_once_activated() -> None:
    log = activate(
        Log().add("email.opened", T0).add("email.opened", T0, lead="l2"), 1, with_points(open=3), T0
    )
    rows = {key: row for step in fold(log).steps for key, row in step.changelog if row is not None}
    started = compile_rules(with_points(open=99), None)
    later = Log(log.records[:]).add("email.opened", T0 + 1)
    result = run(later.records[3:], ModelCatalog(started, compile_rules=compile_rules), rows=rows)
    assert result.snapshot().total == 6


def test_rows_of_rules_that_score_nobody_any_more_are_removed() -> None:
    log = sweep(activate(Log().add("email.opened", T0), 1, with_points(open=3), T0), 1, T0)
    sweep(activate(log, 2, with_points(open=4), T0), 2, T0)
    rows = {key for key in fold(log).fold._rows if key.startswith(b"\0activation")}
    assert rows == {b"\0activation::2"}


def test_all_that_a_state_has_by_number_is_moved() -> None:
    """A field that is added has to be thought of: by number, or the same under any rules."""
    by_number = {
        "passed", "band", "stage", "branches", "masses", "refs", "counts", "places", "total", "change", "due",
        "suppressed", "rings", "requested", "owed", "extra", "activation",
    }  # fmt: skip
    same = {"codec", "place", "ordinal", "touched", "ids", "active_at", "reset_at", "facts"}
    assert set(LeadState.__struct_fields__) == by_number | same
    by_number = {"buckets", "lasts", "spikes", "waits", "deferred", "crossed", "parked"}
    same = {"known_at", "sends", "owner", "consents", "void", "bounces", "spell_at"}
    assert set(Extra.__struct_fields__) == by_number | same
