"""`leadstream dlq`."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from leadstream.cli.console import cell, out, printable, progress, run
from leadstream.cli.errors import CliError
from leadstream.kafka.dead_letters import DeadLetter, read_dead_letter
from leadstream.kafka.log_reader import read_record, read_topic
from leadstream.kafka.log_writer import LogWriter
from leadstream.kafka.topics import TopicNames, partition_count
from leadstream.records.keys import partition_of
from leadstream.records.rejection import REASONS, shorten
from leadstream.records.times import rfc3339
from leadstream.settings import Settings

SHOWN_BYTES = 4000

app = typer.Typer(no_args_is_help=True)

Reason = Annotated[str | None, typer.Option(help="Only those of this reason.")]


@dataclass(slots=True)
class Overview:
    """What the dead letters are: how many per reason, how many can be sent back, the newest (oldest first),
    and how far the topic was read (last offset per partition)."""

    reasons: Counter[str] = field(default_factory=Counter)
    whole: int = 0
    newest: list[DeadLetter] = field(default_factory=list)
    read_to: dict[int, int] = field(default_factory=dict)


@app.callback()
def dlq() -> None:
    """Dead letters: what could not be folded, with its bytes, place and reason."""


@app.command("list")
def list_command(
    reason: Reason = None,
    last: Annotated[int, typer.Option(min=0, help="How many of the newest to show.")] = 20,
) -> None:
    """Count dead letters by reason, and show the newest.

    Example: leadstream dlq list --reason bad_field
    """
    check_reason(reason)
    with progress() as bar:
        overview = run(survey(Settings(), reason, last, bar))
    if not overview.reasons:
        out.print("no dead letters")
        return
    counts = Table("reason", "dead letters", title="Dead letters by reason")
    for name, count in overview.reasons.most_common():
        counts.add_row(cell(name), f"{count:,}")
    out.print(counts)
    if overview.newest:
        newest = Table("place", "written", "record", "reason", "detail", title="The newest")
        for letter in overview.newest:
            cells = letter.place, rfc3339(letter.at), origin_of(letter), letter.reason, letter.detail
            newest.add_row(*map(cell, cells))
        out.print(newest)
        out.print("`leadstream dlq show PLACE` shows one; `leadstream dlq replay` sends them again.")


def origin_of(letter: DeadLetter) -> str:
    """Where a dead letter comes from: topic, partition and offset, or the offsets that it took."""
    last = "" if letter.last_offset is None else f" to {letter.last_offset}"
    return f"{letter.topic}-{letter.origin}-{letter.origin_offset}{last}"


@app.command()
def show(
    place: Annotated[str, typer.Argument(help="PARTITION-OFFSET of the dead letter, as listed.")],
) -> None:
    """Show one dead letter: reason, origin, headers, key and value (shortened, control characters escaped).

    Example: leadstream dlq show 3-17
    """
    head, _, offset = place.rpartition("-")
    partition = head.rpartition("-")[2]
    if not (partition.isdecimal() and offset.isdecimal()):
        raise CliError(f"{place!r} is no place of a dead letter", "write PARTITION-OFFSET, such as 3-17")
    letter = run(_one(Settings(), int(partition), int(offset)))
    if letter is None:
        raise CliError(f"there is no dead letter at {place}", "see `leadstream dlq list`")
    size = "no value" if letter.value is None else f"{len(letter.value):,} bytes"
    if letter.length is not None:
        size = f"the first {size} of {letter.length:,}"
    if letter.raw:
        size += " of the log, as no record could be read"
    lines = [
        ("reason", letter.reason),
        ("detail", letter.detail),
        ("record", origin_of(letter)),
        ("written", rfc3339(letter.at)),
        ("key", "none" if letter.key is None else shorten(letter.key, 600)),
        *((f"header {shorten(name)}", shorten(value, 200)) for name, value in letter.headers),
        ("value", size),
    ]
    for name, text in lines:
        out.print(f"{name}: {printable(text)}", markup=False, highlight=False, soft_wrap=True)
    if letter.value:
        out.print(shorten(letter.value, SHOWN_BYTES), markup=False, highlight=False, soft_wrap=True)


@app.command()
def replay(
    reason: Reason = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Send dead letters back, with their own key, value and headers, to the topic that they came from.

    For when the cause is mended: a tenant is listed now, a worker is newer. They stay in the topic of dead
    letters; sent twice, a signal still counts once, by its id. Those too large to be kept whole stay out.

    Example: leadstream dlq replay --reason unknown_tenant
    """
    check_reason(reason)
    settings = Settings()
    with progress() as bar:
        overview = run(survey(settings, reason, 0, bar))
    total = overview.reasons.total()
    found = ", ".join(f"{name} {number:,}" for name, number in overview.reasons.most_common())
    out.print(f"{total:,} dead letters{f': {found}' if found else ''}", highlight=False)
    if overview.whole < total:
        rest = total - overview.whole
        out.print(f"{rest:,} of them can't be sent: cut, unreadable, or of another topic", highlight=False)
    if not overview.whole:
        return
    if not yes and not typer.confirm(f"Send {overview.whole:,} records?"):
        raise typer.Exit(1)
    with progress() as bar:
        sent = run(send_back(settings, reason, overview, bar))
    out.print(f"{sent:,} records sent")


