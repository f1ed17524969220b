"""What a signal means beside points, to models and leads of which more than a plain sum is kept."""

from leadstream.records.outputs import Contribution
from leadstream.records.signal import Signal
from leadstream.scoring.actions.evaluation import Evaluation
from leadstream.scoring.compiled.model import CompiledModel
from leadstream.scoring.compiled.rules import Plan, Repeat
from leadstream.scoring.decay.accumulate import add, be_active
from leadstream.scoring.decay.totals import inactive_since
from leadstream.scoring.lead.bot_filters import flags_of, note_send, ordinal_in, weight_of
from leadstream.scoring.lead.matching import Match
from leadstream.scoring.lead.spikes import surge
from leadstream.scoring.state.lead_state import LeadState


class SignalEffects:
    """Of one signal: the flags it has, and the stage, timers, spikes and actions that its rules speak for."""

    __slots__ = ("actions", "begun", "fired", "first", "flags", "stage", "surged")

    def __init__(self, state: LeadState, signal: Signal, plan: Plan, model: CompiledModel, at: int) -> None:
        """Notes what the signal is, before any rule scores it: sent, machine-made, the end of an absence."""
        self.flags = flags_of(state, plan, signal, at) if plan.guards else []
        self.stage = 0
        self.begun: list[int] = []
        self.actions: list[int] = []
        self.surged: dict[int, float] = {}
        """By spike, what the signal counts."""
        self.fired: list[tuple[int, float]] = []
        """Spikes that it makes, and the value reached."""
        self.first = bool(model.inactivities) and inactive_since(state) is None
        if self.first:
            state.ensure_extra().known_at = at
        if plan.sends:
            note_send(state.ensure_extra(), signal, at)
        if plan.ends:
            end_absences(state, plan, at)

    def score(
        self, state: LeadState, model: CompiledModel, matches: list[Match], at: int, now: int
    ) -> tuple[tuple[Contribution, ...], float]:
        """Adds what the rules give: the contributions at the signal's time, and what it gains."""
        contributions: tuple[Contribution, ...] = ()
        gain = 0.0
        active = False
        for branch, repeat, options in matches:
            points = branch.points
            factor = weight_of(self.flags, options) if self.flags else 1.0
            if not factor:
                continue
            if repeat is not None:
                factor *= repeated(state, repeat, at)
            add(state, model, branch, factor, at, now)
            worth = points * factor
            ages = model.kernels[branch.kernel].ages
            contributions += (Contribution(branch.factor, worth * ages[0][1] if ages else worth),)
            gain += worth
            active = active or (points > 0.0 and not self.flags)
            if options is None:
                continue
            if options.ring is not None:
                ordinal_in(state, options.ring, at, 0)
            self.stage = max(self.stage, options.stage)
            self.begun.extend(options.timers)
            self.actions.extend(options.actions)
            if worth > 0.0:
                for number in options.spikes:
                    counting = model.spikes[number].counting
                    self.surged[number] = 1.0 if counting else self.surged.get(number, 0.0) + worth
        if active:
            be_active(state, model, at)
        return contributions, gain

    def surge(self, state: LeadState, model: CompiledModel, at: int, now: int) -> None:
        """Finds the spikes that the signal makes."""
        for number in sorted(self.surged):
            value = surge(state, number, model.spikes[number], self.surged[number], at, now)
            if value is not None:
                self.fired.append((number, value))

    @property
    def tells(self) -> bool:
        """Whether there is something to tell of beside the total."""
        return bool(self.fired or self.actions or self.begun)

    def tell(self, evaluation: Evaluation) -> None:
        for number, value in self.fired:
            spike = evaluation.model.spikes[number]
            evaluation.fire_trigger(spike.trigger, spike.actions, "signal", value)
        evaluation.ask(sorted(self.actions))
        evaluation.begin_waits(self.begun)


def end_absences(state: LeadState, plan: Plan, at: int) -> None:
    """A signal of the effective time `at` is what some waits wait for not to come."""
    extra = state.extra
    if extra is not None and extra.waits:
        kept = [wait for wait in extra.waits if wait[1] not in plan.ends or at < wait[2]]
        extra.waits = kept or None


def repeated(state: LeadState, repeat: Repeat, at: int) -> float:
    """The factor of this occurrence by its ordinal; it is an occurrence from now on."""
    ordinal = ordinal_in(state, repeat.ring, at, repeat.within)
    return repeat.factors[min(ordinal, len(repeat.factors)) - 1]
