"""Whether an action is asked for, and with what in it."""

from typing import Any
from zlib import crc32

from leadstream.records.outputs import Reason
from leadstream.records.signal import Signal
from leadstream.scoring.actions.consents import forbids, is_given
from leadstream.scoring.compiled.levels import Action
from leadstream.scoring.compiled.model import CompiledModel, suppressed_at
from leadstream.scoring.facts.address import address_of
from leadstream.scoring.facts.phone import dialable
from leadstream.scoring.facts.zones import known_zone
from leadstream.scoring.state.facts import Facts, keepable, known
from leadstream.scoring.state.lead_state import LeadState

MAX_DEFERRED = 16
"""Actions of a lead that may wait for opening hours at once."""


class RoundRobin:
    """Whose turn it is among the owners of an action, per tenant: counters of a partition."""

    def __init__(self) -> None:
        self.counters: dict[str, dict[str, int]] = {}
        self.changed: set[str] = set()
        """Tenants whose counters have moved since they were last written."""
        self._before: list[tuple[str, str, int]] = []

    def take(self, tenant: str, do: str) -> int:
        """The number of this turn, from 0."""
        counters = self.counters.setdefault(tenant, {})
        turn = counters.get(do, 0)
        self._before.append((tenant, do, turn))
        counters[do] = turn + 1
        return turn

    def keep(self) -> None:
        """The turns taken since the last call stand."""
        self.changed.update([tenant for tenant, _, _ in self._before])
        self._before.clear()

    def undo(self) -> None:
        """The turns taken since then were none."""
        for tenant, do, turn in reversed(self._before):
            self.counters[tenant][do] = turn
        self._before.clear()


class ActionPolicy:
    """What the policy says of the actions of one evaluation."""

    def __init__(
        self,
        state: LeadState,
        model: CompiledModel,
        facts: Facts,
        key: bytes,
        tenant: str,
        at: int,
        signal: Signal | None,
        turns: RoundRobin,
    ) -> None:
        self.state = state
        self.model = model
        self.facts = facts
        self.key = key
        self.tenant = tenant
        self.at = at
        self.signal = signal
        self.turns = turns

    def withheld(self, action: Action) -> Reason | None:
        """Why an action is not asked for, its hours aside; the first reason that holds."""
        if suppressed_at(self.state, self.model, self.at) & action.channel_bits:
            return "suppressed"
        if forbids(self.state, action.channel, action.outreach):
            return "no_consent"
        for requirement in action.requires:
            reason = self.lacking(requirement, action)
            if reason is not None:
                return reason
        requested = self.state.requested or []
        last = requested[action.number] if action.number < len(requested) else None
        if last is not None and self.at - last < action.dedupe:
            return "repeated"
        if action.dedupe and any(self.model.actions[one.action].do == action.do for one in self.waiting()):
            return "repeated"
        return None

    def waiting(self) -> list[Any]:
        return (self.state.extra.deferred if self.state.extra is not None else None) or []

    def lacking(self, requirement: str, action: Action) -> Reason | None:
        if requirement == "phone":
            given = known(self.facts, "phone")
            if given is None or given == "":
                return "no_phone"
            return None if self.phone() is not None else "invalid_phone"
        if requirement == "email":
            given = known(self.facts, "email")
            if given is None or given == "":
                return "no_email"
            return None if self.email() is not None else "invalid_email"
        if requirement == "consent":
            return None if is_given(self.state, action.channel) else "no_consent"
        return None if action.assign is not None or self.known_owner() is not None else "no_owner"

    def phone(self) -> str | None:
        given = known(self.facts, "phone")
        return dialable(given) if isinstance(given, str) else None

    def email(self) -> str | None:
        return address_of(known(self.facts, "email"))

    def known_owner(self) -> str | None:
        owner = known(self.facts, "owner")
        return owner if isinstance(owner, str) and owner else None

    def zone(self) -> str | None:
        """The lead's time zone, else the tenant's; None for UTC."""
        own = known(self.facts, "timezone")
        return own if isinstance(own, str) and known_zone(own) else self.model.timezone

    def opening(self, action: Action) -> int | None:
        """When the hours of an action next begin: now within them; None if never."""
        assert action.hours is not None
        return action.hours.hours.next_opening(self.at, self.zone())

    def payload(self, action: Action) -> dict[str, Any]:
        """The payload that the model writes, with what it names as far as it is known; takes the turn."""
        payload: dict[str, Any] = dict(action.payload)
        for name, fact in action.fact_payload:
            value = known(self.facts, fact)
            if value is not None:
                payload[name] = value
        if self.signal is not None:
            for name, get in action.signal_payload:
                value = get(self.signal)
                if value is not None and keepable(value):
                    payload[name] = value
        if "phone" in action.requires:
            payload["phone"] = self.phone()
        if "email" in action.requires:
            payload["email"] = self.email()
        if action.assign is not None:
            payload["owner"] = self.owner(action)
        elif "owner" in action.requires:
            payload["owner"] = self.known_owner()
        if action.hours is not None:
            inside = action.hours.hours.is_open(self.at, self.zone())
            route = action.hours.route if inside else action.hours.other_route
            if route is not None:
                payload["route"] = route
        return payload

    def owner(self, action: Action) -> str:
        """Whose lead it is, or becomes."""
        assign = action.assign
        assert assign is not None
        own = self.known_owner()
        if own is not None:
            return own
        extra = self.state.ensure_extra() if assign.sticky else None
        if extra is not None and extra.owner is not None:
            return extra.owner
        number = self.turns.take(self.tenant, action.do) if assign.by_turn else crc32(self.key)
        owner = assign.owners[number % len(assign.owners)]
        if extra is not None:
            extra.owner = owner
        return owner