def check_reason(reason: str | None) -> None:
    """Raises `CliError` for a reason that no dead letter has."""
    if reason is not None and reason not in REASONS:
        raise CliError(f"{reason!r} is no reason of a dead letter", f"reasons are {', '.join(REASONS)}")


async def survey(settings: Settings, reason: str | None, last: int, bar: Progress) -> Overview:
    """Reads all dead letters, keeping the `last` of them."""
    overview = Overview()
    newest: list[tuple[int, int, int, DeadLetter]] = []
    async for letter, partition, offset in _letters(settings, bar):
        overview.read_to[partition] = offset
        if reason is None or letter.reason == reason:
            overview.reasons[letter.reason] += 1
            overview.whole += is_whole(letter, settings)
            heappush(newest, (letter.at, partition, offset, letter))
            if len(newest) > last:
                heappop(newest)
    overview.newest = [letter for *_, letter in sorted(newest)]
    return overview


async def send_back(settings: Settings, reason: str | None, overview: Overview, bar: Progress) -> int:
    """Sends the dead letters that the overview covers, and waits for every acknowledgement."""
    async with LogWriter(settings, TopicNames(settings.topic_prefix, settings.app).signals) as writer:
        async for letter, partition, offset in _letters(settings, bar):
            # What is rejected again meanwhile stands behind what the overview saw.
            if offset > overview.read_to.get(partition, -1) or not is_whole(letter, settings):
                continue
            if reason is not None and letter.reason != reason:
                continue
            if letter.key is None:
                home = letter.origin % writer.partitions
            else:
                home = partition_of(letter.key, writer.partitions)
            await writer.add(home, letter.key, letter.value, letter.headers)
        await writer.flush()
        return writer.acknowledged


def is_whole(letter: DeadLetter, settings: Settings) -> bool:
    """Whether the record can be sent back: all of it is there, and it came from the topic of signals."""
    return letter.whole and letter.topic == TopicNames(settings.topic_prefix, settings.app).signals


async def _one(settings: Settings, partition: int, offset: int) -> DeadLetter | None:
    topic = TopicNames(settings.topic_prefix, settings.app).dead_letters
    if partition >= await partition_count(settings, topic):
        return None
    record = await read_record(settings, topic, partition, offset)
    return read_dead_letter(record) if record is not None else None


async def _letters(settings: Settings, bar: Progress) -> AsyncIterator[tuple[DeadLetter, int, int]]:
    topic = TopicNames(settings.topic_prefix, settings.app).dead_letters
    task = bar.add_task("reading", total=None)

    def moved(partition: int, begin: int, position: int, end: int) -> None:
        name = f"partition {partition}"
        bar.update(task, description=name, completed=position - begin, total=end - begin)

    partitions = range(await partition_count(settings, topic))
    async for records in read_topic(settings, topic, partitions, progress=moved):
        for record in records:
            yield read_dead_letter(record), record.partition, record.offset
