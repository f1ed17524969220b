"""The hand-off: whoever follows its tokens has the leads as they are, each change once."""

import asyncio
import random
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadstream.projection.destinations import Destination, Writes, put_destination
from leadstream.projection.writers import channel

from .made import Database, Record, run, snapshot
from .test_ranking import read_of

CHANGES = "SELECT * FROM crm_changes('crm', $1, $2)"


def lead(offset: int, name: str, band: str = "cold", tenant: str = "acme", score: int = 0) -> Record:
    """A snapshot whose signal stands at the same offset as itself."""
    return snapshot(offset, name, tenant=tenant, place=offset, band=band, score=score)


def removal(offset: int, name: str) -> Record:
    return Record(offset, f"acme:{name}".encode(), None)


def hand_to(database: Database, writes: Writes = "every_update", tenant: str = "acme") -> None:
    run(put_destination(database.dsn, database.schema, Destination("crm", tenant, writes)))


class Crm:
    """A copy of the leads, kept by tokens. `got` is (lead, partition, offset) in the order of arrival."""

    def __init__(self, database: Database, most: int = 3) -> None:
        self.database = database
        self.most = most
        self.token: str | None = None
        self.leads: dict[str, dict[str, Any]] = {}
        self.got: list[tuple[str, int, int]] = []

    async def ask(self, connection: asyncpg.Connection) -> int:
        """One batch; returns how many rows it had."""
        rows = await connection.fetch(CHANGES, self.token, self.most)
        assert len(rows) <= self.most
        for row in rows:
            self.token = row["token"]
            self.got.append((row["lead_id"], row["source_partition"], row["log_offset"]))
            if row["change"] == "removed":
                self.leads.pop(row["lead_id"], None)
            else:
                self.leads[row["lead_id"]] = dict(row)
        return len(rows)

    async def _catch_up(self) -> None:
        connection = await asyncpg.connect(
            self.database.dsn, server_settings={"search_path": self.database.schema}
        )
        try:
            while await self.ask(connection):
                pass
        finally:
            await connection.close()

    def catch_up(self) -> list[str]:
        """All that changed; returns the leads in the order of arrival."""
        known = len(self.got)
        run(self._catch_up())
        return [name for name, _, _ in self.got[known:]]


@pytest.mark.requirement("S1-13")
def test_every_update_is_handed_on_once(database: Database) -> None:
    hand_to(database)
    crm = Crm(database)
    assert crm.catch_up() == []
    run(database.fill("t.scores", [lead(0, "a"), lead(1, "b"), lead(2, "x", tenant="other"), lead(3, "c")]))
    assert crm.catch_up() == ["a", "b", "c"]
    assert crm.catch_up() == []
    run(database.fill("t.scores", [lead(4, "b", score=7), lead(5, "d"), lead(6, "b", score=8)]))
    assert crm.catch_up() == ["d", "b"]
    assert (crm.leads["b"]["score_total"], crm.leads["b"]["change"]) == (8, "updated")
    # What is in a row is what the CRM writes.
    [row] = run(database.rows("SELECT * FROM leads WHERE lead_id = 'b'"))
    for name in ("score_band", "total", "score_updated_on", "last_activity_on", "suppressed", "accumulators"):
        assert crm.leads["b"][name] == row[name]


def test_only_changes_of_band_are_handed_on_if_so_wanted(database: Database) -> None:
    hand_to(database, "band_change")
    crm = Crm(database)
    run(database.fill("t.scores", [lead(0, "a", "cold"), lead(1, "b", "cold")]))
    assert crm.catch_up() == ["a", "b"]
    run(database.fill("t.scores", [lead(2, "a", "cold", score=5), lead(3, "b", "warm")]))
    assert crm.catch_up() == ["b"]
    # The change of band came before updates that change none.
    run(database.fill("t.scores", [lead(4, "a", "hot")]))
    run(database.fill("t.scores", [lead(5, "a", "hot", score=9), lead(6, "b", "warm", score=9)]))
    assert crm.catch_up() == ["a"]
    assert crm.leads["a"]["score_total"] == 9


