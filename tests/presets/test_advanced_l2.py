"""`advanced-l2`: its rules, read at the moment of the signal, when its age doubles it; its facts; ages."""

import pytest

from tests.presets.stories import PRICING, alone, fit_of, moments, replayed, set_to, totals
from tests.scoring.folding import DAY, HOUR, T0, Log

NAME = "advanced-l2"


@pytest.mark.requirement("S3-1")
@pytest.mark.parametrize(
    ("value", "band"),
    [
        (25.9, "cold"),
        (26, "warming"),
        (50.9, "warming"),
        (51, "interested"),
        (75.9, "interested"),
        (76, "hot"),
    ],
)
def test_bands_are_those_of_the_basic_level(value: float, band: str) -> None:
    assert replayed(NAME, set_to(Log(), T0, value)).snapshot().band == band


@pytest.mark.requirement("S3-4")
@pytest.mark.parametrize(
    ("kind", "data", "points"),
    [
        ("email.opened", {}, 5),
        ("email.clicked", {"url": "https://acme.test/blog"}, 10),
        ("email.clicked", {}, 10),
        ("email.clicked", PRICING, 25),
        ("resource.downloaded", {"kind": "whitepaper"}, 20),
        ("resource.downloaded", {"kind": "case_study"}, 15),
        ("resource.downloaded", {"kind": "ebook"}, 10),
        ("resource.downloaded", {"kind": "poster"}, 15),
        ("resource.downloaded", {}, 15),
        ("video.watched", {"name": "Product demo", "percent": 75}, 30),
        ("video.watched", {"name": "Product demo", "percent": 74.9}, 0),
        ("video.watched", {"name": "Customer story", "percent": 100}, 0),
        ("email.replied", {"sentiment": "negative"}, 20),
        ("email.forwarded", {}, 12),
    ],
)
def test_email_rules(kind: str, data: dict[str, object], points: float) -> None:
    assert alone(NAME, kind, data) == 2 * points


@pytest.mark.requirement("S3-5")
@pytest.mark.parametrize(
    ("kind", "data", "points"),
    [
        ("page.viewed", PRICING, 20),
        ("page.viewed", {"url": "/features/reports"}, 10),
        ("page.viewed", {"url": "/features/pricing"}, 20),
        ("page.viewed", {"url": "/"}, 0),
        ("trial.started", {}, 50),
        ("demo.requested", {}, 60),
        ("cart.added", {"product": "p"}, 40),
        ("session.ended", {"seconds": 300}, 0),
        ("session.ended", {"seconds": 301}, 5),
        ("session.ended", {"seconds": 900}, 5),
        ("session.ended", {"seconds": 901}, 10),
        ("session.ended", {"seconds": "901"}, 10),
    ],
)
def test_web_rules(kind: str, data: dict[str, object], points: float) -> None:
    assert alone(NAME, kind, data) == 2 * points


@pytest.mark.requirement("S3-4")
@pytest.mark.requirement("S3-26")
def test_a_click_counts_half_as_much_again_if_there_was_one_in_the_thirty_days_before() -> None:
    log = Log()
    for now in (T0, T0 + 30 * DAY - 1, T0 + 60 * DAY - 1, T0 + 60 * DAY):
        log.add("email.clicked", now, data={"url": "/blog"})
    # What each added at its own time, doubled; the third is exactly thirty days after the second, which is
    # out of its window.
    assert [entry.points for entry in replayed(NAME, log).history] == [20, 30, 20, 30]


@pytest.mark.requirement("S3-4")
def test_a_click_on_prices_is_one_click_and_repeats_no_other() -> None:
    log = Log().add("email.clicked", T0, data=PRICING).add("email.clicked", T0, data={"url": "/blog"})
    result = replayed(NAME, log)
    assert [[one.factor for one in entry.contributions] for entry in result.history] == [
        ["email.pricing_link"], ["email.clicked"],
    ]  # fmt: skip
    assert totals(result) == [50, 70]


@pytest.mark.requirement("S3-6")
@pytest.mark.parametrize(
    ("kind", "data", "points", "suppressed"),
    [
        ("email.complained", {}, -50, ("all",)),
        # What a soft one suppresses has passed by then.
        ("email.bounced", {"kind": "soft"}, -5, ()),
    ],
)
def test_what_speaks_against_a_lead_counts_once_whatever_its_age(
    kind: str, data: dict[str, object], points: float, suppressed: tuple[str, ...]
) -> None:
    log = Log().add(kind, T0, data=data).add("lead.recompute", T0 + 60 * DAY)
    result = replayed(NAME, log)
    assert totals(result) == [points, points]
    assert result.snapshot().suppressed == suppressed


@pytest.mark.requirement("S3-6")
@pytest.mark.parametrize(
    ("kind", "data", "suppressed"),
    [
        ("email.unsubscribed", {}, ("all",)),
        ("email.bounced", {"kind": "hard"}, ("email",)),
        ("email.bounced", {}, ("email",)),
    ],
)
def test_an_unsubscribe_and_a_hard_bounce_set_the_score_to_0(
    kind: str, data: dict[str, object], suppressed: tuple[str, ...]
) -> None:
    log = Log().add("lead.created", T0, data={"title": "CEO"}).add("demo.requested", T0)
    log.add(kind, T0, data=data).add("email.opened", T0 + 1)
    result = replayed(NAME, log)
    assert totals(result) == [25, 145, 0, 10]
    assert result.snapshot().suppressed == suppressed


