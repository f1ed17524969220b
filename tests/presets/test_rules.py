"""What a rule can say, where no preset says it all at once."""

import pytest

from leadstream.models import ModelError, parse_rule_file
from tests.presets.stories import preset_text, totals
from tests.scoring.folding import DAY, T0, Log, model_of, run

HEAD = 'name: m\nversion: "1"\nhalf_life: none\nbands: [{name: all, from: 0}]\n'
RULE = (
    HEAD
    + """
rules:
  - id: big.order
    on: [cart.added, order.placed]
    when:
      data.value: {gte: 100}
      data.plan: {not: free}
    points: 10
    repeat: {factors: [1, 1.5], within: 30d}
    decay: {half_life: 30d}
"""
)


@pytest.mark.requirement("S3-25")
def test_a_rule_is_an_action_points_conditions_a_multiplier_and_decay() -> None:
    log = Log()
    log.add("cart.added", T0, data={"value": 99, "plan": "pro"})
    log.add("cart.added", T0, data={"value": 100, "plan": "free"})
    log.add("cart.added", T0, data={"value": 100})
    log.add("cart.added", T0, data={"value": 100, "plan": "pro"})
    log.add("order.placed", T0 + 15 * DAY, data={"value": 250, "plan": "pro"})
    log.add("lead.recompute", T0 + 45 * DAY)
    first, half = 10 * 2 ** (-15 / 30), 2 ** (-30 / 30)
    expected = [0, 0, 0, 10, first + 15, (first + 15) * half]
    assert totals(run(log, model_of(RULE))) == pytest.approx(expected, abs=1e-9)


@pytest.mark.requirement("S3-29")
def test_a_custom_field_is_a_fact_like_any_and_rescores_fit_at_once() -> None:
    model = model_of(
        HEAD
        + """
rules:
  - {id: visit, on: page.viewed, points: 1}
fit:
  - id: seats
    fact: planned_seats
    ranges: [{from: 1, points: 3}, {from: 50, points: 20}]
  - id: crm
    fact: crm_in_use
    values: {none: 8, theirs: 2}
    other: 5
"""
    )
    log = Log().add("lead.created", T0, data={"planned_seats": 10})
    log.add("lead.updated", T0 + DAY, data={"planned_seats": 80, "crm_in_use": "None"})
    log.add("lead.updated", T0 + 2 * DAY, data={"crm_in_use": "homegrown"})
    log.add("lead.updated", T0 + 3 * DAY, data={"planned_seats": "not yet known"})
    assert totals(run(log, model)) == [3, 28, 25, 5]


@pytest.mark.requirement("S2-16")
@pytest.mark.parametrize("attribute", ["gender", "ethnicity", "religion", "disability", "date_of_birth"])
def test_a_protected_attribute_is_refused_in_fit_and_in_conditions(attribute: str) -> None:
    fit = preset_text("factors-v1").replace("fact: country", f"fact: {attribute}")
    assert attribute in fit
    with pytest.raises(ModelError, match=attribute):
        parse_rule_file(fit, "own.yaml")
    condition = preset_text("factors-v1").replace("data.answers.budget:", f"data.{attribute}:")
    assert attribute in condition
    with pytest.raises(ModelError, match=attribute):
        parse_rule_file(condition, "own.yaml")


@pytest.mark.requirement("N-1")
def test_each_rule_has_its_own_kernel() -> None:
    model = model_of(
        """
name: m
version: "1"
half_life: 14d
categories:
  slow: {decay: {half_life: 30d}}
bands: [{name: all, from: 0}]
rules:
  - {id: models, on: models, points: 8}
  - {id: categorys, on: categorys, points: 8, category: slow}
  - {id: own, on: own, points: 8, category: slow, decay: {half_life: 5d}}
  - {id: stays, on: stays, points: 8, decay: none}
  - {id: straight, on: straight, points: 8, decay: {linear: 40d}}
  - {id: steps, on: steps, points: 8, decay: {inactivity_step: {percent: 50, every: 10d}}}
  - {id: ages, on: ages, points: 8, decay: {linear: 60d}, recency: [{to: 1d, factor: 3}, {factor: 0.5}]}
"""
    )
    kinds = ("models", "categorys", "own", "stays", "straight", "steps", "ages")
    log = Log()
    for lead in kinds:
        log.add(lead, T0, lead=lead)
    for day in (15, 40):
        for lead in kinds:
            log.add("lead.recompute", T0 + day * DAY, lead=lead)
    result = run(log, model)
    found = {lead: [one.after for one in result.history if one.lead == lead] for lead in kinds}
    expected = {
        "models": [8, 8 * 2 ** (-15 / 14), 8 * 2 ** (-40 / 14)],
        "categorys": [8, 8 * 2 ** (-15 / 30), 8 * 2 ** (-40 / 30)],
        "own": [8, 1, 8 * 2**-8],
        "stays": [8, 8, 8],
        "straight": [8, 5, 0],
        "steps": [8, 4, 0.5],
        "ages": [24, 3, 4 / 3],
    }
    for lead, totals_by_hand in expected.items():
        assert found[lead] == pytest.approx(totals_by_hand, abs=1e-9), lead
