"""A disk that is really full: a tablespace on a small file system of its own."""

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from leadstream.devstack import Postgres
from leadstream.devstack.processes import ChildProcess
from tests.projection.made import run

from .conftest import MakeStage
from .running import contents
from .written import Writer, sent

NAMESPACE = [shutil.which("unshare") or "/usr/bin/unshare", "--user", "--map-root-user", "--mount"]
# The file system is the server's alone, and goes with it. PostgreSQL refuses to be root, here too.
SERVE = """
mkdir -p "$1" && mount -t tmpfs -o size=40m,mode=700 tmpfs "$1" && shift &&
exec unshare --user --map-user=1000 --map-group=1000 "$@"
"""


class SmallDisk(Postgres):
    """`small` is a folder of 40 MB."""

    def _prepare(self) -> ChildProcess:
        process = super()._prepare()
        self.small = (self.directory / "data").resolve() / "small"
        process._arguments = [*NAMESPACE, "sh", "-c", SERVE, "sh", str(self.small), *process._arguments]
        return process


async def fill(connection: asyncpg.Connection) -> None:
    """Others take all that is left, to the last page."""
    await connection.execute("CREATE TABLE public.others (junk text) TABLESPACE small")
    await connection.execute("ALTER TABLE public.others ALTER junk SET STORAGE PLAIN")
    for rows in (1000, 100, 10, 1):
        with suppress(asyncpg.DiskFullError):
            while True:
                await connection.execute(
                    "INSERT INTO public.others SELECT repeat('x', 7000) FROM generate_series(1, $1)", rows
                )


def test_a_full_disk_loses_and_buries_nothing(tmp_path: Path, make_stage: MakeStage) -> None:
    if (
        not Path(NAMESPACE[0]).exists()
        or subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode
    ):
        pytest.skip("this system gives ordinary users no namespaces (kernel.unprivileged_userns_clone)")
    server = SmallDisk(tmp_path / "small")
    stage, written = make_stage(server.dsn), Writer(3)

    async def scenario() -> None:
        admin = await asyncpg.connect(server.dsn)
        await admin.execute(f"CREATE TABLESPACE small LOCATION '{server.small}'")
        await admin.execute("ALTER DATABASE leadstream SET default_tablespace = small")
        await stage.send(sent(written.fold(40)))
        async with stage.run() as role:
            await stage.projected()
            await fill(admin)
            await stage.send(sent(written.fold(2000)))
            assert "make room" in await role.says("(53100)")
            history = stage.topics["history"]
            [position] = await stage.database.rows(
                "SELECT position FROM projection_positions WHERE topic = $1", history
            )
            rows = await stage.database.rows("SELECT DISTINCT source_offset FROM score_events")
            read = written.records["history"][: position["position"]]
            assert len(rows) == sum(b'"signal"' in (record.value or b"") for record in read)
            there = await contents(stage.database)
            # The rows of an unreadable record are dead for that alone.
            assert all("refused" not in row for row in there["projection_dead_letters"])
            await admin.execute("DROP TABLE public.others")
            await stage.projected()
            await role.ready()
        await admin.close()

    with server:
        run(scenario())