@pytest.mark.requirement("S3-6")
@pytest.mark.requirement("S4-12")
def test_inactivity_of_90_and_180_days_takes_30_and_80_while_it_lasts() -> None:
    log = Log().add("lead.created", T0, data={"title": "CEO", "company_size": 5000, "revenue": 6e7})
    log.add("trial.started", T0)
    for instant in (90 * DAY - 1, 90 * DAY, 180 * DAY - 1, 180 * DAY):
        log.add("lead.recompute", T0 + instant)
    log.add("email.forwarded", T0 + 200 * DAY)
    # 25 + 20 + 20 of fit, the trial doubled at first, half from 30 days on; a forward doubled ends the spell.
    expected = [65, 165, 90, 60, 60, 10, 65 + 25 + 24]
    assert totals(replayed(NAME, log)) == expected


@pytest.mark.requirement("S3-6")
@pytest.mark.requirement("N-14")
def test_inactivity_shows_at_its_exact_time() -> None:
    log = Log().add("lead.created", T0, data={"title": "CEO", "company_size": 5000})
    log.add("session.ended", T0 + HOUR, data={"seconds": 400})
    result = replayed(NAME, log, until=T0 + 200 * DAY)
    # 45 of fit and 5 for the time on site: 10 on the first day, 7.5 to the seventh, 5 to the thirtieth, then
    # 2.5. So 55, then 52.5, then exactly 50, then 47.5, 17.5 and -32.5.
    assert moments(result, "threshold") == [
        ("2026-01-01T00:00:00.000Z", "25", "up"),
        ("2026-01-01T01:00:00.000Z", "50", "up"),
        ("2026-01-31T01:00:00.000Z", "50", "down"),
        ("2026-04-01T01:00:00.000Z", "25", "down"),
    ]
    assert result.snapshot().total == -32.5


@pytest.mark.requirement("S3-7")
@pytest.mark.parametrize(
    ("size", "points"),
    [
        (0, 0), (1, 0), (10, 0), (11, 5), (50, 5), (51, 10), (200, 10), (201, 15), (1000, 15), (1001, 20),
        ("1,001", 20), ("10_000", 20), ("about 50", 5), ("51-200", 10), ("1,001+", 20),
        ("51\u2013200 employees", 10), ("10 to 50", 0), ("4,25", 0), ("many", 0), (None, 0),
    ],
)  # fmt: skip
def test_company_size(size: object, points: float) -> None:
    assert fit_of(NAME, company_size=size) == points


@pytest.mark.requirement("S3-8")
@pytest.mark.parametrize(
    ("industry", "points"),
    [
        ("SaaS", 20), ("technology", 15), ("E-Commerce", 15), ("ecommerce", 15), ("healthcare", 10),
        ("finance", 10), ("mining", 0), ("", 0),
    ],
)  # fmt: skip
def test_industry(industry: str, points: float) -> None:
    assert fit_of(NAME, industry=industry) == points


@pytest.mark.requirement("S3-9")
@pytest.mark.parametrize(
    ("revenue", "points"),
    [
        (0, 0), (999_999, 0), (1_000_000, 10), (9_999_999.99, 10), (10_000_000, 15), (49_999_999, 15),
        (50_000_000, 20), ("75,000,000", 20),
    ],
)  # fmt: skip
def test_revenue(revenue: object, points: float) -> None:
    assert fit_of(NAME, revenue=revenue) == points


@pytest.mark.requirement("S3-10")
@pytest.mark.parametrize(
    ("title", "points"),
    [
        ("CEO", 25), ("cto", 25), ("VP Marketing", 20), ("Director", 15), ("Head of Sales", 15),
        ("Manager", 10), ("Team Lead", 8), ("Senior Engineer", 8), ("Specialist", 3), ("Coordinator", 3),
        ("Analyst", 5), ("Senior Manager", 10), ("Senior Analyst", 8), ("CEO & Director", 25),
        ("Leadership coach", 0),
        ("Head, of course", 15), ("Head and shoulders", 0),
    ],
)  # fmt: skip
def test_of_a_title_the_best_keyword_counts(title: str, points: float) -> None:
    assert fit_of(NAME, title=title) == points


@pytest.mark.requirement("S3-11")
@pytest.mark.parametrize(
    ("country", "points"),
    [
        ("US", 10), ("gb", 10), ("UK", 10), ("CA", 10), ("AU", 10), ("DE", 5), ("fr", 5), ("NO", 5),
        ("PL", 0), ("JP", 0),
    ],
)  # fmt: skip
def test_geography(country: str, points: float) -> None:
    assert fit_of(NAME, country=country) == points


