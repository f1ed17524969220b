"""Inputs made from good ones: bytes flipped, cut and doubled, and parts of JSON replaced by what hurts."""

import json
from copy import deepcopy
from random import Random
from typing import Any

TOKENS = [
    b"", b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\\u0000", b"\\ud800", b"\xe2\x80\xa8", b"{",
    b"}", b"[", b"]", b'"', b",", b":", b"null", b"NaN", b"-Infinity", b"1e999", b"-1",
    b"9223372036854775808", b"\r\n", b"9" * 500, b"0." + b"0" * 400 + b"1", b"[" * 2000, b'{"a":' * 2000,
    b"A" * 3000, b"&a ", b"*a", b"<<: ", b"!!python/object:os.system ", b"+", b"%", b"T24:00:00Z",
]  # fmt: skip
HOSTILE: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30, 10**400, 0.1, -0.0,
    1e-300, 1e308, float("nan"), float("inf"), "", " ", "\0", "a:b", ":", "\x85", "\u2028", "é", "\ud800",
    "\U0010ffff", "x" * 257, "x" * 5000, "9" * 5000, "²", "٣", "1e5", "true", "1970-01-01",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59", "2026-02-30T00:00:00Z", "2026-01-05T10:00:00", "+1d", [], [[]], {}, {"": 1},
    [None] * 300, "(a|a)*$", "../../etc/passwd", "-", "%s", "{}",
]  # fmt: skip


def mutated(random: Random, seeds: list[bytes]) -> bytes:
    """One of the seeds, changed in one to three ways."""
    data = random.choice(seeds)
    for _ in range(random.choice((1, 1, 2, 3))):
        data = rewritten(random, data) if random.random() < 0.6 else scratched(random, data, seeds)
    return data


def scratched(random: Random, data: bytes, seeds: list[bytes]) -> bytes:
    """The bytes with one place changed, whatever they mean."""
    place = random.randrange(len(data) + 1)
    match random.randrange(6):
        case 0:
            return data[:place]
        case 1:
            return data[:place] + random.choice(TOKENS) + data[place:]
        case 2:
            return data[:place] + random.randbytes(random.choice((1, 1, 4))) + data[place + 1 :]
        case 3:
            return data[:place] + data[place + random.randrange(1, 9) :]
        case 4:
            return data[:place] + data[max(0, place - 20) : place] + data[place:]
        case _:
            other = random.choice(seeds)
            return data[:place] + other[random.randrange(len(other) + 1) :]


def rewritten(random: Random, data: bytes) -> bytes:
    """JSON with one part replaced, gone, moved, doubled or wrapped; other bytes as they are."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return data
    parts = places(value)
    if not parts:
        return json.dumps(random.choice(HOSTILE)).encode(errors="surrogatepass")
    holder, key = random.choice(parts)
    match random.randrange(7):
        case 0:
            del holder[key]
        case 1:
            other, name = random.choice(parts)
            holder[key] = deepcopy(other[name])
        case 2:
            for _ in range(random.choice((1, 10, 300))):
                holder[key] = [holder[key]] if random.random() < 0.5 else {"x": holder[key]}
        case 3 if isinstance(holder, dict):
            holder[random.choice(("", "\0", "x" * 300, "id", "at", "data"))] = holder.pop(key)
        case 4 if isinstance(holder, dict):
            # The same key twice: json.dumps can't say it.
            first = f"{json.dumps(key)}: {json.dumps(random.choice(HOSTILE))}"
            return json.dumps(value).replace("{", f"{{{first}, ", 1).encode()
        case _:
            holder[key] = random.choice(HOSTILE)
    return json.dumps(value, ensure_ascii=random.random() < 0.5).encode(errors="surrogatepass")


def places(value: Any, depth: int = 0) -> list[tuple[Any, Any]]:
    """Each part of a JSON value, as what holds it and the key in that."""
    if depth > 40:
        return []
    keys: Any = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [(value, key) for key in keys] + [one for key in keys for one in places(value[key], depth + 1)]
