"""What is known of a lead, consent among it, and what that is worth (fit)."""

from decimal import Decimal
from typing import Any

from tests.oracle import consent
from tests.oracle.conditions import there
from tests.oracle.contact import moved
from tests.oracle.kernels import Part
from tests.oracle.lead import Lead
from tests.oracle.meaning import alike, has_row, measure, words_of
from tests.oracle.rules import exact

FACTS = ("lead.created", "lead.updated", "lead.enriched", "consent.changed")


def learn(lead: Lead, signal: dict[str, Any], at: int) -> bool:
    """Notes facts, the last by effective time; whether any was noted."""
    old = lead.fact("email")
    fields: dict[str, Any] = {}
    if signal["type"] != "consent.changed":
        fields = {
            name: value
            for name, value in signal["data"].items()
            if not isinstance(value, (dict, list)) and not name.strip().lower().startswith("consent")
        }
    noted = False
    for name, value in fields.items():
        if name not in lead.facts or lead.facts[name][1] <= at:
            lead.facts[name] = (value, at)
            lead.void.discard(name)
            noted = True
    for name, value in consent.told(signal, lead).items():
        noted = noted or lead.told.get(name, at) <= at
        consent.note(lead, name, value, at)
    if moved(old, lead.fact("email")):
        lead.suppressed.discard("email")
        lead.soft.clear()
    return noted


def fit_of(lead: Lead) -> list[Part]:
    """What the facts are worth now, as parts that fade from the facts' times."""
    found = []
    for fit in lead.rules.file.get("fit", []):
        value, at = lead.facts.get(fit["fact"], (None, 0))
        if not there(value) or fit["fact"] in lead.void:
            continue
        if lead.reset_at is not None and at <= lead.reset_at:
            continue
        if not consent.allows(lead, ["profiling"], at):
            continue
        kernel = lead.rules.kernel_of(fit.get("decay", "none"))
        for entry, points in entries(fit, value):
            found.append(Part(f"{fit['id']}:{entry}", fit.get("category"), points, Decimal(1), at, kernel))
    return found


def entries(fit: dict[str, Any], value: Any) -> list[tuple[str, Decimal]]:
    """The entries that a known value has, with their points."""
    fact = fit["fact"]
    if "ranges" in fit:
        found = ranged(fit["ranges"], measure(fact, value))
    elif "values" in fit:
        found = [(name, exact(points)) for name, points in fit["values"].items() if alike(fact, name, value)][
            :1
        ]
    elif "tiers" in fit:
        found = [
            (tier["name"], exact(tier["points"]))
            for tier in fit["tiers"]
            if any(alike(fact, one, value) for one in tier["values"])
        ][:1]
    else:
        words = words_of(fact, value) if isinstance(value, str) else []
        points_of = fit["keywords"]["points"]
        found = [
            (name, exact(points))
            for name, points in points_of.items()
            if has_row(words, words_of(fact, name))
        ]
        if found and fit["keywords"].get("take", "best") == "best":
            found = [max(found, key=lambda one: one[1])]
    if not found and "other" in fit:
        return [("other", exact(fit["other"]))]
    return found


def ranged(ranges: list[dict[str, Any]], number: Decimal | None) -> list[tuple[str, Decimal]]:
    under = [one for one in ranges if number is not None and exact(one["from"]) <= number]
    if not under:
        return []
    best = max(under, key=lambda one: exact(one["from"]))
    return [(best.get("name") or f"{best['from']:g}+", exact(best["points"]))]