@pytest.mark.requirement("S3-13")
def test_a_contribution_steps_down_as_the_action_ages() -> None:
    log = Log().add("email.clicked", T0, data={"url": "/blog"})
    for age in (DAY - 1, DAY, 7 * DAY - 1, 7 * DAY, 30 * DAY - 1, 30 * DAY, 80 * DAY):
        log.add("lead.recompute", T0 + age)
    assert totals(replayed(NAME, log)) == [20, 20, 15, 15, 10, 10, 5, 5]


@pytest.mark.requirement("S3-13")
@pytest.mark.requirement("N-2")
def test_a_threshold_is_left_at_the_step_and_a_level_that_is_just_held_is_not() -> None:
    log = Log().add("email.clicked", T0, data=PRICING)
    result = replayed(NAME, log, until=T0 + 60 * DAY)
    # 50, then 37.5, then exactly 25, which is still over the threshold of 25, then 12.5.
    assert moments(result, "threshold") == [
        ("2026-01-01T00:00:00.000Z", "25", "up"),
        ("2026-01-01T00:00:00.000Z", "50", "up"),
        ("2026-01-02T00:00:00.000Z", "50", "down"),
        ("2026-01-31T00:00:00.000Z", "25", "down"),
    ]
    assert moments(result, "band") == [
        ("2026-01-01T00:00:00.000Z", "cold", "warming"),
        ("2026-01-08T00:00:00.000Z", "warming", "cold"),
    ]


@pytest.mark.requirement("S3-13")
@pytest.mark.requirement("N-5")
def test_a_late_action_has_its_own_age() -> None:
    late = Log().add("email.forwarded", T0 + 8 * DAY).add("email.replied", T0 + 8 * DAY, at=T0 + 6 * DAY)
    ordered = Log().add("email.replied", T0 + 6 * DAY).add("email.forwarded", T0 + 8 * DAY)
    for log in (late, ordered):
        log.add("lead.recompute", T0 + 8 * DAY).add("lead.recompute", T0 + 13 * DAY)
    # On the eighth day 24 and 20 * 1.5, on the thirteenth 18 and 20.
    assert totals(replayed(NAME, late))[1:] == [54, 54, 38]
    assert totals(replayed(NAME, ordered))[1:] == [54, 54, 38]


@pytest.mark.requirement("S3-12")
def test_opens_follow_inactivity_and_their_age() -> None:
    log = Log()
    for now in (T0, T0, T0 + 10 * DAY):
        log.add("email.opened", now)
    for now in (T0 + 30 * DAY, T0 + 40 * DAY - 1, T0 + 40 * DAY, T0 + 70 * DAY):
        log.add("lead.recompute", now)
    # At 10 days two of 10 days and one of none: 5 * (1 + 1 + 2). From 30 days on the first two count half:
    # 5 * (0.5 + 0.5 + 1); at 40 days the third as well, less 5%; at 70 days less another 5%.
    expected = [10, 20, 20, 10, 10, 7.5 * 0.95, 7.5 * 0.95**2]
    assert totals(replayed(NAME, log)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.requirement("S3-15")
@pytest.mark.requirement("S3-16")
def test_at_75_the_lead_is_segmented_marked_handed_over_told_of_and_written_to() -> None:
    log = set_to(Log().add("lead.created", T0, data={"title": "CEO"}), T0, 40)
    log.add("page.viewed", T0, data=PRICING)
    result = replayed(NAME, log)
    asked = result.of_type("lead.action.requested")
    assert [(one["threshold"], one["do"]) for one in asked] == [
        (25, "segment-nurture"),
        (50, "segment-warm"), (50, "mark-mql"),
        (75, "segment-hot"), (75, "mark-sql"), (75, "create-crm-lead"), (75, "notify-sales"),
        (75, "start-workflow"), (75, "campaign-book-demo"),
    ]  # fmt: skip
    payloads = {one["do"]: (one.get("priority"), one.get("payload")) for one in asked}
    assert payloads["create-crm-lead"] == ("high", {"queue": "follow-up", "owner": "sales-1"})
    assert payloads["notify-sales"] == ("high", {"url": PRICING["url"], "title": "CEO"})


@pytest.mark.requirement("S3-28")
def test_it_listens_to_opens_clicks_of_high_intent_and_changed_contacts() -> None:
    log = Log().add("email.opened", T0)
    log.add("email.clicked", T0, data={"url": "https://acme.test/pricing?utm=mail"})
    log.add("email.clicked", T0, data={"url": "https://acme.test/demo"})
    log.add("email.clicked", T0, data={"url": "https://acme.test/pricing-faq"})
    log.add("lead.updated", T0, data={"title": "VP"})
    assert totals(replayed(NAME, log)) == [10, 60, 110, 130, 150]


@pytest.mark.requirement("S3-29")
def test_a_changed_fact_scores_fit_anew_at_once() -> None:
    log = Log().add("lead.created", T0, data={"industry": "mining", "country": "PL"})
    log.add("lead.enriched", T0 + DAY, data={"industry": "SaaS"})
    log.add("lead.updated", T0 + 2 * DAY, data={"country": "US"})
    assert totals(replayed(NAME, log)) == [0, 20, 30]
