"""Hours in a time zone; instants worked out by hand from the zones' published changes."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from leadstream.scoring.compiled.hours import Hours
from leadstream.scoring.facts.zones import TZDATA_VERSION, known_zone, zone_or_none
from tests.support.durations import DAY, MINUTE

WEEK = frozenset(range(7))
FRIDAYS, SATURDAYS, SUNDAYS = frozenset([4]), frozenset([5]), frozenset([6])
OFFICE = Hours(frozenset(range(5)), 9 * 60, 18 * 60, frozenset())
SAO_PAULO = "America/Sao_Paulo"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ms(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)


def clock(opens: str, closes: str, days: frozenset[int] = WEEK) -> Hours:
    minutes = [int(text[:2]) * 60 + int(text[3:]) for text in (opens, closes)]
    return Hours(days, minutes[0], minutes[1], frozenset())


@pytest.mark.requirement("S1-15")
def test_a_friday_evening_is_outside_the_hours() -> None:
    # 2026-03-27 is a Friday; 20:00 in Berlin is 19:00 UTC.
    assert not OFFICE.is_open(ms("2026-03-27T19:00:00Z"), "Europe/Berlin")
    assert OFFICE.is_open(ms("2026-03-27T19:00:00Z"), "America/New_York")  # 15:00


@pytest.mark.parametrize(
    ("zone", "opens", "closes"),
    [
        ("Europe/Berlin", "2026-03-27T08:00:00Z", "2026-03-27T17:00:00Z"),
        ("Europe/Berlin", "2026-03-30T07:00:00Z", "2026-03-30T16:00:00Z"),
        ("America/New_York", "2026-03-06T14:00:00Z", "2026-03-06T23:00:00Z"),
        ("America/New_York", "2026-03-09T13:00:00Z", "2026-03-09T22:00:00Z"),
        ("Asia/Kathmandu", "2026-03-27T03:15:00Z", "2026-03-27T12:15:00Z"),
        (None, "2026-03-27T09:00:00Z", "2026-03-27T18:00:00Z"),
        ("No/Where", "2026-03-27T09:00:00Z", "2026-03-27T18:00:00Z"),
        ("Europe/Berlin", "2061-07-01T07:00:00Z", "2061-07-01T16:00:00Z"),  # by the rule for years to come
    ],
)
def test_open_from_the_first_millisecond_to_the_last(zone: str | None, opens: str, closes: str) -> None:
    first, end = ms(opens), ms(closes)
    assert [OFFICE.is_open(at, zone) for at in (first - 1, first, end - 1, end)] == [False, True, True, False]
    assert OFFICE.next_opening(first - 1, zone) == first
    assert OFFICE.next_opening(end - 1, zone) == end - 1
    assert OFFICE.next_opening(end, zone) != end


@pytest.mark.parametrize(
    ("hours", "zone", "at", "expected"),
    [
        # Clocks go from 02:00 to 03:00 on Sunday 2026-03-29, at 01:00 UTC.
        (OFFICE, "Europe/Berlin", "2026-03-27T17:00:00Z", "2026-03-30T07:00:00Z"),
        (clock("02:30", "04:00"), "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
        (clock("02:00", "03:00"), "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z"),
        # They go from 03:00 to 02:00 on Sunday 2026-10-25, at 01:00 UTC.
        (clock("02:30", "05:00"), "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z"),
        (clock("02:30", "02:45"), "Europe/Berlin", "2026-10-25T00:45:00Z", "2026-10-25T01:30:00Z"),
        (clock("02:00", "02:15"), "Europe/Berlin", "2026-10-25T00:20:00Z", "2026-10-25T01:00:00Z"),
        (OFFICE, "Europe/Berlin", "2026-10-23T16:00:00Z", "2026-10-26T08:00:00Z"),
        # New York: 2026-03-08 and 2026-11-01, both Sundays.
        (OFFICE, "America/New_York", "2026-03-06T23:00:00Z", "2026-03-09T13:00:00Z"),
        (OFFICE, "America/New_York", "2026-10-30T22:00:00Z", "2026-11-02T14:00:00Z"),
        # Samoa had no Friday 2011-12-30: at its beginning, 10:00 UTC, 10 hours behind became 14 ahead.
        (OFFICE, "Pacific/Apia", "2011-12-30T04:00:00Z", "2012-01-01T19:00:00Z"),
        (clock("09:00", "18:00", FRIDAYS), "Pacific/Apia", "2011-12-29T00:00:00Z", "2012-01-05T19:00:00Z"),
        (clock("00:00", "24:00", SATURDAYS), "Pacific/Apia", "2011-12-29T00:00:00Z", "2011-12-30T10:00:00Z"),
        # Sao Paulo went from 00:00 to 01:00 on Sunday 2017-10-15, at 03:00 UTC.
        (clock("00:00", "06:00", SUNDAYS), SAO_PAULO, "2017-10-14T12:00:00Z", "2017-10-15T03:00:00Z"),
        (clock("00:30", "06:00", SUNDAYS), SAO_PAULO, "2017-10-14T12:00:00Z", "2017-10-15T03:00:00Z"),
        # Beirut goes from 00:00 on Sunday 2026-10-25 to 23:00 on Saturday, at 21:00 UTC.
        (clock("23:00", "24:00", SATURDAYS), "Asia/Beirut", "2026-10-24T12:00:00Z", "2026-10-24T20:00:00Z"),
        (clock("23:00", "23:30", SATURDAYS), "Asia/Beirut", "2026-10-24T20:30:00Z", "2026-10-24T21:00:00Z"),
        (clock("00:00", "06:00", SUNDAYS), "Asia/Beirut", "2026-10-24T21:00:00Z", "2026-10-24T22:00:00Z"),
    ],
)  # fmt: skip
def test_the_opening_is_exact_over_changes_of_the_clock(
    hours: Hours, zone: str, at: str, expected: str
) -> None:
    opening = hours.next_opening(ms(at), zone)
    assert opening == ms(expected)
    assert hours.is_open(opening, zone)
    assert not hours.is_open(opening - 1, zone)


def test_an_hour_that_comes_twice_is_open_twice() -> None:
    hours = clock("23:00", "24:00", SATURDAYS)
    for at in (
        "2026-10-24T20:00:00Z",
        "2026-10-24T20:59:59.999Z",
        "2026-10-24T21:00:00Z",
        "2026-10-24T21:59:59Z",
    ):
        assert hours.is_open(ms(at), "Asia/Beirut")  # fmt: skip
    assert not hours.is_open(ms("2026-10-24T22:00:00Z"), "Asia/Beirut")


def test_holidays_are_closed_by_their_local_date() -> None:
    hours = Hours(frozenset(range(5)), 540, 1080, frozenset([date(2026, 12, 25), date(2026, 12, 28)]))
    # From the close of Thursday 24th over the holiday, the weekend and the holiday to Tuesday 29th.
    assert hours.next_opening(ms("2026-12-24T17:00:00Z"), "Europe/Berlin") == ms("2026-12-29T08:00:00Z")
    night = Hours(WEEK, 0, 1440, frozenset([date(2026, 12, 25)]))
    assert not night.is_open(ms("2026-12-24T15:00:00Z"), "Asia/Tokyo")  # already 25th, 00:00
    assert night.is_open(ms("2026-12-24T15:00:00Z"), "Europe/Berlin")


def test_no_opening_within_400_days() -> None:
    start = ms("2026-01-01T00:00:00Z")
    closed = frozenset(date(2026, 1, 1) + timedelta(days) for days in range(400))
    hours = Hours(WEEK, 540, 1080, closed)
    # The first open day is 400 days after 1 January: from midnight its 09:00 is too far, from 10:00 not.
    assert hours.next_opening(start, None) is None
    assert hours.next_opening(start + 600 * MINUTE, None) == start + 400 * DAY + 540 * MINUTE
    assert Hours(frozenset(), 0, 1440, frozenset()).next_opening(start, None) is None


@pytest.mark.parametrize("at", [-(10**18), -62_135_596_800_001, 253_402_300_800_000, 2**63, 10**30])
@pytest.mark.parametrize("zone", [None, "Asia/Tokyo", "America/New_York"])
def test_beyond_the_years_of_the_calendar_it_is_closed(at: int, zone: str | None) -> None:
    always = Hours(WEEK, 0, 1440, frozenset())
    assert not always.is_open(at, zone)
    assert always.next_opening(at, zone) is None


def test_near_the_end_of_the_calendar() -> None:
    hours = Hours(frozenset([0]), 0, 1440, frozenset())
    # 9999-12-31 is a Friday.
    assert hours.next_opening(ms("9999-12-29T00:00:00Z"), "Pacific/Kiritimati") is None
    assert hours.next_opening(ms("9999-12-25T00:00:00Z"), None) == ms("9999-12-27T00:00:00Z")


def test_which_names_are_zones() -> None:
    assert zone_or_none("Europe/Berlin") == "Europe/Berlin"
    for name in ("", "Berlin", "europe/berlin", "Europe", "../zones", "Europe/../Europe/Berlin", "zones"):
        assert not known_zone(name)
    for other in (None, 1, 1.5, True, ["Europe/Berlin"], {"zone": "UTC"}, b"UTC"):
        assert zone_or_none(other) is None


def test_every_zone_of_the_package_can_be_read() -> None:
    names = files("tzdata").joinpath("zones").read_text().split()
    assert len(names) > 400
    for name in names:
        assert known_zone(name)
        assert OFFICE.next_opening(ms("2026-03-28T00:00:00Z"), name) is not None
    assert TZDATA_VERSION.startswith("20")


@pytest.mark.usefixtures("processes")
def test_zones_come_from_the_package_and_not_from_the_machine(tmp_path: Path) -> None:
    # A machine on which Oslo has Tokyo's time.
    (tmp_path / "Europe").mkdir()
    tokyo = files("tzdata").joinpath("zoneinfo", "Asia", "Tokyo").read_bytes()
    (tmp_path / "Europe" / "Oslo").write_bytes(tokyo)
    program = """
