"""Asking for actions: requested, put off until opening hours, or withheld with the reason."""

import msgspec

from leadstream.records.counts import Output
from leadstream.records.outputs import Cause, Reason
from leadstream.records.times import rfc3339
from leadstream.records.twins import OwnOfRequest, OwnOfSkip
from leadstream.scoring.actions.outbox import RecordEmitter
from leadstream.scoring.actions.policy import MAX_DEFERRED, ActionPolicy
from leadstream.scoring.compiled.levels import Action
from leadstream.scoring.state.lead_state import Deferred


class ActionRequester:
    """The actions of one evaluation."""

    def __init__(self, policy: ActionPolicy, factors: msgspec.Raw | None, emitter: RecordEmitter) -> None:
        self.policy = policy
        self.factors = factors
        self.put = emitter.put

    def act(
        self,
        action: Action,
        cause: Cause,
        crossing: str,
        *,
        threshold: int | None = None,
        level: int | None = None,
    ) -> None:
        """Asks for an action, puts it off, or says why not.

        `crossing` is the id of the record that asks for it, `threshold` or `level` (a band or stage) what the
        model asks for it at.
        """
        policy = self.policy
        state, now = policy.state, policy.at
        reason = policy.withheld(action)
        if reason is None and action.hours is not None and action.hours.outside != "route":
            opening = policy.opening(action)
            if opening != now:
                if action.hours.outside == "skip" or opening is None or len(policy.waiting()) >= MAX_DEFERRED:
                    self.skip(action, cause, crossing, "outside_hours", threshold)
                    return
                extra = state.ensure_extra()
                put_off = Deferred(opening, action.index, crossing, threshold, level)
                extra.deferred = [*(extra.deferred or []), put_off]
                self.skip(action, cause, crossing, "deferred", threshold, rfc3339(opening))
                return
        if reason is not None:
            self.skip(action, cause, crossing, reason, threshold)
            return
        payload = policy.payload(action)
        do, at = action.do, self.level_of(threshold)
        wanted = OwnOfRequest(
            do=do, channel=action.channel, trigger=action.trigger, threshold=at, crossing=crossing,
            priority=action.priority, factors=self.factors, payload=payload,
        )  # fmt: skip
        self.put("lead.action.requested", do, "up", cause, wanted, Output("action", "requested", do))
        requested = state.requested or []
        requested.extend([None] * (action.number + 1 - len(requested)))
        requested[action.number] = now
        state.requested = requested

    def skip(
        self,
        action: Action,
        cause: Cause,
        crossing: str,
        reason: Reason,
        threshold: int | None,
        until: str = "",
    ) -> None:
        """Says why an action is not asked for, or not now."""
        do, at = action.do, self.level_of(threshold)
        skipped = OwnOfSkip(
            do=do, channel=action.channel, trigger=action.trigger, reason=reason, threshold=at,
            crossing=crossing, until=until,
        )  # fmt: skip
        self.put("lead.action.skipped", do, "up", cause, skipped, Output("action", reason, do))

    def level_of(self, threshold: int | None) -> float | None:
        return None if threshold is None else self.policy.model.thresholds[threshold].at

    def take_up(self, deferred: Deferred) -> None:
        """An action that was put off until now."""
        action = self.policy.model.actions[deferred.action]
        threshold, state = deferred.threshold, self.policy.state
        holds = threshold is None or bool(state.passed >> threshold & 1)
        if deferred.level is not None:
            holds = deferred.level == (state.band if action.trigger.startswith("band:") else state.stage)
        if holds:
            self.act(action, "timer", deferred.crossing, threshold=threshold, level=deferred.level)
        else:
            self.skip(action, "timer", deferred.crossing, "no_longer", threshold)
