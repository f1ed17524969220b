"""How kinds of leads behave: what each does next, as signals of the types that the presets score."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

Act = tuple[str, str, dict[str, Any]]
"""Type, source and data of a signal."""

_PLAIN_PAGES = ("/", "/blog/lead-scoring", "/product", "/about", "/customers", "/pricing-faq")
_INTENT_PAGES = ("/pricing", "/de/pricing", "/demo", "/integrations/crm", "/integrations")
_ASSETS = (
    ("whitepaper", "Scoring that decays"),
    ("case_study", "Northwind"),
    ("ebook", "From signal to call"),
)


@dataclass(frozen=True)
class Archetype:
    """A kind of lead: its share of all leads, how busy it is, when (below 1: late), and what it does.

    `acts` are weights of the acts below. `script` are acts at given steps, counted from 0 after the lead's
    creation.
    """

    name: str
    share: float
    activity: float
    lateness: float
    acts: dict[str, float]
    script: dict[int, str]


ARCHETYPES = (
    Archetype("quiet", 0.34, 4, 1.0, {"sent": 6, "opened": 3, "session": 1}, {}),
    Archetype(
        "browsing", 0.26, 20, 0.9,
        {"page": 9, "session": 3, "opened": 3, "clicked": 1, "intent": 0.25},
        {},
    ),
    Archetype(
        "engaged", 0.18, 34, 0.6,
        {
            "page": 9, "session": 4, "opened": 5, "video": 2, "resource": 1,
            "intent": 0.8, "replied": 0.3, "paid": 0.06,
        },
        {},
    ),
    Archetype(
        "hot", 0.08, 40, 0.3,
        {"page": 8, "session": 3, "opened": 4, "intent": 1.6, "replied": 0.4, "organic": 0.3, "enriched": 1},
        {8: "promoted", 14: "positive"},
    ),
    Archetype(
        "bounced", 0.06, 14, 0.5,
        {"sent": 2, "page": 4, "intent": 3, "organic": 0.6},
        {1: "sent", 2: "bounced"},
    ),
    Archetype(
        "unsubscribed", 0.05, 18, 0.6,
        {"opened": 3, "page": 5, "intent": 2, "replied": 0.5},
        {4: "organic", 6: "positive", 10: "unsubscribed", 14: "promoted"},
    ),
    Archetype(
        "returning", 0.03, 24, 0.3,
        {"page": 5, "intent": 3, "opened": 2},
        {2: "promoted", 3: "organic", 5: "corrected", 9: "organic", 10: "positive"},
    ),
)  # fmt: skip
"""Chosen so that within a half-life most leads stay cold, some pass 50 and few pass 80."""


def live(random: Random, archetype: Archetype, lead: str, facts: dict[str, Any]) -> Iterator[Act]:
    """All that a lead does, without end, beginning with its creation."""
    yield "lead.created", "crm", facts
    names = list(archetype.acts)
    weights = list(archetype.acts.values())
    step = 0
    while True:
        name = archetype.script.get(step) or random.choices(names, weights)[0]
        yield _act(random, name, lead)
        step += 1


def _act(random: Random, name: str, lead: str) -> Act:
    match name:
        case "sent":
            return "email.sent", "mailer", {"campaign": f"c{random.randrange(8)}"}
        case "opened":
            return (
                "email.opened",
                "mailer",
                {"campaign": f"c{random.randrange(8)}", "machine": random.random() < 0.2},
            )
        case "clicked":
            return "email.clicked", "mailer", {"url": f"https://example.com{random.choice(_PLAIN_PAGES)}"}
        case "replied":
            data = random.choice(
                ({"sentiment": "positive"}, {"sentiment": "neutral"}, {"sentiment": "negative"}, {})
            )
            return "email.replied", "mailer", dict(data)
        case "positive":
            return "email.replied", "mailer", {"sentiment": "positive"}
        case "bounced":
            return "email.bounced", "mailer", {"kind": random.choice(("hard", "hard", "soft"))}
        case "unsubscribed":
            return "email.unsubscribed", "mailer", {}
        case "page":
            path = random.choice(_PLAIN_PAGES)
            return (
                "page.viewed",
                "web",
                {"url": f"https://example.com{path}", "seconds": random.randrange(3, 200)},
            )
        case "intent":
            path = random.choice(_INTENT_PAGES)
            return (
                "page.viewed",
                "web",
                {"url": f"https://example.com{path}?utm=x", "seconds": random.randrange(9, 400)},
            )
        case "session":
            return (
                "session.ended",
                "web",
                {"seconds": random.randrange(5, 1200), "pages": random.randrange(1, 12)},
            )
        case "organic":
            return (
                "form.submitted",
                "web",
                {"form": "contact", "channel": "organic", "answers": {"budget": "10k"}},
            )
        case "paid":
            return "form.submitted", "web", {"form": "trial", "channel": "paid"}
        case "resource":
            kind, title = random.choice(_ASSETS)
            return "resource.downloaded", "web", {"kind": kind, "name": title}
        case "video":
            return "video.watched", "web", {"name": "tour", "percent": random.randrange(5, 101)}
        case "enriched":
            return "lead.enriched", "enrichment", {"revenue": random.randrange(1, 500) * 100_000}
        case "promoted":
            return "status.changed", "crm", {"from": "prospect", "to": "lead"}
        case "corrected":
            return "score.bumped", "crm", {"points": -60, "by": "sales", "why": "a competitor, as it seems"}
        case _:
            raise ValueError(f"no act is called {name!r}: {lead}")
