"""Steps of the projector: exactly once, in whatever order the world interrupts them."""

import asyncio
from datetime import UTC, datetime

import asyncpg
import msgspec
import pytest

from leadstream.devstack.database import Postgres
from leadstream.projection import database as connections
from leadstream.projection.errors import OtherTopic, PositionMismatch, StoreUnavailable
from leadstream.projection.migrate import migrate
from leadstream.records.outputs import FactorShare

from .made import (
    DAY,
    NOW,
    Database,
    Record,
    accumulator,
    band_changed,
    crossed,
    entry,
    fired,
    history,
    requested,
    run,
    skipped,
    snapshot,
    stage_changed,
)

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_position_is_one_of_its_topic_only(database: Database) -> None:
    async def step(topic: str, topic_id: str, begin: int) -> int | None:
        store = database.store()
        await store.open()
        try:
            store.topic_ids = {topic: topic_id}
            position = await store.position(topic, 0)
            await store.apply(topic, 0, begin, begin + 1, [])
            return position
        finally:
            await store.close()

    ids = "SELECT topic_id FROM projection_positions"
    # A broker without ids, then one that has them, then none again.
    assert run(step("t.scores", "", 0)) is None
    assert run(database.rows(ids)) == [{"topic_id": None}]
    assert run(step("t.scores", "a", 1)) == 1
    assert run(step("t.scores", "", 2)) == 2
    assert run(database.rows(ids)) == [{"topic_id": "a"}]
    assert run(step("t.scores", "a", 3)) == 3
    with pytest.raises(
        OtherTopic, match=r"t.scores has the id b, .* with the id a: .*LEADSTREAM_POSTGRES_SCHEMA"
    ):
        run(step("t.scores", "b", 4))
    run(step("t.models", "a", 0))
    with pytest.raises(OtherTopic, match="db rebuild"):
        run(step("t.models", "b", 1))


@pytest.mark.requirement("S2-9")
@pytest.mark.requirement("S1-13")
def test_a_snapshot_becomes_the_row_of_its_lead(database: Database) -> None:
    run(database.fill("t.scores", [snapshot(0, place=41)], partition=3))
    [row] = run(database.rows("SELECT * FROM leads"))
    assert (row["tenant_id"], row["lead_id"]) == ("acme", "l1")
    assert (row["score_total"], row["score_band"], row["score_version"]) == (81, "hot", "1")
    assert row["score_updated_on"] == JANUARY
    assert row["total"] == 81.25
    assert row["next_change_on"] == datetime(2026, 1, 2, tzinfo=UTC)
    assert row["last_activity_on"] == datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert row["suppressed"] == ["email"]
    assert (row["source_partition"], row["source_offset"], row["altered"]) == (3, 41, False)
    assert msgspec.json.decode(row["accumulators"]) == [
        ["form.submitted.organic", "", 81.25, "exponential", 14 * DAY, 1.0, NOW, 1, NOW, None]
    ]
    assert (row["stage"], msgspec.json.decode(row["caps"])) == ("", {})


@pytest.mark.requirement("S3-17")
def test_stage_and_caps_of_a_lead_are_kept(database: Database) -> None:
    run(database.fill("t.scores", [snapshot(0, stage="mql", caps={"engagement": (0.0, 25.0)})]))
    [row] = run(database.rows("SELECT stage, caps FROM leads"))
    assert (row["stage"], msgspec.json.decode(row["caps"])) == ("mql", {"engagement": [0.0, 25.0]})
    [row] = run(database.rows("SELECT stage FROM leads_now"))
    assert row["stage"] == "mql"


@pytest.mark.requirement("S2-13")
def test_whose_a_lead_is_stands_wherever_leads_do(database: Database) -> None:
    run(database.fill("t.scores", [snapshot(0, owner="ann"), snapshot(1, "l2")]))
    for query in (
        "SELECT lead_id, owner FROM leads ORDER BY 1",
        "SELECT lead_id, owner FROM leads_now ORDER BY 1",
        "SELECT lead_id, owner FROM top_leads('acme') ORDER BY 1",
        "SELECT contact_id, owner FROM contact_scores ORDER BY 1",
    ):
        assert [tuple(row.values()) for row in run(database.rows(query))] == [("l1", "ann"), ("l2", None)]
    run(database.fill("t.scores", [snapshot(2, place=1)]))
    assert run(database.rows("SELECT * FROM lead_owners")) == []


