"""Golden histories: for each preset a short story, with all that came of it beneath each signal.

Lines with `>` are the signals: time, type, source, data, perhaps `at=` or the number of the signal whose id
is used again. The indented lines are what the fold says; `python -m tests.scoring.test_golden` writes them.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadstream.models import load_catalog, preset_names
from leadstream.records.times import parse_instant
from tests.scoring.folding import Log, Result, run

FOLDER = Path(__file__).parent / "golden"


def replayed(preset: str) -> str:
    """The story of a preset with what the fold makes of it now."""
    log = Log()
    told = (FOLDER / f"{preset}.txt").read_text().splitlines()
    story = [line for line in told if line and not line.startswith(" ")]
    for line in story:
        if line.startswith(">"):
            append(log, line[2:])
    result = run(log, load_catalog(preset).default, packs=range(len(log.records) + 1))
    steps = iter(result.steps[1:])
    lines: list[str] = []
    for line in story:
        lines.append(line)
        if line.startswith(">"):
            lines.extend(f"    {text}" for text in said(Result(result.fold, result.model, [next(steps)])))
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


def said(result: Result) -> Iterator[str]:
    """What one step says, in the order of the fold."""
    for record in result.outputs:
        moved = f"{record['total_before']:.6f} -> {record['total_after']:.6f}"
        subject = {
            "lead.threshold.crossed": lambda r: f"{r['threshold']:g} {r['direction']}",
            "lead.band.changed": lambda r: f"{r['previous_band']} -> {r['band']}",
            "lead.action.requested": lambda r: f"{r['do']} requested {json.dumps(r.get('payload', {}))}",
            "lead.action.skipped": lambda r: f"{r['do']} skipped: {r['reason']}",
        }[record["type"]](record)
        yield f"{record['at']} {subject} ({record['cause']}, {moved})"
    for entry in result.history:
        shares = ", ".join(f"{one.factor} {one.points:g}" for one in entry.contributions)
        yield f"{entry.outcome}: {entry.before:.6f} -> {entry.after:.6f}" + (f" ({shares})" if shares else "")
    for step in result.steps:
        if any(outcome == "duplicate" for _, outcome in step.outcomes):
            yield "duplicate"
    if any(step.scores for step in result.steps):
        shot = result.snapshot()
        held = f", suppressed: {', '.join(shot.suppressed)}" if shot.suppressed else ""
        yield f"= {shot.score} {shot.band}{held}"


@pytest.mark.parametrize("preset", preset_names())
def test_each_preset_tells_its_story_as_it_always_did(preset: str) -> None:
    assert replayed(preset) == (FOLDER / f"{preset}.txt").read_text()


if __name__ == "__main__":
    for name in preset_names():
        (FOLDER / f"{name}.txt").write_text(replayed(name))
