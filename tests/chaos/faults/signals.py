"""Producers that send rubbish, repeat themselves, are late and have wrong clocks."""

from collections import defaultdict, deque
from collections.abc import Callable
from random import Random
from typing import Any

import orjson

from leadstream.records.times import DAY
from tests.support.log import Sent

POISON = 0.01
DUPLICATES = 0.2
REMEMBERED = 8
"""A repeated signal is one of so many that its lead sent last: within the 16 ids that a lead knows."""
LATE = 0.1
WINDOW = 200
"""So many records in a row come in any order."""
STRETCH = 300
"""So many records in a row have the same wrong clock."""


def poison(records: list[Sent], random: Random) -> list[Sent]:
    """Puts a record that is no signal after each hundredth, in one of ten ways."""
    found = []
    for record in records:
        found.append(record)
        if random.random() < POISON:
            found.append(random.choice(RUBBISH)(record, random))
    return found


def repeat(records: list[Sent], random: Random) -> list[Sent]:
    """Puts one of the last signals of its lead after each fifth record."""
    last: dict[bytes | None, deque[Sent]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
    found = []
    for record in records:
        found.append(record)
        last[record.key].append(record)
        if random.random() < DUPLICATES:
            found.append(random.choice(last[record.key]))
    return found


def shuffle(records: list[Sent], random: Random) -> list[Sent]:
    """Records come in any order within windows, and a tenth happened up to 30 days ago."""
    late = [
        moved(record, -random.randrange(30 * DAY)) if random.random() < LATE else record for record in records
    ]
    windows = [late[begin : begin + WINDOW] for begin in range(0, len(late), WINDOW)]
    return [record for window in windows for record in random.sample(window, len(window))]


def jump(records: list[Sent], random: Random) -> list[Sent]:
    """The producer's clock jumps by up to three days either way, in `at` and in the records' timestamps."""
    found = []
    for begin in range(0, len(records), STRETCH):
        wrong = random.randrange(-3 * DAY, 3 * DAY)
        found += [moved(record, wrong) for record in records[begin : begin + STRETCH]]
    return found


def all_of_it(records: list[Sent], random: Random) -> list[Sent]:
    """All the above."""
    return poison(repeat(shuffle(jump(records, random), random), random), random)


def moved(record: Sent, by: int) -> Sent:
    """A signal that happened so many milliseconds later; what is no signal, or has a date, as it is."""
    body = parsed(record)
    if body is None or not isinstance(body.get("at"), int):
        return record
    at = body["at"] + by
    return record._replace(value=orjson.dumps({**body, "at": at}), timestamp=at)


def parsed(record: Sent) -> dict[str, Any] | None:
    try:
        body: dict[str, Any] = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        return None
    return body


def _valued(make: Callable[[Random, bytes], bytes | None]) -> Callable[[Sent, Random], Sent]:
    return lambda record, random: record._replace(value=make(random, record.value or b""))


RUBBISH: list[Callable[[Sent, Random], Sent]] = [
    _valued(lambda random, value: random.randbytes(random.randrange(1, 200))),
    _valued(lambda random, value: value[: random.randrange(1, 30)]),
    _valued(lambda random, value: None),
    _valued(lambda random, value: b""),
    _valued(lambda random, value: b"[" * 5000),
    _valued(lambda random, value: b'{"id": "x"}'),
    _valued(lambda random, value: b'{"at": 1e999}'),
    _valued(lambda random, value: b"\xff\xfe" + value),
    _valued(lambda random, value: b" " * 1_100_000),
    lambda record, random: record._replace(key=b"somebody:else"),
]
"""No JSON, cut off, absent, empty, too deep, incomplete, too far in the future, not UTF-8, too large, and the
key of another lead."""