@pytest.mark.requirement("S3-24")
def test_a_history_entry_becomes_a_score_event(database: Database) -> None:
    run(database.fill("t.history", [history(0, entry(7), entry(9, "l2"), partition=2)]))
    first, second = run(database.rows("SELECT * FROM score_events ORDER BY source_offset"))
    assert (first["event_type"], msgspec.json.decode(first["event_data"])) == (
        "form.submitted",
        {"form": "demo"},
    )
    assert (first["points_added"], first["score_before"], first["score_after"]) == (29.5, 10, 39)
    assert (first["total_before"], first["total_after"]) == (10.25, 39.75)
    assert first["created_at"] == JANUARY
    assert first["at"] == datetime(2025, 12, 31, 23, 59, 55, tzinfo=UTC)
    assert (first["source_partition"], first["source_offset"], first["signal_id"]) == (2, 7, "s7")
    assert (second["lead_id"], second["source_offset"]) == ("l2", 9)


def test_actions_and_decisions_are_stored_once_by_id(database: Database) -> None:
    actions = [crossed(0, "c1"), band_changed(1, "b1"), requested(2, "a1")]
    run(database.fill("t.actions", [*actions, requested(3, "a1", score=1)]))
    run(database.fill("t.decisions", [skipped(0, "d1"), skipped(1, "d1", reason="repeated")]))
    rows = run(database.rows("SELECT * FROM action_log ORDER BY log_offset"))
    assert [(row["id"], row["score"]) for row in rows] == [("c1", 81), ("b1", 81), ("a1", 81)]
    crossing, band, action = rows
    assert (crossing["threshold"], crossing["direction"], crossing["signal_id"]) == (80.0, "up", "s7")
    assert (band["previous_band"], band["band"], band["threshold"]) == ("warm", "hot", None)
    assert (action["action"], action["channel"], action["crossing_id"]) == (
        "voice-lead-qualifier",
        "phone",
        "c1",
    )
    assert msgspec.json.decode(action["payload"]) == {"phone": "+4930123456"}
    assert action["at"] == JANUARY
    [decision] = run(database.rows("SELECT * FROM decision_log"))
    assert (decision["reason"], decision["action"]) == ("no_phone", "voice-lead-qualifier")


def test_changes_of_stage_and_triggers_are_stored(database: Database) -> None:
    shares = (FactorShare("page.viewed", 12.5, 3, NOW - 7, 41), FactorShare("cap:intent", -2.5))
    actions = [
        stage_changed(0, "s1", stage="mql", previous_stage="lead"),
        stage_changed(1, "s2", direction="down", cause="reset", previous_stage="mql"),
        fired(2, "t1", trigger="spike:busy", value=6.0, factors=shares),
        requested(
            3, "a1", trigger="band:hot", threshold=None, crossing="b1", priority="high", factors=shares
        ),
        requested(4, "a2", trigger="rule:demo", threshold=None, crossing="", stage="sql"),
    ]
    run(database.fill("t.actions", actions))
    entered, reset, spike, by_band, by_rule = run(
        database.rows("SELECT * FROM action_log ORDER BY log_offset")
    )
    assert (entered["stage"], entered["previous_stage"]) == ("mql", "lead")
    assert (reset["stage"], reset["previous_stage"]) == ("", "mql")
    assert (spike["trigger"], spike["value"], spike["action"]) == ("spike:busy", 6.0, None)
    assert msgspec.json.decode(spike["factors"]) == [
        {"factor": "page.viewed", "points": 12.5, "count": 3, "last_at": NOW - 7, "offset": 41},
        {"factor": "cap:intent", "points": -2.5},
    ]
    assert by_band["factors"] == spike["factors"]
    assert (by_band["trigger"], by_band["threshold"], by_band["crossing_id"]) == ("band:hot", None, "b1")
    assert (by_band["priority"], by_rule["priority"]) == ("high", None)
    assert (by_rule["trigger"], by_rule["crossing_id"], by_rule["stage"]) == ("rule:demo", None, "sql")


@pytest.mark.requirement("S4-13")
def test_a_deferred_action_says_until_when(database: Database) -> None:
    until = "2026-01-02T09:00:00.000Z"
    deferred = skipped(
        0, "d1", reason="deferred", until=until, trigger="timer:idle", threshold=None, crossing="t1"
    )
    run(database.fill("t.decisions", [deferred, skipped(1, "d2", until="tomorrow")]))
    [decision] = run(database.rows("SELECT * FROM decision_log"))
    assert (decision["reason"], decision["trigger"]) == ("deferred", "timer:idle")
    assert (decision["until"], decision["crossing_id"]) == (datetime(2026, 1, 2, 9, tzinfo=UTC), "t1")
    assert [row["reason"] for row in run(database.rows("SELECT reason FROM projection_dead_letters"))] == [
        "bad_time"
    ]
    [outcome] = run(database.rows("SELECT trigger, priority, until, withheld FROM action_outcomes"))
    assert tuple(outcome.values()) == ("timer:idle", None, datetime(2026, 1, 2, 9, tzinfo=UTC), "deferred")


