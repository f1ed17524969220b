"""Random changes of a rule file, and logs in which they are activated."""

from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

from leadstream.models.catalog import compile_rules
from tests.scoring.rich_parts import DECAYS, LINES, STEPS

File = dict[str, Any]


def changed(random: Random, file: File, *, kernels: bool) -> File:
    """Another model with names of the first: a few of its parts changed, gone, or in another order.

    With `kernels` decays change, too.
    """
    ways = [*WAYS, *([kernel] * 3 if kernels else [])]
    other = deepcopy(file)
    for way in random.sample(ways, random.randint(1, len(ways) // 2)):
        before = deepcopy(other)
        way(random, other)
        try:
            compile_rules(other, None)
        except ValueError:
            other = before
    return other


def points(random: Random, file: File) -> None:
    for rule in file["rules"]:
        if "points" in rule and random.random() < 0.6:
            rule["points"] = rule["points"] * random.choice([0, 0.5, 2]) if rule["points"] else 5


def fewer_rules(random: Random, file: File) -> None:
    if len(file["rules"]) > 1:
        del file["rules"][random.randrange(len(file["rules"]))]


def more_rules(random: Random, file: File) -> None:
    file["rules"].insert(0, {"id": "fresh", "on": ["a", "c"], "points": random.choice([3, -4])})


def order(random: Random, file: File) -> None:
    for name in ("rules", "actions", "guards", "timers", "spikes", "fit"):
        random.shuffle(file.get(name, []))


def thresholds(random: Random, file: File) -> None:
    levels = sorted(random.sample([5, 10, 12.5, 20, 30, 50], random.randint(1, 3)))
    file["thresholds"] = [
        {"at": level, "hysteresis": random.choice([0, 2]), "cooldown": random.choice(["none", "1d"])}
        for level in levels
    ]
    file["actions"] = [one for one in file["actions"] if one.get("at") is None or one["at"] in levels]


def bands(random: Random, file: File) -> None:
    starts = [0, *sorted(random.sample([4, 10, 26, 51], random.randint(0, 2)))]
    names = random.choice([["b0", "b1", "b2"], ["b1", "b0", "b3"]])
    file["bands"] = [{"name": name, "from": start} for name, start in zip(names, starts, strict=False)]


def actions(random: Random, file: File) -> None:
    file["actions"] = [one for one in file["actions"] if random.random() < 0.6]
    for one in file["actions"]:
        if "channel" in one and random.random() < 0.3:
            one["channel"] = random.choice(["email", "phone", "crm", "Fax"])


def caps(random: Random, file: File) -> None:
    for name in ("categories", "dimensions"):
        for category in file.get(name, {}).values():
            if "cap" in category:
                category["cap"] = random.choice([5, 20, 60])


def guards(random: Random, file: File) -> None:
    if file.get("guards"):
        gone = file["guards"].pop(random.randrange(len(file["guards"])))["id"]
        for rule in file["rules"]:
            rule.get("guards", {}).pop(gone, None)


def timers(random: Random, file: File) -> None:
    if file.get("timers"):
        del file["timers"][random.randrange(len(file["timers"]))]


def fit(random: Random, file: File) -> None:
    if file.get("fit"):
        del file["fit"][random.randrange(len(file["fit"]))]


def stages(random: Random, file: File) -> None:
    if file.get("stages"):
        file["stages"] = file["stages"][: random.randint(1, 3)]
        named = {one["name"] for one in file["stages"]}
        for rule in file["rules"]:
            if rule.get("stage") not in named:
                rule.pop("stage", None)


def kernel(random: Random, file: File) -> None:
    file["half_life"] = random.choice(["14d", "1d", "none", file["half_life"]])
    for rule in file["rules"]:
        if ("points" in rule or "by" in rule) and random.random() < 0.5:
            rule["decay"] = random.choice([*DECAYS[1:], *LINES, *STEPS[:2]])


WAYS: list[Callable[[Random, File], None]] = [
    points, fewer_rules, more_rules, order, order, thresholds, bands, actions, caps, guards, timers, fit,
    stages,
]  # fmt: skip


def with_activations(
    random: Random, file: File, signals: list[dict[str, Any]], *, kernels: bool
) -> list[dict[str, Any]]:
    """The signals with activations between them, some back to the first rules, each with its sweep.

    Between the two a few signals come at the very instant: which timer next touches a lead that waits for the
    sweep depends on when it would be written again, which the oracle does not know.
    """
    log = [dict(signal) for signal in signals]
    present = file
    for _ in range(random.randint(1, 3)):
        place = random.randint(0, len(log))
        present = file if random.random() < 0.3 else changed(random, present, kernels=kernels)
        now = then(log, place)
        between = log[place : place + random.choice([0, 0, 1, 2, 5])]
        log[place : place + len(between)] = [
            {"type": "activate", "file": present, "timestamp": now},
            *[{**one, "timestamp": now} for one in between],
            {"type": "sweep", "timestamp": now},
        ]
    return [{**one, "offset": offset} for offset, one in enumerate(log)]


def then(log: list[dict[str, Any]], place: int) -> int:
    """The time of the record before a place, else of the one after it."""
    near = log[place - 1] if place else log[0] if log else {"timestamp": 1_767_225_600_000}
    return int(near["timestamp"])
