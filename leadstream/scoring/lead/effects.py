"""What signals mean beside points: suppression, facts, a score set by hand."""

from typing import Any

from leadstream.records.rejection import Rejected, shorten
from leadstream.records.signal import Signal
from leadstream.scoring.actions.consents import given, learn_consents
from leadstream.scoring.compiled.model import CompiledModel
from leadstream.scoring.compiled.rules import Plan
from leadstream.scoring.facts.address import is_another
from leadstream.scoring.state.bounces import is_soft, note_soft, of_present_address
from leadstream.scoring.state.facts import known, learn, pack, unpack
from leadstream.scoring.state.lead_state import LeadState

MAX_BUMP = 1e6
UNSUBSCRIBED = "email.unsubscribed"


def apply_effects(
    state: LeadState, model: CompiledModel, signal: Signal, plan: Plan, at: int, *, flagged: bool
) -> tuple[bool, bool, bool]:
    """Suppression and facts, in the order of the log; `flagged` says that no person made the signal.

    Whether the signal resets the score, whether it changed facts, whether it means more than points.
    """
    reset = learnt = False
    means = plan.noted
    state.suppressed |= plan.suppress
    for effect in plan.effects:
        if effect.test is None or effect.test(signal):
            state.suppressed |= effect.suppress
            # Scanners of mail follow its links, that of one click to unsubscribe too.
            reset = reset or (effect.reset and not (flagged and signal.type == UNSUBSCRIBED))
            means = True
    if plan.bounces and of_present_address(state, signal.data, in_doubt=True):
        if is_soft(signal.data):
            note_soft(state, model.bounces, at)
        else:
            state.suppressed |= model.email_bits
    if plan.releases:
        state.suppressed = 0
        if state.extra is not None:
            state.extra.bounces = None
            if state.extra.parked is not None:
                state.extra.parked.channels = []
    if plan.facts:
        facts = unpack(state.facts)
        old = known(facts, "email")
        noted = learn(facts, signal.data, at, model.kept_facts, type_=signal.type, standing=given(state))
        if noted:
            state.facts = pack(facts)
            learnt = True
            if state.extra is not None and state.extra.void:
                state.extra.void = [name for name in state.extra.void if name not in noted] or None
            learn_consents(state, facts, noted)
            if is_another(old, known(facts, "email")):
                state.suppressed &= ~model.email_bits
                if state.extra is not None:
                    state.extra.bounces = None
    return reset, learnt, means


def bump_of(data: dict[str, Any]) -> tuple[bool, float]:
    """Whether a `score.bumped` sets the total, and the points. Raises `Rejected` if it is not complete."""
    if ("points" in data) == ("set" in data):
        raise Rejected("bad_signal", "score.bumped needs exactly one of `data.points` and `data.set`")
    name = "set" if "set" in data else "points"
    value = data[name]
    if type(value) not in (int, float) or not -MAX_BUMP <= value <= MAX_BUMP:
        raise Rejected(
            "bad_signal", f"`data.{name}` of score.bumped is no number up to {MAX_BUMP:.0f}: {shorten(value)}"
        )
    for field in ("by", "why"):
        text = data.get(field)
        if type(text) is not str or not text.strip():
            raise Rejected("bad_signal", f"score.bumped needs a text in `data.{field}`")
    return name == "set", float(value)