def test_the_flags_of_a_signal_are_stored(database: Database) -> None:
    entries = [
        entry(1, outcome="flagged", flags=("crawlers", "burst")),
        entry(2, outcome="no_consent"),
        entry(3),
    ]
    run(database.fill("t.history", [history(0, *entries)]))
    rows = run(database.rows("SELECT outcome, flags FROM score_events ORDER BY source_offset"))
    assert [tuple(row.values()) for row in rows] == [
        ("flagged", ["crawlers", "burst"]), ("no_consent", []), ("scored", []),
    ]  # fmt: skip


def test_the_same_step_twice_is_refused(database: Database) -> None:
    async def scenario() -> None:
        store = database.store()
        await store.open()
        assert await store.position("t.scores", 0) is None
        await store.apply("t.scores", 0, 5, 8, [snapshot(5)])
        assert await store.position("t.scores", 0) == 8
        with pytest.raises(PositionMismatch) as caught:
            await store.apply("t.scores", 0, 5, 8, [snapshot(5, score=1)])
        assert caught.value.current == 8
        assert await store.position("t.scores", 0) == 8
        await store.close()
        assert [row["score_total"] for row in await database.rows("SELECT * FROM leads")] == [81]

    run(scenario())


def test_a_gap_before_a_step_is_refused(database: Database) -> None:
    async def scenario() -> None:
        store = database.store()
        await store.open()
        await store.apply("t.scores", 0, 0, 3, [])
        with pytest.raises(PositionMismatch):
            await store.apply("t.scores", 0, 4, 5, [snapshot(4)])
        # Of another partition nothing is known yet: it begins anywhere.
        await store.apply("t.scores", 1, 4, 5, [snapshot(4)])
        await store.close()

    run(scenario())


def test_of_rivals_one_writes_a_step(database: Database) -> None:
    """A stalled projector wakes while its successor works on the same records."""

    async def scenario() -> None:
        first, second = database.store(), database.store()
        await asyncio.gather(first.open(), second.open())
        for step in range(25):
            outcomes = await asyncio.gather(
                first.apply("t.history", 0, step, step + 1, [history(step, entry(step, "first"))]),
                second.apply("t.history", 0, step, step + 1, [history(step, entry(step, "second"))]),
                return_exceptions=True,
            )
            assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Applied", "PositionMismatch"]
        rows = await database.rows("SELECT source_offset FROM score_events ORDER BY 1")
        assert [row["source_offset"] for row in rows] == list(range(25))
        await asyncio.gather(first.close(), second.close())

    run(scenario())


def test_of_snapshots_of_a_lead_the_last_of_the_step_is_written(database: Database) -> None:
    async def scenario() -> None:
        store = database.store()
        await store.open()
        records = [
            snapshot(0, "a", place=1, score=1),
            snapshot(1, "b", place=2),
            snapshot(2, "a", place=3, score=3),
        ]
        applied = await store.apply("t.scores", 0, 0, 3, records)
        await store.close()
        assert (applied.rows, applied.coalesced, applied.dead, applied.newest) == (2, 1, 0, NOW)
        rows = await database.rows("SELECT lead_id, score_total, source_offset FROM leads ORDER BY lead_id")
        assert [tuple(row.values()) for row in rows] == [("a", 3, 3), ("b", 81, 2)]

    run(scenario())


def test_a_lead_never_goes_back(database: Database) -> None:
    async def scenario() -> int:
        [row] = await database.rows("SELECT score_total FROM leads")
        return int(row["score_total"])

    run(database.fill("t.scores", [snapshot(0, place=10, score=10)]))
    run(database.fill("t.scores", [snapshot(1, place=9, score=9, at=NOW + 1)]))
    assert run(scenario()) == 10
    # A timer moves the fold's now, not the place.
    run(database.fill("t.scores", [snapshot(2, place=10, score=8, at=NOW + 5)]))
    assert run(scenario()) == 8
    run(database.fill("t.scores", [snapshot(3, place=10, score=7, at=NOW + 4)]))
    assert run(scenario()) == 8
    run(database.fill("t.scores", [snapshot(4, place=11, score=6, at=NOW + 5)]))
    assert run(scenario()) == 6
    # Of two of the same instant the later in the log holds.
    run(database.fill("t.scores", [snapshot(5, place=11, score=5, at=NOW + 5)]))
    assert run(scenario()) == 5


