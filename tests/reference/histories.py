"""Random histories of a few leads in one partition, and random small models, for hypothesis."""

from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import strategies as st

from .rules import DAY, HOUR, NONE, Action, Model, Rule, Threshold
from .signals import Signal

START = 1_767_607_200_000
"""2026-01-05T10:00:00Z"""
SECOND = 1000
MINUTE = 60 * SECOND

Said = tuple[str, str, dict[str, Any]]
"""Type, source and data."""
TICK: Said = ("", "", {})

BUSY = st.sampled_from([0, 1, SECOND, SECOND, MINUTE, HOUR, HOUR, 6 * HOUR, DAY - 1, DAY, -SECOND])
CALM = st.sampled_from(
    [0, HOUR, DAY, DAY + 1, 5 * DAY, 14 * DAY, 30 * DAY - 1, 30 * DAY, 90 * DAY, -SECOND, -DAY]
) | st.integers(0, 20 * DAY)
"""From one broker time to the next; the broker's clock may step back."""
LATE = [1, SECOND, HOUR, DAY, 14 * DAY, 30 * DAY, 30 * DAY + 1, 400 * DAY, 700_000 * DAY]
EARLY = [-1, -5 * MINUTE, -5 * MINUTE - 1, -DAY, -60 * DAY, -2_900_000 * DAY]
LATENESS = st.sampled_from([0] * 12 + LATE + EARLY) | st.integers(0, 40 * DAY)
"""How long before the broker's time a signal says that it happened; negative is the future."""
REPEATED = st.sampled_from([0] * 12 + [1, 2, 5, 15, 16, 17])
"""How many signals ago the id was used before; 0 is a new id."""
EDGES = st.sampled_from([0, 0, 0, 1, 10 * DAY, 15 * DAY, 30 * DAY - 1, 30 * DAY, 30 * DAY + 1])
"""Gaps and latenesses at which windows and resets begin and end."""

PHONE = "+49 (30) 901-820"
OPEN: Said = ("email.opened", "mail", {"message": "m1"})
UNSUBSCRIBED: Said = ("email.unsubscribed", "mail", {})
NARROW: list[Said] = [*[OPEN] * 5, UNSUBSCRIBED, ("email.replied", "mail", {"sentiment": "positive"})]
"""So few that ordinals, resets and the memory of ids meet."""
COMMUTING: list[Said] = [
    ("email.replied", "mail", {"sentiment": "positive"}),
    ("email.replied", "mail", {}),
    ("email.replied", "mail", {"sentiment": "angry"}),
    ("page.viewed", "web", {"url": "https://example.com/de/pricing?from=mail#top"}),
    ("page.viewed", "web", {"url": "/integrations"}),
    ("form.submitted", "web", {"channel": "organic"}),
    ("form.submitted", "organic", {}),
    ("form.submitted", "organic", {"channel": "paid"}),
    ("form.submitted", "fair", {}),
    ("status.changed", "crm", {"from": "prospect", "to": "lead"}),
    ("email.bounced", "mail", {"kind": "hard"}),
    ("score.bumped", "crm", {"points": 12.5, "by": "ann", "why": "met at the fair"}),
    ("score.bumped", "crm", {"points": -7, "by": "ann", "why": "wrong person"}),
]
SAID: list[Said] = [  # as often as they stand here
    *COMMUTING,
    *COMMUTING,
    *[OPEN] * 6,
    ("email.replied", "mail", {"sentiment": "positive"}),
    ("email.replied", "mail", {"sentiment": "negative"}),
    ("form.submitted", "web", {"channel": "organic"}),
    ("page.viewed", "web", {"url": "https://pricing/pricing-faq?demo=/demo"}),
    ("page.viewed", "web", {"title": "no address"}),
    ("status.changed", "crm", {"from": "prospect", "to": "lead"}),
    ("status.changed", "crm", {"from": "prospect", "to": "lead"}),
    ("status.changed", "crm", {"from": "lead", "to": "prospect"}),
    ("score.bumped", "crm", {"set": 80, "by": "ann", "why": "test"}),
    ("score.bumped", "crm", {"set": 95, "by": "ann", "why": "test"}),
    ("score.bumped", "crm", {"set": 0, "by": "ann", "why": "test"}),
    ("score.bumped", "crm", {"points": 50, "by": "ann", "why": "test"}),
    ("score.bumped", "crm", {"points": 50, "by": "ann"}),
    ("score.bumped", "crm", {"points": 50, "set": 50, "by": "ann", "why": "test"}),
    UNSUBSCRIBED,
    ("email.resubscribed", "mail", {}),
    ("email.resubscribed", "mail", {}),
    ("email.complained", "mail", {}),
    ("lead.created", "crm", {"phone": PHONE, "email": "a@example.com"}),
    *[("lead.updated", "crm", {"phone": PHONE})] * 3,
    ("lead.updated", "crm", {"phone": "030 901820"}),
    ("lead.enriched", "crm", {"phone": None}),
    ("lead.enriched", "crm", {"email": "b@example.com"}),
    ("lead.updated", "crm", {"email": "a@example.com"}),
    ("lead.recompute", "crm", {}),
    ("webinar.attended", "zoom", {"minutes": 40}),
    TICK,
]