from datetime import datetime
from zoneinfo import ZoneInfo
from leadstream.scoring.compiled.hours import Hours
print(datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Oslo")).utcoffset())
print(Hours(frozenset(range(7)), 0, 1440, frozenset()).next_opening(0, "Europe/Oslo"))
print(Hours(frozenset(range(7)), 120, 180, frozenset()).next_opening(0, "Europe/Oslo"))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONTZPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    # 1970-01-01 02:00 in Oslo, an hour ahead, is 01:00 UTC.
    assert ran.stdout.split() == ["9:00:00", "0", str(60 * MINUTE)]


CHANGES = [
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("America/Sao_Paulo", "2017-10-15T03:00:00Z"),
    ("America/Sao_Paulo", "2018-02-18T02:00:00Z"),
    ("Asia/Beirut", "2026-03-28T22:00:00Z"),
    ("Asia/Beirut", "2026-10-24T21:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Asia/Pyongyang", "2018-05-04T15:00:00Z"),
    ("Africa/Casablanca", "2026-02-15T02:00:00Z"),
    ("Asia/Kathmandu", "1985-12-31T18:30:00Z"),
    ("Pacific/Kwajalein", "1993-08-21T12:00:00Z"),
]
SEARCHED = 8
"""Days that are stepped through."""


@st.composite
def questions(draw: st.DrawFn) -> tuple[Hours, int, str]:
    zone, change = draw(st.sampled_from(CHANGES))
    at = ms(change) + draw(st.integers(-2 * DAY, 2 * DAY))
    opens = draw(st.integers(0, 1439))
    closes = draw(st.integers(opens + 1, min(1440, opens + draw(st.sampled_from([1, 20, 90, 1440])))))
    days = draw(st.frozensets(st.integers(0, 6), min_size=1))
    around = [EPOCH.date() + timedelta(at // DAY + offset) for offset in range(-1, 5)]
    return Hours(days, opens, closes, draw(st.frozensets(st.sampled_from(around)))), at, zone


def stepped(hours: Hours, at: int, zone: ZoneInfo) -> int | None:
    """The first of `at` and the whole minutes after it at which the local clock says open."""
    moment = EPOCH + timedelta(milliseconds=at)
    whole = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
    for step in range(-1, SEARCHED * 1440):
        instant = moment if step < 0 else whole + timedelta(minutes=step)
        local = instant.astimezone(zone)
        minute = local.hour * 60 + local.minute
        open_day = local.weekday() in hours.days and local.date() not in hours.holidays
        if open_day and hours.opens <= minute < hours.closes:
            return (instant - EPOCH) // timedelta(milliseconds=1)
    return None


@given(questions())
@example((clock("02:30", "02:31"), ms("2026-10-25T00:31:00Z"), "Europe/Berlin"))
def test_openings_as_found_by_stepping_through_the_minutes(question: tuple[Hours, int, str]) -> None:
    hours, at, zone = question
    with files("tzdata").joinpath("zoneinfo", *zone.split("/")).open("rb") as file:
        found = stepped(hours, at, ZoneInfo.from_file(file))
    opening = hours.next_opening(at, zone)
    if found is None:
        assert opening is None or opening >= at + SEARCHED * DAY
    else:
        assert opening == found
    assert hours.is_open(at, zone) == (opening == at)
