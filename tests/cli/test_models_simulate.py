"""`leadstream models simulate`: a model tried on a script. Numbers are by hand; tenx halves in 14 days."""

import json
import re
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from leadstream.cli.plots import MAX_FACTORS, OTHERS, leading
from leadstream.models import ModelError, load_catalog
from leadstream.offline.script import read_script
from leadstream.offline.what_if import Curve, simulate
from leadstream.records.times import DAY, parse_instant

START = parse_instant("2026-01-05T10:00:00Z")
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "simulate.yaml"
PROSPECT = "data: {from: prospect, to: lead}"
TWO = f"""
- {{at: 2026-01-05T10:00:00Z, type: status.changed, {PROSPECT}}}
- {{at: +2w, type: form.submitted, data: {{channel: organic}}}}
"""
"""40, and when 20 of it are left 30 more: 50, the lower threshold."""
ONCE = TWO.replace("+2w", "+0s")
"""70 at once."""
CAPPED = """
name: capped
version: '1'
half_life: 1d
categories: {engagement: {cap: 10}}
rules:
  - {id: open, on: email.opened, points: 8, category: engagement}
  - {id: bounce, on: email.bounced, points: -3}
bands: [{name: low, from: 0}, {name: high, from: 9}]
thresholds: [{at: 9}]
actions: [{do: greet, at: 9, channel: email, requires: email}]
"""

TIMED = """
name: timed
version: '1'
half_life: none
rules:
  - {id: open, on: email.opened, points: 8}
bands: [{name: all, from: 0}]
stages: [{name: new, from: 0}, {name: known, from: 10}]
thresholds: [{at: 5}]
timers: [{id: idle, inactivity: 30d, points: -4}]
spikes: [{id: surge, count: 2, within: 1h}]
actions:
  - do: call
    at: 5
    channel: phone
    hours: {outside: defer, route_to: owner}
"""


@pytest.fixture
def run(leadstream, tmp_path):
    """Runs the command with a script's text as its file."""

    def invoke(model, script, *arguments):
        file = tmp_path / "script.yaml"
        file.write_text(script)
        return leadstream(None, "models", "simulate", str(model), str(file), *arguments)

    return invoke


@pytest.fixture
def capped(tmp_path):
    file = tmp_path / "capped.yaml"
    file.write_text(CAPPED)
    return file


def rows(output, columns):
    """The cells of the tables' rows with so many columns."""
    found = [[cell.strip() for cell in re.split("[│|]", line)[1:-1]] for line in output.splitlines()]
    return [cells for cells in found if len(cells) == columns]


def test_a_table_of_what_happened_and_of_the_factors_at_the_end(run):
    result = run("tenx", TWO, "--until", "+14d", "--no-plot")
    assert result.exit_code == 0, result.output
    second = "2026-01-19T10:00:00.000Z"
    # 50 * 2 ** (-1 ms / 14 d) is 0.00000003 less than 50, so a millisecond later it is below.
    later = "2026-01-19T10:00:00.001Z"
    assert rows(result.stdout, 6) == [
        ["2026-01-05T10:00:00.000Z", "status.changed", "status.lead +40", "40.00", "40", "cold"],
        [second, "form.submitted", "form.submitted:organic +30", "50.00", "50", "warm"],
        [second, "threshold 50 passed up", "signal", "50.00", "50", "warm"],
        [second, "soft-nurture requested", "threshold:50.0, channel email", "50.00", "50", "warm"],
        [second, "band cold -> warm", "signal", "50.00", "50", "warm"],
        [later, "threshold 50 passed down", "decay", "50.00", "49", "cold"],
        [later, "band warm -> cold", "decay", "50.00", "49", "cold"],
    ]
    # 40 after four weeks and 30 after two.
    assert rows(result.stdout, 5) == [
        ["form.submitted:organic", "", "15.0000", "1", second],
        ["status.lead", "", "10.0000", "1", "2026-01-05T10:00:00.000Z"],
        ["total", "score 25, cold", "25.0000", "", ""],
    ]
    assert "\x1b" not in result.stdout


def test_a_crossing_by_decay_at_its_exact_time(run):
    script = ONCE + "- {at: +7d, type: note.taken}\n"
    found = json.loads(run("tenx", script, "--until", "+0s", "--json").stdout)
    # 70 is 50 after 14 d * log2(1.4) = 587,172,290.14 ms; the next whole millisecond is below.
    downs = [one for one in found["events"] if one["what"] == "threshold 50 passed down"]
    assert [(one["at"], one["why"]) for one in downs] == [("2026-01-12T05:06:12.291Z", "decay")]
    assert downs[0]["record"]["cause"] == "decay"
    assert [one["at"] for one in found["events"]] == sorted(one["at"] for one in found["events"])
    assert found["events"][-1]["what"] == "note.taken"


