"""What a changed total sets off: crossings, the actions they ask for, a change of band.

Of one evaluation the crossings come first, ascending when the total rose and descending when it fell, each
with its actions directly after it in the order of the file; then actions owed from a recovery; then the
change of band.
"""

from typing import Any, Literal, NamedTuple

from leadstream.records.outputs import (
    ActionRequested,
    ActionSkipped,
    BandChanged,
    Cause,
    Direction,
    SignalRef,
    ThresholdCrossed,
)
from leadstream.records.times import rfc3339
from leadstream.scoring.facts import Facts, Scalar, known, unpack
from leadstream.scoring.kernel import TOLERANCE, score_of
from leadstream.scoring.model import Action, CompiledModel
from leadstream.scoring.outbox import Outbox
from leadstream.scoring.phone import dialable
from leadstream.scoring.reading import shares
from leadstream.scoring.state import LeadState

MAX_SHARES = 5
"""How many factors a record names."""

Reason = Literal["no_phone", "invalid_phone", "repeated", "suppressed"]


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


class Evaluation:
    """One evaluation of a lead; it changes the state and fills the outbox."""

    def __init__(self, state: LeadState, model: CompiledModel, touch: Touch, outbox: Outbox) -> None:
        self.state = state
        self.model = model
        self.touch = touch
        self.outbox = outbox
        self.band = model.band_of(touch.after)
        self.shares = shares(state, model, touch.at, MAX_SHARES)
        self.at = rfc3339(touch.at)
        self.headers = outbox.headers_of(touch.tenant, touch.lead, self.at, touch.traceparent)

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
        common = self.common("lead.threshold.crossed", repr(at), direction, cause)
        self.put(ThresholdCrossed(**common, threshold=at, factors=self.shares), f"crossing:{direction}")
        return str(common["id"])

    def change_band(self) -> None:
        bands, old = self.model.bands, self.state.band
        direction: Direction = "up" if self.band > old else "down"
        cause = self.touch.rise if direction == "up" else self.touch.fall
        self.state.band = self.band
        common = self.common("lead.band.changed", bands[self.band].name, direction, cause)
        self.put(BandChanged(**common, previous_band=bands[old].name), f"band:{direction}")

    def act(self, index: int, crossing: str, cause: Cause) -> None:
        """Requests the actions of a threshold, or says why not."""
        threshold = self.model.thresholds[index]
        facts = unpack(self.state.facts)
        for action in threshold.actions:
            given = known(facts, "phone") if action.needs_phone else None
            phone = dialable(given) if isinstance(given, str) else None
            reason = self.withheld(action, given, phone)
            wanted: dict[str, Any] = {
                "do": action.do,
                "channel": action.channel,
                "threshold": threshold.at,
                "crossing": crossing,
            }
            if reason is not None:
                common = self.common("lead.action.skipped", action.do, "up", cause)
                self.put(ActionSkipped(**common, **wanted, reason=reason), f"action:{action.do}:{reason}")
                continue
            common = self.common("lead.action.requested", action.do, "up", cause)
            payload = payload_of(action, facts, phone)
            self.put(
                ActionRequested(**common, **wanted, payload=payload, factors=self.shares),
                f"action:{action.do}:requested",
            )
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

    def common(self, type_: str, what: str, direction: Direction, cause: Cause) -> dict[str, Any]:
        """The fields that all records share; takes the next ordinal."""
        touch, state = self.touch, self.state
        identity = self.outbox.lineage.identity(
            touch.tenant, touch.lead, type_, what, direction, state.place, state.ordinal
        )
        state.ordinal += 1
        return {
            "id": identity,
            "type": type_,
            "tenant": touch.tenant,
            "lead": touch.lead,
            "at": self.at,
            "cause": cause,
            "direction": direction,
            "total_before": touch.before,
            "total_after": touch.after,
            "score": score_of(touch.after),
            "band": self.model.bands[self.band].name,
            "model": self.model.label,
            "signal": touch.signal,
        }

    def put(self, record: Any, kind: str) -> None:
        self.outbox.put(record, kind, self.headers)


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
