"""A seeded stream of believable signals, with the flaws that real ones have."""

from collections import deque
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

import orjson

from leadstream.records.keys import lead_key
from leadstream.records.times import DAY, rfc3339
from leadstream.synthetic.behaviour import ARCHETYPES, Archetype, live
from leadstream.synthetic.people import facts

TENANTS = ("acme", "northwind")
DUPLICATES = 0.01
"""The share of records that repeat one of the last few of the same lead, id and all."""
MALFORMED = 0.001
"""The share of records that are no signals."""
LATE = 0.03
"""The share of signals that come late, by up to a seventh of the span."""


class Generated(NamedTuple):
    """A record for the signals topic: key and value as they are sent."""

    key: bytes
    value: bytes


def generate(
    seed: int, leads: int, signals: int, start_ms: int, span_ms: int = 14 * DAY
) -> Iterator[Generated]:
    """Exactly `signals` records of up to `leads` leads, in the order in which they come.

    They happen between `start_ms` and `start_ms + span_ms`, most of them in order. The same arguments give
    the same bytes. Memory is some 100 bytes a lead and a signal.
    """
    if leads < 1 or signals < 0 or span_ms < 1:
        raise ValueError(f"there is no stream of {signals} signals of {leads} leads in {span_ms} ms")
    random = Random(f"{seed}/{leads}/{signals}")
    cast = [_Lead(random, number) for number in range(leads)]
    for place, number in enumerate(_turns(random, cast, signals)):
        lead = cast[number]
        at = start_ms + span_ms * place // signals
        if lead.sent and random.random() < DUPLICATES:
            yield Generated(lead.key, random.choice(lead.sent))
            continue
        if random.random() < LATE:
            at -= random.randrange(1 + span_ms // 7)
        body = lead.next(at)
        if random.random() < MALFORMED:
            yield Generated(lead.key, _spoil(random, body))
            continue
        value = orjson.dumps(body)
        lead.sent.append(value)
        yield Generated(lead.key, value)


class _Lead:
    """One lead of the cast, and what it sent last."""

    __slots__ = ("_acts", "_count", "_name", "_tenant", "archetype", "key", "sent")

    def __init__(self, random: Random, number: int) -> None:
        self.archetype: Archetype = random.choices(ARCHETYPES, [kind.share for kind in ARCHETYPES])[0]
        self._tenant = TENANTS[number % len(TENANTS)]
        self._name = f"lead-{number:05d}"
        self._count = 0
        own = Random(random.random())
        self._acts = live(own, self.archetype, self._name, facts(own, self._name))
        self.key = lead_key(self._tenant, self._name)
        self.sent: deque[bytes] = deque(maxlen=4)

    def next(self, at: int) -> dict[str, Any]:
        """The next signal, as happening at `at`."""
        kind, source, data = next(self._acts)
        self._count += 1
        return {
            "id": f"{self._name}-{self._count}",
            "tenant": self._tenant,
            "lead": self._name,
            "type": kind,
            # Both forms that the contract has, each source with its own.
            "at": rfc3339(at) if source == "crm" else at,
            "source": source,
            "data": data,
        }


def _turns(random: Random, cast: list[_Lead], signals: int) -> list[int]:
    """Whose turn it is, place by place: each lead as often, and as early or late, as its kind is."""
    total = sum(lead.archetype.activity for lead in cast)
    shares = [signals * lead.archetype.activity / total for lead in cast]
    counts = [int(share) for share in shares]
    by_rest = sorted(range(len(cast)), key=lambda number: counts[number] - shares[number])
    for number in by_rest[: signals - sum(counts)]:
        counts[number] += 1
    # One integer a signal: when in the upper bits, who in the lower ones.
    moments = [
        int(random.random() ** cast[number].archetype.lateness * (1 << 30)) << 32 | number
        for number, count in enumerate(counts)
        for _ in range(count)
    ]
    moments.sort()
    return [moment & 0xFFFFFFFF for moment in moments]


def _spoil(random: Random, body: dict[str, Any]) -> bytes:
    """The signal with one of the faults that are met in practice."""
    fault = random.randrange(5)
    if fault == 0:
        return orjson.dumps(body)[: random.randrange(1, 40)]
    if fault == 1:
        del body["id"]
    elif fault == 2:
        body["at"] = "yesterday"
    elif fault == 3:
        body["tenant"] = "nobody"
    else:
        return b"\xff\xfe" + orjson.dumps(body).decode().encode("utf-16-le")
    return orjson.dumps(body)
