"""Files that include others, and keys that are merged: what comes out, and where errors are."""

import os
from pathlib import Path

import pytest

from leadstream.models import ModelError, parse_rule_file
from leadstream.models.catalog import load_rule_file
from leadstream.models.document import MAX_BYTES, read_file

ROOT = """\
name: m
version: "1"
half_life: 14d
rules: !include rules/all.yaml   # of another file
bands: !include bands.yaml
"""
RULES = """\
# the web
- id: visit
  on: page.viewed
  when: !include conditions/pricing.yaml
  points: !include points.yaml
- !include ../reply.yaml
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "m.yaml": ROOT,
        "rules/all.yaml": RULES,
        "rules/conditions/pricing.yaml": "{data.url: {url_path: [pricing]}}\n",
        "rules/points.yaml": "10\n",
        "reply.yaml": "id: reply\non: email.replied\npoints: 5\n",
        "bands.yaml": "- {name: all, from: 0}\n",
    }.items():
        write(tmp_path, name, text)
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def error_of(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_rule_file(str(path))
    return str(caught.value).replace(f"{path.parent}/", "")


def test_a_file_may_stand_anywhere_a_value_may(folder: Path) -> None:
    file = load_rule_file(str(folder / "m.yaml"))
    assert [(rule.id, rule.points) for rule in file.rules] == [("visit", 10), ("reply", 5)]
    assert file.rules[0].when.fields["data.url"].url_path == ["pricing"]
    assert [band.name for band in file.bands] == ["all"]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("reply.yaml", "id: reply\non: email.replied\npionts: 5\n", "reply.yaml:3:1: unknown key `pionts`"),
        ("rules/points.yaml", "# none\nten\n", "rules/points.yaml:2:1: rules.0.points: a number is needed"),
        (
            "rules/conditions/pricing.yaml",
            "{data.url: {in: }}",
            "conditions/pricing.yaml:1:12: a condition asks",
        ),
        (
            "reply.yaml",
            "id: visit\non: a\npoints: 1\n",
            "reply.yaml:1:5: the rule `visit` stands here a second",
        ),
        ("reply.yaml", "id: reply\npoints: 1\n", "reply.yaml:1:1: `on` is missing"),
        ("bands.yaml", "- {name: [}", "bands.yaml:1:11: "),
        ("bands.yaml", "", "m.yaml:5:8: bands: a list is needed here"),
        ("bands.yaml", "- {name: all, from: !!x 0}", "bands.yaml:1:21: could not determine a constructor"),
    ],
)
def test_an_error_is_where_it_stands(folder: Path, name: str, text: str, expected: str) -> None:
    write(folder, name, text)
    assert expected in error_of(folder / "m.yaml")


@pytest.mark.parametrize(
    ("include", "reason"),
    [
        ("gone.yaml", "gone.yaml: there is no such file"),
        ("rules", "rules: there is no such file"),
        ("/etc/hostname", "/etc/hostname: only files in the folder of m.yaml can be included"),
        ("../outside.yaml", "../outside.yaml: only files in the folder of"),
        ("rules/../../outside.yaml", "only files in the folder of"),
        ("link.yaml", "link.yaml: only files in the folder of"),
        ("m.yaml", "m.yaml: the file includes itself"),
        ("circle.yaml", "m.yaml: the file includes itself"),
        ("''", "`!include` needs a file's name"),
        ("[bands.yaml]", "`!include` needs a file's name"),
        ("latin.yaml", "latin.yaml: can't be read"),
    ],
)
def test_an_include_that_is_refused(folder: Path, include: str, reason: str) -> None:
    inner = folder / "inner"
    inner.mkdir()
    for name in ("m.yaml", "bands.yaml", "reply.yaml", "rules"):
        os.rename(folder / name, inner / name)
    write(folder, "outside.yaml", "- {name: all, from: 0}\n")
    (inner / "link.yaml").symlink_to(folder / "outside.yaml")
    write(inner, "circle.yaml", "!include rules/back.yaml\n")
    write(inner, "rules/back.yaml", "!include ../m.yaml\n")
    (inner / "latin.yaml").write_bytes(b"name: \xff\n")
    write(inner, "m.yaml", ROOT.replace("bands.yaml", include))
    found = error_of(inner / "m.yaml")
    assert reason in found
    assert found.startswith(("m.yaml:5:8: ", "rules/back.yaml:1:1: "))


def test_files_include_each_other_eight_deep_and_no_deeper(tmp_path: Path) -> None:
    for number in range(1, 10):
        write(tmp_path, f"{number}.yaml", f"!include {number + 1}.yaml\n")
    write(tmp_path, "9.yaml", "- {name: all, from: 0}\n")
    write(tmp_path, "m.yaml", "!include 2.yaml\n")
    assert read_file(tmp_path / "m.yaml").value == [{"name": "all", "from": 0}]
    write(tmp_path, "m.yaml", "!include 1.yaml\n")
    (wrong,) = read_file(tmp_path / "m.yaml").wrongs
    assert "8.yaml:1:1: 9.yaml: files include each other more than 8 deep" in wrong[1]


def test_the_bounds_hold_for_all_files_together(tmp_path: Path) -> None:
    half = "# " + "x" * (MAX_BYTES // 2) + "\n1\n"
    for name in ("a.yaml", "b.yaml"):
        write(tmp_path, name, half)
    write(tmp_path, "m.yaml", "[!include a.yaml, !include a.yaml, !include a.yaml]")
    assert read_file(tmp_path / "m.yaml").value == [1, 1, 1]
    write(tmp_path, "m.yaml", "[!include a.yaml, !include b.yaml]")
    with pytest.raises(ModelError, match=r"b.yaml:1:1: the file has more than 1048576 characters"):
        read_file(tmp_path / "m.yaml")
    write(tmp_path, "m.yaml", f"[{', '.join(['!include c.yaml'] * 500)}]")
    write(tmp_path, "c.yaml", f"[{', '.join('x' * 500)}]")
    with pytest.raises(ModelError, match="more than 100000 values"):
        read_file(tmp_path / "m.yaml")


def test_a_text_without_a_folder_includes_nothing() -> None:
    with pytest.raises(ModelError, match=r"^m.yaml:4:8: there is no folder here"):
        parse_rule_file(ROOT, "m.yaml")


MERGED = """\
name: m
version: "1"
half_life: 14d
rules:
  - &web   # what all on the web share
    id: visit
    on: page.viewed
    points: 1
    decay: {half_life: 7d}
    rationale: &why The same for all.
  - &worth {id: demo, on: demo.requested, points: 20, rationale: *why}
  - <<: *web
    id: pricing
    points: 10
    when: {data.url: {url_path: [pricing]}}
  - <<: [*worth, *web]
    id: both
