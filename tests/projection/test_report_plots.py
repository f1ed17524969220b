"""Reports drawn: what stands in the files and in the terminal."""

import re
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from leadstream.cli.charts import Bars, terminal_bars, write_bars
from leadstream.projection.migrate import migrate
from leadstream.records.outputs import Detail

from .made import NOW, Database, accumulator, crossed, entry, history, requested, run, skipped, snapshot
from .shell import command

STAYS = {"kernel": "none", "half_life": 0}
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
EVER = ("--days", "36500")


@pytest.fixture(scope="module")
def filled(postgres_dsn: str) -> Database:
    """Leads at 3, 7 and 9 (cold) and at 100 (hot), one of them Ann's."""
    database = Database(postgres_dsn, "plots_of_reports")
    run(migrate(database.dsn, database.schema))
    scores = (("a", 3.0, "cold"), ("b", 7.0, "cold"), ("c", 9.0, "cold"), ("d", 120.0, "hot"))
    leads = [
        snapshot(n, name, total=total, score=min(int(total), 100), band=band, stage="mql",
                 owner="Ann" if name == "d" else "",
                 accumulators=(accumulator(points=total, **STAYS),))
        for n, (name, total, band) in enumerate(scores)
    ]  # fmt: skip
    run(database.fill("t.scores", leads))
    entries = [
        entry(0, "a", points=3.0, before=23.0), entry(1, "d", points=120.0, before=0.0, now=NOW),
        entry(2, "d", now=NOW + 7_200_000, type="status.changed", points=0.0, data={"to": "won"}),
    ]  # fmt: skip
    run(database.fill("t.history", [history(0, *entries)]))
    actions = [
        crossed(0, "c1", 50, lead="d", at="2026-01-01T01:00:00Z"),
        requested(1, "a1", lead="d", at="2026-01-01T01:00:00Z"),
    ]
    run(database.fill("t.actions", actions))
    run(database.fill("t.decisions", [skipped(0, "d1", lead="a")]))
    return database


def drawn(database: Database, folder: Path, *arguments: str) -> str:
    """The SVG of a report, the same when it is drawn again."""
    file = folder / "plot.svg"
    once = b""
    for _ in range(2):
        result = command(database, "report", *arguments, "--no-plot", "--plot", str(file))
        assert result.exit_code == 0, result.stderr
        once, before = file.read_bytes(), once
    assert once == before
    return once.decode()


def size(svg: str, part: str, *, upright: bool = False) -> float:
    """How far the bar's part of this id reaches from its beginning, in points of the drawing."""
    [path] = re.findall(rf'id="{re.escape(part)}">\s*<path d="([^"]*)"', svg)
    places = [float(pair[upright]) for pair in re.findall(r"[ML] (\S+) (\S+)", path)]
    return max(places) - min(places)


@pytest.mark.requirement("S3-21")
def test_the_distribution_is_a_histogram(filled: Database, tmp_path: Path) -> None:
    svg = drawn(filled, tmp_path, "distribution", "acme")
    one = size(svg, "cold:0", upright=True)
    assert one > 0
    assert size(svg, "cold:5", upright=True) == pytest.approx(2 * one, rel=1e-3)
    assert size(svg, "hot:95", upright=True) == pytest.approx(one, rel=1e-3)
    assert size(svg, "hot:0", upright=True) == 0
    # Of 3, 7, 9 and 100.
    for mark in ("mark:mean 29.8", "mark:median 8.0"):
        assert svg.count(f'id="{mark}"') == 1


def test_movers_go_both_ways(filled: Database, tmp_path: Path) -> None:
    svg = drawn(filled, tmp_path, "movers", "acme", *EVER)
    assert size(svg, "change:d") == pytest.approx(6 * size(svg, "change:a"), rel=1e-3)
    colors = dict(re.findall(r'id="change:(\w)">\s*<path d="[^"]*"[^>]*fill: (#\w+)', svg))
    assert colors["a"] != colors["d"]
    for note in ("0 to 100", "23 to 3"):
        assert f">{note}<" in svg


def test_what_scored_most_is_bars(filled: Database, tmp_path: Path) -> None:
    svg = drawn(filled, tmp_path, "top-actions", "acme", *EVER)
    assert size(svg, "points:form.submitted") > 0
    assert size(svg, "points:status.changed") == 0
    assert ">2 signals of 2 leads<" in svg


@pytest.mark.requirement("S2-20")
def test_the_funnel_has_its_rates_and_hours(filled: Database, tmp_path: Path) -> None:
    svg = drawn(filled, tmp_path, "funnel", "acme", *EVER)
    assert size(svg, "leads:lead") == pytest.approx(size(svg, "leads:converted"), rel=1e-3)
    for note in (
        "1",
        "1, lead-to-qualified 100.0%, median 1.0 h",
        "1, qualified-to-converted 100.0%, median 2.0 h",
    ):
        assert f">{note}<" in svg


