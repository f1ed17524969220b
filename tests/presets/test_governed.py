"""`governed`: tiers, stages, what speaks against a lead, guards, consent, tracks, triggers."""

import pytest

from tests.presets.stories import PRICING, moments, replayed, set_to, totals
from tests.scoring.folding import DAY, HOUR, MINUTE, SECOND, T0, Log, Result

NAME = "governed"
AGREED = {"email": "ann@acme.test", "consent": {"profiling": True, "email": True, "tracking": True}}


def agreed(**facts: object) -> Log:
    """A lead that has agreed to everything, offset 0."""
    return Log().add("lead.created", T0, data={**AGREED, **facts})


def flags(result: Result) -> list[tuple[str, ...]]:
    return [entry.flags for entry in result.history]


def outcomes(result: Result) -> list[str]:
    return [entry.outcome for entry in result.history]


HIGH = [("demo.requested", {}, 30), ("page.viewed", PRICING, 15), ("email.replied", {}, 15)]
MODERATE = [
    ("page.viewed", {"url": "/compare/them"}, 8),
    ("page.viewed", {"url": "/alternatives"}, 8),
    ("resource.downloaded", {"kind": "ebook"}, 5),
    ("email.opened", {}, 4),
    ("email.clicked", {}, 4),
]
LOW = [("social.engaged", {}, 1), ("page.viewed", {"url": "/"}, 0)]


@pytest.mark.requirement("S4-1")
@pytest.mark.parametrize(("kind", "data", "points"), HIGH + MODERATE + LOW)
def test_what_a_signal_is_worth(kind: str, data: dict[str, object], points: float) -> None:
    assert totals(replayed(NAME, agreed().add(kind, T0, data=data))) == [0, points]


@pytest.mark.requirement("S4-1")
def test_a_repeated_visit_is_moderate_and_a_pile_of_downloads_high() -> None:
    log = agreed()
    for now in (T0, T0 + DAY):
        log.add("page.viewed", now, data={"url": "/"})
    for _ in range(3):
        log.add("resource.downloaded", T0 + DAY)
    assert [entry.points for entry in replayed(NAME, log).history][1:] == pytest.approx([0, 4, 5, 5, 20])


@pytest.mark.requirement("S4-1")
def test_the_windows_of_repeated_visits_and_downloads_end_to_the_millisecond() -> None:
    log = agreed()
    for now in (0, 30 * DAY - 1, 60 * DAY - 1):
        log.add("page.viewed", T0 + now, data={"url": "/"})
    assert [entry.points for entry in replayed(NAME, log).history][1:] == pytest.approx([0, 4, 0])
    for last, points in ((7 * DAY - 1, 20), (7 * DAY, 5)):
        log = agreed()
        for now in (0, DAY, last):
            log.add("resource.downloaded", T0 + now)
        assert replayed(NAME, log).history[-1].points == pytest.approx(points)


@pytest.mark.parametrize(("size", "points"), [(1, 0), (50, 0), (51, 10), (5000, 10)])
def test_a_company_of_51_and_more_fits(size: int, points: float) -> None:
    assert totals(replayed(NAME, agreed(company_size=size))) == [points]


def test_caps() -> None:
    assert replayed(NAME, agreed(company_size=60)).snapshot().caps == {
        "engagement": (0, 40), "intent": (0, 60), "fit": (0, 10), "negative": (-40, 0),
    }  # fmt: skip
    log = agreed(company_size=60).add("demo.requested", T0).add("demo.requested", T0)
    log.add("page.viewed", T0, data=PRICING)
    assert totals(replayed(NAME, log)) == [10, 40, 70, 70]


@pytest.mark.requirement("S4-1")
def test_the_tiers_do_not_overlap() -> None:
    high, moderate, low = ([points for _, _, points in tier] for tier in (HIGH, MODERATE, LOW))
    assert min(high) > max(moderate)
    assert min(moderate) > max(low)


@pytest.mark.requirement("S4-2")
def test_signals_map_to_buying_stages_and_a_lead_moves_to_the_furthest() -> None:
    log = agreed().add("social.engaged", T0 + HOUR)
    log.add("page.viewed", T0 + 2 * HOUR, data={"url": "/comparison"})
    log.add("email.opened", T0 + 3 * HOUR).add("demo.requested", T0 + 4 * HOUR)
    log.add("page.viewed", T0 + 5 * HOUR, data={"url": "/comparison"})
    result = replayed(NAME, log)
    assert moments(result, "stage") == [
        ("2026-01-01T01:00:00.000Z", "", "awareness"),
        ("2026-01-01T02:00:00.000Z", "awareness", "consideration"),
        ("2026-01-01T04:00:00.000Z", "consideration", "decision"),
    ]
    assert result.snapshot().stage == "decision"


