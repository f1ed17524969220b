"""Random models with every key of the rule file, a few at a time, and signals that meet them.

They are functions of a random number generator: a seed tells a world again.
"""

import re
from collections.abc import Sequence
from random import Random
from typing import Any

from tests.oracle.rules import duration, listed
from tests.scoring.folding import DAY, T0
from tests.scoring.rich_parts import (
    ASSIGNS,
    BAD,
    BOUNCES,
    BUMPS,
    CHANGES,
    CHANNELS,
    CONDITIONS,
    CONSENTS,
    DATA,
    DECAYS,
    FACTS,
    FITS,
    GOOD,
    GUARDED,
    GUARDS,
    HOURS,
    LINES,
    MAILBOX,
    MODEL_KEYS,
    MUTED,
    NEAR,
    OTHERS,
    PAYLOADS,
    POINTS,
    QUICK,
    SPANS,
    STEPS,
    TABLES,
    TYPES,
)
from tests.scoring.worlds import GAPS, LATE, LEADS

World = tuple[dict[str, Any], list[dict[str, Any]]]
"""A rule file, and signals as the oracle takes them."""


SPAN = re.compile("[0-9]+(ms|s|m|h|d|w)")


def flip(random: Random) -> bool:
    return random.random() < 0.5


def decays(keys: set[str]) -> list[Any]:
    """The kernels that a rule or a category may have; the first is not for categories."""
    if "cooldown" in keys:
        return QUICK
    return DECAYS + (LINES if "lines" in keys else []) + (STEPS if "steps" in keys else [])


def rule_of(random: Random, keys: set[str], index: int) -> dict[str, Any]:
    """One rule that uses some of the keys."""

    def chance(key: str) -> bool:
        return key in keys and random.randint(0, 2) > 0

    rule: dict[str, Any] = {
        "id": f"r{index}",
        "on": random.choice(GUARDED if "guards" in keys else TYPES),
    }
    good, category = chance("recency"), None
    if chance("categories"):
        category = rule["category"] = random.choice(
            ["good", "free"] if good or not index else ["bad", "good"]
        )
    points = BAD if category == "bad" else GOOD if good or not index else POINTS
    if chance("by"):
        rule["by"] = {
            "field": ["data.kind", "source"],
            "points": {name: random.choice(points) for name in ("x", "y", "9", "true")},
        }
        if flip(random):
            rule["by"]["default"] = "y"
    else:
        rule["points"] = random.choice(points)
    if good:
        rule["recency"] = random.choice(TABLES)
    decay = random.choice(decays(keys))
    if decay is not None:
        rule["decay"] = decay
    if chance("when"):
        rule["when"] = random.choice(CONDITIONS)
    if chance("repeat"):
        rule["repeat"] = {"factors": random.choice([[1, 0.5, 0], [1, 1.5], [0, 2]])}
        if flip(random):
            rule["repeat"]["within"] = random.choice(["1d", "30d"])
    if chance("group"):
        rule["group"] = random.choice(["g", "h"])
    if index and chance("after"):
        rule["after"] = {"rule": f"r{random.randint(0, index - 1)}", "within": random.choice(SPANS)}
    if chance("stage_rules"):
        rule["stage"] = random.choice(["new", "mid", "late"])
    if chance("effects") and not rule.keys() & {"by", "group", "after"}:
        rule |= {"effect": ["points", "suppress"], "channel": random.choice(MUTED)}
    if chance("guards"):
        rule["guards"] = random.choice([{}, {"machine": 0.5, "burst": 2}, {"crawler": 1, "soon": 0}])
    return rule


