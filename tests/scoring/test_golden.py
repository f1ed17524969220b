"""Golden histories: for each preset short stories, with all that came of it beneath each signal.

A file is named by its preset, or `<preset>+<subject>`. Lines with `>` are the signals: time, type, source,
data, perhaps `at=` or the number of the signal whose id is used again. Lines with `!` are worked out by hand:
`! 2 + 2 + 5` is the total after the signal above, `! at 2026-01-05T09:00:00Z + 14 * log2(2)` the instant,
days being added, at which the signal or tick above brought something about. The indented lines are what the
fold says; `python -m tests.scoring.test_golden` writes them.
"""

import json
from collections.abc import Callable, Iterator
from math import log2
from pathlib import Path
from typing import Any

import pytest

from leadstream.models import load_catalog, preset_names
from leadstream.records.times import parse_instant
from tests.scoring.folding import DAY, Log, Result, run

FOLDER = Path(__file__).parent / "golden"
STORIES = sorted(path.stem for path in FOLDER.glob("*.txt"))


def told(story: str) -> list[str]:
    """The lines of a story without what the fold says."""
    lines = (FOLDER / f"{story}.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith(" ")]


def folded(story: str) -> Iterator[tuple[str, Result | None]]:
    """The lines of a story, each signal with what the fold makes of it now."""
    log = Log()
    lines = told(story)
    for line in lines:
        if line.startswith(">"):
            append(log, line[2:])
    result = run(log, load_catalog(story.split("+")[0]).default, packs=range(len(log.records) + 1))
    steps = iter(result.steps[1:])
    for line in lines:
        yield line, Result(result.fold, result.model, [next(steps)]) if line.startswith(">") else None


def replayed(story: str) -> str:
    """The story with what the fold makes of it now."""
    lines: list[str] = []
    for line, result in folded(story):
        lines.append(line)
        if result is not None:
            lines.extend(f"    {text}" for text in said(result))
    return "\n".join(lines) + "\n"


def append(log: Log, line: str) -> None:
    words = line.split(" ", 3)
    now = parse_instant(words[0])
    if words[1] == "tick":
        log.tick(now)
        return
    data, end = json.JSONDecoder().raw_decode(words[3])
    more: dict[str, object] = {}
    for word in words[3][end:].split():
        name, _, value = word.partition("=")
        more[name] = parse_instant(value) if name == "at" else f"s{value}"
    log.add(words[1], now, source=words[2], data=data, **more)  # type: ignore[arg-type]


def requested(record: dict[str, Any]) -> str:
    urgent = f", {record['priority']}" if "priority" in record else ""
    return f"{record['do']} requested for {record['trigger']}{urgent} {json.dumps(record.get('payload', {}))}"


SUBJECTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "lead.threshold.crossed": lambda r: f"{r['threshold']:g} {r['direction']}",
    "lead.band.changed": lambda r: f"{r['previous_band']} -> {r['band']}",
    "lead.stage.changed": lambda r: f"stage {r['previous_stage'] or 'none'} -> {r.get('stage') or 'none'}",
    "lead.trigger.fired": lambda r: f"{r['trigger']} fired" + (f" at {r['value']:g}" if "value" in r else ""),
    "lead.action.requested": requested,
    "lead.action.skipped": lambda r: f"{r['do']} skipped: {r['reason']}",
}


def said(result: Result) -> Iterator[str]:
    """What one step says, in the order of the fold."""
    for record in result.outputs:
        moved = f"{record['total_before']:.6f} -> {record['total_after']:.6f}"
        yield f"{record['at']} {SUBJECTS[record['type']](record)} ({record['cause']}, {moved})"
    for entry in result.history:
        shares = ", ".join(f"{one.factor} {one.points:g}" for one in entry.contributions)
        flagged = f" [{', '.join(entry.flags)}]" if entry.flags else ""
        moved = f"{entry.before:.6f} -> {entry.after:.6f}" + (f" ({shares})" if shares else "")
        yield f"{entry.outcome}{flagged}: {moved}"
    for step in result.steps:
        if any(outcome == "duplicate" for _, outcome in step.counts.outcomes):
            yield "duplicate"
    if any(step.scores for step in result.steps):
        shot = result.snapshot()
        stage = f", stage {shot.stage}" if shot.stage else ""
        held = f", suppressed: {', '.join(shot.suppressed)}" if shot.suppressed else ""
        yield f"= {shot.score} {shot.band}{stage}{held}"


def by_hand(form: str) -> float:
    return float(eval(form, {"__builtins__": {}, "log2": log2, "min": min, "max": max}))


def test_every_preset_has_a_story() -> None:
    assert {story.split("+")[0] for story in STORIES} == set(preset_names())


@pytest.mark.parametrize("story", STORIES)
def test_each_story_is_told_as_it_always_was(story: str) -> None:
    assert replayed(story) == (FOLDER / f"{story}.txt").read_text()


@pytest.mark.parametrize("story", STORIES)
def test_each_story_comes_out_as_by_hand(story: str) -> None:
    result: Result | None = None
    checked = 0
    for line, step in folded(story):
        result = step or result
        if not line.startswith("!"):
            continue
        assert result is not None
        checked += 1
        if line.startswith("! at "):
            start, _, days = line.removeprefix("! at ").partition(" + ")
            expected = parse_instant(start) + by_hand(days) * DAY
            instants = [parse_instant(record["at"]) for record in result.outputs]
            # The first whole millisecond that is past the instant by what comparisons allow.
            assert any(-1e-3 <= instant - expected < 2 for instant in instants), line
        else:
            assert result.history[-1].after == pytest.approx(by_hand(line[2:]), abs=1e-9), line
    assert checked


if __name__ == "__main__":
    for name in STORIES:
        (FOLDER / f"{name}.txt").write_text(replayed(name))
