"""Server processes killed under load, while somebody reads: never a part of a step is seen."""

import asyncio
import os
import signal
from contextlib import suppress

import asyncpg

from leadstream.devstack.processes import LocalStackError
from leadstream.projection.database import LOST
from tests.projection.made import Database, run
from tests.support.waiting import until

from .conftest import Breakable
from .running import Stage
from .written import Writer, sent

# One statement is one snapshot. Offsets in the rows are those of the topic, one row each.
PARTIAL = """
SELECT topic, position, rows, highest FROM projection_positions, LATERAL (
    SELECT count(*) AS rows, max(log_offset) AS highest FROM action_log WHERE topic LIKE '%.actions'
    UNION ALL
    SELECT count(*), max(log_offset) FROM decision_log WHERE topic LIKE '%.decisions'
) AS there
WHERE (topic LIKE '%.actions' OR topic LIKE '%.decisions') AND highest IS NOT NULL
    AND (rows <> position OR highest <> position - 1)
"""
POSITIONS = "SELECT sum(position)::bigint FROM projection_positions"
SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'leadstream' AND state <> 'idle'"


class Reader:
    """Looks at the tables over and over; `looked` counts, `positions` are the states that it saw."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.looked = 0
        self.positions: set[int] = set()

    async def run(self) -> None:
        while True:
            try:
                connection = await asyncpg.connect(
                    self._database.dsn, server_settings={"search_path": self._database.schema}
                )
                while True:
                    partial = await connection.fetch(PARTIAL)
                    assert not partial, partial
                    found = await connection.fetch(
                        "SELECT sum(position)::bigint AS at FROM projection_positions"
                    )
                    self.positions.add(found[0]["at"])
                    self.looked += 1
            except (*LOST, asyncpg.PostgresError):
                await asyncio.sleep(0.02)


def started(server: Breakable) -> bool:
    try:
        server.start()
    except (LocalStackError, OSError, asyncpg.PostgresError):  # what is left of the killed one still ends
        return False
    return True


def test_no_part_of_a_step_is_seen_while_the_server_crashes(breakable: Breakable, stage: Stage) -> None:
    async def scenario() -> None:
        written = Writer(6, leads=200)
        await stage.send(sent(written.fold(100)))
        async with stage.run() as role:
            await stage.projected()
            reader = Reader(stage.database)
            reading = asyncio.create_task(reader.run())
            killed = 0
            for end in ("a session", "the main process", "all at once", "a session", "in order"):
                for _ in range(4):
                    await stage.send(sent(written.fold(150)))
                if end == "a session":
                    while not (busy := await stage.database.rows(SESSIONS)):
                        await stage.send(sent(written.fold(50)))
                    restarts = breakable.restarts
                    for one in busy:
                        with suppress(ProcessLookupError):
                            os.kill(one["pid"], signal.SIGKILL)
                            killed += 1
                    await asyncio.to_thread(
                        until, lambda before=restarts: breakable.restarts > before, "it starts anew by itself"
                    )
                elif end == "the main process":
                    assert breakable.pid is not None
                    os.kill(breakable.pid, signal.SIGKILL)
                    await asyncio.to_thread(until, lambda: breakable.pid is None, "it is gone")
                else:
                    await asyncio.to_thread(breakable.kill if end == "all at once" else breakable.stop)
                await asyncio.to_thread(until, lambda: started(breakable), "the server starts")
                await asyncio.to_thread(until, breakable._answers, "the server answers")
            await stage.projected()
            await role.ready()
            assert killed
            assert not reading.done(), reading.exception()
            assert reader.looked > 20
            assert len(reader.positions) > 3
            reading.cancel()

    run(scenario())
