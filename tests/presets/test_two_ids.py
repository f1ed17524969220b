"""A person who was imported twice: what the two leads become together, worked out by hand for the presets."""

import pytest

from leadstream.scoring.actions.outbox import Outbox
from leadstream.scoring.actions.policy import RoundRobin
from leadstream.scoring.decay.totals import accumulators, explain
from leadstream.scoring.lead.merge import absorb
from tests.presets.stories import PRICING, preset, replayed
from tests.scoring.folding import APP, DAY, T0, TOPIC, Log


def explained(name: str, log: Log, now: int) -> dict[str, float]:
    """The total of l1 at `now`, once l2 has been taken into it, factor by factor."""
    log.tick(now)
    fold = replayed(name, log).fold
    model = preset(name)
    survivor, loser = fold.state_of(b"acme:l1"), fold.state_of(b"acme:l2")
    assert survivor is not None
    assert loser is not None
    absorb(survivor, loser, model, b"acme:l1", now, Outbox(APP, TOPIC, 0), RoundRobin())
    caps = {category.name: (category.low, category.high) for category in model.categories if category.name}
    factors = explain(accumulators(survivor, model), now, caps)
    assert sum(one.points for one in factors) == pytest.approx(survivor.total, abs=1e-9)
    # What waits for inactivity counts nothing yet.
    return {one.factor: one.points for one in factors if one.points}


def test_what_two_ids_gathered_adds_up_as_if_one_had() -> None:
    signals = [
        ("form.submitted", 0, {"channel": "organic"}),
        ("page.viewed", 3, PRICING),
        ("email.replied", 5, {"sentiment": "neutral"}),
        ("page.viewed", 9, PRICING),
        ("email.replied", 11, {"sentiment": "positive"}),
    ]
    log = Log()
    for number, (kind, day, data) in enumerate(signals):
        log.add(kind, T0 + day * DAY, lead=("l1", "l2")[number % 2], data=data)
    assert explained("tenx", log, T0 + 20 * DAY) == pytest.approx(
        {
            "form.submitted:organic": 30 * 2 ** (-20 / 14),
            "page.high_intent": 10 * (2 ** (-17 / 14) + 2 ** (-11 / 14)),
            "email.replied:neutral": 10 * 2 ** (-15 / 14),
            "email.replied:positive": 25 * 2 ** (-9 / 14),
        },
        abs=1e-9,
    )


def test_facts_go_by_the_last_writer_and_caps_hold_for_both_together() -> None:
    log = Log().add("lead.created", T0, data={"company_size": 10, "industry": "SaaS"})
    log.add("demo.requested", T0)
    log.add("lead.created", T0 + DAY, lead="l2", data={"company_size": 300, "industry": "mining"})
    log.add("demo.requested", T0 + DAY, lead="l2")
    log.add("lead.updated", T0 + 2 * DAY, data={"industry": "finance"})
    # The size of l2 is the later one, the industry that of l1; two demos are 37.15, of which 35 count.
    demos = 20 * (2 ** (-2 / 14) + 2 ** (-1 / 14))
    assert explained("factors-v1", log, T0 + 2 * DAY) == pytest.approx(
        {
            "intent.demo": demos, "cap:intent": 35 - demos,
            "fit.size:in-range": 12, "fit.industry:finance": 12,
        },
        abs=1e-9,
    )  # fmt: skip


def test_ages_are_those_of_each_action() -> None:
    log = Log().add("email.clicked", T0, data=PRICING)
    log.add("email.clicked", T0 + 5 * DAY, lead="l2", data=PRICING)
    # On the eighth day one is older than seven days, the other three days old: 25 * 1 + 25 * 1.5.
    assert explained("advanced-l2", log, T0 + 8 * DAY) == pytest.approx(
        {"email.pricing_link": 62.5}, abs=1e-9
    )
