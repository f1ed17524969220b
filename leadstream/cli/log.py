"""`leadstream log`."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from leadstream.cli.console import err, progress, run, written
from leadstream.cli.errors import CliError
from leadstream.kafka.log_reader import Progress, read_topic
from leadstream.kafka.topics import TopicNames, partition_count
from leadstream.offline.lines import format_line, format_unreadable
from leadstream.records.keys import CONTROL_PREFIX, partition_of
from leadstream.records.step import Unreadable
from leadstream.settings import Settings

app = typer.Typer(no_args_is_help=True)


@app.callback()
def log() -> None:
    """The log of signals."""


@app.command("export")
def export_command(
    partition: Annotated[int | None, typer.Option(min=0, help="Only this one.")] = None,
    to: Annotated[Path, typer.Option(help="A file; - is stdout.")] = Path("-"),
) -> None:
    """Write the log of signals as NDJSON, each record with its place: `replay` of it gives what is live.

    Ordered by partition and offset, up to where the log ends now. Ticks and bad input have lines too.

    Example: leadstream log export --to log.ndjson
    """
    beginnings: dict[int, int] = {}
    with ExitStack() as stack:
        file = stack.enter_context(written(to))
        bar = stack.enter_context(progress())
        task = bar.add_task("reading", total=None)

        def show(current: int, begin: int, position: int, end: int) -> None:
            if begin:
                beginnings[current] = begin
            name = f"partition {current}"
            bar.update(task, description=name, completed=position - begin, total=end - begin)

        exported = run(export(Settings(), file.write, partition, show))
    for number, first in beginnings.items():
        err.print(f"note: the log of partition {number} begins at offset {first}: what was before is gone")
    err.print(f"{exported:,} records exported")


async def export(
    settings: Settings,
    write: Callable[[bytes], object],
    partition: int | None = None,
    show: Progress | None = None,
) -> int:
    """Calls `write` with the lines of the signals topic, one partition after the other; returns how many.

    Raises `TopicAbsent`, `CliError` for a partition that there is not, and Kafka's errors.
    """
    topic = TopicNames(settings.topic_prefix, settings.app).signals
    partitions = await partition_count(settings, topic)
    if partition is not None and partition >= partitions:
        raise CliError(f"{topic} has no partition {partition}", f"its partitions are 0 to {partitions - 1}")
    placed_by = settings.key_partitions or partitions
    chosen = range(partitions) if partition is None else [partition]
    exported = 0
    async for records in read_topic(settings, topic, chosen, progress=show):
        current = records[0].partition
        for record in records:
            if isinstance(record, Unreadable):
                write(format_unreadable(topic, current, record))
                continue
            key = record.key
            home = key is None or key.startswith(CONTROL_PREFIX) or partition_of(key, placed_by) == current
            line = format_line(
                topic, current, record.offset, record.timestamp, key, record.value, misplaced=not home
            )
            write(line)
        exported += len(records)
    return exported
