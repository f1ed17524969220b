"""What commands share: consoles, progress on stderr, input files, a quiet loop."""

import asyncio
import logging
import math
import os
import signal
import stat
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from leadstream.scoring.kernels.kernel import TOLERANCE

T = TypeVar("T")

PIPE_WIDTH = 160
"""Columns where stdout is no terminal."""

out = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
err = Console(stderr=True)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs a short command's coroutine. Its errors end in one line, so Kafka's client logs nothing itself.

    Raises KeyboardInterrupt if SIGINT came, however the coroutine ended. Call it in the main thread.
    """
    if not logging.getLogger().handlers:  # --debug sets one up
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    interrupted = False

    async def watched() -> T:
        # asyncio makes a cancellation of it, which a library may take for its own or answer with an error.
        cancel = signal.getsignal(signal.SIGINT)

        def interrupt(signum: int, frame: FrameType | None) -> None:
            nonlocal interrupted
            interrupted = True
            if callable(cancel):
                cancel(signum, frame)

        if callable(cancel):
            signal.signal(signal.SIGINT, interrupt)
        try:
            return await main
        finally:
            signal.signal(signal.SIGINT, cancel)

    try:
        result = asyncio.run(watched())
    except Exception:
        if interrupted:
            raise KeyboardInterrupt from None
        raise
    if interrupted:
        raise KeyboardInterrupt
    return result


def progress(*, of_bytes: bool = False) -> Progress:
    """A progress bar on stderr that shows only at a terminal, and leaves nothing behind."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn() if of_bytes else MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        disable=not err.is_terminal,
        transient=True,
    )


def printable(text: str) -> str:
    """The text with everything escaped that could drive a terminal."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def cell(text: str) -> str:
    """The text for a table: printable, and without markup."""
    return escape(printable(text))


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file to read, or stdin for `-`."""
    if str(path) != "-":
        with open(path, "rb") as file:
            yield file
        return
    try:
        descriptor = sys.stdin.fileno()
    except OSError:  # not a real file, as in a test
        yield sys.stdin.buffer
        return
    # Its own object, never closed: Python can neither exit nor close a file while a thread waits in it.
    yield open(descriptor, "rb", closefd=False)  # noqa: SIM115


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """A file to write, or stdout for `-`."""
    if str(path) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with open(path, "wb") as file:
        yield file


def size_of(file: IO[bytes]) -> int | None:
    """The bytes of a regular file, else None."""
    try:
        status = os.fstat(file.fileno())
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def rounded_down(total: float, digits: int) -> str:
    """A total as its score is made of it: 69.99999 is not shown as 70, of which the score would be 70."""
    scale = 10**digits
    return f"{math.floor((total + TOLERANCE) * scale) / scale:.{digits}f}"