def test_stacks_by_band_and_by_fate(filled: Database, tmp_path: Path) -> None:
    svg = drawn(filled, tmp_path, "owners", "acme")
    assert size(svg, "cold:(nobody)") == pytest.approx(3 * size(svg, "hot:Ann"), rel=1e-3)
    svg = drawn(filled, tmp_path, "stages", "acme")
    assert size(svg, "cold:mql") == pytest.approx(3 * size(svg, "hot:mql"), rel=1e-3)
    assert ">4, mean 29.8<" in svg
    svg = drawn(filled, tmp_path, "outcomes", "acme", *EVER)
    action = "voice-lead-qualifier"
    parts = [size(svg, f"{part}:{action}") for part in ("answered", "not answered yet", "withheld")]
    assert parts == [0, pytest.approx(parts[2], rel=1e-3), parts[2]]
    svg = drawn(filled, tmp_path, "cohorts", "acme", "--last", "520")
    assert size(svg, "converted:2026-01-01") > 0
    assert size(svg, "neither:2026-01-01") == 0


def test_scores_that_the_tables_can_not_tell_are_not_drawn(database: Database, tmp_path: Path) -> None:
    unknown = accumulator(kernel="sigmoid", detail=Detail())
    run(database.fill("t.scores", [snapshot(0, accumulators=(unknown,))]))
    svg = drawn(database, tmp_path, "distribution", "acme")
    assert "mark:" not in svg
    for report in ("owners", "stages"):
        assert ">1<" in drawn(database, tmp_path, report, "acme")


def test_a_png(filled: Database, tmp_path: Path) -> None:
    file = tmp_path / "plot.png"
    command(filled, "report", "owners", "acme", "--plot", str(file), "--format", "json")
    assert file.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_in_the_terminal(filled: Database) -> None:
    shown = command(filled, "report", "owners", "acme").stdout
    assert "leads: a cold  b hot" in shown
    [bar] = [line for line in shown.splitlines() if line.strip().startswith("(nobody)┤")]
    assert (bar.count("a") > 20, "b" in bar.partition("┤")[2]) == (True, False)
    assert "\x1b" not in shown
    without = command(filled, "report", "owners", "acme", "--no-plot").stdout
    assert "┤" not in without
    for form in ("csv", "json"):
        assert "┤" not in command(filled, "report", "owners", "acme", "--format", form).stdout


def test_without_the_packages_for_plots(
    filled: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "plotext", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = command(filled, "report", "owners", "acme")
    assert (result.exit_code, "Owners at acme" in result.stdout) == (0, True)
    assert " ".join(result.stderr.split()) == (
        "no plot here without plotext: install `leadstream[local]`, or --no-plot"
    )
    result = command(filled, "report", "owners", "acme", "--plot", str(tmp_path / "plot.svg"))
    assert result.exit_code == 1
    assert result.stderr == "error: --plot needs matplotlib; install `leadstream[local]`\n"


def test_nothing_to_plot_and_other_files_are_errors(filled: Database, tmp_path: Path) -> None:
    result = command(
        filled, "report", "top-actions", "acme", "--days", "1", "--plot", str(tmp_path / "plot.svg")
    )
    assert (result.exit_code, "nothing to plot" in result.stderr) == (1, True)
    result = command(filled, "report", "owners", "acme", "--plot", "plot.gif")
    assert (result.exit_code, "ends in .png or .svg" in result.stderr) == (2, True)


def bars(**changes: Any) -> Bars:
    values: dict[str, Any] = {
        "title": "t", "axis": "leads", "labels": ["x", "y", "z"], "series": {"one": [4, 2, 0]}, **changes,
    }  # fmt: skip
    return Bars(**values)


def lines(drawing: Bars) -> list[str]:
    return ESCAPES.sub("", terminal_bars(drawing, 60)).splitlines()


def test_lying_bars_are_in_order_with_a_line_between() -> None:
    found = [line for line in lines(bars()) if "│" in line]
    assert [line[:2] for line in found] == ["x┤", " │", "y┤", " │", "z┤"]
    full, half, none = (line.count("█") for line in found[::2])
    assert (none, half) == (pytest.approx(1, abs=1), pytest.approx(full / 2, abs=1))


def test_bars_go_both_ways_from_zero() -> None:
    found = [line for line in lines(bars(series={"one": [4, -2, 0]})) if line[1:2] == "┤"]
    up, down = found[0].index("█"), found[1].index("█")
    assert down < up
    assert found[0].count("█") == pytest.approx(2 * found[1].count("█"), abs=2)


def test_parts_are_told_apart_without_colours() -> None:
    found = lines(bars(series={"one": [1, 0, 2], "two": [1, 4, 2]}))
    assert found[-1] == "leads: a one  b two"
    assert [line.count("a") > 5 for line in found if line[1:2] == "┤"] == [True, False, True]


def test_more_series_than_letters_and_no_leads() -> None:
    many = {f"s{number}": [1, 2, 3] for number in range(60)}
    assert lines(bars(series=many))
    assert lines(bars(series={"one": [0, 0, 0]})) == ["t: nothing to draw"]


def test_labels_from_signals_are_harmless(tmp_path: Path) -> None:
    evil = '\x1b[2J"><script>$x^2$' + "y" * 100
    drawing = bars(labels=[evil, "y", "z"], title=evil)
    shown = lines(drawing)
    assert "\x1b" not in "".join(shown)
    assert max(map(len, shown)) <= 60 + len("…")
    write_bars(drawing, tmp_path / "plot.svg")
    ElementTree.parse(tmp_path / "plot.svg")
