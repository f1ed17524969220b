"""`factors-v1`: every factor, every cap, the bands, and what they bring about."""

from pathlib import Path

import pytest

from leadstream.models import load_catalog
from tests.presets.stories import (
    PRICING,
    alone,
    fit_of,
    moments,
    preset_text,
    replayed,
    set_to,
    total,
)
from tests.scoring.folding import DAY, HOUR, T0, Log, run

FITTING = {"company_size": 200, "industry": "SaaS", "title": "Head of Sales", "country": "de"}
"""12 + 12 + 10 + 6 = 40 points of fit."""
ANSWERS = {"form": "contact", "answers": {"budget": "50k", "authority": "I decide"}}


@pytest.mark.requirement("S2-1")
def test_the_total_is_fit_and_intent_and_engagement_less_what_speaks_against_the_lead() -> None:
    log = Log().add("lead.created", T0, data=FITTING)
    log.add("demo.requested", T0)
    log.add("page.viewed", T0, data=PRICING)
    log.add("email.replied", T0)
    log.add("email.bounced", T0)
    # 40 fit + (20 + 10) intent + (8 + 0 for the first visit) engagement - 10.
    assert total("factors-v1", log) == 40 + 30 + 8 - 10


@pytest.mark.requirement("S2-1")
def test_the_score_shown_is_clamped_to_0_and_100() -> None:
    low = replayed("factors-v1", Log().add("spam.detected", T0)).snapshot()
    assert (low.total, low.score) == (-20, 0)
    # A bump is outside the caps: with it more than 100 is reached.
    log = set_to(Log().add("lead.created", T0, data=FITTING), T0, 130)
    high = replayed("factors-v1", log).snapshot()
    assert (high.total, high.score) == (130, 100)


@pytest.mark.requirement("S2-2")
def test_each_category_is_capped_before_they_are_added() -> None:
    log = Log().add("lead.created", T0, data=FITTING)
    log.add("demo.requested", T0)
    log.add("page.viewed", T0, data=PRICING)
    log.add("form.submitted", T0, data=ANSWERS)
    assert total("factors-v1", log) == 40 + 35  # 20 + 10 + 15 = 45 of intent
    log.add("call.connected", T0).add("call.connected", T0).add("email.replied", T0)
    assert total("factors-v1", log) == 40 + 35 + 25  # 10 + 10 + 8 = 28 of engagement
    log.add("spam.detected", T0).add("contact.invalid", T0)
    assert total("factors-v1", log) == 40 + 35 + 25 - 30  # 20 + 15 = 35 against it
    result = replayed("factors-v1", log)
    assert result.snapshot().caps == {
        "fit": (0, 40), "intent": (0, 35), "engagement": (0, 25), "negative": (-30, 0),
    }  # fmt: skip
    # The history has what each signal added to its factor, whatever the caps take away again.
    assert [(one.factor, one.points) for one in result.history[3].contributions] == [("intent.answers", 15)]
    assert result.history[3].points == 5


@pytest.mark.requirement("S2-17")
def test_what_is_asked_for_names_all_factors_and_their_signals() -> None:
    log = Log().add("lead.created", T0, data=FITTING)
    log.add("form.submitted", T0 + HOUR, data=ANSWERS).add("demo.requested", T0 + 2 * HOUR)
    alert, owner = replayed("factors-v1", log).of_type("lead.action.requested")
    assert alert["factors"] == owner["factors"]
    named = [(one["factor"], one["offset"], one["last_at"]) for one in alert["factors"]]
    assert [*named[:2], *sorted(named[2:4]), *named[4:]] == [
        ("intent.demo", 2, T0 + 2 * HOUR), ("intent.answers", 1, T0 + HOUR), ("fit.industry:saas", 0, T0),
        ("fit.size:in-range", 0, T0), ("fit.title:head of", 0, T0), ("fit.geography:served", 0, T0),
    ]  # fmt: skip
    points = [one["points"] for one in alert["factors"]]
    assert points == pytest.approx([20, 15 * 2 ** (-1 / 336), 12, 12, 10, 6], abs=1e-9)
    assert [one["category"] for one in alert["factors"]] == ["intent"] * 2 + ["fit"] * 4


