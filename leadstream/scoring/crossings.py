"""What a changed total sets off: crossings, the actions they ask for, a change of band.

Of one evaluation the crossings come first, ascending when the total rose and descending when it fell, each
with its actions directly after it in the order of the file; then actions owed from a recovery; then the
change of band.
"""

from typing import Any, Literal, NamedTuple

import msgspec

from leadstream.records.outputs import Cause, Direction, SignalRef
from leadstream.records.times import rfc3339
from leadstream.scoring.facts import Facts, Scalar, known, unpack
from leadstream.scoring.kernel import TOLERANCE, score_of
from leadstream.scoring.model import Action, CompiledModel
from leadstream.scoring.outbox import Common, Outbox
from leadstream.scoring.phone import dialable
from leadstream.scoring.reading import shares
from leadstream.scoring.state import LeadState

MAX_SHARES = 5
"""How many factors a record names."""

Reason = Literal["no_phone", "invalid_phone", "repeated", "suppressed"]

_encode = msgspec.json.Encoder().encode


class Touch(NamedTuple):
    """What moved a lead's total at `at` (the fold's now): a signal, or only time."""

    tenant: str
    lead: str
    at: int
    before: float
    after: float
    rise: Cause
    """The cause of what is passed upwards."""
    fall: Cause
    signal: SignalRef | None = None
    traceparent: bytes | None = None


class _Crossed(msgspec.Struct, omit_defaults=True, gc=False):
    """What `records.outputs.ThresholdCrossed` has of its own."""

    threshold: float
    factors: msgspec.Raw | None = None


class _BandChanged(msgspec.Struct, gc=False):
    """What `records.outputs.BandChanged` has of its own."""

    previous_band: str


class _Requested(msgspec.Struct, omit_defaults=True, gc=False):
    """What `records.outputs.ActionRequested` has of its own."""

    do: str
    channel: str
    threshold: float
    crossing: str
    factors: msgspec.Raw | None = None
    payload: dict[str, Any] = {}


class _Skipped(msgspec.Struct, gc=False):
    """What `records.outputs.ActionSkipped` has of its own."""

    do: str
    channel: str
    threshold: float
    crossing: str
    reason: Reason


class Evaluation:
    """One evaluation of a lead; it changes the state and fills the outbox."""

    def __init__(self, state: LeadState, model: CompiledModel, touch: Touch, outbox: Outbox) -> None:
        self.state = state
        self.model = model
        self.touch = touch
        self.outbox = outbox
        self.band = model.band_of(touch.after)
        found = shares(state, model, touch.at, MAX_SHARES)
        self.factors = msgspec.Raw(_encode(found)) if found else None
        common = Common(
            touch.tenant, touch.lead, rfc3339(touch.at), touch.before, touch.after, score_of(touch.after),
            model.bands[self.band].name, model.label, touch.signal,
        )  # fmt: skip
        self.envelope = outbox.envelope(common, state.place, touch.traceparent)

    def run(self, gained: bool) -> None:
        """Settles thresholds and band; `gained` says that a signal with a gain is behind it."""
        state, thresholds, after = self.state, self.model.thresholds, self.touch.after
        for index, threshold in enumerate(thresholds):
            if not state.passed >> index & 1 and after >= threshold.at - TOLERANCE:
                self.cross_up(index)
        for index in reversed(range(len(thresholds))):
            threshold = thresholds[index]
            if state.passed >> index & 1 and after < threshold.at - threshold.hysteresis - TOLERANCE:
                state.passed &= ~(1 << index)
                if state.owed:
                    state.owed.pop(index, None)
                self.crossing(index, "down", self.touch.fall)
        if gained and state.owed:
            owed, state.owed = state.owed, None
            for index in sorted(owed):
                self.act(index, owed[index], self.touch.rise)
        if self.band != state.band:
            self.change_band()

    def cross_up(self, index: int) -> None:
        self.state.passed |= 1 << index
        cause = self.touch.rise
        crossing = self.crossing(index, "up", cause)
        threshold = self.model.thresholds[index]
        if cause != "recovery" or threshold.fire_on_recovery:
            self.act(index, crossing, cause)
        elif threshold.actions:
            self.state.owed = {**(self.state.owed or {}), index: crossing}

    def crossing(self, index: int, direction: Direction, cause: Cause) -> str:
        at = self.model.thresholds[index].at
        own = _Crossed(at, self.factors)
        return self.put("lead.threshold.crossed", repr(at), direction, cause, own, f"crossing:{direction}")

    def change_band(self) -> None:
        bands, old = self.model.bands, self.state.band
        direction: Direction = "up" if self.band > old else "down"
        cause = self.touch.rise if direction == "up" else self.touch.fall
        self.state.band = self.band
        own = _BandChanged(bands[old].name)
        self.put("lead.band.changed", bands[self.band].name, direction, cause, own, f"band:{direction}")

    def act(self, index: int, crossing: str, cause: Cause) -> None:
        """Requests the actions of a threshold, or says why not."""
        threshold = self.model.thresholds[index]
        facts = unpack(self.state.facts)
        for action in threshold.actions:
            do = action.do
            given = known(facts, "phone") if action.needs_phone else None
            phone = dialable(given) if isinstance(given, str) else None
            reason = self.withheld(action, given, phone)
            if reason is not None:
                skipped = _Skipped(do, action.channel, threshold.at, crossing, reason)
                self.put("lead.action.skipped", do, "up", cause, skipped, f"action:{do}:{reason}")
                continue
            payload = payload_of(action, facts, phone)
            wanted = _Requested(do, action.channel, threshold.at, crossing, self.factors, payload)
            self.put("lead.action.requested", do, "up", cause, wanted, f"action:{do}:requested")
            requested = self.state.requested or []
            requested.extend([None] * (action.number + 1 - len(requested)))
            requested[action.number] = self.touch.at
            self.state.requested = requested

    def withheld(self, action: Action, given: Scalar, phone: str | None) -> Reason | None:
        """Why an action is not requested: the first of suppression, phone, repetition that says no."""
        if self.state.suppressed & action.channel_bits:
            return "suppressed"
        if action.needs_phone and phone is None:
            return "no_phone" if given is None or given == "" else "invalid_phone"
        requested = self.state.requested or []
        last = requested[action.number] if action.number < len(requested) else None
        if last is not None and self.touch.at - last < action.dedupe:
            return "repeated"
        return None

    def put(
        self, type_: str, what: str, direction: Direction, cause: Cause, own: msgspec.Struct, kind: str
    ) -> str:
        """Puts a record out and returns its id; takes the next ordinal."""
        ordinal = self.state.ordinal
        self.state.ordinal = ordinal + 1
        return self.outbox.put(self.envelope, type_, what, direction, cause, ordinal, own, kind)


def payload_of(action: Action, facts: Facts, phone: str | None) -> dict[str, Any]:
    """The payload that the model writes, with the facts it names as far as they are known, and the phone."""
    payload: dict[str, Any] = dict(action.payload)
    for name, fact in action.fact_payload:
        value = known(facts, fact)
        if value is not None:
            payload[name] = value
    if phone is not None:
        payload["phone"] = phone
    return payload
