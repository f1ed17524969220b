"""`leadstream replay`."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from leadstream.cli.console import err, opened, progress, size_of, written
from leadstream.kafka.topics import TopicNames
from leadstream.models import load_catalog
from leadstream.offline.lines import read_chunks
from leadstream.offline.replay import Replay, ReplayResult
from leadstream.records.counts import Output
from leadstream.records.times import parse_instant
from leadstream.settings import Settings


def replay(
    signals: Annotated[Path, typer.Option(help="NDJSON of signals; - is stdin.")],
    at: Annotated[str, typer.Option(help="Where it ends: RFC 3339 or epoch milliseconds.")],
    model: Annotated[str, typer.Option(help="A preset or a rule file.")] = "tenx",
    scores: Annotated[Path | None, typer.Option(help="File for the scores at the end; - is stdout.")] = None,
    actions: Annotated[Path | None, typer.Option(help="The same for crossings, bands and actions.")] = None,
    tenants: Annotated[Path | None, typer.Option(help="YAML of tenants: only these are scored.")] = None,
    app: Annotated[str | None, typer.Option(help="Lineage in the ids; default LEADSTREAM_APP.")] = None,
) -> None:
    """Fold signals from a file, offline: the scores and actions that the same log gives live.

    Lines of `leadstream log export` carry their place; others are offsets 0, 1, ... of partition 0, received
    at their own `at`. Later records are left out; timers fire up to the end. Bad lines are named on stderr
    and passed over. Without --scores and --actions the scores go to stdout.

    Example: leadstream replay --signals signals.ndjson --at 2026-03-01T00:00:00Z --actions actions.ndjson
    """
    try:
        end = parse_instant(at)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--at") from None
    settings = Settings()
    catalog = load_catalog(model, tenants)
    topic = TopicNames(settings.topic_prefix, settings.app).signals
    started = time.perf_counter()
    with ExitStack() as stack:
        source = stack.enter_context(opened(signals))
        if scores is None and actions is None:
            scores = Path("-")
        scores_to = stack.enter_context(written(scores)) if scores is not None else None
        actions_to = stack.enter_context(written(actions)) if actions is not None else None
        with progress(of_bytes=True) as bar:
            task = bar.add_task("folding", total=size_of(source))
            replaying = Replay(catalog, app or settings.app, end, topic=topic, on_bad=name_bad)
            for chunk in read_chunks(source):
                for line in chunk:
                    replaying.feed(line)
                bar.advance(task, sum(map(len, chunk)) + len(chunk))
            bar.update(task, description="firing timers")
            result = replaying.finish()
        if actions_to is not None:
            actions_to.writelines(result.outputs.lines())
        if scores_to is not None:
            scores_to.writelines(score_lines(result))
    err.print(summary(result, time.perf_counter() - started), highlight=False, soft_wrap=True)


def name_bad(number: int, reason: str) -> None:
    """Names a bad line on stderr."""
    print(f"line {number}: {reason}", file=sys.stderr)


def score_lines(result: ReplayResult) -> Iterator[bytes]:
    """The scores of a replay as NDJSON."""
    encoder = msgspec.json.Encoder()
    for lead in result.lines():
        yield encoder.encode(lead) + b"\n"


def summary(result: ReplayResult, seconds: float) -> str:
    """What a replay met, in one line."""
    counts = result.counts
    bad = counts.bad_lines + counts.dead_letters.total()
    parts = [f"{counts.lines:,} lines: {counts.folded:,} signals folded"]
    for number, name in [
        (counts.duplicates, "duplicates"),
        (bad, "bad"),
        (counts.left_out, "after the end left out"),
    ]:
        if number:
            parts.append(f"{number:,} {name}")
    kinds = counts.outputs
    actions = {output: number for output, number in kinds.items() if output.kind == "action"}
    requested = sum(number for output, number in actions.items() if output.status == "requested")
    skipped = sum(actions.values()) - requested
    return (
        f"{', '.join(parts)}; {result.leads:,} leads; {kinds[Output('crossing', 'up')]:,} crossings up and "
        f"{kinds[Output('crossing', 'down')]:,} down, {requested:,} actions requested, {skipped:,} skipped; "
        f"{seconds:.1f} s ({counts.lines / seconds:,.0f} lines/s)"
    )
