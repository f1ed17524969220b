"""What a changed total sets off: crossings, changes of band and stage, triggers, the actions they ask for.

Of one evaluation the crossings come first, ascending when the total rose and descending when it fell, each
with its actions directly after it in the order of the file; then actions owed from a recovery; then the
change of band, then that of stage, each with its actions; then spikes or timers with theirs; at last the
actions of rules.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import msgspec

from leadstream.records.counts import Output
from leadstream.records.outputs import Cause, Direction, SignalRef
from leadstream.records.signal import Signal
from leadstream.records.times import rfc3339
from leadstream.records.twins import Common, OwnOfBandChange, OwnOfCrossing, OwnOfStageChange, OwnOfTrigger
from leadstream.scoring.actions.outbox import Outbox, RecordEmitter
from leadstream.scoring.actions.policy import ActionPolicy, RoundRobin
from leadstream.scoring.actions.requester import ActionRequester
from leadstream.scoring.compiled.levels import Level, level_of
from leadstream.scoring.compiled.model import CompiledModel
from leadstream.scoring.decay.totals import shares
from leadstream.scoring.kernels.kernel import TOLERANCE, score_of
from leadstream.scoring.state.facts import unpack
from leadstream.scoring.state.lead_state import LeadState

MAX_SHARES = 64
"""How many factors a record names; with more, the last is the sum of the smallest."""

_encode = msgspec.json.Encoder().encode


class Transition(NamedTuple):
    """What moved a lead's total at `at` (the fold's now): a signal, or only time."""

    key: bytes
    tenant: str
    lead: str
    at: int
    before: float
    after: float
    rise: Cause
    """The cause of what is passed upwards."""
    fall: Cause
    reference: SignalRef | None = None
    signal: Signal | None = None
    traceparent: bytes | None = None


class Evaluation:
    """One evaluation of a lead; it changes the state and fills the outbox."""

    def __init__(
        self,
        state: LeadState,
        model: CompiledModel,
        transition: Transition,
        outbox: Outbox,
        turns: RoundRobin,
        stage: int | None = None,
        held: tuple[int, int] = (0, 0),
    ) -> None:
        """`stage` is which one rules speak for, if that is another than the lead's; `held` are band and stage
        of a lead that has become part of this one.
        """
        self.state = state
        self.model = model
        self.transition = transition
        self.turns = turns
        self.band = level_of(model.bands, transition.after, max(state.band, held[0]))
        if stage is None:
            stage = state.stage
            if model.staged_by_total:
                stage = level_of(model.stages, transition.after, max(stage, held[1]))
        self.stage = stage
        found = shares(state, model, transition.at, MAX_SHARES)
        self.factors = msgspec.Raw(_encode(found)) if found else None
        self._requester: ActionRequester | None = None
        common = Common(
            transition.tenant, transition.lead, rfc3339(transition.at), transition.before, transition.after,
            score_of(transition.after), model.bands[self.band].name, model.label, model.stages[stage].name,
            transition.reference,
        )  # fmt: skip
        self.emitter = RecordEmitter(
            outbox, state, outbox.envelope(common, state.place, transition.traceparent)
        )

    @property
    def requester(self) -> ActionRequester:
        if self._requester is None:
            transition, facts = self.transition, unpack(self.state.facts)
            policy = ActionPolicy(
                self.state,
                self.model,
                facts,
                transition.key,
                transition.tenant,
                transition.at,
                transition.signal,
                self.turns,
            )
            self._requester = ActionRequester(policy, self.factors, self.emitter)
        return self._requester

    def run(self, gained: bool) -> None:
        """Settles thresholds, band and stage; `gained` says that a signal with a gain is behind it."""
        state, thresholds, after = self.state, self.model.thresholds, self.transition.after
        for index, threshold in enumerate(thresholds):
            if not state.passed >> index & 1 and after >= threshold.at - TOLERANCE:
                self.cross_up(index)
        for index in reversed(range(len(thresholds))):
            threshold = thresholds[index]
            if state.passed >> index & 1 and after < threshold.at - threshold.hysteresis - TOLERANCE:
                state.passed &= ~(1 << index)
                if state.owed:
                    state.owed.pop(index, None)
                self.crossing(index, "down", self.transition.fall)
        if gained and state.owed:
            owed, state.owed = state.owed, None
            for index in sorted(owed):
                self.ask_at(index, owed[index])
        if self.band != state.band:
            self.change_band()
        if self.stage != state.stage:
            self.change_stage()

    def cross_up(self, index: int) -> None:
        self.state.passed |= 1 << index
        cause = self.transition.rise
        crossing = self.crossing(index, "up", cause)
        threshold = self.model.thresholds[index]
        if cause == "signal" or cause in threshold.fires_on:
            self.ask_at(index, crossing)
        elif threshold.actions and cause == "recovery":
            self.state.owed = {**(self.state.owed or {}), index: crossing}

    def crossing(self, index: int, direction: Direction, cause: Cause) -> str:
        at = self.model.thresholds[index].at
        own = OwnOfCrossing(at, self.factors)
        return self.emitter.put(
            "lead.threshold.crossed", repr(at), direction, cause, own, Output("crossing", direction)
        )

    def ask_at(self, index: int, crossing: str) -> None:
        """Asks for the actions of a threshold, unless it asked for them a short while ago."""
        threshold = self.model.thresholds[index]
        cooling = False
        if threshold.cooldown:
            extra = self.state.ensure_extra()
            crossed = extra.crossed = extra.crossed or {}
            last = crossed.get(index)
            cooling = last is not None and self.transition.at - last < threshold.cooldown
            if not cooling:
                crossed[index] = self.transition.at
        for number in threshold.actions:
            action = self.model.actions[number]
            if cooling:
                self.requester.skip(action, self.transition.rise, crossing, "cooldown", index)
            else:
                self.requester.act(action, self.transition.rise, crossing, threshold=index)

    def change_band(self) -> None:
        bands, old, new = self.model.bands, self.state.band, self.band
        self.state.band = new
        self.move("band", bands, old, new, OwnOfBandChange(bands[old].name, self.factors))

    def change_rules(self, band: str, stage: str) -> None:
        """Records another band or stage than those of the names, which the lead had under other rules.

        No action is asked for: the lead did nothing.
        """
        state = self.state
        ladders: list[tuple[Literal["band", "stage"], Sequence[Level], str, int, int]] = [
            ("band", self.model.bands, band, state.band, self.band),
            ("stage", self.model.stages, stage, state.stage, self.stage),
        ]
        for kind, levels, was, old, new in ladders:
            setattr(state, kind, new)
            name = levels[new].name
            if name == was:
                continue
            known = levels[old].name == was
            rose = new > old if known else self.transition.after >= self.transition.before - TOLERANCE
            direction: Direction = "up" if rose else "down"
            own = (
                OwnOfBandChange(was, self.factors) if kind == "band" else OwnOfStageChange(was, self.factors)
            )
            self.emitter.put(f"lead.{kind}.changed", name, direction, "model", own, Output(kind, direction))
            if known:
                self.end_waits(levels[old].timers)
            self.begin_waits(levels[new].timers)

    def change_stage(self) -> None:
        stages, old, new = self.model.stages, self.state.stage, self.stage
        self.state.stage = new
        self.move("stage", stages, old, new, OwnOfStageChange(stages[old].name, self.factors))

    def move(
        self, kind: Literal["band", "stage"], levels: Sequence[Level], old: int, new: int, own: msgspec.Struct
    ) -> None:
        """Tells of another band or stage: ends what waits in the one left, asks for the actions of the new
        one, begins what waits in it.
        """
        direction: Direction = "up" if new > old else "down"
        cause = self.transition.rise if direction == "up" else self.transition.fall
        type_, name = f"lead.{kind}.changed", levels[new].name
        change = self.emitter.put(type_, name, direction, cause, own, Output(kind, direction))
        self.end_waits(levels[old].timers)
        for action, was in levels[new].entries:
            if cause not in ("recovery", "merge") and (new > old if was is None else was == old):
                self.requester.act(self.model.actions[action], cause, change, level=new)
        self.begin_waits(levels[new].timers)

    def end_waits(self, timers: Iterable[int]) -> None:
        extra = self.state.extra
        if extra is not None and extra.waits and timers:
            extra.waits = [wait for wait in extra.waits if wait[1] not in timers] or None

    def begin_waits(self, timers: Iterable[int]) -> None:
        """Absences of which any wait of the same timer begins anew."""
        self.end_waits(timers)
        for number in timers:
            extra = self.state.ensure_extra()
            deadline = self.transition.at + self.model.timers[number].after
            extra.waits = [*(extra.waits or []), (deadline, number, self.transition.at)]

    def fire_trigger(
        self, trigger: str, actions: Iterable[int], cause: Cause, value: float | None = None
    ) -> None:
        """A spike or a timer has come about."""
        kind = trigger.partition(":")[0]
        own = OwnOfTrigger(trigger, value, self.factors)
        fired = self.emitter.put("lead.trigger.fired", trigger, "up", cause, own, Output("trigger", kind))
        for number in actions:
            self.requester.act(self.model.actions[number], cause, fired)

    def ask(self, actions: Iterable[int]) -> None:
        """Asks for actions of rules."""
        for number in actions:
            self.requester.act(self.model.actions[number], "signal", "")