@st.composite
def histories(draw: st.DrawFn, said: list[Said] = SAID, leads: int = 3, most: int = 40) -> list[Signal]:
    """Signals of a partition in the order of the log; between two offsets there is room for a tick."""
    signals: list[Signal] = []
    broker_time = START
    leads = draw(st.integers(1, leads))
    size = draw(st.integers(0, most))
    gaps, lateness = draw(st.sampled_from([(BUSY, LATENESS), (CALM, LATENESS), (EDGES, EDGES)]))
    step = st.tuples(st.sampled_from(said), st.integers(0, leads - 1), gaps, lateness, REPEATED)
    steps = draw(st.lists(step, min_size=size, max_size=size))
    for number, ((kind, source, data), lead, gap, late, repeated) in enumerate(steps):
        broker_time += gap
        identity = f"s{number}" if repeated == 0 or repeated > number else signals[-repeated].id
        signals.append(
            Signal(number * 2, broker_time, f"lead-{lead}", identity, kind, broker_time - late, source, data)
        )
    return signals


def with_ticks(signals: list[Signal], choice: Random) -> list[Signal]:
    """The same history with ticks in between, at times between those of their neighbours."""
    ticked: list[Signal] = []
    for signal in signals:
        if ticked and choice.random() < 0.5:
            now = max(one.broker_time for one in ticked)
            ticked.append(Signal(signal.offset - 1, choice.randint(now, max(now, signal.broker_time))))
        ticked.append(signal)
    return ticked


def reordered(signals: list[Signal], order: list[int]) -> list[Signal]:
    """The same signals, each at its own time as before, arriving in another order."""
    return [
        replace(signals[index], offset=place.offset, broker_time=place.broker_time)
        for place, index in zip(signals, order, strict=True)
    ]


# Small models

HALF_LIVES = st.sampled_from([NONE, NONE, 10 * SECOND, HOUR, DAY, 14 * DAY, 60 * DAY])
POINTS = st.sampled_from([-40, -15, -5, 0, 5, 10, 20, 30, 30, 60]).map(Decimal)
FACTORS = st.lists(st.sampled_from(["0", "0.25", "0.5", "1", "1.5"]), min_size=1, max_size=4).map(
    lambda factors: tuple(map(Decimal, factors))
)
WINDOWS = st.sampled_from([NONE, HOUR, DAY, 30 * DAY])
LEVELS = ["5", "10", "12.5", "30", "55"]
Conditions = dict[str, dict[str, Any]] | None
CONDITIONS: st.SearchStrategy[Conditions] = st.sampled_from(
    [
        *[None] * 8,
        {"data.size": {"eq": 1}},
        {"data.size": {"in": [1, 3]}},
        {"data.size": {"exists": True}},
        {"data.inner.name": {"exists": False}},
        {"data.inner.name": {"in": ["x", "y"]}, "source": {"eq": "web"}},
        {"data.url": {"url_path": ["demo"]}},
    ]
)
BRANCHES = st.sampled_from(
    [
        (("data.inner.name",), {"x": Decimal(10), "y": Decimal(-10), "z": Decimal(0)}, None),
        (("data.inner.name", "source"), {"x": Decimal(30), "web": Decimal(5), "z": Decimal(0)}, "z"),
    ]
)
SMALL_SAID: list[Said] = [
    (f"t{number}", source, data)
    for number in range(3)
    for source in ("web", "crm")
    for data in (
        {},
        {"size": 1, "inner": {"name": "x"}},
        {"size": True, "inner": "flat"},
        {"size": 3.0, "inner": {"name": "y"}, "url": "https://demo.example.com/de/demo/"},
        {"size": "1", "inner": {"name": "z"}, "url": "//demo/demos"},
    )
] + [
    ("score.bumped", "crm", {"set": 31, "by": "ann", "why": "test"}),
    ("lead.updated", "crm", {"phone": PHONE}),
    ("email.bounced", "mail", {}),
    ("email.resubscribed", "mail", {}),
    ("gone", "crm", {}),
    TICK,
]


@st.composite
def rules(draw: st.DrawFn, number: int) -> Rule:
    by = draw(st.none() | st.none() | BRANCHES)
    return Rule(
        f"rule-{number}",
        on=f"t{number % 3}",
        points=None if by else draw(POINTS),
        when=draw(CONDITIONS),
        by=by,
        repeat=draw(st.none() | st.tuples(FACTORS, WINDOWS)),
        half_life=draw(st.none() | HALF_LIVES),
    )


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Two to six rules on three types, with mixed half-lives, hysteresis and recovery."""
    levels = draw(st.lists(st.sampled_from(LEVELS), min_size=1, unique=True, max_size=3).map(sorted_decimals))
    thresholds = tuple(
        Threshold(
            level,
            draw(st.sampled_from(["0", "0", "2", "4.5"]).map(Decimal)),
            draw(st.sampled_from(["record", "fire"])),
        )
        for level in levels
    )
    lower = draw(st.lists(st.sampled_from(LEVELS), unique=True, max_size=2).map(sorted_decimals))
    actions = tuple(
        Action(
            draw(st.sampled_from(["call", f"mail-{level}"])),
            level,
            draw(st.sampled_from(["email", "phone"])),
            draw(st.booleans()),
            draw(st.sampled_from([NONE, DAY])),
        )
        for level in levels
    )
    return Model(
        name="small",
        half_life=draw(HALF_LIVES),
        rules=(
            *(draw(rules(number)) for number in range(draw(st.integers(2, 6)))),
            Rule("gone", on="gone", reset=True),
        ),
        thresholds=thresholds,
        bands=(("b0", Decimal(0)), *((f"b{level:f}", level) for level in lower)),
        actions=actions,
    )


def sorted_decimals(texts: list[str]) -> list[Decimal]:
    return sorted(map(Decimal, texts))