@pytest.mark.requirement("S4-3")
@pytest.mark.parametrize(
    "kind", ["email.bounced", "email.unsubscribed", "email.complained", "contact.invalid", "spam.detected"]
)
def test_what_speaks_against_a_lead(kind: str) -> None:
    log = agreed().add("demo.requested", T0).add(kind, T0).add(kind, T0).add(kind, T0)
    # 20 each, 40 in all, and it does not heal: after 30 days the demo is 15.
    log.add("lead.recompute", T0 + 30 * DAY)
    assert totals(replayed(NAME, log))[1:] == pytest.approx([30, 10, -10, -10, -25])


@pytest.mark.requirement("S4-8")
@pytest.mark.parametrize(
    ("kind", "data", "flag"),
    [
        ("page.viewed", {**PRICING, "user_agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}, "crawler"),
        # Its fetches for a person who opens a mail are none of these.
        ("email.clicked", {"user_agent": "Mozilla/5.0 (via ggpht.com googleimageproxy)"}, "scanner"),
        ("email.opened", {"user_agent": "Mozilla/5.0"}, "prefetch"),
        ("email.clicked", {"user_agent": "Barracuda Sentinel (EE)"}, "scanner"),
        ("email.opened", {"machine": True}, "machine"),
        ("email.opened", {"machine": "true"}, "machine"),
    ],
)
def test_a_machine_is_flagged_and_counts_nothing(kind: str, data: dict[str, object], flag: str) -> None:
    result = replayed(NAME, agreed().add(kind, T0 + HOUR, data=data))
    assert totals(result) == [0, 0]
    assert flags(result)[1] == (flag,)
    assert outcomes(result)[1] == "flagged"
    assert result.snapshot().last_activity is None


@pytest.mark.requirement("S4-8")
@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("page.viewed", {**PRICING, "user_agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}),
        ("email.opened", {"machine": False}),
        ("email.replied", {"machine": True}),
    ],
)
def test_a_person_is_not(kind: str, data: dict[str, object]) -> None:
    result = replayed(NAME, agreed().add(kind, T0 + HOUR, data=data))
    assert flags(result)[1] == ()
    assert totals(result)[1] > 0


@pytest.mark.requirement("S4-8")
def test_an_open_within_five_seconds_of_its_sending_is_a_prefetch() -> None:
    log = agreed().add("email.sent", T0 + HOUR, data={"campaign": "may"})
    log.add("email.opened", T0 + HOUR, data={"campaign": "may"})
    log.add("email.opened", T0 + HOUR + 5 * SECOND - 1, data={"campaign": "may"})
    log.add("email.opened", T0 + HOUR + 4 * SECOND, data={"campaign": "june"})
    log.add("email.opened", T0 + HOUR + 5 * SECOND, data={"campaign": "may"})
    result = replayed(NAME, log)
    assert flags(result)[2:] == [("prefetch",), ("prefetch",), (), ()]
    assert [entry.points for entry in result.history][2:] == pytest.approx([0, 0, 4, 4], abs=1e-5)


@pytest.mark.requirement("S4-8")
def test_more_than_ten_in_ten_seconds_is_a_burst() -> None:
    log = agreed()
    for number in range(12):
        log.add("email.opened", T0 + HOUR + number * 900)
    log.add("email.opened", T0 + HOUR + 10 * SECOND + 900)
    result = replayed(NAME, log)
    # From the eleventh on more than ten lie in ten seconds; at 10.9 s those at 0 and 0.9 s are out of the
    # window, which leaves ten and this one.
    assert [number for number, one in enumerate(flags(result)) if one] == [11, 12, 13]
    assert {one for flagged in flags(result) for one in flagged} == {"burst"}


@pytest.mark.requirement("S4-8")
def test_the_tenth_second_is_out_of_a_burst() -> None:
    log = agreed()
    for number in range(11):
        log.add("email.opened", T0 + HOUR + number * SECOND)
    assert set(flags(replayed(NAME, log))) == {()}


@pytest.mark.requirement("S4-8")
def test_repeated_automatic_opens_never_reach_a_level() -> None:
    log = agreed()
    for number in range(300):
        log.add("email.opened", T0 + number * HOUR, data={"machine": True})
    result = replayed(NAME, log)
    assert result.snapshot().total == 0
    assert result.outputs == []


@pytest.mark.requirement("S4-8")
def test_even_opens_that_no_guard_tells_stay_below_the_second_level() -> None:
    log = agreed()
    for number in range(300):
        log.add("email.opened", T0 + number * MINUTE)
    assert max(totals(replayed(NAME, log))) == 40


def test_without_consent_nothing_scores_and_what_is_withdrawn_scores_no_more() -> None:
    log = Log().add("demo.requested", T0)
    log.add("lead.updated", T0 + 1, data={"consent": {"tracking": True}})
    log.add("page.viewed", T0 + 2, data=PRICING).add("email.replied", T0 + 2)
    log.add("lead.updated", T0 + 3, data={"consent": {"tracking": False, "profiling": True}})
    log.add("page.viewed", T0 + 4, data=PRICING).add("email.replied", T0 + 4)
    result = replayed(NAME, log)
    assert outcomes(result) == [
        "no_consent", "noted", "scored", "no_consent", "noted", "no_consent", "scored",
    ]  # fmt: skip
    assert totals(result) == pytest.approx([0, 0, 15, 15, 15, 15, 30], abs=1e-6)


@pytest.mark.requirement("S4-9")
def test_each_range_of_the_score_has_its_track() -> None:
    log = agreed()
    for hours, value in enumerate((20, 45, 70)):
        set_to(log, T0 + hours * HOUR, value)
    asked = replayed(NAME, log).of_type("lead.action.requested")
    assert [(one["do"], one["at"][11:13]) for one in asked] == [
        ("nurture-education", "00"), ("nurture-evaluation", "01"), ("sales-follow-up", "02"),
    ]  # fmt: skip


@pytest.mark.requirement("S4-9")
@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"email": "ann@acme.test"}, "no_consent"),
        ({"consent": {"email": False}, "email": "ann@acme.test"}, "no_consent"),
        ({"consent": {"email": True}}, "no_email"),
        ({"consent": {"email": True}, "email": "ann at acme"}, "invalid_email"),
    ],
)
def test_a_track_by_mail_needs_an_address_and_consent(facts: dict[str, object], reason: str) -> None:
    given = {"consent": {"profiling": True}}
    log = Log().add("lead.created", T0, data=given).add("lead.updated", T0, data=facts)
    assert replayed(NAME, set_to(log, T0, 20)).skipped == [("nurture-education", reason)]


