"""A failover to a standby that did not get the end: the projector reads again."""

import asyncio
import os
import signal
from pathlib import Path

import asyncpg
import pytest

from leadstream.devstack import Postgres
from leadstream.devstack.database import _data_folder, _system_user, programs
from leadstream.devstack.processes import LocalStackError, finished
from leadstream.projection.destinations import Destination, put_destination
from leadstream.projection.migrate import migrate
from tests.projection.made import run
from tests.projection.test_outbox import Crm
from tests.support.waiting import until

from .conftest import MakeStage
from .written import Writer, sent

REPLAYED = "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn"


class Standby(Postgres):
    """A streaming standby, asynchronous."""

    def copy(self, primary: Postgres) -> None:
        """Makes its data, a base backup."""
        self.directory.mkdir()
        user = _system_user()
        data = _data_folder(self.directory, user)
        code, output = finished(
            [
                str(programs() / "pg_basebackup"), "-h", "127.0.0.1", "-p", str(primary.port),
                "-U", "postgres", "-D", str(data), "-R", "-c", "fast", "-X", "stream", "--no-sync",
            ],
            user=user,
        )  # fmt: skip
        assert code == 0, output

    def take_the_place_of(self, primary: Postgres) -> None:
        """From now on it starts where the primary was."""
        self.port, self.dsn, self._maintenance = primary.port, primary.dsn, primary._maintenance

    def answers_after(self, primary: Postgres) -> bool:
        """Starts it, if the processes of the primary are gone."""
        try:
            self.start()
        except LocalStackError:
            return False
        return True


async def value(dsn: str, query: str, *values: object) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query, *values)
    finally:
        await connection.close()


def test_a_standby_that_lost_the_tail_is_projected_again(tmp_path: Path, make_stage: MakeStage) -> None:
    primary, standby = Postgres(tmp_path / "primary"), Standby(tmp_path / "standby")
    if not (programs() / "pg_basebackup").exists():
        pytest.skip("this PostgreSQL has no pg_basebackup")
    primary.start()
    try:
        stage = make_stage(primary.dsn)
        database, written = stage.database, Writer(2)
        standby.copy(primary)
        standby.start()

        async def scenario() -> None:
            await migrate(database.dsn, database.schema)
            await put_destination(database.dsn, database.schema, Destination("crm", "acme", "every_update"))
            crm = Crm(database)
            await stage.send(sent(written.fold(60)))
            async with stage.run() as role:
                await stage.projected()
                end = await value(primary.dsn, "SELECT pg_current_wal_lsn()::text")
                deadline = asyncio.get_running_loop().time() + 30
                while not await value(standby.dsn, REPLAYED, end):
                    assert asyncio.get_running_loop().time() < deadline, "the standby does not follow"
                    await asyncio.sleep(0.05)
                await asyncio.to_thread(standby.stop)
                # The tail: the CRM has it, the standby does not.
                await stage.send(sent(written.fold(60)))
                await stage.projected()
                await crm._catch_up()
                assert primary.pid is not None
                os.kill(primary.pid, signal.SIGKILL)
                standby.take_the_place_of(primary)
                await asyncio.to_thread(until, lambda: standby.answers_after(primary), "the standby starts")
                await stage.send(sent(written.fold(20)))
                # It is still a standby.
                assert "is it a standby?" in await role.says("25006")
                with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="behind the token"):
                    await crm._catch_up()
                await value(standby.dsn, "SELECT pg_promote()")
                await stage.projected()
                await role.ready()
            await crm._catch_up()
            rows = await database.rows("SELECT lead_id, score_total, log_offset FROM leads")
            assert {(row["lead_id"], row["score_total"], row["log_offset"]) for row in rows} == {
                (lead, row["score_total"], row["log_offset"]) for lead, row in crm.leads.items()
            }
            assert len(set(crm.got)) == len(crm.got)

        run(scenario())
    finally:
        primary.kill()
        standby.kill()
