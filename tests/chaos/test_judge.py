"""The judge finds what is planted. No broker is needed: the evidence is what a fold of a made log gives."""

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from functools import cache

import msgspec
import pytest
from ruamel.yaml import YAML

from leadstream.models import load_catalog
from leadstream.models.catalog import preset_text
from leadstream.projection.verify import Verification
from leadstream.scoring.decay.totals import accumulators, sum_at
from leadstream.scoring.partition.fold import PartitionFold
from leadstream.synthetic.generator import generate
from tests.chaos.evidence import Evidence, Projected
from tests.chaos.judge import Verdict, id_in, judge, referee
from tests.chaos.meter import Advance, longest_stall, progress_after
from tests.oracle.rules import Rules
from tests.support.durations import DAY
from tests.support.load import Acknowledged
from tests.support.log import Sent
from tests.support.simulated import SimulatedRecord, Written

START = 1_767_000_000_000
APP, TOPIC = "judged", "judged.signals"
SIGNALS = 800
Plant = Callable[[Evidence], None]


@cache
def made() -> tuple[Evidence, Written, PartitionFold]:
    """A log of 800 signals within two days, what folding it gives, and the fold."""
    records = [
        SimulatedRecord(offset, START + offset * 2 * DAY // SIGNALS, one.key, one.value)
        for offset, one in enumerate(generate(3, 20, SIGNALS, START, 2 * DAY))
    ]
    fold = PartitionFold(
        app=APP, topic=TOPIC, partition=0, partitions=1, models=load_catalog("tenx"), rows={}
    )
    done = 0
    while done < len(records):
        done = fold.fold(records, done)
    written = Written()
    written.add(fold.take(len(records)))
    tables = Projected(
        Counter(map(id_in, written.actions)),
        Counter(map(id_in, written.decisions)),
        Counter((0, entry["offset"]) for entry in written.history),  # type: ignore[index]
        0,
    )
    sent = [Sent(one.key, one.value) for one in records]
    evidence = Evidence(APP, TOPIC, sent, {0: records}, {0: written}, tables, {0: len(records)})
    return evidence, written, fold


def judged(plant: Plant = lambda evidence: None, leads: Verification | None = None) -> Verdict:
    """The whole judgement of what there is after `plant` has changed it; the replay stays as it was."""
    whole, written, fold = made()
    evidence = deepcopy(whole)
    plant(evidence)

    def reading(key: bytes, at: int) -> tuple[float, int, str]:
        state, model = fold.state_of(key), fold.model_of(key)
        assert state is not None
        total = sum_at(accumulators(state, model), at, model.caps)
        return (
            total,
            int(min(max(total, 0.0), 100.0) + 1e-9),
            model.bands[model.band_of(total, state.band)].name,
        )

    verdict = judge(evidence, {0: written}, reading, leads)
    refereed(evidence, verdict)
    return verdict


def refereed(evidence: Evidence, verdict: Verdict) -> None:
    referee(evidence, Rules(YAML(typ="safe").load(preset_text("tenx"))), {}, 1, verdict)


def found(verdict: Verdict) -> set[str]:
    return {kind for kind in ("lost", "doubled", "wrong") if getattr(verdict, kind)}


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    verdict = judged()
    assert verdict.clean, str(verdict)
    assert verdict.refereed == 20


def lost_by_the_brokers(evidence: Evidence) -> None:
    """The brokers have lost a record; all that comes after the log agrees with it."""
    evidence.acknowledged = [*evidence.acknowledged, Sent(b"acme:lead-00000", b"gone")]


def lost_entry(evidence: Evidence) -> None:
    del evidence.live[0].history[40]


def lost_action(evidence: Evidence) -> None:
    del evidence.live[0].actions[3]


def lost_snapshot(evidence: Evidence) -> None:
    evidence.live[0].scores.popitem()


def lost_row(evidence: Evidence) -> None:
    assert evidence.tables is not None
    evidence.tables.events[evidence.tables.events.most_common(1)[0][0]] = 0


def twice_in_the_log(evidence: Evidence) -> None:
    evidence.acknowledged = evidence.acknowledged[:-1]


def entry_twice(evidence: Evidence) -> None:
    evidence.live[0].history.append(evidence.live[0].history[7])


def action_twice(evidence: Evidence) -> None:
    evidence.live[0].actions.append(evidence.live[0].actions[0])


def row_twice(evidence: Evidence) -> None:
    assert evidence.tables is not None
    evidence.tables.actions[next(iter(evidence.tables.actions))] += 1


def wrong_score(evidence: Evidence) -> None:
    scores = evidence.live[0].scores
    key = next(iter(scores))
    snapshot = msgspec.json.decode(scores[key] or b"")
    scores[key] = msgspec.json.encode({**snapshot, "total": snapshot["total"] + 1e-6})


def wrong_action(evidence: Evidence) -> None:
    key, value, headers = evidence.live[0].actions[0]
    changed = {**msgspec.json.decode(value or b""), "band": "lukewarm"}
    evidence.live[0].actions[0] = key, msgspec.json.encode(changed), headers


def wrong_state(evidence: Evidence) -> None:
    rows = evidence.live[0].rows
    key = next(key for key in rows if not key.startswith(b"\0"))
    rows[key] = b"\x00" + rows[key]


@pytest.mark.parametrize("plant", [lost_by_the_brokers, lost_entry, lost_action, lost_snapshot, lost_row])
def test_a_loss_is_found(plant: Plant) -> None:
    assert "lost" in found(judged(plant))


@pytest.mark.parametrize("plant", [twice_in_the_log, entry_twice, action_twice, row_twice])
def test_a_double_is_found(plant: Plant) -> None:
    assert "doubled" in found(judged(plant))


@pytest.mark.parametrize("plant", [wrong_score, wrong_action, wrong_state])
def test_what_is_wrong_is_found_and_nothing_else(plant: Plant) -> None:
    assert found(judged(plant)) == {"wrong"}


@pytest.mark.parametrize(
    ("kind", "expected"), [("missing", "lost"), ("unexpected", "doubled"), ("different", "wrong")]
)
def test_leads_that_differ_in_postgresql_are_found(kind: str, expected: str) -> None:
    leads = Verification()
    leads.note(kind, "acme:lead-00000")
    assert found(judged(leads=leads)) == {expected}


def test_the_oracle_finds_alone_what_live_and_replay_have_in_common() -> None:
    evidence = deepcopy(made()[0])
    lost_action(evidence)
    wrong_score(evidence)
    verdict = Verdict()
    refereed(evidence, verdict)
    assert found(verdict) == {"lost", "wrong"}


def test_a_stall_is_time_with_signals_to_fold_and_no_commit() -> None:
    acknowledged = [
        Acknowledged(Sent(None, None), 0, offset, at) for offset, at in [(0, 1.0), (1, 5.0), (2, 5.5)]
    ]
    # The first waits from 1.0 to 1.2, then there is nothing to do; the others wait from 5.0 to 8.0.
    seen = {0: [Advance(1.2, 1), Advance(8.0, 3)], 1: [Advance(0.5, 0)]}
    assert longest_stall(seen, acknowledged, began=0.0) == pytest.approx(3.0)


def test_progress_after_a_strike_is_that_of_the_first_and_of_the_last_partition() -> None:
    seen = {0: [Advance(1.0, 1), Advance(2.5, 2)], 1: [Advance(7.0, 1)], 2: [Advance(1.5, 1)]}
    assert progress_after(seen, 2.0) == (0.5, 5.0)
    assert progress_after(seen, 8.0) is None