@pytest.mark.requirement("N-3")
def test_a_track_is_left_two_points_below_its_level() -> None:
    log = agreed()
    for hours, value in enumerate((20, 18, 20, 17.9, 20)):
        set_to(log, T0 + hours * HOUR, value)
    # Within an hour less than 0.1% fades (2 ** (-1/720)), so that 18 falls below 18 at once.
    assert [(at[11:13], level, way) for at, level, way in moments(replayed(NAME, log), "threshold")] == [
        ("00", "20", "up"), ("01", "20", "down"), ("02", "20", "up"), ("03", "20", "down"),
        ("04", "20", "up"),
    ]  # fmt: skip
    mild = agreed()
    for hours, value in enumerate((20, 18.1, 20)):
        set_to(mild, T0 + hours * HOUR, value)
    assert moments(replayed(NAME, mild), "threshold") == [("2026-01-01T00:00:00.000Z", "20", "up")]


@pytest.mark.requirement("N-3")
@pytest.mark.parametrize(("level", "band"), [(20, "learning"), (45, "evaluating"), (70, "sales-ready")])
def test_each_track_has_its_band_and_two_points_of_hysteresis(level: float, band: str) -> None:
    def downs(value: float) -> list[tuple[float, str, str]]:
        log = set_to(set_to(agreed(), T0, level), T0, value)
        return [one for one in replayed(NAME, log).crossings if one[1] == "down" and one[0] == level]

    assert replayed(NAME, set_to(agreed(), T0, level)).snapshot().band == band
    assert replayed(NAME, set_to(agreed(), T0, level - 0.1)).snapshot().band != band
    assert downs(level - 2) == []
    assert downs(level - 2.1) == [(level, "down", "signal")]


@pytest.mark.requirement("S4-11")
@pytest.mark.requirement("N-14")
def test_the_sixth_page_that_counts_within_an_hour_is_a_surge() -> None:
    log = agreed()
    for minute in (0, 10, 20, 30, 40):
        log.add("page.viewed", T0 + minute * MINUTE, data={"url": "/"})
    # A first visit counts nothing, so the page at 55 minutes is the fifth that counts, that at 69 the sixth;
    # those six lie within the hour up to it.
    log.add("page.viewed", T0 + 55 * MINUTE, data={"url": "/compare"})
    log.add("page.viewed", T0 + 69 * MINUTE, data=PRICING)
    result = replayed(NAME, log)
    (fired,) = result.of_type("lead.trigger.fired")
    assert (fired["trigger"], fired["value"], fired["at"]) == ("spike:surge", 6, "2026-01-01T01:09:00.000Z")
    (alert,) = [one for one in result.of_type("lead.action.requested") if one["do"] == "alert-surge"]
    assert (alert["crossing"], alert["payload"], alert["priority"]) == (
        fired["id"], {"url": PRICING["url"]}, "high",
    )  # fmt: skip


