"""Lost, doubled, wrong: what is there against what must be.

What the producer sent is compared with the log, as an independent client reads it. What must come of the log
is said by two: the replay of the exported log, record for record; and for some leads the oracle of the tests,
which shares nothing with the engine.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec
from msgspec.structs import replace

from leadstream.projection.verify import Verification
from leadstream.records.keys import TICK_KEY
from leadstream.records.rejection import Rejected
from leadstream.records.signal import decode_signal
from leadstream.scoring.partition.rows import POSITION, read_position
from tests.chaos.evidence import Evidence, Place
from tests.oracle.log import Oracle
from tests.oracle.rules import Rules
from tests.support.simulated import Written

TOLERANCE = 1e-9
EFFORT = 100_000
"""How much the oracle may do: it looks at all that a lead did with each thing that the lead does."""

Reading = Callable[[bytes, int], tuple[float, int, str]]
"""A lead's total, score and band at an instant (epoch ms), by its key."""


@dataclass
class Verdict:
    """What was found, one line each."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    refereed: int = 0
    """How many leads the oracle has judged."""

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)

    def compare(self, what: str, live: Iterable[Any], expected: Iterable[Any]) -> None:
        """Of two collections: what is missing is lost, what is too much is doubled."""
        have, want = Counter(iter(live)), Counter(iter(expected))
        self.lost += [f"{what}: {one}" for one in (want - have).elements()]
        self.doubled += [f"{what}: {one}" for one in (have - want).elements()]

    def __str__(self) -> str:
        lines = [
            f"{len(found)} {kind}: {'; '.join(found[:5])}"
            for kind, found in (("lost", self.lost), ("doubled", self.doubled), ("wrong", self.wrong))
            if found
        ]
        return "\n".join(lines) or "lost 0, doubled 0, wrong 0"


def judge(
    evidence: Evidence, replayed: Mapping[int, Written], reading: Reading, leads: Verification | None = None
) -> Verdict:
    """All but the oracle. `replayed` is what the replay writes, by partition; `reading` a lead's score by it;
    `leads` the comparison of the leads in PostgreSQL with that."""
    verdict = Verdict()
    verdict.compare(
        "acknowledged signal",
        ((record.key, record.value) for _, record in evidence.signals()),
        ((record.key, record.value) for record in evidence.acknowledged),
    )
    told_once(evidence, verdict)
    for number, written in replayed.items():
        same_outputs(number, evidence.live[number], written, verdict)
        same_scores(evidence.live[number], written, reading, verdict)
    tables(evidence, leads, verdict)
    return verdict


def told_once(evidence: Evidence, verdict: Verdict) -> None:
    """Each record is in the history or among the dead letters, once; or its lead had its id before."""
    told = Counter(
        [(number, entry["offset"]) for number, one in evidence.live.items() for entry in one.history]
        + [
            (number, offset_of(letter))
            for number, one in evidence.live.items()
            for letter in one.dead_letters
        ]
    )
    seen: set[tuple[bytes | None, str]] = set()
    for place, record in evidence.signals():
        identity = (record.key, id_of(record.key, record.value))
        if not told[place] and identity not in seen:
            verdict.lost.append(f"signal at {place} left no trace")
        seen.add(identity)
    verdict.doubled += [
        f"signal at {place} was told {count} times" for place, count in told.items() if count > 1
    ]


def same_outputs(number: int, live: Written, written: Written, verdict: Verdict) -> None:
    """Actions, decisions, history, dead letters and state: what the replay has, in its order."""
    kinds: list[tuple[str, list[Any], list[Any], Callable[[Any], Any]]] = [
        ("action", live.actions, written.actions, id_in),
        ("decision", live.decisions, written.decisions, id_in),
        ("history", live.history, written.history, lambda entry: entry["offset"]),
        ("dead letter", live.dead_letters, written.dead_letters, offset_of),
    ]
    for what, have, want, name in kinds:
        verdict.compare(f"{what} of partition {number}", map(name, have), map(name, want))
        if what == "dead letter":
            have, want = (
                [(offset_of(one), dict(one[2])["leadstream-reason"]) for one in each] for each in (have, want)
            )
        if len(have) == len(want):
            verdict.wrong += [
                f"{what} of partition {number}: {one!r:.300} is not {other!r:.300}"
                for one, other in zip(have, want, strict=True)
                if one != other
            ]
    verdict.compare(f"row of partition {number}", live.rows, written.rows)
    verdict.wrong += [
        f"row of {key!r}"
        for key in live.rows.keys() & written.rows.keys()
        if not same_row(key, live.rows[key], written.rows[key])
    ]


def same_row(key: bytes, live: bytes, written: bytes) -> bool:
    """Whether two rows say the same. A replay has no topic whose id it could note beside the position, and
    its last record, a line of an export, has other bytes at the same place and time."""
    if key != POSITION or live == written:
        return live == written
    here, there = read_position(live), read_position(written)
    places = [(row.last.offset, row.last.timestamp) if row.last else None for row in (here, there)]
    return places[0] == places[1] and replace(here, log=there.log, last=there.last) == there


def same_scores(live: Written, written: Written, reading: Reading, verdict: Verdict) -> None:
    """The last snapshot of each lead says what the lead had at the instant that it carries."""
    verdict.compare("score", live.scores, written.scores)
    for key in live.scores.keys() & written.scores.keys():
        snapshot = msgspec.json.decode(live.scores[key] or b"")
        total, score, band = reading(key or b"", snapshot["at"])
        close = abs(snapshot["total"] - total) <= TOLERANCE
        if not close or (snapshot["score"], snapshot["band"]) != (score, band):
            verdict.wrong.append(f"score of {key!r} at {snapshot['at']}: {snapshot['total']}, not {total}")


def tables(evidence: Evidence, leads: Verification | None, verdict: Verdict) -> None:
    """PostgreSQL has what the topics have."""
    found = evidence.tables
    if found is not None:
        live = evidence.live.items()
        verdict.compare(
            "row of action_log", found.actions.elements(), (id_in(m) for _, one in live for m in one.actions)
        )
        verdict.compare(
            "row of decision_log",
            found.decisions.elements(),
            (id_in(m) for _, one in live for m in one.decisions),
        )
        verdict.compare(
            "row of score_events",
            found.events.elements(),
            ((number, entry["offset"]) for number, one in live for entry in one.history),
        )
        verdict.wrong += ["a row that could not be stored"] * found.dead
    for kind, count in leads.differences.items() if leads is not None else ():
        kinds = {"missing": verdict.lost, "unexpected": verdict.doubled}
        kinds.get(kind, verdict.wrong).extend([f"lead in PostgreSQL: {kind}"] * count)


def referee(
    evidence: Evidence, rules: Rules, tenants: Mapping[str, Rules], seed: int, verdict: Verdict
) -> None:
    """Some leads, folded by the oracle from the log: their actions, decisions, outcomes and totals."""
    chosen = by_lead(evidence)
    order = sorted(chosen)
    Random(seed).shuffle(order)
    left = EFFORT
    for key in order:
        number, signals = chosen[key]
        left -= len(signals) ** 2
        if left < 0:
            continue
        verdict.refereed += 1
        oracle = Oracle(rules, evidence.app, evidence.topic, number, tenants=tenants)
        for signal in signals:
            oracle.fold(signal)
        oracle.advance(max(oracle.now, end_of_time(evidence, number)))
        one_lead(evidence.live[number], key, oracle, verdict)


def one_lead(live: Written, key: tuple[str, str], oracle: Oracle, verdict: Verdict) -> None:
    """What live says about one lead against what the oracle says."""
    wire = f"{key[0]}:{key[1]}".encode()
    outputs = [msgspec.json.decode(m[1] or b"") for m in live.actions + live.decisions if m[0] == wire]
    verdict.compare(
        f"by the oracle, {key}",
        [(one["id"], one["type"], one["at"], one["cause"]) for one in outputs],
        [(event.id, event.type, event.at, event.cause) for event in oracle.events],
    )
    outcomes = [
        entry.get("outcome", "scored") for entry in live.history if (entry["tenant"], entry["lead"]) == key
    ]
    expected = [outcome for outcome in oracle.outcomes if outcome != "duplicate"]
    verdict.compare(f"by the oracle, history of {key}", outcomes, expected)
    snapshot = msgspec.json.decode(live.scores[wire] or b"") if wire in live.scores else None
    if snapshot is None:
        if oracle.leads:
            verdict.lost.append(f"by the oracle, score of {key}")
        return
    total = float(oracle.leads[key].total(snapshot["at"])) if key in oracle.leads else float("nan")
    if not abs(snapshot["total"] - total) <= TOLERANCE:
        verdict.wrong.append(f"by the oracle, score of {key}: {snapshot['total']}, not {total}")


def by_lead(evidence: Evidence) -> dict[tuple[str, str], tuple[int, list[dict[str, Any]]]]:
    """The partition of each lead and its signals as the oracle takes them, in the order of the log."""
    found: dict[tuple[str, str], tuple[int, list[dict[str, Any]]]] = {}
    for number, records in evidence.log.items():
        now = 0
        for record in records:
            now = max(now, record.timestamp)
            if record.key == TICK_KEY:
                continue
            try:
                signal = decode_signal(record.key, record.value)
            except Rejected:
                continue
            found.setdefault((signal.tenant, signal.lead), (number, []))[1].append(
                {
                    "id": signal.id, "tenant": signal.tenant, "lead": signal.lead, "type": signal.type,
                    "at": signal.at, "source": signal.source, "data": signal.data,
                    "offset": record.offset, "timestamp": now,
                }
            )  # fmt: skip
    return found


def end_of_time(evidence: Evidence, number: int) -> int:
    """The highest timestamp that a partition has folded."""
    folded = [r.timestamp for r in evidence.log[number] if r.offset < evidence.positions[number]]
    return max(folded, default=0)


def id_of(key: bytes | None, value: bytes | None) -> str:
    """A signal's id; empty for what is no signal."""
    try:
        return decode_signal(key, value).id
    except Rejected:
        return ""


def id_in(message: Any) -> str:
    return dict(message[2])["ce_id"].decode()


def offset_of(message: Any) -> int:
    return int(dict(message[2])["leadstream-offset"])


__all__ = ["Place", "Verdict", "judge", "referee"]
