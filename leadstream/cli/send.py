"""`leadstream send`."""

import asyncio
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated

import typer
from aiokafka.errors import KafkaError

from leadstream.cli.console import opened, out, progress, run, size_of
from leadstream.cli.errors import CliError
from leadstream.kafka.log_writer import LogWriter
from leadstream.kafka.topics import TopicNames
from leadstream.offline.lines import read_chunks, signal_record
from leadstream.records.keys import partition_of
from leadstream.records.rejection import Rejected
from leadstream.settings import Settings

LINGER_SECONDS = 0.05
"""When no line comes for this long, what there is goes out."""
CHUNKS_AHEAD = 4

Chunks = asyncio.Queue[list[bytes] | OSError | None]


@dataclass(slots=True)
class Lines:
    """Reads signals out of lines, and names each bad one on stderr."""

    number: int = 0
    bad: int = 0

    def records(self, lines: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of each good line; blank lines are passed over."""
        for line in lines:
            self.number += 1
            if not line:
                continue
            try:
                yield signal_record(line)
            except Rejected as rejected:
                self.bad += 1
                print(f"line {self.number}: {rejected}", file=sys.stderr)


def send(
    file: Annotated[Path, typer.Argument(help="NDJSON of signals; - is stdin.", show_default=False)],
    strict: Annotated[bool, typer.Option("--strict", help="Send nothing if any line is bad.")] = False,
) -> None:
    """Send signals, one JSON object a line, into the topic.

    Each line is checked as the worker would. A bad one is named with its number and reason, and the rest are
    sent; then the exit code is 1.

    Example: leadstream send signals.ndjson
    """
    settings = Settings()
    with ExitStack() as stack:
        source = stack.enter_context(opened(file))
        if strict:
            source = stack.enter_context(seekable(source))
            check(source)
            source.seek(0)
        bar = stack.enter_context(progress(of_bytes=True))
        task = bar.add_task("sending", total=size_of(source))
        lines = Lines()
        started = time.perf_counter()
        sent = run(send_lines(settings, source, lines, lambda size: bar.advance(task, size)))
        seconds = time.perf_counter() - started
    bad = f", {lines.bad:,} bad lines" if lines.bad else ""
    out.print(f"{sent:,} signals sent in {seconds:.1f} s ({sent / seconds:,.0f}/s){bad}", highlight=False)
    if lines.bad:
        raise typer.Exit(1)


@contextmanager
def seekable(source: IO[bytes]) -> Iterator[IO[bytes]]:
    """The same lines in a file that can be read twice: a copy, if the source can't."""
    if source.seekable():
        yield source
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(source, copy)
        copy.seek(0)
        yield copy


def check(source: IO[bytes]) -> None:
    """Raises `CliError` if any line is bad; each is named."""
    lines = Lines()
    for chunk in read_chunks(source):
        for _ in lines.records(chunk):
            pass
    if lines.bad:
        raise CliError(f"{lines.bad:,} of {lines.number:,} lines are bad, nothing was sent", "correct them")


async def send_lines(
    settings: Settings, source: IO[bytes], lines: Lines, advance: Callable[[int], None]
) -> int:
    """Sends the good lines and waits for all acknowledgements; returns how many there were."""
    topic = TopicNames(settings.topic_prefix, settings.app).signals
    chunks: Chunks = asyncio.Queue(CHUNKS_AHEAD)
    async with LogWriter(settings, topic) as writer:
        _read_ahead(source, chunks)
        try:
            while (chunk := await _next(chunks, writer)) is not None:
                for key, value in lines.records(chunk):
                    await writer.add(partition_of(key, writer.partitions), key, value)
                advance(sum(map(len, chunk)) + len(chunk))
            await writer.flush()
        except (KafkaError, TimeoutError) as error:
            deadline = f"no answer within {settings.step_deadline_seconds:g} s"
            reason = deadline if isinstance(error, TimeoutError) else repr(error)
            raise CliError(
                f"Kafka took {writer.acknowledged:,} signals and then no more ({reason})",
                "send all again when it does: a lead's last 16 signals are recognised by their ids",
            ) from error
        return writer.acknowledged


async def _next(chunks: Chunks, writer: LogWriter) -> list[bytes] | None:
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            chunk = await chunks.get()
    except TimeoutError:
        await writer.send()
        chunk = await chunks.get()
    if isinstance(chunk, OSError):
        raise chunk
    return chunk


def _read_ahead(source: IO[bytes], chunks: Chunks) -> None:
    """Reads in a thread of its own: a pipe may be silent for long, and must not hold up Ctrl-C either.

    After the last chunk comes None, after a failure the error.
    """
    loop = asyncio.get_running_loop()

    def put(chunk: list[bytes] | OSError | None) -> None:
        putting = chunks.put(chunk)
        try:
            asyncio.run_coroutine_threadsafe(putting, loop).result()
        except RuntimeError:
            putting.close()  # the loop has ended
            raise CancelledError from None

    def read() -> None:
        try:
            for chunk in read_chunks(source):
                put(chunk)
            put(None)
        except OSError as error:
            put(error)

    def guarded() -> None:
        with suppress(CancelledError):
            read()

    threading.Thread(target=guarded, daemon=True).start()
