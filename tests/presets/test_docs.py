"""The worked examples of docs/presets.md: signals and tables both stand on the page, and must agree."""

import json
import re
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any

import pytest

from leadstream.models import parse_rule_file, preset_names
from leadstream.records.times import parse_instant
from tests.presets.stories import preset_text, replayed
from tests.scoring.folding import DAY, MINUTE, SECOND, Log, Result

PAGE = Path(__file__).parents[2] / "docs" / "presets.md"
SECTIONS = re.findall(r"^## `(.+?)`\n(.*?)(?=^## |\Z)", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """A line of an example's table."""

    at: str
    signal: str
    by_hand: str
    total: str
    brings: str

    @property
    def value(self) -> float:
        """What the column `by hand` gives: a total, or days."""
        form = self.by_hand.split("`")[1]
        return float(eval(form, {"__builtins__": {}, "log2": log2, "min": min, "max": max}))


def rows_of(section: str) -> list[Row]:
    table = section.partition("| at | signal | by hand | total | brings about |\n|---|---|---|---|---|\n")[2]
    lines = table.partition("\n\n")[0].strip().splitlines()
    return [Row(*(cell.strip() for cell in line.strip("|").split("|"))) for line in lines]


def log_of(section: str) -> tuple[Log, list[dict[str, Any]]]:
    log = Log()
    signals = []
    for line in section.partition("```json\n")[2].partition("```")[0].splitlines():
        signal = json.loads(line)
        signals.append(signal)
        log.raw(f"{signal['tenant']}:{signal['lead']}".encode(), line.encode(), parse_instant(signal["at"]))
    return log, signals


def happened(result: Result) -> list[tuple[str, str, float]]:
    """(second, words of the page, total after) of all records, in the order of the fold."""
    words = {
        "lead.threshold.crossed": lambda r: f"{r['threshold']:g} {r['direction']}",
        "lead.band.changed": lambda r: f"{r['previous_band']} -> {r['band']}",
        "lead.stage.changed": lambda r: f"stage {r['previous_stage'] or 'none'} -> {r['stage']}",
        "lead.trigger.fired": lambda r: f"{r['trigger'].partition(':')[2]} fired",
        "lead.action.requested": lambda r: r["do"],
        "lead.action.skipped": lambda r: f"{r['do']} skipped: {r['reason']}",
    }
    return [(one["at"][:19] + "Z", words[one["type"]](one), one["total_after"]) for one in result.outputs]


def test_every_preset_has_a_section_with_an_example() -> None:
    assert {name for name, _ in SECTIONS} == set(preset_names())
    assert all(rows_of(section) for _, section in SECTIONS)


@pytest.mark.parametrize(("name", "section"), SECTIONS, ids=[name for name, _ in SECTIONS])
def test_the_totals_of_the_example_are_those_by_hand_and_those_of_the_fold(name: str, section: str) -> None:
    log, signals = log_of(section)
    rows = rows_of(section)
    result = replayed(name, log, until=parse_instant(rows[-1].at) + SECOND)
    with_signal = [row for row in rows if row.signal]
    assert [(row.at, row.signal.strip("`")) for row in with_signal] == [
        (signal["at"], signal["type"]) for signal in signals
    ]
    for row, entry in zip(with_signal, result.history, strict=True):
        assert row.value == pytest.approx(entry.after, abs=1e-3), row
        assert float(row.total) == pytest.approx(entry.after, abs=0.005001), row
    for row in rows:
        if not row.signal:
            (total,) = {after for at, _, after in happened(result) if at == row.at}
            assert float(row.total) == pytest.approx(total, abs=0.005001), row
            if " d after " in row.by_hand:
                start = parse_instant(row.by_hand.rpartition(" ")[2])
                assert abs(start + row.value * DAY - parse_instant(row.at)) < MINUTE, row
            else:
                assert row.value == pytest.approx(total, abs=1e-3), row


@pytest.mark.parametrize(("name", "section"), SECTIONS, ids=[name for name, _ in SECTIONS])
def test_the_example_brings_about_what_the_page_says_and_nothing_else(name: str, section: str) -> None:
    log, _ = log_of(section)
    rows = rows_of(section)
    result = replayed(name, log, until=parse_instant(rows[-1].at) + SECOND)
    expected = [(row.at, words) for row in rows for words in row.brings.split(", ") if words]
    assert [(at, words) for at, words, _ in happened(result)] == expected


@pytest.mark.parametrize(("name", "section"), SECTIONS, ids=[name for name, _ in SECTIONS])
def test_the_page_names_every_action_and_every_type_of_signal_of_the_preset(name: str, section: str) -> None:
    file = parse_rule_file(preset_text(name), f"{name}.yaml")
    assert [action.do for action in file.actions if f"`{action.do}`" not in section] == []
    if name != "concept":  # whose few numbers are told in words
        assert {kind for rule in file.rules for kind in rule.on if f"`{kind}`" not in section} == set()
