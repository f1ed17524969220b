"""`leadstream send`."""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated

import typer
from aiokafka.errors import KafkaError

from leadstream.cli.console import err, out, progress, run
from leadstream.cli.errors import CliError
from leadstream.intake.lines import CHUNK, read_chunks, signal_record
from leadstream.records.keys import partition_of
from leadstream.records.rejection import Rejected
from leadstream.settings import Settings
from leadstream.stream.log_writer import LogWriter
from leadstream.stream.topics import TopicNames


@dataclass(slots=True)
class Sent:
    """What became of the lines."""

    signals: int = 0
    bad: int = 0


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
            if bad := sum(1 for _ in records(source, Sent())):
                pass
        bar = stack.enter_context(progress())
        task = bar.add_task("sending", total=size_of(source))
        started = time.perf_counter()
        sent = run(send_all(settings, source, lambda done: bar.update(task, advance=done)))
        seconds = time.perf_counter() - started
    out.print(f"{sent.signals:,} signals sent in {seconds:.1f} s ({sent.signals / seconds:,.0f}/s)")