def test_factors_with_caps_and_what_was_withheld(run, capped):
    script = """
- {at: 2026-01-05T10:00:00Z, type: email.opened}
- {at: +0s, type: email.opened}
- {at: +0s, type: email.bounced}
"""
    found = json.loads(run(capped, script, "--until", "+0s", "--json").stdout)
    [lead] = found["leads"]
    assert (lead["total"], lead["score"], lead["band"]) == (7.0, 7, "low")
    assert [(one["factor"], one["category"], one["points"]) for one in lead["factors"]] == [
        ("open", "engagement", 16.0),
        ("cap:engagement", "engagement", -6.0),
        ("bounce", "", -3.0),
    ]
    assert lead["caps"] == {"engagement": [0.0, 10.0]}
    assert [(one["kind"], one["what"], one["total"]) for one in found["events"]] == [
        ("signal", "email.opened", 8.0),
        ("signal", "email.opened", 10.0),
        ("crossing", "threshold 9 passed up", 10.0),
        ("skipped", "greet skipped", 10.0),
        ("band", "band low -> high", 10.0),
        ("signal", "email.bounced", 7.0),
        ("crossing", "threshold 9 passed down", 7.0),
        ("band", "band high -> low", 7.0),
    ]
    assert found["events"][3]["why"] == "no_email, threshold:9.0"
    # A day later 8 of the opens are left, which is under the cap, and 1.5 of the bounce.
    later = json.loads(run(capped, script, "--until", "+1d", "--json").stdout)
    assert [(one["factor"], one["points"]) for one in later["leads"][0]["factors"]] == [
        ("open", pytest.approx(8.0, abs=1e-9)),
        ("bounce", pytest.approx(-1.5, abs=1e-9)),
    ]


def test_stages_spikes_timers_and_what_waits_for_the_morning(run, tmp_path):
    file = tmp_path / "timed.yaml"
    file.write_text(TIMED)
    # Friday, 18:00 in Berlin; on Monday it is an hour further from UTC.
    script = """
- {at: 2026-03-27T17:00:00Z, type: lead.created, data: {timezone: Europe/Berlin}}
- {at: +0s, type: email.opened}
- {at: +20m, type: email.opened}
"""
    found = json.loads(run(file, script, "--until", "2026-05-01T00:00:00Z", "--json").stdout)
    first, second, monday = "2026-03-27T17:00:00.000Z", "2026-03-27T17:20:00.000Z", "2026-03-30T07:00:00.000Z"
    assert [(one["at"], one["what"], one["why"], one["total"], one["stage"]) for one in found["events"]] == [
        (first, "lead.created", "noted", 0.0, "new"),
        (first, "email.opened", "open +8", 8.0, "new"),
        (first, "threshold 5 passed up", "signal", 8.0, "new"),
        (first, "call skipped", f"deferred until {monday}, threshold:5.0", 8.0, "new"),
        (second, "email.opened", "open +8", 16.0, "known"),
        (second, "stage new -> known", "signal", 16.0, "known"),
        (second, "spike:surge fired", "signal: 2", 16.0, "known"),
        (monday, "call requested", "threshold:5.0, channel phone, route owner", 16.0, "known"),
        ("2026-04-26T17:20:00.000Z", "timer:idle fired", "timer", 12.0, "known"),
    ]
    [lead] = found["leads"]
    assert [(one["factor"], one["points"], one["signals"]) for one in lead["factors"]] == [
        ("open", 16.0, 2),
        ("idle", -4.0, 0),
    ]


def test_late_rejected_and_repeated_signals_and_several_leads(run):
    script = """
{"at": "2026-01-05T10:00:00Z", "type": "email.opened", "lead": "a"}
{"at": "2026-01-04T10:00:00Z", "type": "email.opened", "lead": "b", "source": "crm"}

{"at": "+0s", "type": "email.opened", "lead": "b", "id": "s2"}
{"at": "+1d", "type": "email.opened", "tenant": "x:y"}
{"at": "+100d", "type": "email.opened", "lead": "a"}
"""
    result = run("tenx", script, "--until", "2026-01-05T10:00:00Z", "--no-plot")
    assert result.stderr.strip() == "1 signals after the end left out"
    at = "2026-01-05T10:00:00.000Z"
    # A day late, 2 points are 2 * 2 ** (-1 / 14) = 1.9034.
    assert rows(result.stdout, 7) == [
        [at, "example:a", "email.opened", "email.opened +2", "2.00", "2", "cold"],
        [
            at,
            "example:b",
            "email.opened",
            "email.opened +2; of 2026-01-04T10:00:00.000Z",
            "1.90",
            "1",
            "cold",
        ],
        [at, "example:b", "email.opened", "duplicate", "1.90", "1", "cold"],
        [at, "x:y:lead", "email.opened", "bad_field: `tenant` has a colon: 'x:y'", "0.00", "0", ""],
    ]
    totals = [cells[2] for cells in rows(result.stdout, 5) if cells[0] == "total"]
    assert totals == ["2.0000", "1.9034"]