def test_a_band_left_and_entered_again_within_a_step_is_handed_on(database: Database) -> None:
    hand_to(database, "band_change")
    crm = Crm(database)
    run(database.fill("t.scores", [lead(0, "a", "cold"), lead(1, "b", "cold"), lead(2, "c", "cold")]))
    crm.catch_up()
    again = [lead(3, "a", "hot"), lead(4, "b", "cold"), lead(5, "a", "cold"), lead(6, "a", "cold", score=4)]
    run(database.fill("t.scores", again))
    assert crm.catch_up() == ["a"]
    assert crm.leads["a"]["score_total"] == 4
    [row] = run(database.rows("SELECT band_offset, log_offset FROM leads WHERE lead_id = 'a'"))
    assert tuple(row.values()) == (5, 6)


def test_changes_of_band_do_not_depend_on_the_steps(database: Database) -> None:
    snapshots = st.tuples(st.sampled_from("ab"), st.sampled_from(["cold", "hot"]))

    @settings(max_examples=25, deadline=None)
    @given(st.lists(snapshots, max_size=12), st.lists(st.integers(1, 5), min_size=12, max_size=12))
    def examples(bands: list[tuple[str, str]], sizes: list[int]) -> None:
        records = [lead(offset, name, band) for offset, (name, band) in enumerate(bands)]
        run(database.rows("TRUNCATE leads, projection_positions"))
        begin = 0
        for size in sizes:
            if begin < len(records):
                run(database.fill("t.scores", records[begin : begin + size]))
            begin += size
        changed: dict[str, int] = {}
        band_of: dict[str, str] = {}
        for offset, (name, band) in enumerate(bands):
            if band_of.get(name) != band:
                changed[name], band_of[name] = offset, band
        found = run(database.rows("SELECT lead_id, band_offset FROM leads"))
        assert {row["lead_id"]: row["band_offset"] for row in found} == changed

    examples()


def test_a_removed_lead_is_told_and_may_come_back(database: Database) -> None:
    hand_to(database)
    crm, late = Crm(database), Crm(database)
    run(database.fill("t.scores", [lead(0, "a"), lead(1, "b")]))
    crm.catch_up()
    run(database.fill("t.scores", [removal(2, "a"), removal(3, "b")]))
    assert crm.catch_up() == ["a", "b"]
    assert crm.leads == {}
    run(database.fill("t.scores", [lead(4, "a", score=3)]))
    assert crm.catch_up() == ["a"]
    late.catch_up()
    for one in (crm, late):
        assert {name: row["score_total"] for name, row in one.leads.items()} == {"a": 3}


def test_a_batch_is_fair_to_all_partitions(database: Database) -> None:
    hand_to(database)
    for number in range(3):
        records = [lead(n, f"p{number}-{n}") for n in range(4)]
        run(database.fill("t.scores", records, partition=number))
    crm = Crm(database, most=6)
    order = crm.catch_up()
    assert order[:6] == ["p0-0", "p1-0", "p2-0", "p0-1", "p1-1", "p2-1"]
    assert len(order) == 12


STEP = st.tuples(
    st.integers(0, 2),
    st.lists(st.tuples(st.sampled_from("abcdefg"), st.sampled_from(["cold", "warm", None])), max_size=6),
    st.sampled_from([0, 0, 1, 2, 100]),
)


