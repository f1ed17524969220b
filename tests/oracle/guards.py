"""Which signals no person made, and what they count."""

from decimal import Decimal
from typing import Any

from tests.oracle.consent import meaning
from tests.oracle.lead import Lead
from tests.oracle.meaning import text_of
from tests.oracle.rules import duration, exact, listed

# Image proxies, through which a person opens an e-mail, and whole user agents of what fetches images before
# anybody does; as far as the tests use them.
PROXIES = ("googleimageproxy", "yahoomailproxy")
AHEAD = ("Mozilla/5.0",)


def flags_of(lead: Lead, signal: dict[str, Any], at: int) -> list[str]:
    """The guards that hold, in the order of the file; the signal is noted for those that come after it."""
    if signal["type"] == "email.sent":
        lead.sends = [*lead.sends, (text_of(signal["data"].get("campaign")), at)][-4:]
    found = []
    for guard in lead.rules.file.get("guards", []):
        if signal["type"] in listed(guard["on"]) and flagged(lead, guard, signal, at):
            found.append(guard["id"])
    if prefetched(signal) and "prefetch" not in found:
        found.append("prefetch")
    return found


def prefetched(signal: dict[str, Any]) -> bool:
    """Whether an open came before anybody read."""
    return signal["type"] == "email.opened" and signal["data"].get("user_agent") in AHEAD


def flagged(lead: Lead, guard: dict[str, Any], signal: dict[str, Any], at: int) -> bool:
    data = signal["data"]
    agent = data.get("user_agent")
    agent = agent.casefold() if isinstance(agent, str) else ""
    by_a_person = signal["type"] == "email.opened" and any(proxy in agent for proxy in PROXIES)
    if by_a_person and ("crawlers" in guard or "user_agents" in guard):
        return False
    if "crawlers" in guard:
        # The kept list has far more; the tests use agents that say what they are.
        return any(name in agent for name in ("googlebot", "bingbot", *PROXIES))
    if "user_agents" in guard:
        texts: list[str] = guard["user_agents"]
        return any(text.casefold() in agent for text in texts)
    if "machine" in guard:
        return meaning(data.get("machine")) is True
    if "after_send" in guard:
        campaign = text_of(data.get("campaign"))
        return any(
            0 <= at - sent < duration(guard["after_send"])
            for of, sent in lead.sends
            if of is None or campaign is None or of == campaign
        )
    burst = guard["burst"]
    return lead.ordinal_of(f"guard {guard['id']}", duration(burst["within"]), at) > int(burst["more_than"])


def weight(
    rule: dict[str, Any], flags: list[str], guards: list[dict[str, Any]], ahead: bool = False
) -> Decimal:
    """What a flagged signal counts for a rule; one that came `ahead` of all reading counts nothing."""
    if ahead:
        return Decimal(0)
    product = Decimal(1)
    for guard in guards:
        if guard["id"] in flags:
            product *= exact(rule.get("guards", {}).get(guard["id"], guard.get("weight", 0)))
    return product