@pytest.mark.requirement("S2-2")
@pytest.mark.requirement("S2-7")
def test_a_tenant_may_have_caps_and_bands_of_its_own(tmp_path: Path) -> None:
    text = preset_text("factors-v1")
    text = text.replace("    cap: 35\n", "    cap: 20\n").replace(
        "name: hot, from: 70", "name: hot, from: 60"
    )
    (tmp_path / "own.yaml").write_text(text)
    (tmp_path / "tenants.yaml").write_text("- {tenant: acme, model: own.yaml}\n- {tenant: other}\n")
    log = Log()
    for tenant in ("acme", "other"):
        log.add("lead.created", T0, tenant=tenant, data=FITTING)
        log.add("demo.requested", T0, tenant=tenant)
        log.add("page.viewed", T0, tenant=tenant, data=PRICING)
    result = run(log, load_catalog("factors-v1", tmp_path / "tenants.yaml"))
    mine, others = result.snapshot(), result.snapshot(tenant="other")
    assert (mine.total, mine.band) == (60, "hot")
    assert (others.total, others.band) == (70, "hot")
    assert [one["band"] for one in result.of_type("lead.band.changed")] == ["warm", "hot", "warm", "hot"]
    log.add("email.opened", T0, tenant="acme")
    assert run(log, load_catalog("factors-v1", tmp_path / "tenants.yaml")).snapshot().total == 61


@pytest.mark.requirement("S2-3")
@pytest.mark.parametrize(
    ("facts", "points"),
    [
        ({"company_size": 50}, 0),
        ({"company_size": 51}, 12),
        ({"company_size": "1,000"}, 12),
        ({"company_size": 1001}, 0),
        ({"industry": " Finance "}, 12),
        ({"industry": "mining"}, 0),
        ({"title": "CEO and founder"}, 10),
        ({"title": "Group Director, Sales Manager"}, 10),
        ({"title": "Managerial assistant"}, 0),
        ({"country": "US"}, 6),
        ({"country": "fr"}, 6),
        ({"country": "BR"}, 0),
    ],
)
def test_fit_is_size_industry_title_and_geography(facts: dict[str, object], points: float) -> None:
    assert fit_of("factors-v1", **facts) == points


@pytest.mark.requirement("S2-3")
def test_all_industries_titles_and_countries_of_the_lists_count_alike() -> None:
    for industry in ("saas", "technology", "e-commerce", "healthcare", "finance"):
        assert fit_of("factors-v1", industry=industry) == 12, industry
    for title in ("ceo", "cto", "vp", "director", "head of", "manager"):
        assert fit_of("factors-v1", title=title) == 10, title
    for country in ("US", "GB", "UK", "CA", "AU", "DE", "FR", "NL", "AT", "CH"):
        assert fit_of("factors-v1", country=country) == 6, country


@pytest.mark.requirement("S2-4")
@pytest.mark.parametrize(
    ("kind", "data", "points"),
    [
        ("page.viewed", PRICING, 10),
        ("page.viewed", {"url": "/blog"}, 0),
        ("demo.requested", {}, 20),
        ("form.submitted", {"answers": {"budget": "50k"}}, 15),
        ("form.submitted", {"answers": {"timeline": "this quarter"}}, 15),
        ("form.submitted", {"answers": {"authority": True}}, 15),
        ("form.submitted", {"answers": {"budget": "50k", "timeline": "soon", "authority": "yes"}}, 15),
        ("form.submitted", {"answers": {"budget": "", "colour": "red"}}, 0),
        ("form.submitted", {}, 0),
    ],
)
def test_intent_is_prices_a_demo_and_answers_of_high_value(
    kind: str, data: dict[str, object], points: float
) -> None:
    assert alone("factors-v1", kind, data) == points


@pytest.mark.requirement("S2-5")
@pytest.mark.parametrize(
    ("kind", "points"),
    [("email.opened", 1), ("email.replied", 8), ("call.connected", 10), ("page.viewed", 0)],
)
def test_engagement_is_opens_replies_and_calls(kind: str, points: float) -> None:
    assert alone("factors-v1", kind) == points


@pytest.mark.requirement("S2-5")
def test_a_visit_counts_from_the_second_within_thirty_days() -> None:
    log = Log()
    for now in (T0, T0 + HOUR, T0 + 2 * HOUR, T0 + 40 * DAY, T0 + 70 * DAY - 1, T0 + 100 * DAY - 1):
        log.add("page.viewed", now, data={"url": "/blog"})
    # The fourth is alone in its 30 days, the fifth has it still in its window, the sixth not the fifth.
    points = [entry.contributions[0].points for entry in replayed("factors-v1", log).history]
    assert points == [0, 3, 3, 0, 3, 0]