def test_the_curve_has_the_total_and_its_factors_before_and_after_each_event():
    signals = read_script(TWO, "script.yaml")
    found = simulate(load_catalog("tenx"), signals, START + 28 * DAY)
    [course] = found.courses.values()
    curve = course.curve()
    assert curve.times == sorted(curve.times)
    assert (curve.times[0], curve.times[-1]) == (START, START + 28 * DAY)
    at = defaultdict(list)
    for index, (time, total) in enumerate(zip(curve.times, curve.totals, strict=True)):
        at[time].append((total, {name: values[index] for name, values in curve.factors.items()}))
    status, form = "status.lead", "form.submitted:organic"
    assert at[START] == [(0.0, {status: 0.0, form: 0.0}), (40.0, {status: 40.0, form: 0.0})]
    [(before, parts), (after, more)] = at[START + 14 * DAY]
    assert (before, parts) == (pytest.approx(20, abs=1e-9), pytest.approx({status: 20, form: 0}, abs=1e-9))
    assert (after, more) == (pytest.approx(50, abs=1e-9), pytest.approx({status: 20, form: 30}, abs=1e-9))
    [(end, rest)] = at[START + 28 * DAY]
    assert (end, rest) == (pytest.approx(25, abs=1e-9), pytest.approx({status: 10, form: 15}, abs=1e-9))
    # Seven days after 40: 40 / sqrt(2).
    assert at[START + 7 * DAY][0][0] == pytest.approx(28.284271247461902, abs=1e-9)
    for index, total in enumerate(curve.totals):
        assert sum(values[index] for values in curve.factors.values()) == pytest.approx(total, abs=1e-9)
    # It never rises but where something happened.
    for (left, right), (low, high) in zip(pairwise(curve.times), pairwise(curve.totals), strict=True):
        assert left == right or high <= low


def test_the_lightest_of_many_factors_are_drawn_as_one():
    many = {f"factor{number}": [0.0, float(number)] for number in range(12)}
    shown = leading(Curve([0, 1], [0.0, 66.0], many))
    assert list(shown) == [
        "factor5",
        "factor6",
        "factor7",
        "factor8",
        "factor9",
        "factor10",
        "factor11",
        OTHERS,
    ]
    assert shown[OTHERS] == [0.0, 10.0]
    assert len(shown) == MAX_FACTORS
    assert sum(values[1] for values in shown.values()) == 66.0


def test_a_plot_in_a_file(run, tmp_path):
    svg, png = tmp_path / "plot.svg", tmp_path / "plot.png"
    for file in (svg, png):
        result = run("tenx", TWO, "--until", "+14d", "--no-plot", "--plot", str(file))
        assert result.exit_code == 0, result.output
    assert png.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    drawn = svg.read_text()
    for name in ("total", "factor:status.lead", "factor:form.submitted:organic", "up", "down"):
        assert drawn.count(f'id="{name}"') == 1
    # The curve of the total: down from 40, up to 50, down; a y of SVG grows downwards.
    path = re.search(r'id="total">\s*<path d="([^"]*)"', drawn)
    assert path
    heights = [float(y) for y in re.findall(r"[ML] \S+ (\S+)", path[1])]
    jump = min(range(1, len(heights)), key=lambda index: heights[index])
    scale = (heights[0] - heights[1]) / 40
    assert (heights[0] - heights[jump - 1]) / scale == pytest.approx(20, abs=0.5)
    assert (heights[0] - heights[jump]) / scale == pytest.approx(50, abs=0.5)
    assert (heights[0] - heights[-1]) / scale == pytest.approx(25, abs=0.5)
    once = svg.read_bytes()
    run("tenx", TWO, "--until", "+14d", "--no-plot", "--plot", str(svg))
    assert svg.read_bytes() == once


def test_a_plot_in_the_terminal(run):
    result = run("tenx", ONCE, "--until", "+28d")
    assert "▲" in result.stdout
    assert "▼" in result.stdout
    assert "a status.lead  b form.submitted:organic" in result.stdout
    axis = [line for line in result.stdout.splitlines() if line.strip().startswith("2026-01-05")]
    assert axis[-1].split()[-1] == "2026-02-02"
    assert "\x1b" not in result.stdout