def rich_model(random: Random, allowed: Sequence[str] = MODEL_KEYS) -> dict[str, Any]:
    """A rule file with a few of these keys."""
    keys = set(random.sample(list(allowed), random.randint(0, min(8, len(allowed)))))
    if {"stage_rules", "stage_totals"} <= keys:
        keys.remove("stage_rules")
    file: dict[str, Any] = {
        "name": "rich", "version": "1", "half_life": random.choice(["14d", "1d", "none"]),
        "rules": [rule_of(random, keys, index) for index in range(random.randint(1, 4))],
    }  # fmt: skip
    if "effects" in keys:
        file["rules"].insert(random.randint(0, 1), mute(random))
    wipe = random.choice(["reset", "suppress", ["reset", "suppress"]])
    file["rules"].append({"id": "wipe", "on": "wipe", "effect": wipe})
    if "suppress" in wipe:
        file["rules"][-1]["channel"] = random.choice(MUTED)
    if "bounces" in keys:
        file["bounces"] = random.choice(BOUNCES)
    if flip(random):
        file["rules"].append({"id": "leave", "on": "email.unsubscribed", "effect": ["reset", "suppress"]})
    if flip(random):
        file["internal_channels"] = ["DESK"]
    if "categories" in keys:
        name = random.choice(["categories", "dimensions"])
        file[name] = {
            "good": {"cap": random.choice([12.5, 25, 40])},
            "bad": {"cap": random.choice([10, 30]), "sign": "negative"},
            "free": {},
        }
        if flip(random):
            file[name]["good"]["decay"] = random.choice(decays(keys)[1:])
    levels = sorted(random.sample([5, 10, 12.5, 20, 30, 50], random.randint(1, 3)))
    file["thresholds"] = [threshold(random, keys, level) for level in levels]
    starts = [0, *sorted(random.sample([4, 10, 26, 51], random.randint(0, 2)))]
    file["bands"] = [{"name": f"b{index}", "from": start} for index, start in enumerate(starts)]
    if "consent" in keys and flip(random):
        file["consent"] = "required"
    if "stage_rules" in keys:
        file["stages"] = [{"name": name} for name in ("new", "mid", "late")]
    elif "stage_totals" in keys:
        file["stages"] = [
            {"name": "new", "from": 0},
            {"name": "mid", "from": 8},
            {"name": "late", "from": 26},
        ]
    if "levels" in keys:
        for level in [*file["bands"][1:], *file.get("stages", [])[1:]]:
            if level.get("from") and random.randint(0, 2):
                level["hysteresis"] = random.choice([0, 1, 2.5, 3.5])
    if "fit" in keys:
        file["fit"] = [fit_of(random, index, keys) for index in range(random.randint(1, 2))]
    if "guards" in keys:
        file["guards"] = random.sample(GUARDS, random.randint(1, 4))
        names = [guard["id"] for guard in file["guards"]]
        for rule in file["rules"]:
            if "guards" in rule:
                rule["guards"] = {name: one for name, one in rule["guards"].items() if name in names}
    add_timers(random, keys, file)
    if "spikes" in keys:
        file["spikes"] = spikes(random)
    file["actions"] = actions(random, keys, file)
    return file


def mute(random: Random) -> dict[str, Any]:
    """A rule that scores nothing."""
    rule: dict[str, Any] = {
        "id": "mute",
        "on": random.choice([*TYPES, "email.bounced", "email.unsubscribed"]),
        "effect": random.choice(["suppress", "reset"]),
    }
    if rule["effect"] == "suppress":
        rule["channel"] = random.choice(MUTED)
    return {**rule, **random.choice([{}, {"when": CONDITIONS[2]}])}


def threshold(random: Random, keys: set[str], level: float) -> dict[str, Any]:
    found: dict[str, Any] = {
        "at": level,
        "hysteresis": random.choice([0, 0, 2, 4.5]),
        "on_recovery": random.choice(["record", "fire"]),
        "on_merge": random.choice(["record", "fire"]),
    }
    if "cooldown" in keys:
        found["cooldown"] = random.choice(["6h", "1d", "3d"])
    return found


def fit_of(random: Random, index: int, keys: set[str]) -> dict[str, Any]:
    fit = {"id": f"f{index}", **random.choice(FITS)}
    decay = random.choice([None, "none", {"half_life": "7d"}])
    if decay is not None:
        fit["decay"] = decay
    if "categories" in keys and flip(random):
        fit["category"] = random.choice(["good", "free"])
    return fit


def add_timers(random: Random, keys: set[str], file: dict[str, Any]) -> None:
    """Adds timers to a rule file."""
    found: list[dict[str, Any]] = []
    if "inactivity" in keys:
        for index, span in enumerate(random.choices(["12h", "5d", "30d"], k=random.randint(1, 2))):
            timer: dict[str, Any] = {"id": f"idle{index}", "inactivity": span}
            if flip(random):
                timer["points"] = random.choice([-10, -40, 15])
                if "categories" in keys and flip(random):
                    timer["category"] = "bad" if timer["points"] < 0 else "good"
            found.append(timer)
    if "absence" in keys or "waits" in keys:
        starts = [{"rule": "r0"}, {"band": file["bands"][-1]["name"]}, {"band": "b0"}]
        starts += [{"stage": stage["name"]} for stage in file.get("stages", [])]
        for index in range(random.randint(1, 2)):
            absence = {
                "of": random.choice(["b", ["a", "email.opened"], "page.viewed"]),
                "within": random.choice(SPANS),
                **random.choice(starts),
            }
            found.append({"id": f"quiet{index}", "absence": absence})
    if found:
        file["timers"] = found


def spikes(random: Random) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for index in range(random.randint(1, 2)):
        spike: dict[str, Any] = {"id": f"s{index}", "within": random.choice(SPANS)}
        spike |= random.choice([{"count": 2}, {"count": 3}, {"points": 25}, {"points": 12.5}])
        if flip(random):
            spike["rules"] = random.choice(["r0", ["r0"]])
        found.append(spike)
    return found


