"""Every number of a preset has its reason beside it, and there is nothing to find fault with."""

from collections.abc import Iterator

import pytest

from leadstream.models import parse_rule_file, preset_names
from leadstream.models.document import read_document
from leadstream.models.lint import lint
from leadstream.records.times import parse_instant
from tests.presets.stories import preset_text, replayed, set_to
from tests.scoring.folding import DAY, HOUR, T0, Log

OTHER_WINDOWS = {
    ("factors-v1", "nurture-enroll"): 30,
    ("advanced-l2", "campaign-book-demo"): 30,
    ("dimensions", "campaign-getting-started"): 30,
    ("dimensions", "campaign-deep-dive"): 30,
    ("dimensions", "campaign-book-demo"): 30,
    ("governed", "nurture-education"): 30,
    ("governed", "nurture-evaluation"): 30,
    ("governed", "sales-follow-up"): 7,
    ("governed", "alert-critical"): 0,
    ("governed", "re-engage"): 60,
    ("governed", "sales-reminder"): 7,
}
"""In days, of actions that are not to be repeated within one day."""
PRESETS = ("advanced-l2", "basic-l1", "concept", "dimensions", "factors-v1", "governed", "tenx")


def test_these_are_the_presets() -> None:
    assert tuple(sorted(preset_names())) == PRESETS


def unexplained(name: str) -> Iterator[str]:
    file = parse_rule_file(preset_text(name), f"{name}.yaml")
    for category, part in file.parts.items():
        if not part.rationale.strip():
            yield category
    for one in (*file.rules, *file.fit, *file.timers, *file.spikes, *file.guards):
        if not one.rationale.strip():
            yield one.id
    for threshold in file.thresholds:
        if not threshold.rationale.strip():
            yield f"{threshold.at:g}"
    for stage in file.stages:
        if not stage.rationale.strip():
            yield stage.name
    for action in file.actions:
        if not action.rationale.strip():
            yield action.do


@pytest.mark.parametrize("name", PRESETS)
def test_every_number_has_a_rationale(name: str) -> None:
    assert list(unexplained(name)) == []


@pytest.mark.parametrize("name", PRESETS)
def test_every_list_of_bands_has_a_word_on_why(name: str) -> None:
    lines = preset_text(name).splitlines()
    file = parse_rule_file(preset_text(name), f"{name}.yaml")
    assert file.owner
    # Bands at the levels of thresholds have their reasons there.
    explained = {threshold.at for threshold in file.thresholds} | {0}
    if not {band.from_ for band in file.bands} <= explained:
        assert lines[lines.index("bands:") - 1].startswith("#")


@pytest.mark.parametrize("name", PRESETS)
def test_no_preset_has_conflicts_or_points_that_never_count(name: str) -> None:
    text = preset_text(name)
    assert lint(read_document(text, name), parse_rule_file(text, name)) == []


@pytest.mark.parametrize("name", PRESETS)
def test_an_action_is_asked_for_once_in_a_day_or_in_the_window_that_the_page_gives(name: str) -> None:
    file = parse_rule_file(preset_text(name), name)
    found = {(name, one.do): one.dedupe // DAY for one in file.actions if one.dedupe != DAY}
    assert found == {key: days for key, days in OTHER_WINDOWS.items() if key[0] == name}


@pytest.mark.parametrize("name", ["tenx", "factors-v1", "basic-l1", "advanced-l2", "dimensions"])
def test_at_exactly_a_day_it_is_asked_for_again(name: str) -> None:
    def requested(after: int) -> tuple[list[str], list[str]]:
        log = Log().add("lead.updated", T0, data={"phone": "+49 30 123456"})
        for now, value in (
            (T0, 45), (T0, 100), (T0 + HOUR, 1), (T0 + after, 45), (T0 + after, 100),
        ):  # fmt: skip
            set_to(log, now, value)
        asked = replayed(name, log).of_type("lead.action.requested")
        first = [one["do"] for one in asked if parse_instant(one["at"]) == T0]
        return first, [one["do"] for one in asked if parse_instant(one["at"]) == T0 + after]

    first, early = requested(DAY - 1)
    assert len(first) >= 2
    assert early == []
    assert requested(DAY) == (first, [do for do in first if (name, do) not in OTHER_WINDOWS])


def test_governed_is_lean_and_every_rule_has_an_owner_and_a_stage() -> None:
    file = parse_rule_file(preset_text("governed"), "governed.yaml")
    assert len(file.rules) + len(file.fit) <= 10
    assert all(rule.owner and rule.stage for rule in file.rules)
    assert all(fit.owner for fit in file.fit)
