"""`leadstream replay`'s library function against the reference: two partitions, each with its own now."""

import json
from dataclasses import replace
from operator import attrgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadstream.models import load_catalog
from leadstream.offline.replay import replay
from leadstream.records.times import parse_instant, rfc3339

from .budget import examples, note_seed
from .comparison import assert_close
from .engine import TENANT, TOPIC
from .histories import START, histories
from .reference import Output, Partition
from .rules import DAY, TENX
from .signals import Signal

CATALOG = load_catalog("tenx")
TYPES = {
    "crossed": "lead.threshold.crossed",
    "band": "lead.band.changed",
    "requested": "lead.action.requested",
    "skipped": "lead.action.skipped",
}
LEVELS = {action.do: float(action.at) for action in TENX.actions}


def line(signal: Signal, partition: int) -> bytes:
    place = {"topic": TOPIC, "partition": partition, "offset": signal.offset}
    body = {
        "id": signal.id, "tenant": TENANT, "lead": signal.lead, "type": signal.type,
        "at": rfc3339(signal.at),
    }  # fmt: skip
    more = {"received_at": rfc3339(signal.broker_time), "source": signal.source, "data": signal.data}
    return json.dumps(place | body | more).encode()


def told(output: Output) -> tuple[object, ...]:
    """What the replay tells of an output."""
    return (
        TYPES[output.kind],
        output.lead,
        output.at,
        output.direction,
        output.cause,
        output.signal,
        output.kind if output.kind in ("requested", "skipped") else "recorded",
        output.reason,
        float(output.standing) if output.kind == "crossed" else LEVELS.get(output.standing),
        output.standing if output.kind in ("requested", "skipped") else None,
    )


@pytest.mark.requirement("N-8")
@pytest.mark.requirement("N-10")
@pytest.mark.requirement("S0-12")
@examples
@given(st.lists(histories(leads=2, most=20), min_size=1, max_size=2), st.integers(-DAY, 200 * DAY))
def test_replay_of_two_partitions_up_to_an_instant(logs: list[list[Signal]], duration: int) -> None:
    note_seed()
    end = START + duration
    partitions, expected, lines, late = [], [], [], 0
    for number, signals in enumerate(logs):
        partition = Partition(TENX)
        for signal in signals:
            if not signal.type:
                continue
            here = replace(signal, lead=f"{signal.lead}-of-{number}")
            lines.append(line(here, number))
            if here.broker_time > end:
                late += 1
            else:
                partition.fold(here)
        partition.pass_time(max(partition.now, end))
        partitions.append(partition)
        expected += partition.outputs

    result = replay(lines, CATALOG, "test", end, topic=TOPIC)

    assert result.counts.left_out == late
    found = [
        (
            one.type, one.lead, parse_instant(one.at), one.direction, one.cause, one.signal, one.status,
            one.reason, one.threshold, one.do if one.do else None,
        )
        for one in result.outputs
    ]  # fmt: skip
    # In the order of time, then partition, then fold; `expected` comes by partition.
    assert found == [told(output) for output in sorted(expected, key=attrgetter("at"))]

    leads = sorted(
        (lead for partition in partitions for lead in partition.leads.values()), key=attrgetter("name")
    )
    scores = list(result.lines())
    assert [one.lead for one in scores] == [lead.name for lead in leads]
    for one, lead in zip(scores, leads, strict=True):
        assert_close(one.total, lead.total(end), one)
        assert (one.score, one.band) == (lead.score(end), lead.band_of(lead.total(end)))
        factors = lead.factors(end)
        assert {share.factor for share in one.factors} == factors.keys()
        for share in one.factors:
            assert_close(share.points, factors[share.factor], share)
        assert_close(sum(share.points for share in one.factors), lead.total(end), "the sum of the factors")