@pytest.mark.requirement("S2-6")
@pytest.mark.parametrize(
    ("kind", "points", "suppressed"),
    [
        ("email.bounced", -10, ("email",)),
        ("email.unsubscribed", -30, ("all",)),
        ("contact.invalid", -15, ()),
        ("spam.detected", -20, ()),
    ],
)
def test_what_speaks_against_a_lead(kind: str, points: float, suppressed: tuple[str, ...]) -> None:
    shot = replayed("factors-v1", Log().add(kind, T0)).snapshot()
    assert (shot.total, shot.suppressed) == (points, suppressed)


@pytest.mark.requirement("S2-6")
def test_who_does_not_fit_at_all_loses_ten() -> None:
    for title in ("Student", "Intern", "Retired", "Job seeker"):
        assert fit_of("factors-v1", title=title) == -10
    assert fit_of("factors-v1", title="Student, Sales Manager") == 10 - 10


@pytest.mark.requirement("S2-6")
def test_thirty_days_without_activity_cost_ten_until_the_next_activity() -> None:
    log = Log().add("lead.created", T0, data=FITTING)
    log.add("lead.recompute", T0 + 30 * DAY - 1).add("lead.recompute", T0 + 30 * DAY)
    log.add("email.opened", T0 + 31 * DAY).add("lead.recompute", T0 + 61 * DAY - 1)
    log.add("lead.recompute", T0 + 61 * DAY)
    faded = 2 ** (-30 / 14)
    expected = [40, 40, 30, 41, 40 + faded, 30 + faded]
    assert [entry.after for entry in replayed("factors-v1", log).history] == pytest.approx(expected, abs=1e-6)


@pytest.mark.requirement("S2-5")
def test_intent_engagement_and_bumps_halve_in_fourteen_days_and_fit_does_not_fade() -> None:
    log = Log().add("lead.created", T0, data=FITTING)
    log.add("demo.requested", T0).add("call.connected", T0)
    set_to(log, T0, 80)
    log.add("lead.recompute", T0 + 14 * DAY)
    # 40 stay; of 20, 10 and the 10 set by hand the half.
    assert [entry.after for entry in replayed("factors-v1", log).history][3:] == pytest.approx([80, 60])


@pytest.mark.requirement("S2-7")
@pytest.mark.parametrize(
    ("value", "band"), [(0, "cold"), (39.5, "cold"), (40, "warm"), (69.9, "warm"), (70, "hot"), (100, "hot")]
)
def test_bands(value: float, band: str) -> None:
    assert replayed("factors-v1", set_to(Log(), T0, value)).snapshot().band == band


@pytest.mark.requirement("S2-8")
def test_the_score_is_computed_anew_at_each_of_the_six_occasions() -> None:
    log = Log().add("lead.created", T0, data=FITTING)
    log.add("lead.enriched", T0 + HOUR, data={"industry": "mining"})
    log.add("demo.requested", T0 + 2 * HOUR)
    log.add("status.changed", T0 + 3 * HOUR, data={"from": "prospect", "to": "lead"})
    log.add("lead.recompute", T0 + 4 * HOUR)
    result = replayed("factors-v1", log, packs=range(1, 6), until=T0 + 51 * HOUR)
    faded = [20 * 2 ** (-hours / (14 * 24)) for hours in (1, 2)]
    shots = [len(step.scores) for step in result.steps]
    assert shots[:5] == [1, 1, 1, 1, 1]
    after = [entry.after for entry in result.history]
    assert after == pytest.approx([40, 28, 48, 28 + faded[0], 28 + faded[1]], abs=1e-9)
    # The daily refresh: 47 is shown until 20 has faded to 19, which takes 14 d * log2(20 / 19) = 24 h 52 min
    # from the demo on; it is written again within 24 hours of that.
    assert shots[5:] == [0, 1]
    refreshed = result.snapshot()
    assert T0 + 26.8 * HOUR < refreshed.at <= T0 + 51 * HOUR
    assert refreshed.total == pytest.approx(28 + 20 * 2 ** (-(refreshed.at - T0 - 2 * HOUR) / (14 * DAY)))