@pytest.mark.parametrize("writes", ["every_update", "band_change"])
def test_whoever_follows_the_tokens_has_the_leads_as_they_are(database: Database, writes: Writes) -> None:
    """Any order of steps, with batches of any size read between them."""
    tenants = iter(range(10**6))

    @settings(max_examples=25, deadline=None)
    @given(st.lists(STEP, max_size=12), st.integers(1, 4))
    def examples(steps: list[Any], most: int) -> None:
        tenant = f"t{next(tenants)}"
        hand_to(database, writes, tenant)
        asyncio.run(scenario(tenant, steps, most))

    async def scenario(tenant: str, steps: list[Any], most: int) -> None:
        crm = Crm(database, most)
        store = database.store()
        await store.open()
        connection = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        for number, changes, batches in steps:
            begin = await store.position("t.scores", number) or 0
            records: list[Record] = []
            for offset, (name, band) in enumerate(changes, begin):
                # A lead lives in one partition.
                name = f"{name}{number}"
                records.append(
                    lead(offset, name, band, tenant)
                    if band
                    else Record(offset, f"{tenant}:{name}".encode(), None)
                )
            await store.apply("t.scores", number, begin, begin + len(records), records)
            for _ in range(batches):
                if not await crm.ask(connection):
                    break
        while await crm.ask(connection):
            pass
        rows = await connection.fetch(
            "SELECT lead_id, score_band, log_offset FROM leads WHERE tenant_id = $1", tenant
        )
        await connection.close()
        await store.close()
        assert {name: row["score_band"] for name, row in crm.leads.items()} == {
            row["lead_id"]: row["score_band"] for row in rows
        }
        assert len(set(crm.got)) == len(crm.got)
        if writes == "every_update":
            assert {name: row["log_offset"] for name, row in crm.leads.items()} == {
                row["lead_id"]: row["log_offset"] for row in rows
            }

    examples()


def test_steps_that_commit_out_of_order_lose_nothing(database: Database) -> None:
    """A step that began first and ends last: its rows come when they can be seen, no others wait for it."""
    hand_to(database)

    async def scenario() -> None:
        store, crm = database.store(), Crm(database)
        await store.open()
        await store.apply("t.scores", 0, 0, 1, [lead(0, "held")])
        connection = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        holder = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        await crm.ask(connection)
        async with holder.transaction():
            await holder.execute("SELECT FROM leads WHERE lead_id = 'held' FOR UPDATE")
            slow = asyncio.create_task(
                store.apply("t.scores", 0, 1, 3, [lead(1, "a"), lead(2, "held", score=1)])
            )
            for offset in range(5):
                await store.apply("t.scores", 1, offset, offset + 1, [lead(offset, f"b{offset}")])
            while await crm.ask(connection):
                pass
            assert [name for name, _, _ in crm.got] == ["held", "b0", "b1", "b2", "b3", "b4"]
        await slow
        while await crm.ask(connection):
            pass
        assert [name for name, _, _ in crm.got][6:] == ["a", "held"]
        for one in (connection, holder):
            await one.close()
        await store.close()

    run(scenario())


def test_under_concurrent_projection_nothing_is_missed_or_doubled(database: Database) -> None:
    hand_to(database)

    async def scenario() -> None:
        stores = [database.store() for _ in range(3)]
        for store in stores:
            await store.open()
        crm = Crm(database, most=50)
        done = asyncio.Event()

        async def project(number: int) -> None:
            rng = random.Random(number)
            position = 0
            for _ in range(40):
                count = rng.randrange(1, 30)
                names = [f"p{number}-{rng.randrange(60)}" for _ in range(count)]
                records = [lead(position + n, name, score=rng.randrange(100)) for n, name in enumerate(names)]
                await stores[number].apply("t.scores", number, position, position + count, records)
                position += count

        async def follow() -> None:
            connection = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
            while not done.is_set() or await crm.ask(connection):
                await crm.ask(connection)
            await connection.close()

        following = asyncio.create_task(follow())
        await asyncio.gather(*(project(number) for number in range(3)))
        done.set()
        await following
        for store in stores:
            await store.close()
        rows = await database.rows("SELECT lead_id, score_total, log_offset FROM leads")
        assert len(set(crm.got)) == len(crm.got)
        assert {name: (row["score_total"], row["log_offset"]) for name, row in crm.leads.items()} == {
            row["lead_id"]: (row["score_total"], row["log_offset"]) for row in rows
        }
        for number in range(3):
            places = [offset for _, partition, offset in crm.got if partition == number]
            assert places == sorted(places)

    run(scenario())


