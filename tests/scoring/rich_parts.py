"""The pieces of which random models and signals are made."""

from typing import Any

from tests.scoring.folding import MINUTE

MODEL_KEYS: tuple[str, ...] = (
    "categories", "lines", "steps", "recency", "repeat", "group", "after", "when", "by", "stage_rules",
    "stage_totals", "fit", "inactivity", "absence", "spikes", "guards", "consent", "cooldown", "hours",
    "assign", "requires", "triggers", "waits", "effects", "bounces", "levels",
)  # fmt: skip
POINTS = [1, 2.5, 5, 10, 15, 20, 25, 40, -5, -10, -20, 0]
BAD = [-5, -20, 0]
GOOD = [2.5, 5, 10, 15, 20, 25, 40]
TYPES: list[Any] = ["a", "a", "b", "c", "page.viewed", "email.opened", ["a", "b"]]
GUARDED: list[Any] = ["email.opened", ["a", "b"], "page.viewed"]
DECAYS: list[Any] = [None, "none", {"half_life": "1d"}, {"half_life": "7d"}, {"half_life": "60d"}]
LINES: list[Any] = [{"linear": "1d"}, {"linear": "30d"}, {"linear": "36h"}]
STEPS: list[Any] = [
    {"inactivity_step": {"percent": 5, "every": "1d"}},
    {"inactivity_step": {"percent": 50, "every": "7d", "floor": 6}},
    {"inactivity_step": {"percent": 10, "every": "30d", "variant": "linear"}},
    {"inactivity_step": {"percent": 40, "every": "12h", "variant": "linear", "floor": 3}},
]
QUICK: list[Any] = [{"half_life": "6h"}, {"linear": "36h"}, {"linear": "1d"}, {"half_life": "1d"}]
TABLES = [
    [{"to": "24h", "factor": 2}, {"to": "7d", "factor": 1.5}, {"to": "30d", "factor": 1}, {"factor": 0.5}],
    [{"to": "1h", "factor": 0}, {"to": "2d", "factor": 3}, {"factor": 0}],
    [{"factor": 2}],
]
CONDITIONS: list[dict[str, Any]] = [
    {"data.n": 0},
    {"data.n": {"in": [1, 2.0]}},
    {"data.n": {"gt": 0, "lte": 2}},
    {"data.n": {"gte": 1}},
    {"data.n": {"lt": 1.5}},
    {"data.kind": {"not": "x"}},
    {"data.kind": {"in": ["9", False]}},
    {"data.kind": {"not": 9}},
    {"data.kind": True},
    {"data.tags": {"contains": "9"}},
    {"data.text": {"contains": "\u00fcber"}},
    {"data.kind": {"exists": False}},
    {"data.tags": {"contains": "blue"}},
    {"data.text": {"contains": "straSSe"}},
    {"data.text": {"matches": "^S.+ [0-9]+$"}},
    {"data.url": {"url_path": ["pricing", "demo"]}},
    {"any": [{"data.n": 2}, {"data.kind": True}]},
    {"not": {"data.kind": "x", "data.n": 1}},
    {"all": [{"data.deep.x": 1}, {"not": {"source": "web"}}]},
    {"source": "organic"},
]
DATA: list[dict[str, Any]] = [
    {},
    {"n": 0, "kind": "x"},
    {"n": 1, "kind": "y", "tags": ["red", "blue"]},
    {"n": 2, "kind": "z", "text": "Straße 12", "machine": True},
    {"n": 2.5, "kind": True, "deep": {"x": 1}, "user_agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"},
    {"n": "2", "kind": 1, "user_agent": "Scanner-X 1.0", "campaign": "q"},
    {"n": True, "kind": None, "tags": "blueish", "campaign": "p", "url": "https://x.test/de/pricing?q=1"},
    {"n": "1.0", "kind": 9, "campaign": 7, "tags": ["9", 9, True], "url": "/de/%70ricing;v=1"},
    {"n": "1,000", "kind": 9.0, "campaign": "7", "tags": [9.0], "text": "u\u0308ber", "url": "/a/../demo"},
    {"n": -0.0, "kind": "true", "campaign": 7.0, "text": "\u00dcBER", "url": "https://x.test\\pricing"},
    {"n": 1, "kind": "", "url": "/pricing-faq", "machine": "true", "user_agent": "Mozilla/5.0 Firefox/140.0"},
    {"n": 2, "kind": "x", "user_agent": "Mozilla/5.0"},
    {"n": 1, "kind": "y", "user_agent": "Firefox/11.0 (via ggpht.com GoogleImageProxy) scanner"},
]
FACTS: list[dict[str, Any]] = [
    {"company_size": 10},
    {"company_size": "51", "industry": "Software"},
    {"company_size": "1,200", "title": "Senior Sales Manager"},
    {"company_size": 200.5, "country": "de"},
    {"company_size": True, "industry": " HEALTHCARE "},
    {"company_size": "51-200", "country": "Germany", "title": "SVP Sales"},
    {"company_size": "1,001+", "country": "deu", "title": "Senior Vice President"},
    {"company_size": "11\u201350 employees", "country": "Sverige", "title": "Sr. Manager"},
    {"company_size": "10 to 50", "country": "USA", "title": "V.P., Sales"},
    {"company_size": "4,25", "country": "Frankreich", "title": "CTO"},
    {"company_size": "1,2,3", "country": "Atlantis", "revenue": "EUR 4.5 million"},
    {"company_size": "2k", "revenue": "$10M-$50M", "grade": 9},
    {"company_size": "200-51", "revenue": "1-10M", "grade": "9.0"},
    {"revenue": "1.2bn", "grade": "9"},
    {"revenue": "950000,00", "grade": True},
    {"revenue": 1000000, "industry": "bu\u0308ro", "grade": 9.0},
    {"revenue": "1 000 000", "industry": "B\u00fcro", "grade": "TRUE"},
    {"company_size": "many", "title": "VP"},
    {"company_size": None, "country": "", "title": "Vice President, Sales"},
    {"phone": "+4930123456", "email": "a@b.test"},
    {"email": " A@B.test"},
    {"email": "c@d.test"},
    {"phone": "030", "email": "nobody"},
    {"phone": "+49 (0)30 901820", "email": " A@B.test"},
    {"phone": "+44 (0)20 7946 0018 x12", "email": "a..b@b.test"},
    {"phone": "tel:+39-06-6982\u20131234", "email": "ann@b\u00fccher.test"},
    {"phone": "+49 30 901820/21", "email": "ann@xn--bcher-kva.test"},
    {"phone": "+7 (495) 123-45-67", "email": "Ann <ann@b.test>"},
    {"phone": "+\uff14\uff19 30 901820", "email": "mailto:a@b.test"},
    {"phone": 4930123456, "email": 7},
    {"email": "", "owner": "eve"},
    {"owner": None, "timezone": "America/New_York"},
    {"timezone": "Mars/Base"},
    {"timezone": "Asia/Kolkata", "owner": ""},
]
CONSENTS: list[dict[str, Any]] = [
    {"consent": {"profiling": False}},
    {"consent": {"profiling": True}},
    {"consent": {"tracking": False, "email": True}},
    {"consent": {"email": False}},
    {"consent": {"tracking": True, "profiling": None}},
    {"consent": {"call": True}},
    {"consent": {"email": "false", "phone": "yes"}},
    {"consent": {"PHONE": 0, "tracking": "1.0"}},
    {"consent.email": " NO ", "consent": {"crm": "off"}},
    {"consent": {"email": "opted in", "phone": ""}},
    {"consent": {"profiling": "true", "email": "who knows"}},
    {"consent": {"profiling": [], "all": "0"}},
    {"Consent": {"all": "granted", "profiling": 1}},
    {"consent": None},
    {"consent": "withdrawn"},
]
CHANGES: list[dict[str, Any]] = [
    {"channel": "email", "value": False},
    {"channel": "Email", "value": "yes"},
    {"kind": "profiling", "value": "0"},
    {"kind": "profiling", "value": True},
    {"kind": "tracking", "value": None},
    {"channel": "phone", "kind": "tracking"},
    {"value": "no"},
    {"value": None},
]
FITS: list[dict[str, Any]] = [
    {
        "fact": "company_size",
        "ranges": [
            {"from": 11, "points": 4},
            {"from": 51, "points": 12.5, "name": "mid"},
            {"from": 1000, "points": -6},
        ],
        "other": -2,
    },
    {"fact": "industry", "values": {"software": 12, "Healthcare": 7, "BU\u0308RO": 9}},
    {"fact": "company_size", "values": {"51-200": 8, "1001+": 15, "11-50 people": 3}, "other": 1},
    {
        "fact": "revenue",
        "ranges": [{"from": 1000000, "points": 10}, {"from": 10000000, "points": 15, "name": "ten"}],
        "other": -4,
    },
    {"fact": "grade", "values": {"9": 6, "true": 11}},
    {"fact": "grade", "ranges": [{"from": 5, "points": 2}], "other": 4},
    {"fact": "title", "values": {"SVP, Sales": 13, "cto": 7}},
    {"fact": "title", "keywords": {"points": {"president": 30, "v.p.": 12, "senior": 4}, "take": "sum"}},
    {"fact": "country", "values": {"Germany": 8, "FRA": 5, "United States": 3}},
    {"fact": "title", "keywords": {"points": {"manager": 5, "vice president": 15, "VP": 15, "sales": 3}}},
    {
        "fact": "title",
        "keywords": {"points": {"senior": 2, "sales manager": 6, "sales": 3}, "take": "sum"},
        "other": 0,
    },
    {
        "fact": "country",
        "tiers": [
            {"name": "west", "values": ["DE", "FR"], "points": 6},
            {"name": "north", "values": ["SE"], "points": 4},
        ],
        "other": -10,
    },
]
GUARDS: list[dict[str, Any]] = [
    {"id": "crawler", "on": ["page.viewed", "a", "email.opened"], "crawlers": True},
    {"id": "scanner", "on": "email.opened", "user_agents": ["scanner"], "weight": 0.5},
    {"id": "machine", "on": ["email.opened", "email.clicked", "email.unsubscribed", "b"], "machine": True},
    {"id": "soon", "on": "email.opened", "after_send": "14s", "weight": 0.25},
    {"id": "burst", "on": ["a", "b"], "burst": {"more_than": 2, "within": "1h"}},
]
HOURS: list[dict[str, Any]] = [
    {"outside": "defer"},
    {"outside": "skip", "from": "08:30", "to": "24:00", "days": ["mon", "sat"]},
    {"outside": {"route_to": "agent"}, "route_to": "owner"},
    {"outside": "defer", "days": ["sun", "wed"], "from": "02:30", "to": "03:10", "holidays": ["2026-01-07"]},
    {"outside": "defer", "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "route_to": "owner"},
]
ASSIGNS: list[dict[str, Any]] = [
    {"owners": ["ann", "bob", "cy"]},
    {"owners": ["ann", "bob"], "by": "hash"},
    {"owners": ["dan", "bob"], "sticky": False},
]
PAYLOADS: list[dict[str, Any]] = [
    {},
    {"text": "x", "n": 1},
    {"title": {"fact": "title"}, "kind": {"signal": "data.kind"}, "from": {"signal": "source"}},
]
BUMPS: list[dict[str, Any]] = [
    {"by": "a", "why": "b", "points": 30},
    {"by": "a", "why": "b", "points": -12.5},
    {"by": "a", "why": "b", "set": 28},
]
CHANNELS: list[str | None] = ["email", "phone", "crm", "Email", "CRM", "desk", "Desk", "all", None]
"""Of actions; `desk` is sometimes said to be internal."""
MUTED = ["email", "crm", "all", "EMAIL", "desk", "phone"]
BOUNCES: list[dict[str, Any]] = [
    {"soft": "2d"},
    {"soft": "1h", "limit": 2, "within": "1d"},
    {"soft": "forever"},
    {"soft": "ignore"},
    {"limit": 2},
]
MAILBOX: list[dict[str, Any]] = [
    {},
    {"kind": "soft"},
    {"kind": "soft"},
    {"kind": "Blocked "},
    {"kind": "hard"},
    {"kind": "soft", "email": "a@b.TEST"},
    {"kind": "soft", "email": "c@d.test"},
    {"email": "c@d.test", "machine": True},
    {"email": 7},
    {"email": "", "kind": None},
]
"""Data of what is told of a mailbox."""
OTHERS = [
    *TYPES[:-1],
    "email.sent",
    "wipe",
    "lead.updated",
    "lead.updated",
    "consent",
    "consent.changed",
    "score.bumped",
    "tick",
    "email.bounced",
    "email.bounced",
    "email.delivered",
    "email.clicked",
    "email.unsubscribed",
    "email.complained",
    "email.resubscribed",
    "email.resubscribed",
    "lead.recompute",
]
NEAR = [5000, 13_999, 14_000, MINUTE]
SPANS = ["1h", "1d", "3d", "30d"]
