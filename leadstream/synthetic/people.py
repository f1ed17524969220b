"""Made-up facts about leads: nobody's, and recognisably so."""

from random import Random
from typing import Any

_AREAS = ("202", "212", "303", "312", "415", "503", "617", "713")
_TITLES = ("CEO", "CTO", "VP Sales", "Head of Marketing", "Operations Manager", "Analyst", "Student")
_COUNTRIES = ("US", "US", "US", "GB", "GB", "AU", "DE", "NL", "SE")
_INDUSTRIES = ("software", "manufacturing", "retail", "logistics", "education", "health")
_INVALID_PHONES = ("555-0100", "+1 202 555", "call me", "+999 12345678", "0044 20 7946 0000")


def facts(random: Random, lead: str) -> dict[str, Any]:
    """Facts of one lead: an address of example.com and, for three in four, a phone, some of them wrong."""
    known: dict[str, Any] = {
        "email": f"{lead}@example.com",
        "title": random.choice(_TITLES),
        "country": random.choice(_COUNTRIES),
        "industry": random.choice(_INDUSTRIES),
        "company_size": random.choice((4, 12, 35, 80, 250, 1200)),
    }
    chance = random.random()
    if chance < 0.62:
        known["phone"] = phone(random)
    elif chance < 0.74:
        known["phone"] = random.choice(_INVALID_PHONES)
    return known


def phone(random: Random) -> str:
    """A valid number, written in some usual way, of a range that is kept for fiction.

    North America: 555-0100 to 555-0199. London: 020 7946 0000 to 0999 (Ofcom, numbers for drama use).
    New South Wales: 02 5550 xxxx (ACMA, numbers for fictitious use).
    """
    kind = random.random()
    if kind < 0.6:
        area, line = random.choice(_AREAS), random.randrange(100, 200)
        form = random.choice(("+1{0}5550{1:03}", "+1 ({0}) 555-0{1:03}", "+1 {0}.555.0{1:03}"))
        return form.format(area, line)
    if kind < 0.85:
        return random.choice(("+442079460{0:03}", "+44 20 7946 0{0:03}")).format(random.randrange(1000))
    return random.choice(("+6125550{0:04}", "+61 2 5550 {0:04}")).format(random.randrange(10_000))