@pytest.mark.requirement("S4-11")
@pytest.mark.requirement("N-14")
def test_at_exactly_an_hour_the_first_page_is_out_of_the_surge() -> None:
    def viewed(last: int) -> list[str]:
        log = agreed().add("page.viewed", T0, data={"url": "/"})
        for now in (T0, T0 + 1, T0 + 2, T0 + 3, T0 + 4, T0 + last):
            log.add("page.viewed", now, data={"url": "/"})
        return [one["trigger"] for one in replayed(NAME, log).of_type("lead.trigger.fired")]

    assert viewed(HOUR - 1) == ["spike:surge"]
    assert viewed(HOUR) == []


@pytest.mark.requirement("S4-11")
def test_the_critical_level_alerts_at_most_once_a_week() -> None:
    log = agreed()
    for now, value in ((0, 90), (1, 60), (6 * DAY, 90), (6 * DAY + 1, 60), (7 * DAY, 90)):
        set_to(log, T0 + now, value)
    result = replayed(NAME, log)
    critical = [one for one in result.outputs if one.get("do") == "alert-critical"]
    assert [(one["at"], one.get("reason")) for one in critical] == [
        ("2026-01-01T00:00:00.000Z", None),
        ("2026-01-07T00:00:00.000Z", "cooldown"),
        ("2026-01-08T00:00:00.000Z", None),
    ]


@pytest.mark.requirement("S4-12")
@pytest.mark.requirement("N-14")
def test_time_triggers_beside_behaviour() -> None:
    log = agreed().add("demo.requested", T0 + HOUR)
    before = replayed(NAME, log, until=T0 + HOUR + 60 * DAY - 1)
    assert before.actions == ["nurture-education", "sales-reminder"]
    result = replayed(NAME, log, until=T0 + HOUR + 60 * DAY)
    assert result.actions == ["nurture-education", "sales-reminder", "re-engage"]
    fired = [(one["trigger"], one["at"]) for one in result.of_type("lead.trigger.fired")]
    assert fired == [
        ("timer:unanswered", "2026-01-08T01:00:00.000Z"),
        ("timer:quiet", "2026-03-02T01:00:00.000Z"),
    ]
    # 30 points, an hour and 60 days: two half-lives.
    assert result.of_type("lead.trigger.fired")[1]["total_after"] == pytest.approx(7.5, abs=1e-9)


@pytest.mark.requirement("S4-12")
@pytest.mark.parametrize("kind", ["email.replied", "call.connected", "meeting.booked"])
def test_an_answer_of_either_side_ends_the_wait(kind: str) -> None:
    log = agreed().add("demo.requested", T0 + HOUR).add(kind, T0 + 2 * DAY)
    assert "sales-reminder" not in replayed(NAME, log, until=T0 + 30 * DAY).actions


@pytest.mark.requirement("S4-14")
def test_an_action_carries_what_a_personal_message_needs() -> None:
    log = agreed(title="Head of Sales", company_size=80).add("demo.requested", T0 + HOUR)
    log.add("page.viewed", T0 + 2 * HOUR, source="web", data=PRICING)
    result = replayed(NAME, log)
    evaluation = result.of_type("lead.action.requested")[-1]
    assert evaluation["do"] == "nurture-evaluation"
    assert evaluation["payload"] == {
        "title": "Head of Sales", "url": PRICING["url"], "email": "ann@acme.test",
    }  # fmt: skip
    assert evaluation["signal"] == {
        "id": "s2", "type": "page.viewed", "at": "2026-01-01T02:00:00.000Z", "source": "web", "data": PRICING,
    }  # fmt: skip
    assert [(one["factor"], one["offset"]) for one in evaluation["factors"]] == [
        ("demo", 1), ("pricing", 2), ("size:in-range", 0),
    ]  # fmt: skip


@pytest.mark.requirement("S4-25")
def test_a_stale_fact_counts_less_and_a_fresh_one_in_full() -> None:
    log = agreed(company_size=100)
    log.add("lead.recompute", T0 + 365 * DAY)
    log.add("lead.updated", T0 + 365 * DAY, data={"title": "CEO"})
    log.add("lead.enriched", T0 + 365 * DAY, data={"company_size": 100})
    log.add("lead.recompute", T0 + 730 * DAY)
    assert totals(replayed(NAME, log)) == pytest.approx([10, 5, 5, 10, 5], abs=1e-9)


@pytest.mark.requirement("S4-25")
def test_the_age_of_a_fact_is_that_of_its_source() -> None:
    # Learnt today, a year old: half.
    log = agreed().add("lead.enriched", T0 + HOUR, at=T0 + HOUR - 365 * DAY, data={"company_size": 100})
    result = replayed(NAME, log)
    assert totals(result)[1] == pytest.approx(5, abs=1e-9)
    (size,) = [one for one in result.snapshot().accumulators if one.factor == "size:in-range"]
    assert size.t_ref == T0 + HOUR - 365 * DAY