def test_a_failover_that_lost_the_tail_is_noticed_and_heals(database: Database) -> None:
    hand_to(database)
    crm = Crm(database)
    records = [lead(n, f"l{n % 4}", score=n) for n in range(10)]

    async def scenario() -> None:
        store = database.store()
        await store.open()
        await store.apply("t.scores", 0, 0, 5, records[:5])
        await store.apply("t.scores", 0, 5, 10, records[5:])
        connection = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        while await crm.ask(connection):
            pass
        before = dict(crm.leads)
        # As a standby that was promoted without the last step has them.
        await connection.execute("DELETE FROM leads; UPDATE projection_positions SET position = 0")
        await store.apply("t.scores", 0, 0, 5, records[:5])
        with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="partition 0: 5 of 9"):
            await crm.ask(connection)
        await store.apply("t.scores", 0, 5, 10, records[5:])
        assert await crm.ask(connection) == 0
        assert crm.leads == before
        await store.apply("t.scores", 0, 10, 11, [lead(10, "l1", score=99)])
        assert await crm.ask(connection) == 1
        await connection.close()
        await store.close()

    run(scenario())
    assert crm.leads["l1"]["score_total"] == 99


def test_a_token_of_other_tables_is_refused(database: Database) -> None:
    hand_to(database)
    with pytest.raises(asyncpg.InvalidParameterValueError, match="of other tables"):
        run(database.rows(CHANGES, "0123456789ab/0=3", 10))
    with pytest.raises(asyncpg.UndefinedObjectError, match="no destination crm2"):
        run(database.rows("SELECT * FROM crm_changes('crm2')"))


def test_those_who_wait_are_woken(database: Database) -> None:
    hand_to(database)

    async def scenario() -> None:
        store = database.store()
        await store.open()
        heard: asyncio.Queue[str] = asyncio.Queue()
        listener = await asyncpg.connect(database.dsn)
        await listener.add_listener(
            channel(database.schema), lambda connection, pid, name, payload: heard.put_nowait(payload)
        )
        await store.apply("t.history", 0, 0, 1, [])
        await store.apply("t.scores", 3, 0, 1, [lead(0, "a")])
        assert await asyncio.wait_for(heard.get(), 30) == "3"
        await store.apply("t.scores", 3, 1, 2, [])
        await store.apply("t.scores", 2, 0, 1, [removal(0, "a")])
        assert await asyncio.wait_for(heard.get(), 30) == "2"
        await listener.close()
        await store.close()

    run(scenario())


def test_changes_are_found_by_index(database: Database) -> None:
    """What a batch costs does not grow with the leads, of this tenant or of others."""

    async def scenario() -> None:
        connection = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        insert = """
        INSERT INTO leads
        SELECT t, 'lead-' || n, 0, 'cold', '1', now(), 0, 'tenx', NULL, NULL, '{}', '[]', n % 2, n, false,
            0, 0, n, n, n, '', '{}'
        FROM generate_series(1, 5000) AS n, unnest(ARRAY['acme', 'other']) AS t
        """
        await connection.execute(insert)
        await connection.execute(
            "INSERT INTO projection_positions VALUES ('t.scores', 0, 5001), ('t.scores', 1, 5001)"
        )
        await connection.execute("ANALYZE")
        timeline = await connection.fetchval("SELECT id FROM projection_timeline")
        for token, most, rows in ((None, 100, 100), (f"{timeline}/0=4990,1=4991", 100, 9)):
            found, read, scans = await read_of(connection, database.schema, CHANGES, token, most)
            assert (len(found), scans) == (rows, 0)
            assert read <= 5 * rows
        await connection.close()

    for writes in ("every_update", "band_change"):
        hand_to(database, writes)
        run(database.rows("DELETE FROM leads"))
        run(database.rows("DELETE FROM projection_positions"))
        run(scenario())


@pytest.mark.requirement("S3-17")
@pytest.mark.requirement("S3-18")
def test_a_reader_gets_stage_owner_and_caps(database: Database) -> None:
    hand_to(database)
    lead_ = snapshot(0, "a", stage="sql", owner="ann", caps={"fit": (0.0, 40.0)})
    run(database.fill("t.scores", [lead_]))
    crm = Crm(database)
    crm.catch_up()
    assert (crm.leads["a"]["stage"], crm.leads["a"]["caps"]) == ("sql", '{"fit": [0.0, 40.0]}')
    assert crm.leads["a"]["owner"] == "ann"
