"""Actions and decisions on their way out: their ids, and their form on the wire."""

from hashlib import blake2b
from typing import NamedTuple

import msgspec

from leadstream.records.counts import Output
from leadstream.records.outputs import Cause, Direction
from leadstream.records.step import Headers, Message, Step
from leadstream.records.twins import Common
from leadstream.scoring.state.lead_state import LeadState

SKIPPED = "lead.action.skipped"
"""The type of the records that are decisions."""

_encode = msgspec.json.Encoder().encode


class Envelope(NamedTuple):
    """What all records of one evaluation are put into."""

    key: bytes
    common: bytes
    """The members of `Common` as JSON, without braces."""
    headers: Headers
    """Without those that each record has for itself."""
    origin: bytes
    """The beginning of what ids are made of."""
    place: bytes
    """The end of it, but for the ordinal."""


class Outbox:
    """Messages to the actions and decisions topics since the last step, in the order of the fold."""

    def __init__(self, app: str, topic: str, partition: int) -> None:
        """Of the application's fold of a partition of the signals topic."""
        self.entries: list[tuple[Output, bool, Message]] = []
        """What each is counted as, whether it is a decision, the message."""
        self._app = f"{app}\0".encode()
        self._source = f"/leadstream/{app}".encode()
        self._place = f"\0{topic}-{partition}-".encode()

    def envelope(self, common: Common, place: int, traceparent: bytes | None) -> Envelope:
        """For the records of one evaluation; `place` is the offset of the last record that changed the lead.

        The headers are those of CloudEvents 1.0 in binary mode.
        """
        tenant, lead = common.tenant.encode(), common.lead.encode()
        key = b"%b:%b" % (tenant, lead)
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_source", self._source),
            ("ce_time", common.at.encode()),
            ("ce_subject", key),
            ("content-type", b"application/json"),
        ]
        if traceparent is not None:
            headers.append(("traceparent", traceparent))
        origin = b"%b%b\0%b\0" % (self._app, tenant, lead)
        return Envelope(key, _encode(common)[1:-1], headers, origin, b"%b%d\0" % (self._place, place))

    def put(
        self,
        envelope: Envelope,
        type_: str,
        what: str,
        direction: Direction,
        cause: Cause,
        ordinal: int,
        own: msgspec.Struct,
        kind: Output,
    ) -> str:
        """Adds a record of a type with the members of `own`; it is counted as `kind`. Returns its id.

        The id is 16 bytes of BLAKE2b over the cause, in hexadecimal: application, tenant, lead, type, `what`
        (the threshold, band or action), direction, place, and `ordinal`, how many records were put out for
        the lead since. No time is in it: a replay gives the same.
        """
        key, common, headers, origin, place = envelope
        about = f"{type_}\0{what}\0{direction}".encode()
        identity = blake2b(b"%b%b%b%d" % (origin, about, place, ordinal)).hexdigest()[:32]
        ce_id, ce_type = identity.encode(), type_.encode()
        value = b'{"id":"%b","type":"%b","cause":"%b","direction":"%b",%b,%b' % (
            ce_id, ce_type, cause.encode(), direction.encode(), common, _encode(own)[1:],
        )  # fmt: skip
        own_headers = [("ce_id", ce_id), ("ce_type", ce_type), *headers]
        self.entries.append((kind, type_ == SKIPPED, (key, value, own_headers)))
        return identity

    def move_to(self, step: Step) -> None:
        """Hands all over to a step."""
        for kind, decision, message in self.entries:
            step.counts.outputs[kind] += 1
            if decision:
                step.decision_places.append(len(step.actions))
                step.decisions.append(message)
            else:
                step.actions.append(message)
        self.entries.clear()


class RecordEmitter:
    """Puts out the records of one evaluation of a lead, each with the next ordinal."""

    __slots__ = ("_outbox", "_state", "envelope")

    def __init__(self, outbox: Outbox, state: LeadState, envelope: Envelope) -> None:
        self._outbox = outbox
        self._state = state
        self.envelope = envelope

    def put(
        self, type_: str, what: str, direction: Direction, cause: Cause, own: msgspec.Struct, kind: Output
    ) -> str:
        """Puts a record out and returns its id; the parameters are those of `Outbox.put`."""
        ordinal = self._state.ordinal
        self._state.ordinal = ordinal + 1
        return self._outbox.put(self.envelope, type_, what, direction, cause, ordinal, own, kind)