def test_without_the_packages_for_plots(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotext", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run("tenx", TWO)
    assert result.exit_code == 0
    assert "form.submitted:organic" in result.stdout
    assert result.stderr.splitlines() == [
        "no plot here without plotext: install `leadstream[local]`, or --no-plot"
    ]
    result = run("tenx", TWO, "--plot", str(tmp_path / "plot.svg"))
    assert result.exit_code == 1
    assert result.stderr == "error: --plot needs matplotlib; install `leadstream[local]`\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--plot", "plot.gif"], "ends in .png or .svg"),
        (["--until", "soon"], "'soon' is no time"),
        (["--until", "+3x"], "'+3x' is no time after another"),
        (["--until", "+9999999d"], "after the year 9999"),
    ],
)
def test_wrong_arguments(run, arguments, reason):
    result = run("tenx", TWO, *arguments)
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert reason in line


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("# nothing", "s:1:1: the script has no signals"),
        ("- {at: +1d, type: a}", "s:1:8: the first signal has none before it: give its time"),
        ("- {at: 0, type: a}\n- {at: tomorrow, type: a}", "s:2:8: 1.at: 'tomorrow' is no time: write"),
        ("- {at: 2026-01-05T10:00:00, type: a}", "s:1:8: 0.at: '2026-01-05T10:00:00' has no offset from UTC"),
        ("- {at: 2026-01-05, type: a}", "s:1:8: 0.at: a time is needed here"),
        ("- {at: 0, typ: a}", "s:1:11: unknown key `typ` (did you mean `type`?)"),
        ("- {at: 0}", "s:1:3: `type` is missing"),
        ("- {at: 0, type: a}\n- {at: +3000000d, type: a}", "s:2:8: a time outside the years 1 to 9999"),
        ('\n{"at": 0, "type": "a"}\nnope', "s:3:1: no JSON: "),
        ('{"at": 0, "type": "a"}\n\n{"at": "+1h", "type": "a", "sorce": "x"}', "s:3:1: unknown key `sorce`"),
        ("at: 0", "s:1:1: the file: a list is needed here"),
    ],
)  # fmt: skip
def test_a_script_that_is_none_says_where(script, message):
    with pytest.raises(ModelError) as error:
        read_script(script, "s")
    assert str(error.value).startswith(message)


def test_a_bad_script_is_one_line(run, tmp_path):
    result = run("tenx", "- {at: 0, typ: a}")
    assert result.exit_code == 1
    where = tmp_path / "script.yaml"
    assert result.stderr == f"error: {where}:1:11: unknown key `typ` (did you mean `type`?)\n"


def test_relative_times_and_what_is_made_up():
    found = read_script(
        "- {at: 2026-01-05T12:00:00+02:00, type: a, data: {on: 2026-01-05}}\n"
        "- {at: +1d2h30m, type: b, received_at: +15m}\n"
        "- {at: +1ms, type: c, id: own, tenant: acme, lead: l1, source: crm}\n",
        "s",
    )
    assert [one.at - START for one in found] == [0, DAY + 9_000_000, DAY + 9_000_001]
    assert [one.received_at - one.at for one in found] == [0, 900_000, 0]
    assert [(one.id, one.tenant, one.lead) for one in found] == [
        ("s1", "example", "lead"),
        ("s2", "example", "lead"),
        ("own", "acme", "l1"),
    ]
    assert json.loads(found[0].value)["data"] == {"on": "2026-01-05"}


def test_lines_of_an_exported_log_are_a_script():
    line = {
        "id": "s1", "tenant": "acme", "lead": "l1", "type": "email.opened", "at": "2026-01-05T10:00:00Z",
        "topic": "leadstream.signals", "partition": 3, "offset": 17, "received_at": "2026-01-05T10:00:01Z",
    }  # fmt: skip
    [signal] = read_script(json.dumps(line) + "\n", "s")
    assert (signal.id, signal.at, signal.received_at) == ("s1", START, START + 1000)


def test_the_example_of_the_manual(run):
    result = run("tenx", EXAMPLE.read_text(), "--json")
    found = json.loads(result.stdout)
    assert [one["what"] for one in found["events"] if one["kind"] in ("crossing", "requested")] == [
        "threshold 50 passed up",
        "soft-nurture requested",
        "threshold 80 passed up",
        "voice-lead-qualifier requested",
        "threshold 80 passed down",
        "threshold 50 passed down",
    ]