bands: [{name: all, from: 0}]
"""


def test_keys_are_merged_and_a_rules_own_go_before(folder: Path) -> None:
    file = parse_rule_file(MERGED, "m.yaml")
    pricing, both = file.rules[2:]
    assert (pricing.id, pricing.on, pricing.points, pricing.rationale) == (
        "pricing", ["page.viewed"], 10, "The same for all.",
    )  # fmt: skip
    assert pricing.decay == file.rules[0].decay
    # Of several that are merged the first goes before; what it lacks comes from the others.
    assert (both.on, both.points, both.decay) == (["demo.requested"], 20, file.rules[0].decay)


def test_an_included_file_is_merged(folder: Path) -> None:
    write(folder, "ours.yaml", '<<: !include m.yaml\nname: ours\nversion: "2"\n')
    ours, theirs = load_rule_file(str(folder / "ours.yaml")), load_rule_file(str(folder / "m.yaml"))
    assert (ours.name, ours.version, ours.rules) == ("ours", "2", theirs.rules)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  - <<: *web\n", "  - <<: 5\n", "m.yaml:12:9: `<<` merges keys and values"),
        ("[*worth, *web]", "[*worth, x]", "m.yaml:16:18: `<<` merges keys and values"),
        ("    decay: {half_life: 7d}\n", "    decai: none\n", "m.yaml:9:5: unknown key `decai`"),
        ("    id: pricing\n", "", "m.yaml:6:9: the rule `visit` stands here a second time"),
        ("    points: 10\n", "    points: ten\n", "m.yaml:14:13: rules.2.points: a number"),
        (
            "    points: 10\n",
            "    points: 10\n    points: 11\n",
            "m.yaml:15:5: the key `points` stands here a second",
        ),
        ("<<: *web", "<<: *wib", "m.yaml:12:9: "),
    ],
)
def test_errors_of_merged_keys(old: str, new: str, expected: str) -> None:
    assert MERGED.count(old) == 1
    with pytest.raises(ModelError) as caught:
        parse_rule_file(MERGED.replace(old, new), "m.yaml")
    assert str(caught.value).startswith(expected)


def test_merges_that_multiply_are_stopped() -> None:
    lines = ["a0: &a0 {" + ", ".join(f"k{n}: 1" for n in range(10)) + "}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 9)]
    with pytest.raises(ModelError, match="more than 100000 values"):
        parse_rule_file("\n".join(lines), "m.yaml")
