"""Random models with every key of the rule file, a few at a time, and signals that meet them."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.oracle.rules import listed
from tests.scoring.folding import T0
from tests.scoring.worlds import GAPS, LATE, LEADS

World = tuple[dict[str, Any], list[dict[str, Any]]]
"""A rule file, and signals as the oracle takes them."""
MODEL_KEYS = (
    "categories", "lines", "steps", "recency", "repeat", "group", "after", "when", "by", "stage_rules",
    "stage_totals", "fit", "inactivity", "absence", "spikes", "guards", "consent", "cooldown", "hours",
    "assign", "requires", "triggers", "waits", "effects",
)  # fmt: skip
POINTS = [1, 2.5, 5, 10, 15, 20, 25, 40, -5, -10, -20, 0]
BAD = [-5, -20, 0]
GOOD = [2.5, 5, 10, 15, 20, 25, 40]
TYPES = ["a", "a", "b", "c", "page.viewed", "email.opened"]
DECAYS: list[Any] = [None, "none", {"half_life": "1d"}, {"half_life": "7d"}, {"half_life": "60d"}]
LINES: list[Any] = [{"linear": "1d"}, {"linear": "30d"}, {"linear": "36h"}]
STEPS: list[Any] = [
    {"inactivity_step": {"percent": 5, "every": "1d"}},
    {"inactivity_step": {"percent": 50, "every": "7d", "floor": 6}},
    {"inactivity_step": {"percent": 10, "every": "30d", "variant": "linear"}},
    {"inactivity_step": {"percent": 40, "every": "12h", "variant": "linear", "floor": 3}},
]
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
    {"n": 1, "kind": "", "url": "/pricing-faq", "machine": "true", "user_agent": "Mozilla/5.0 Firefox/140.0"},
]
FACTS: list[dict[str, Any]] = [
    {"company_size": 10},
    {"company_size": "51", "industry": "Software"},
    {"company_size": "1,200", "title": "Senior Sales Manager"},
    {"company_size": 200.5, "country": "de"},
    {"company_size": True, "industry": " HEALTHCARE "},
    {"company_size": "many", "title": "VP"},
    {"company_size": None, "country": "", "title": "Vice President, Sales"},
    {"phone": "+4930123456", "email": "a@b.test"},
    {"phone": "030", "email": "nobody"},
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
    {"fact": "industry", "values": {"software": 12, "Healthcare": 7}},
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
    {"id": "crawler", "on": ["page.viewed", "a"], "crawlers": True},
    {"id": "scanner", "on": "email.opened", "user_agents": ["scanner"], "weight": 0.5},
    {"id": "machine", "on": ["email.opened", "b"], "machine": True},
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
OTHERS = [*TYPES, "email.sent", "wipe", "lead.updated", "lead.updated", "consent", "score.bumped", "tick"]
SPANS = st.sampled_from(["1h", "1d", "3d", "30d"])


def decays(keys: set[str]) -> list[Any]:
    """The kernels that a rule or a category may have; None first."""
    return DECAYS + (LINES if "lines" in keys else []) + (STEPS if "steps" in keys else [])


@st.composite
def rules(draw: st.DrawFn, keys: set[str], index: int) -> dict[str, Any]:
    """One rule that uses some of the keys."""

    def chance(key: str) -> bool:
        return key in keys and draw(st.integers(0, 2)) > 0

    rule: dict[str, Any] = {"id": f"r{index}", "on": draw(st.sampled_from([*TYPES, ["a", "b"]]))}
    good, category = chance("recency"), None
    if chance("categories"):
        category = rule["category"] = draw(
            st.sampled_from(["good", "free"] if good or not index else ["bad", "good"])
        )
    points = st.sampled_from(BAD if category == "bad" else GOOD if good or not index else POINTS)
    if chance("by"):
        rule["by"] = {"field": ["data.kind", "source"], "points": {"x": draw(points), "y": draw(points)}}
        if draw(st.booleans()):
            rule["by"]["default"] = "y"
    else:
        rule["points"] = draw(points)
    if good:
        rule["recency"] = draw(st.sampled_from(TABLES))
    decay = draw(st.sampled_from(decays(keys)))
    if decay is not None:
        rule["decay"] = decay
    if chance("when"):
        rule["when"] = draw(st.sampled_from(CONDITIONS))
    if chance("repeat"):
        rule["repeat"] = {"factors": draw(st.sampled_from([[1, 0.5, 0], [1, 1.5], [0, 2]]))}
        if draw(st.booleans()):
            rule["repeat"]["within"] = draw(st.sampled_from(["1d", "30d"]))
    if chance("group"):
        rule["group"] = draw(st.sampled_from(["g", "h"]))
    if index and chance("after"):
        rule["after"] = {"rule": f"r{draw(st.integers(0, index - 1))}", "within": draw(SPANS)}
    if chance("stage_rules"):
        rule["stage"] = draw(st.sampled_from(["new", "mid", "late"]))
    if chance("effects") and not rule.keys() & {"by", "group", "after"}:
        rule |= {"effect": ["points", "suppress"], "channel": draw(st.sampled_from(["email", "crm"]))}
    if chance("guards"):
        rule["guards"] = draw(st.sampled_from([{}, {"machine": 0.5, "burst": 2}, {"crawler": 1, "soon": 0}]))
    return rule


@st.composite
def rich_models(draw: st.DrawFn, allowed: Sequence[str] = MODEL_KEYS) -> dict[str, Any]:
    """A rule file with a few of these keys."""
    keys = draw(st.sets(st.sampled_from(allowed), max_size=7))
    if {"stage_rules", "stage_totals"} <= keys:
        keys.remove("stage_rules")
    file: dict[str, Any] = {
        "name": "rich", "version": "1", "half_life": draw(st.sampled_from(["14d", "1d", "none"])),
        "rules": [draw(rules(keys, index)) for index in range(draw(st.integers(1, 4)))],
    }  # fmt: skip
    if "effects" in keys:
        file["rules"].insert(draw(st.integers(0, 1)), draw(mutes()))
    wipe = draw(st.sampled_from(["reset", "suppress", ["reset", "suppress"]]))
    file["rules"].append({"id": "wipe", "on": "wipe", "effect": wipe})
    if "suppress" in wipe:
        file["rules"][-1]["channel"] = draw(st.sampled_from(["email", "crm", "all"]))
    if "categories" in keys:
        name = draw(st.sampled_from(["categories", "dimensions"]))
        file[name] = {
            "good": {"cap": draw(st.sampled_from([12.5, 25, 40]))},
            "bad": {"cap": draw(st.sampled_from([10, 30])), "sign": "negative"},
            "free": {},
        }
        if draw(st.booleans()):
            file[name]["good"]["decay"] = draw(st.sampled_from(decays(keys)[1:]))
    levels = sorted(draw(st.sets(st.sampled_from([5, 10, 12.5, 20, 30, 50]), min_size=1, max_size=3)))
    file["thresholds"] = [draw(thresholds(keys, level)) for level in levels]
    starts = [0, *sorted(draw(st.sets(st.sampled_from([4, 10, 26, 51]), max_size=2)))]
    file["bands"] = [{"name": f"b{index}", "from": start} for index, start in enumerate(starts)]
    if "consent" in keys and draw(st.booleans()):
        file["consent"] = "required"
    if "stage_rules" in keys:
        file["stages"] = [{"name": name} for name in ("new", "mid", "late")]
    elif "stage_totals" in keys:
        file["stages"] = [
            {"name": "new", "from": 0},
            {"name": "mid", "from": 8},
            {"name": "late", "from": 26},
        ]
    if "fit" in keys:
        file["fit"] = [draw(fits(index, keys)) for index in range(draw(st.integers(1, 2)))]
    if "guards" in keys:
        chosen = draw(st.lists(st.integers(0, len(GUARDS) - 1), min_size=1, max_size=2, unique=True))
        file["guards"] = [GUARDS[index] for index in chosen]
        names = [guard["id"] for guard in file["guards"]]
        for rule in file["rules"]:
            if "guards" in rule:
                rule["guards"] = {name: one for name, one in rule["guards"].items() if name in names}
    draw(timers(keys, file))
    if "spikes" in keys:
        file["spikes"] = draw(spikes())
    file["actions"] = draw(actions(keys, file))
    return file


@st.composite
def mutes(draw: st.DrawFn) -> dict[str, Any]:
    """A rule that scores nothing."""
    rule: dict[str, Any] = {
        "id": "mute",
        "on": draw(st.sampled_from(TYPES)),
        "effect": draw(st.sampled_from(["suppress", "reset"])),
    }
    if rule["effect"] == "suppress":
        rule["channel"] = draw(st.sampled_from(["email", "crm", "all"]))
    more = st.sampled_from([{}, {"when": CONDITIONS[2]}])
    return {**rule, **draw(more)}


@st.composite
def thresholds(draw: st.DrawFn, keys: set[str], level: float) -> dict[str, Any]:
    found: dict[str, Any] = {
        "at": level,
        "hysteresis": draw(st.sampled_from([0, 0, 2, 4.5])),
        "on_recovery": draw(st.sampled_from(["record", "fire"])),
    }
    if "cooldown" in keys:
        found["cooldown"] = draw(st.sampled_from(["6h", "1d", "14d"]))
    return found


@st.composite
def fits(draw: st.DrawFn, index: int, keys: set[str]) -> dict[str, Any]:
    fit = {"id": f"f{index}", **draw(st.sampled_from(FITS))}
    decay = draw(st.sampled_from([None, "none", {"half_life": "7d"}]))
    if decay is not None:
        fit["decay"] = decay
    if "categories" in keys and draw(st.booleans()):
        fit["category"] = draw(st.sampled_from(["good", "free"]))
    return fit


@st.composite
def timers(draw: st.DrawFn, keys: set[str], file: dict[str, Any]) -> None:
    """Adds timers to a rule file."""
    found: list[dict[str, Any]] = []
    if "inactivity" in keys:
        for index, span in enumerate(
            draw(st.lists(st.sampled_from(["12h", "5d", "30d"]), min_size=1, max_size=2))
        ):
            timer: dict[str, Any] = {"id": f"idle{index}", "inactivity": span}
            if draw(st.booleans()):
                timer["points"] = draw(st.sampled_from([-10, -40, 15]))
                if "categories" in keys and draw(st.booleans()):
                    timer["category"] = "bad" if timer["points"] < 0 else "good"
            found.append(timer)
    if "absence" in keys or "waits" in keys:
        starts = [{"rule": "r0"}, {"band": file["bands"][-1]["name"]}, {"band": "b0"}]
        starts += [{"stage": stage["name"]} for stage in file.get("stages", [])]
        for index in range(draw(st.integers(1, 2))):
            absence = {
                "of": draw(st.sampled_from(["b", ["a", "email.opened"], "page.viewed"])),
                "within": draw(SPANS),
                **draw(st.sampled_from(starts)),
            }
            found.append({"id": f"quiet{index}", "absence": absence})
    if found:
        file["timers"] = found


@st.composite
def spikes(draw: st.DrawFn) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for index in range(draw(st.integers(1, 2))):
        spike: dict[str, Any] = {"id": f"s{index}", "within": draw(SPANS)}
        spike |= draw(st.sampled_from([{"count": 2}, {"count": 3}, {"points": 25}, {"points": 12.5}]))
        if draw(st.booleans()):
            spike["rules"] = draw(st.sampled_from(["r0", ["r0"]]))
        found.append(spike)
    return found


@st.composite
def actions(draw: st.DrawFn, keys: set[str], file: dict[str, Any]) -> list[dict[str, Any]]:
    """One to four actions for anything that the rule file has."""
    whens: list[dict[str, Any]] = [{"at": level["at"]} for level in file["thresholds"]] * 2
    if "triggers" in keys or "waits" in keys:
        bands = [band["name"] for band in file["bands"]]
        whens += [{"when": {"band": name}} for name in bands[1:]]
        whens += [{"when": {"band": a, "was": b}} for a in bands for b in bands if a != b]
        whens.append({"when": {"rule": "r0"}})
    for kind, names in (("stage", "stages"), ("timer", "timers"), ("spike", "spikes")):
        whens += [{"when": {kind: one.get("id", one.get("name"))}} for one in file.get(names, [])]
    found: list[dict[str, Any]] = []
    taken: list[Any] = []
    for index in range(draw(st.integers(1, 4))):
        action: dict[str, Any] = {
            "do": draw(st.sampled_from(["mail", "call", f"do{index}"])),
            "channel": draw(st.sampled_from(["email", "phone", "crm"])),
            **draw(st.sampled_from(whens)),
        }
        if (action["do"], action.get("at"), action.get("when")) in taken:
            continue
        taken.append((action["do"], action.get("at"), action.get("when")))
        dedupe = draw(st.sampled_from([None, "6h", "24h", "14d"]))
        if dedupe:
            action["dedupe"] = dedupe
        if "hours" in keys:
            action["hours"] = draw(st.sampled_from(HOURS))
        if "assign" in keys:
            action["assign"] = draw(st.sampled_from(ASSIGNS))
        if "requires" in keys:
            wants = st.sampled_from(["phone", "email", "consent", "owner"])
            action["requires"] = draw(st.one_of(wants, st.lists(wants, min_size=1, max_size=3, unique=True)))
        if keys & {"assign", "requires", "triggers"}:
            action["payload"] = draw(st.sampled_from(PAYLOADS))
            action["priority"] = draw(st.sampled_from(["low", "normal", "high"]))
        found.append(action)
    return found


@st.composite
def rich_worlds(draw: st.DrawFn, allowed: Sequence[str] = MODEL_KEYS) -> World:
    """A rich model with signals that it knows: in order, late, early, repeated, and ticks."""
    file = draw(rich_models(allowed))
    named = [kind for rule in file["rules"] for kind in listed(rule["on"]) if kind != "wipe"]
    kinds = st.sampled_from([*named * 3, *named * 3, *OTHERS])
    now = T0
    found: list[dict[str, Any]] = []
    for offset in range(draw(st.sampled_from([3, 8, 15, 25]))):
        now += draw(st.sampled_from(GAPS))
        kind = draw(kinds)
        repeated = found and draw(st.integers(0, 9)) == 0
        found.append(
            {
                "id": draw(st.sampled_from(found))["id"] if repeated else f"s{offset}",
                "tenant": "acme", "lead": draw(st.sampled_from(LEADS)),
                "type": "lead.updated" if kind == "consent" else kind,
                "at": now - draw(st.sampled_from(LATE)),
                "source": draw(st.sampled_from(["web", "organic", "x", ""])),
                "data": draw(data_of(kind)), "offset": offset, "timestamp": now,
            }
        )  # fmt: skip
    return file, found


def data_of(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    if kind == "score.bumped":
        return st.sampled_from(BUMPS)
    return st.sampled_from(CONSENTS if kind == "consent" else FACTS if kind == "lead.updated" else DATA)
