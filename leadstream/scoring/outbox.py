"""Actions and decisions on their way out: their ids, and their form on the wire."""

from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec

from leadstream.records.keys import lead_key
from leadstream.records.outputs import ActionRecord, ActionSkipped
from leadstream.records.step import Headers, Message, Step

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a fold stands: the application and the partition of the signals topic that it reads."""

    app: str
    topic: str
    partition: int

    def identity(
        self, tenant: str, lead: str, type_: str, what: str, direction: str, place: int, ordinal: int
    ) -> str:
        """The id of a record: 16 bytes of BLAKE2b over its cause, in hexadecimal.

        `what` is the threshold, band or action, `place` the offset of the last record that changed the lead,
        `ordinal` how many records were put out for the lead since. No time is in it: a replay gives the same.
        """
        cause = (
            f"{self.app}\0{tenant}\0{lead}\0{type_}\0{what}\0{direction}\0"
            f"{self.topic}-{self.partition}-{place}\0{ordinal}"
        )
        return blake2b(cause.encode()).digest()[:16].hex()


@dataclass(slots=True)
class Outbox:
    """Messages to the actions and decisions topics since the last step, in the order of the fold."""

    lineage: Lineage
    entries: list[tuple[str, bool, Message]] = field(default_factory=list)
    """What each is counted as, whether it is a decision, the message."""

    def headers_of(self, tenant: str, lead: str, at: str, traceparent: bytes | None) -> Headers:
        """What all records of one evaluation have in their headers, as CloudEvents 1.0 in binary mode."""
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_source", f"/leadstream/{self.lineage.app}".encode()),
            ("ce_time", at.encode()),
            ("ce_subject", lead_key(tenant, lead)),
            ("content-type", b"application/json"),
        ]
        if traceparent is not None:
            headers.append(("traceparent", traceparent))
        return headers

    def put(self, record: ActionRecord, kind: str, shared: Headers) -> None:
        """Adds a record with the headers that it shares and its own; it is counted as `kind`."""
        headers = [("ce_id", record.id.encode()), ("ce_type", record.type.encode()), *shared]
        key = lead_key(record.tenant, record.lead)
        self.entries.append((kind, isinstance(record, ActionSkipped), (key, _encode(record), headers)))

    def move_to(self, step: Step) -> None:
        """Hands all over to a step."""
        for kind, decision, message in self.entries:
            step.records[kind] = step.records.get(kind, 0) + 1
            if decision:
                step.decision_places.append(len(step.actions))
                step.decisions.append(message)
            else:
                step.actions.append(message)
        self.entries.clear()
