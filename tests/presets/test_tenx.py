"""`tenx` outside office hours, and its window of opens; its numbers are in tests/scoring/test_tenx.py."""

from pathlib import Path

import pytest

from leadstream.models import load_catalog
from leadstream.records.times import parse_instant
from tests.presets.stories import preset, set_to
from tests.scoring.folding import DAY, T0, Log, run

PHONE = "+49 30 123456"


def route(at: str, **facts: str) -> str:
    """Whom the call goes to when a lead becomes hot at this instant."""
    now = parse_instant(at)
    log = set_to(Log().add("lead.created", now, data={"phone": PHONE, **facts}), now, 90)
    (call,) = [
        one for one in run(log, preset("tenx")).of_type("lead.action.requested")
        if one["do"] == "voice-lead-qualifier"
    ]  # fmt: skip
    assert call["payload"]["phone"] == "+4930123456"
    return str(call["payload"]["route"])


@pytest.mark.requirement("S1-15")
def test_a_lead_that_is_hot_at_eight_on_a_friday_evening_goes_to_the_agent() -> None:
    assert route("2026-01-02T20:00:00Z") == "agent"  # a Friday
    assert route("2026-01-03T10:00:00Z") == "agent"
    assert route("2026-01-04T10:00:00Z") == "agent"
    assert route("2026-01-05T10:00:00Z") == "owner"


@pytest.mark.requirement("S1-15")
def test_the_office_opens_at_nine_and_closes_at_six_to_the_millisecond() -> None:
    assert route("2026-01-05T08:59:59.999Z") == "agent"
    assert route("2026-01-05T09:00:00.000Z") == "owner"
    assert route("2026-01-05T17:59:59.999Z") == "owner"
    assert route("2026-01-05T18:00:00.000Z") == "agent"


@pytest.mark.requirement("S1-15")
def test_the_hours_are_those_where_the_lead_is() -> None:
    # Friday 18:30 in UTC is 13:30 in New York (UTC-5 in winter) and 03:30 on Saturday in Tokyo (UTC+9).
    assert route("2026-01-02T18:30:00Z", timezone="America/New_York") == "owner"
    assert route("2026-01-02T08:30:00Z", timezone="Asia/Tokyo") == "owner"
    assert route("2026-01-02T18:30:00Z", timezone="Asia/Tokyo") == "agent"
    # Sunday 23:30 in UTC is Monday 08:30 in Tokyo; half an hour later the office is open.
    assert route("2026-01-04T23:59:59Z", timezone="Asia/Tokyo") == "agent"
    assert route("2026-01-05T00:00:00Z", timezone="Asia/Tokyo") == "owner"
    # In Berlin the office closes at 17:00 UTC in winter, at 16:00 UTC in summer (3 July 2026 is a Friday).
    assert route("2026-01-02T16:59:59Z", timezone="Europe/Berlin") == "owner"
    assert route("2026-01-02T17:00:00Z", timezone="Europe/Berlin") == "agent"
    assert route("2026-07-03T15:59:59Z", timezone="Europe/Berlin") == "owner"
    assert route("2026-07-03T16:00:00Z", timezone="Europe/Berlin") == "agent"
    # A zone that nobody knows is no zone.
    assert route("2026-01-02T17:30:00Z", timezone="Atlantis/Capital") == "owner"


@pytest.mark.requirement("S1-15")
def test_of_a_lead_without_a_zone_the_tenants_counts(tmp_path: Path) -> None:
    tenants = tmp_path / "tenants.yaml"
    tenants.write_text("- {tenant: acme, timezone: Europe/Berlin}\n")
    now = parse_instant("2026-01-02T17:30:00Z")
    log = set_to(Log().add("lead.created", now, data={"phone": PHONE}), now, 90)
    log.add("lead.created", now, lead="l2", data={"phone": PHONE, "timezone": "UTC"})
    set_to(log, now, 90, lead="l2")
    calls = run(log, load_catalog("tenx", tenants)).of_type("lead.action.requested")
    routes = [one["payload"]["route"] for one in calls if one["do"] == "voice-lead-qualifier"]
    assert routes == ["agent", "owner"]


@pytest.mark.requirement("S1-2")
@pytest.mark.parametrize(("later", "points"), [(30 * DAY - 1, 1), (30 * DAY, 2)])
def test_opens_are_counted_for_thirty_days_to_the_millisecond(later: int, points: float) -> None:
    log = Log()
    for now in (T0, T0 + 1, T0 + 2, T0 + later):
        log.add("email.opened", now)
    # The fourth within thirty days is worth half; at exactly thirty days after the first it is the third.
    assert run(log, preset("tenx")).history[-1].contributions[0].points == points


def test_the_nurture_knows_no_hours() -> None:
    now = parse_instant("2026-01-03T03:00:00Z")
    assert run(set_to(Log(), now, 60), preset("tenx")).actions == ["soft-nurture"]