@pytest.mark.requirement("S2-13")
def test_hot_leads_get_owners_by_turns_and_keep_them() -> None:
    log = Log()
    for lead in ("l1", "l2", "l3", "l4"):
        set_to(log, T0, 70, lead=lead)
    # One that has an owner already keeps it, and takes nobody's turn.
    log.add("lead.created", T0, lead="l5", data={"owner": "ann"})
    set_to(log, T0, 70, lead="l5")
    set_to(log, T0, 70, lead="l6")
    # The second falls and is hot again two days later: its own owner, not the next one's turn.
    set_to(log, T0 + HOUR, 10, lead="l2")
    set_to(log, T0 + 2 * DAY, 70, lead="l2")
    set_to(log, T0 + 2 * DAY, 70, lead="l7")
    assigned = [
        (one["lead"], one["payload"]["owner"])
        for one in replayed("factors-v1", log).of_type("lead.action.requested")
        if one["do"] == "assign-owner"
    ]
    assert assigned == [
        ("l1", "sales-1"), ("l2", "sales-2"), ("l3", "sales-3"), ("l4", "sales-1"), ("l5", "ann"),
        ("l6", "sales-2"), ("l2", "sales-2"), ("l7", "sales-3"),
    ]  # fmt: skip


@pytest.mark.requirement("S2-14")
def test_from_warm_to_hot_is_an_alert_and_from_cold_it_is_none() -> None:
    warmed = replayed("factors-v1", set_to(set_to(Log(), T0, 40), T0, 70))
    alert, owner = warmed.of_type("lead.action.requested")
    assert (alert["do"], alert["trigger"], alert["priority"]) == ("alert", "band:hot", "high")
    assert owner["do"] == "assign-owner"
    assert replayed("factors-v1", set_to(Log(), T0, 70)).actions == ["assign-owner"]


@pytest.mark.requirement("S2-14")
def test_an_alert_carries_whom_it_is_about() -> None:
    log = Log().add("lead.created", T0, data={**FITTING, "phone": "030 123"})
    set_to(log, T0, 70)
    alert = replayed("factors-v1", log).of_type("lead.action.requested")[0]
    assert alert["payload"] == {"title": "Head of Sales", "phone": "030 123"}


@pytest.mark.requirement("S2-15")
@pytest.mark.requirement("N-14")
def test_a_warm_lead_without_a_reply_is_enrolled_after_exactly_seven_days() -> None:
    log = Log().add("lead.created", T0, data=FITTING)
    assert moments(replayed("factors-v1", log), "band") == [("2026-01-01T00:00:00.000Z", "cold", "warm")]
    assert replayed("factors-v1", log, until=T0 + 7 * DAY - 1).actions == []
    due = replayed("factors-v1", log, until=T0 + 7 * DAY)
    (fired,) = due.of_type("lead.trigger.fired")
    assert (fired["trigger"], fired["at"], fired["cause"]) == (
        "timer:no-reply", "2026-01-08T00:00:00.000Z", "timer",
    )  # fmt: skip
    (enrolled,) = due.of_type("lead.action.requested")
    assert (enrolled["do"], enrolled["trigger"], enrolled["crossing"]) == (
        "nurture-enroll", "timer:no-reply", fired["id"],
    )  # fmt: skip


@pytest.mark.requirement("S2-15")
def test_a_reply_or_another_band_ends_the_wait() -> None:
    replied = Log().add("lead.created", T0, data=FITTING).add("email.replied", T0 + 7 * DAY - 1)
    assert replayed("factors-v1", replied, until=T0 + 20 * DAY).actions == []
    opened = Log().add("lead.created", T0, data=FITTING).add("email.opened", T0 + 6 * DAY)
    assert replayed("factors-v1", opened, until=T0 + 20 * DAY).actions == ["nurture-enroll"]
    cooled = Log().add("lead.created", T0, data=FITTING).add("spam.detected", T0 + 6 * DAY)
    assert replayed("factors-v1", cooled, until=T0 + 20 * DAY).actions == []
    # Warm again three days later: the week begins anew.
    again = set_to(cooled, T0 + 9 * DAY, 45)
    assert replayed("factors-v1", again, until=T0 + 13 * DAY).actions == []