def actions(random: Random, keys: set[str], file: dict[str, Any]) -> list[dict[str, Any]]:
    """One to four actions for anything that the rule file has."""
    often = 6 if "cooldown" in keys else 2
    whens: list[dict[str, Any]] = [{"at": level["at"]} for level in file["thresholds"]] * often
    if "triggers" in keys or "waits" in keys:
        bands = [band["name"] for band in file["bands"]]
        whens += [{"when": {"band": name}} for name in bands[1:]]
        whens += [{"when": {"band": a, "was": b}} for a in bands for b in bands if a != b]
        whens.append({"when": {"rule": "r0"}})
    for kind, names in (("stage", "stages"), ("timer", "timers"), ("spike", "spikes")):
        whens += [{"when": {kind: one.get("id", one.get("name"))}} for one in file.get(names, [])]
    found: list[dict[str, Any]] = []
    taken: list[Any] = []
    for index in range(random.randint(1, 4)):
        action: dict[str, Any] = {
            "do": random.choice(["mail", "call", f"do{index}"]),
            **random.choice(whens),
        }
        channel = random.choice(CHANNELS)
        if channel is not None:
            action["channel"] = channel
        if (action["do"], action.get("at"), action.get("when")) in taken:
            continue
        taken.append((action["do"], action.get("at"), action.get("when")))
        dedupe = random.choice([None, "6h", "24h", "14d"])
        if dedupe:
            action["dedupe"] = dedupe
        if "hours" in keys:
            action["hours"] = random.choice(HOURS)
        if "assign" in keys:
            action["assign"] = random.choice(ASSIGNS)
        if "requires" in keys:
            wants = random.sample(["phone", "email", "consent", "owner"], random.randint(1, 3))
            if channel is None and "consent" in wants:
                wants[wants.index("consent")] = "phone" if "phone" not in wants else "email"
                wants = list(dict.fromkeys(wants))
            action["requires"] = wants if len(wants) > 1 or flip(random) else wants[0]
        if keys & {"assign", "requires", "triggers"}:
            action["payload"] = random.choice(PAYLOADS)
            action["priority"] = random.choice(["low", "normal", "high"])
        found.append(action)
    return found


def rich_world(random: Random, allowed: Sequence[str] = MODEL_KEYS) -> World:
    """A rich model with signals that it knows: in order, late, early, repeated, and ticks.

    Some come exactly a time of the model after another, some claim the very time of another.
    """
    file = rich_model(random, allowed)
    named = [kind for rule in file["rules"] for kind in listed(rule["on"]) if kind != "wipe"]
    close = bool(file.get("guards") or file.get("spikes"))
    kinds = [*named * 6, *OTHERS, *(["email.sent"] * 6 if close else [])]
    if "fit" in file:
        kinds += ["lead.updated"] * 12 + ["wipe"] * 3 + ["consent"] * 2 + ["consent.changed"]
    if "bounces" in file:
        kinds += (
            ["email.bounced"] * 10 + ["email.delivered"] * 3 + ["email.opened"] * 2 + ["lead.updated"] * 3
        )
    if any("inactivity" in one for one in file.get("timers", [])):
        kinds += ["wipe"] * 3 + ["email.unsubscribed"]
    gaps = GAPS[:5] + NEAR * 2 + [DAY] if close else GAPS
    leads = random.choice([LEADS, ["l1"]])
    spans = [duration(value) for value in texts(file) if SPAN.fullmatch(value)]
    now = T0
    found: list[dict[str, Any]] = []
    for offset in range(random.choice([3, 8, 15, 25, 40])):
        other = random.choice(found) if found else None
        then = now + random.choice(gaps)
        if other and spans and random.random() < 0.15:
            then = other["timestamp"] + random.choice(spans)
        now = max(now, then)
        at = now - random.choice(LATE)
        if other and random.random() < 0.1:
            at = other["at"]
        kind = random.choice(kinds)
        found.append(
            {
                "id": other["id"] if other and random.random() < 0.1 else f"s{offset}",
                "tenant": "acme" if random.random() < 0.9 else "beta",
                "lead": random.choice(leads),
                "type": "lead.updated" if kind == "consent" else kind,
                "at": at,
                "source": random.choice(["web", "organic", "x", ""]),
                "data": random.choice(data_of(kind)),
                "offset": offset,
                "timestamp": now,
            }
        )
    return file, found


def texts(value: Any) -> list[str]:
    """All texts in a rule file."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for one in inner for text in texts(one)]


def data_of(kind: str) -> list[dict[str, Any]]:
    if kind == "score.bumped":
        return BUMPS
    if kind in ("email.bounced", "email.delivered", "email.clicked"):
        return MAILBOX
    if kind == "consent.changed":
        return CHANGES
    return CONSENTS if kind == "consent" else FACTS if kind == "lead.updated" else DATA
