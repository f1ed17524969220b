"""A table that others hold: the projector gives up its place in the queue, shows its lag, and goes on."""

import asyncpg
import pytest

from leadstream.operations import metrics
from leadstream.projection import database as connections
from tests.projection.made import run
from tests.support.waiting import until_async

from .running import Stage
from .written import Writer, sent


@pytest.mark.parametrize("table", ["leads", "projection_positions"])
def test_a_lock_is_waited_out(stage: Stage, monkeypatch: pytest.MonkeyPatch, table: str) -> None:
    """ACCESS EXCLUSIVE, as VACUUM FULL and most of ALTER TABLE take it."""
    monkeypatch.setitem(connections.SESSION, "lock_timeout", "200ms")
    database, written = stage.database, Writer(5)

    def lag() -> float:
        found: float = metrics.LAG_SECONDS.labels(stage.topics["scores"], "0")._value.get()
        return found

    async def scenario() -> None:
        await stage.send(sent(written.fold(30)))
        async with stage.run() as role:
            await stage.projected()
            holder = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
            async with holder.transaction():
                await holder.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                await stage.send(sent(written.fold(30)))
                await role.says("lock timeout")
                await until_async(lambda: lag() > 1, "the lag is shown in seconds")
                before = lag()
                await until_async(lambda: lag() > before, "it grows")
                await until_async(lambda: metrics.STORE_UP._value.get() == 0, "the alarm's metric says so")
            await stage.projected()
            await role.ready()
            await until_async(lambda: lag() == 0 and metrics.STORE_UP._value.get() == 1, "all is well")
            await holder.close()

    run(scenario())
