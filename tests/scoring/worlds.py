"""Random models and random logs for hypothesis."""

from typing import Any

from hypothesis import strategies as st

from tests.scoring.folding import DAY, HOUR, MINUTE, T0, Log

LEADS = ["l1", "l1", "l1", "l2", "l3"]
PHONES = ["+4930123456", "+49 (30) 12.34-56", "030123456", "030123456", "+1", "", None, 5]
URLS = [
    "https://x.test/pricing",
    "/de/pricing?q=1",
    "/pricing-faq",
    "https://pricing/",
    "/a//pricing",
    7,
    None,
]
GAPS = [
    0,
    1,
    999,
    MINUTE,
    HOUR,
    HOUR,
    5 * HOUR,
    11 * HOUR,
    DAY - 1,
    DAY,
    DAY + 1,
    3 * DAY,
    14 * DAY,
    45 * DAY,
]
LATE = [0] * 12 + [1, HOUR, 6 * HOUR, DAY, 10 * DAY, 30 * DAY, -MINUTE, -10 * MINUTE, -400 * DAY]


@st.composite
def known_signals(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A signal of one of the types that every model knows, and those of tenx."""
    kind = draw(
        st.sampled_from(
            ["email.opened"] * 4 + ["page.viewed"] * 3 + ["email.replied"] * 3 + ["form.submitted"] * 3
            + ["status.changed", "email.bounced", "email.unsubscribed", "email.complained"]
            + ["email.resubscribed"]
            + ["lead.updated"] * 3 + ["score.bumped"] * 2 + ["lead.recompute", "unheard.of", "tick", "tick"]
        )
    )  # fmt: skip
    data: dict[str, Any] = {}
    if kind == "email.replied":
        data = draw(
            st.sampled_from([{"sentiment": s} for s in ("positive", "neutral", "negative", "odd", 3)] + [{}])
        )
    elif kind == "page.viewed":
        data = {"url": draw(st.sampled_from(URLS))}
    elif kind == "form.submitted":
        data = draw(st.sampled_from([{"channel": c} for c in ("organic", "paid", "fax")] + [{}]))
    elif kind == "status.changed":
        data = {
            "from": draw(st.sampled_from(["prospect", "lead"])),
            "to": draw(st.sampled_from(["lead", "won"])),
        }
    elif kind == "lead.updated":
        data = draw(
            st.dictionaries(st.sampled_from(["phone", "email", "title"]), st.sampled_from(PHONES), max_size=2)
        )
    elif kind == "score.bumped":
        data = draw(
            st.sampled_from(
                [
                    {"points": 30, "by": "a", "why": "b"}, {"points": -12.5, "by": "a", "why": "b"},
                    {"set": 85, "by": "a", "why": "b"}, {"set": 0, "by": "a", "why": "b"},
                    {"points": 1}, {"points": 1, "set": 2, "by": "a", "why": "b"},
                    {"set": 50, "by": " ", "why": "b"},
                ]
            )
        )  # fmt: skip
    return kind, data


@st.composite
def plain_signals(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A signal of the types that random models score."""
    kind = draw(
        st.sampled_from(["a", "a", "b", "b", "c", "d", "wipe", "lead.updated", "score.bumped", "tick"])
    )
    data: dict[str, Any] = {
        "n": draw(st.integers(0, 2)),
        "kind": draw(st.sampled_from(["x", "y", "z", None, True, 1])),
    }
    if kind == "lead.updated":
        data = {"phone": draw(st.sampled_from(PHONES))}
    if kind == "score.bumped":
        data = {"points": draw(st.sampled_from([40, -25, 0.5])), "by": "a", "why": "b"}
    return kind, data


@st.composite
def logs(
    draw: st.DrawFn, signals: st.SearchStrategy[tuple[str, dict[str, Any]]], most: int = 25
) -> list[dict[str, Any]]:
    """Signals as the oracle takes them: with offset and broker timestamp; late, early, repeated."""
    now = T0
    found: list[dict[str, Any]] = []
    for offset in range(draw(st.integers(1, most))):
        now += draw(st.sampled_from(GAPS))
        kind, data = draw(signals)
        repeated = found and draw(st.integers(0, 7)) == 0
        identity = draw(st.sampled_from(found))["id"] if repeated else f"s{offset}"
        found.append(
            {
                "id": identity, "tenant": "acme", "lead": draw(st.sampled_from(LEADS)), "type": kind,
                "at": now - draw(st.sampled_from(LATE)),
                "source": draw(st.sampled_from(["web", "organic", ""])),
                "data": data, "offset": offset,
                "timestamp": now - draw(st.sampled_from([0, 0, 0, 5 * MINUTE])),
            }
        )  # fmt: skip
    return found


def log_of(signals: list[dict[str, Any]]) -> Log:
    """The same signals as records."""
    log = Log()
    for signal in signals:
        body = {name: value for name, value in signal.items() if name not in ("offset", "timestamp")}
        if signal["type"] == "tick":
            log.tick(signal["timestamp"])
        else:
            log.add(body.pop("type"), signal["timestamp"], **body)
        log.records[-1].offset = signal["offset"]
    return log


@st.composite
def models(draw: st.DrawFn) -> dict[str, Any]:
    """A rule file: several half-lives, repeats, resets, hysteresis, recovery."""
    decays = st.sampled_from(
        [None, None, "none", {"half_life": "1d"}, {"half_life": "7d"}, {"half_life": "60d"}]
    )
    points = st.sampled_from([1, 2.5, 5, 10, 15, 20, 25, 40, -5, -10, -20, -30])
    rules: list[dict[str, Any]] = []
    for index in range(draw(st.integers(1, 5))):
        kinds = draw(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=2, unique=True))
        rule: dict[str, Any] = {"id": f"r{index}", "on": kinds if len(kinds) > 1 else kinds[0]}
        if draw(st.booleans()):
            rule["points"] = draw(points)
        else:
            rule["by"] = {"field": "data.kind", "points": {"x": draw(points), "y": draw(points)}}
            if draw(st.booleans()):
                rule["by"]["default"] = "y"
        decay = draw(decays)
        if decay:
            rule["decay"] = decay
        if draw(st.integers(0, 3)) == 0:
            rule["repeat"] = {"factors": draw(st.sampled_from([[1, 0.5, 0], [1, 1.5], [2]]))}
            if draw(st.booleans()):
                rule["repeat"]["within"] = draw(st.sampled_from(["1d", "30d"]))
        if draw(st.integers(0, 3)) == 0:
            rule["when"] = {"data.n": draw(st.sampled_from([0, {"in": [1, 2]}, {"exists": True}]))}
        rules.append(rule)
    rules.append({"id": "wipe", "on": "wipe", "effect": ["reset", "suppress"], "channel": "email"})
    levels = sorted(draw(st.sets(st.sampled_from([5, 10, 12.5, 20, 30, 50, 80]), min_size=1, max_size=4)))
    thresholds = [
        {
            "at": level,
            "hysteresis": draw(st.sampled_from([0, 0, 2, 4.5])),
            "on_recovery": draw(st.sampled_from(["record", "fire"])),
        }
        for level in levels
    ]
    starts = [0, *sorted(draw(st.sets(st.sampled_from([4, 10, 26, 51, 76]), max_size=3)))]
    return {
        "name": "random", "version": "1", "half_life": draw(st.sampled_from(["14d", "1d", "none"])),
        "rules": rules,
        "thresholds": thresholds,
        "bands": [{"name": f"b{index}", "from": start} for index, start in enumerate(starts)],
        "actions": [
            {"do": "mail", "at": levels[0], "channel": "email", "dedupe": "24h"},
            {"do": "call", "at": levels[-1], "channel": "phone", "requires": "phone", "dedupe": "24h"},
            {"do": "note", "at": levels[-1], "channel": "crm"},
        ],
    }  # fmt: skip
