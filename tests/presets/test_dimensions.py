"""`dimensions`: three limits, stages by the sum, campaigns by the stage."""

import pytest

from tests.presets.stories import PRICING, alone, fit_of, moments, replayed, set_to, total, totals
from tests.scoring.folding import DAY, HOUR, T0, Log

NAME = "dimensions"


@pytest.mark.requirement("S3-14")
@pytest.mark.parametrize(
    ("kind", "data", "points"),
    [
        ("email.opened", {}, 5),
        ("email.clicked", {}, 10),
        ("email.replied", {}, 15),
        ("page.viewed", PRICING, 10),
        ("page.viewed", {"url": "/blog"}, 0),
        ("demo.requested", {}, 20),
        ("trial.started", {}, 20),
        ("email.bounced", {}, 0),
    ],
)
def test_what_a_signal_is_worth(kind: str, data: dict[str, object], points: float) -> None:
    assert alone(NAME, kind, data) == points


@pytest.mark.requirement("S3-14")
@pytest.mark.parametrize(
    ("facts", "points"),
    [
        ({"company_size": 5}, 0),
        ({"company_size": 20}, 3.75),
        ({"company_size": 100}, 7.5),
        ({"company_size": 500}, 11.25),
        ({"company_size": 2000}, 15),
        ({"industry": "SaaS"}, 15),
        ({"industry": "technology"}, 11.25),
        ({"industry": "finance"}, 7.5),
        ({"industry": "mining"}, 0),
        ({"title": "CEO"}, 10),
        ({"title": "VP"}, 8),
        ({"title": "Director"}, 6),
        ({"title": "Manager"}, 4),
        ({"title": "Senior clerk"}, 3.2),
        ({"title": "Analyst"}, 2),
        ({"title": "Specialist"}, 1.2),
        ({"company_size": 2000, "industry": "saas", "title": "ceo"}, 40),
    ],
)
def test_fit_is_that_of_the_advanced_level_scaled_to_15_15_and_10(
    facts: dict[str, object], points: float
) -> None:
    assert fit_of(NAME, **facts) == pytest.approx(points, abs=1e-9)
    if "title" not in facts or len(facts) == 1:
        factor = 10 / 25 if "title" in facts else 15 / 20
        assert fit_of("advanced-l2", **facts) * factor == pytest.approx(points, abs=1e-9)


@pytest.mark.requirement("S3-14")
def test_every_entry_of_fit_is_that_of_the_advanced_level_scaled() -> None:
    sizes = [edge for first in (1, 11, 51, 201, 1001) for edge in (first, first + 1, max(first - 1, 1))]
    industries = ["saas", "technology", "e-commerce", "ecommerce", "healthcare", "finance", "other"]
    titles = [
        "ceo", "cto", "vp", "director", "head of", "manager", "lead", "senior", "specialist", "coordinator",
        "analyst", "none of them",
    ]  # fmt: skip
    for fact, values, factor in (
        ("company_size", sizes, 15 / 20), ("industry", industries, 15 / 20), ("title", titles, 10 / 25),
    ):  # fmt: skip
        for value in values:
            expected = fit_of("advanced-l2", **{fact: value}) * factor
            assert fit_of(NAME, **{fact: value}) == pytest.approx(expected, abs=1e-9), value


@pytest.mark.requirement("S3-14")
def test_what_a_signal_is_worth_shows_in_its_history_whatever_the_limit() -> None:
    result = replayed(NAME, Log().add("demo.requested", T0).add("trial.started", T0))
    assert [entry.contributions[0].points for entry in result.history] == [20, 20]
    assert result.snapshot().caps == {"engagement": (0, 40), "fit": (0, 40), "intent": (0, 20)}


