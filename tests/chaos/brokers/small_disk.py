"""A broker on a small disk of its own, which can be filled and emptied.

The disk is a tmpfs in a mount namespace of its own, which an ordinary user can have where user namespaces are
allowed. A process that does nothing holds it while the broker is down.
"""

import subprocess
from pathlib import Path
from types import TracebackType

from leadstream.devstack import ApacheKafka
from leadstream.devstack.processes import ChildProcess, finished

MEGABYTES = 160


class SmallDisk(ApacheKafka):
    """Apache Kafka whose log is on a disk of 160 MB."""

    def __init__(self, directory: Path, *, heap: str, overrides: dict[str, str]) -> None:
        super().__init__(directory, heap=heap, overrides=overrides)
        self._disk = self.directory.absolute() / "disk"
        self._holder: ChildProcess | None = None

    @property
    def data(self) -> Path:
        return self._disk / "data"

    @property
    def _seen_from_here(self) -> Path:
        assert self._holder is not None
        return Path(f"/proc/{self._holder.pid}/root{self._disk}")

    def _is_formatted(self) -> bool:
        return (self._seen_from_here / "data" / "meta.properties").exists()

    def _surroundings(self) -> list[str]:
        assert self._holder is not None
        return ["nsenter", "--target", str(self._holder.pid), "--user", "--mount", "--preserve-credentials"]

    def start(self, *, timeout: float = 60.0) -> None:
        """Starts the broker, and has the disk made before, the first time."""
        if self._holder is None:
            self._disk.mkdir(parents=True, exist_ok=True)
            script = (
                f'mount -t tmpfs -o size={MEGABYTES}m tmpfs "$0" && mkdir "$0/data" && exec sleep infinity'
            )
            self._holder = ChildProcess(
                "the disk",
                ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(self._disk)],
                log=self.directory / "disk.log",
            )
            self._holder.start()
            self._holder.wait_until((self._seen_from_here / "data").exists, timeout=10)
        super().start(timeout=timeout)

    def fill(self) -> None:
        """Leaves no byte free."""
        # It fails: that there is no space left is what it is for.
        finished([*self._surroundings(), "sh", "-c", 'cat /dev/zero > "$0/ballast"', str(self._disk)])

    def empty(self) -> None:
        """Frees what `fill` took."""
        subprocess.run([*self._surroundings(), "rm", str(self._disk / "ballast")], check=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if self._holder is not None:
            self._holder.kill()


def available() -> bool:
    """Whether this system lets us make a disk."""
    try:
        return (
            finished(
                ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
            )[0]
            == 0
        )
    except FileNotFoundError:
        return False