def test_a_tombstone_removes_the_lead(database: Database) -> None:
    run(database.fill("t.scores", [snapshot(0, "a"), snapshot(1, "b")]))
    run(database.fill("t.scores", [Record(2, b"acme:a", None)]))
    assert [row["lead_id"] for row in run(database.rows("SELECT lead_id FROM leads"))] == ["b"]
    # One that a later snapshot of the same step follows removes nothing.
    run(database.fill("t.scores", [Record(3, b"acme:b", None), snapshot(4, "b", place=5)]))
    assert [row["lead_id"] for row in run(database.rows("SELECT lead_id FROM leads"))] == ["b"]


def test_history_that_comes_again_changes_nothing(database: Database) -> None:
    """Without transactions the worker may write an entry twice: one place in the log is one row."""
    run(database.fill("t.history", [history(0, entry(7))]))
    run(database.fill("t.history", [history(1, entry(7, points=1.0), entry(8))]))
    rows = run(database.rows("SELECT source_offset, points_added FROM score_events ORDER BY 1"))
    assert [tuple(row.values()) for row in rows] == [(7, 29.5), (8, 29.5)]


def test_a_step_that_fails_leaves_no_trace(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that is held for too long: the caller backs off, and nothing of the step is there."""
    monkeypatch.setitem(connections.SESSION, "lock_timeout", "100ms")

    async def scenario() -> None:
        store = database.store()
        await store.open()
        await store.apply("t.scores", 0, 0, 1, [snapshot(0, place=1)])
        holder = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        async with holder.transaction():
            await holder.execute("UPDATE leads SET score_total = 0")
            with pytest.raises(StoreUnavailable, match="lock timeout"):
                await store.apply("t.scores", 0, 1, 2, [snapshot(1, "new"), snapshot(2, place=2, score=2)])
        assert await store.position("t.scores", 0) == 1
        await store.apply("t.scores", 0, 1, 2, [snapshot(1, "new"), snapshot(2, place=2, score=2)])
        rows = await database.rows("SELECT lead_id, score_total FROM leads ORDER BY lead_id")
        assert [tuple(row.values()) for row in rows] == [("l1", 2), ("new", 81)]
        await holder.close()
        await store.close()

    run(scenario())


@pytest.mark.usefixtures("processes")
def test_a_restart_of_postgresql_loses_and_doubles_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = Postgres(tmp_path_factory.mktemp("restarted"))

    async def scenario() -> None:
        database = Database(server.dsn, "leadstream")
        store = database.store()
        with pytest.raises(StoreUnavailable):
            await store.open()
        with pytest.raises(StoreUnavailable):
            await migrate(server.dsn, "leadstream")
        await asyncio.to_thread(server.start)
        await migrate(server.dsn, "leadstream")
        await store.open()
        for step, stop in enumerate([server.stop, server.kill]):
            records = [history(step, entry(step))]
            await store.apply("t.history", 0, step, step + 1, records)
            await asyncio.to_thread(stop)
            with pytest.raises(StoreUnavailable):
                await store.apply("t.history", 0, step + 1, step + 2, [history(step + 1, entry(step + 1))])
            with pytest.raises(StoreUnavailable):
                await store.position("t.history", 0)
            await asyncio.to_thread(server.start)
            assert await store.position("t.history", 0) == step + 1
            with pytest.raises(PositionMismatch):
                await store.apply("t.history", 0, step, step + 1, records)
        rows = await database.rows("SELECT source_offset FROM score_events ORDER BY 1")
        assert [row["source_offset"] for row in rows] == [0, 1]
        await store.close()

    try:
        run(scenario())
    finally:
        server.stop()


def test_a_connection_that_ends_within_a_step_undoes_it(database: Database) -> None:
    async def scenario() -> None:
        store = database.store()
        await store.open()
        await store.apply("t.scores", 0, 0, 1, [snapshot(0, place=1)])
        holder = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("UPDATE leads SET score_total = 0")
        # The step waits for the row; its server process is ended there.
        step = asyncio.create_task(store.apply("t.scores", 0, 1, 2, [snapshot(1, place=2, score=2)]))
        ended = 0
        while not ended:
            await asyncio.sleep(0.01)
            ended = await holder.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity, "
                "unnest(pg_blocking_pids(pid)) AS blocker WHERE blocker = pg_backend_pid()"
            )
        with pytest.raises(StoreUnavailable):
            await step
        await transaction.rollback()
        assert await store.position("t.scores", 0) == 1
        await holder.close()
        await store.close()

    run(scenario())


def test_accumulators_of_many_factors_survive(database: Database) -> None:
    factors = tuple(accumulator(f"factor-{number}", mass=number / 7) for number in range(200))
    run(database.fill("t.scores", [snapshot(0, accumulators=factors)]))
    [row] = run(database.rows("SELECT accumulators::text FROM leads"))
    stored = msgspec.json.decode(row["accumulators"])
    assert [one[5] for one in stored] == [number / 7 for number in range(200)]