@pytest.mark.requirement("S3-14")
def test_the_sum_of_three_limited_dimensions() -> None:
    log = Log().add("lead.created", T0, data={"company_size": 2000, "industry": "saas", "title": "ceo"})
    log.add("email.replied", T0).add("email.replied", T0).add("email.opened", T0)
    assert total(NAME, log) == 40 + 35
    log.add("email.clicked", T0)
    assert total(NAME, log) == 40 + 40  # 45 of engagement
    log.add("page.viewed", T0, data=PRICING)
    assert total(NAME, log) == 40 + 40 + 10
    log.add("demo.requested", T0).add("trial.started", T0)
    assert total(NAME, log) == 100  # 50 of intent
    # Nothing fades.
    log.add("lead.recompute", T0 + 1000 * DAY)
    assert total(NAME, log) == 100
    log.add("email.unsubscribed", T0 + 1001 * DAY)
    assert total(NAME, log) == 0


@pytest.mark.requirement("S3-17")
@pytest.mark.parametrize(
    ("value", "stage"),
    [
        (1, "cold-lead"), (25.9, "cold-lead"), (26, "nurture"), (50.9, "nurture"), (51, "mql"), (75.9, "mql"),
        (76, "sql"), (100, "sql"),
    ],
)  # fmt: skip
def test_stages_follow_the_score(value: float, stage: str) -> None:
    shot = replayed(NAME, set_to(Log(), T0, value)).snapshot()
    assert shot.stage == stage
    bands = {"cold-lead": "cold", "nurture": "warming", "mql": "interested", "sql": "hot"}
    assert shot.band == bands[stage]


@pytest.mark.requirement("S3-17")
def test_a_stage_is_entered_upwards_and_downwards() -> None:
    log = Log()
    for hours, value in enumerate((30, 80, 60, 10)):
        set_to(log, T0 + hours * HOUR, value)
    changes = replayed(NAME, log).of_type("lead.stage.changed")
    assert [(one["previous_stage"], one["stage"], one["direction"]) for one in changes] == [
        ("cold-lead", "nurture", "up"),
        ("nurture", "sql", "up"),
        ("sql", "mql", "down"),
        ("mql", "cold-lead", "down"),
    ]


@pytest.mark.requirement("S3-15")
@pytest.mark.requirement("S3-17")
def test_actions_follow_thresholds_and_stages_follow_ranges() -> None:
    # At 25.5, 50.5 and 75.5 the threshold is passed and the stage is still the one below.
    log = Log()
    for hours, value in enumerate((25.5, 26, 50.5, 51, 75.5, 76)):
        set_to(log, T0 + hours * HOUR, value)
    result = replayed(NAME, log)
    assert [at[11:13] + " " + level for at, level, _ in moments(result, "threshold")] == [
        "00 25", "02 50", "04 75",
    ]  # fmt: skip
    assert [at[11:13] + " " + stage for at, _, stage in moments(result, "stage")] == [
        "01 nurture", "03 mql", "05 sql",
    ]  # fmt: skip


@pytest.mark.requirement("S3-19")
@pytest.mark.requirement("S4-9")
def test_each_range_of_the_score_has_its_campaign() -> None:
    log = Log().add("lead.created", T0)
    for hours, value in ((1, 30), (2, 60), (3, 80)):
        set_to(log, T0 + hours * HOUR, value)
    result = replayed(NAME, log)
    campaigns = [
        (one["at"][11:13], one["do"])
        for one in result.of_type("lead.action.requested")
        if one["channel"] == "email"
    ]
    assert campaigns == [
        ("00", "campaign-getting-started"), ("02", "campaign-deep-dive"), ("03", "campaign-book-demo"),
    ]  # fmt: skip
    # Reaching 26 is still the range of 0 to 50, whose campaign has been sent.
    assert result.skipped == [("campaign-getting-started", "repeated")]


@pytest.mark.requirement("S3-19")
def test_who_was_never_created_gets_the_first_campaign_on_entering_the_second_stage() -> None:
    log = Log().add("email.clicked", T0).add("email.replied", T0).add("email.opened", T0 + HOUR)
    assert totals(replayed(NAME, log)) == [10, 25, 30]
    assert replayed(NAME, log).actions == ["segment-nurture", "campaign-getting-started"]
