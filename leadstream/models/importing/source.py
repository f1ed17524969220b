"""An export as it is read: each value with its place in the file, and a note of what has been read of it."""

import json
import re
from collections.abc import Iterator
from typing import Any

from leadstream.models.importing.carried import NotCarried

Path = tuple[str | int, ...]
_PLAIN = re.compile(r"[A-Za-z_][\w-]*")
NO = ("", "0", "false", "no", "off", "null")
YES = ("1", "true", "yes", "on")


def read_json(content: bytes) -> Any:
    """The value of a JSON file in UTF-8, 16 or 32, with a byte order mark or without.

    Of a key that stands twice the last value counts, as readers of JSON have it; the earlier one is kept
    under another name, so that it is named as not carried over. Raises ValueError.
    """
    return json.loads(content, object_pairs_hook=_object, parse_constant=str)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            found[f"{key} (the first of two)"] = found[key]
        found[key] = value
    return found


def squeezed(key: object) -> str:
    """A key whatever way its words are joined: `page_url`, `pageUrl`."""
    return str(key).replace("_", "").replace("-", "").casefold()


class Reading:
    """What has been read of an export, and what is not looked at for a reason that has been told."""

    def __init__(self, known: frozenset[str]) -> None:
        self.read: set[Path] = {()}
        self.settled: set[Path] = set()
        self.left_out: set[Path] = set()
        self.known = known
        """Squeezed keys of the format: within what is left out as a whole they are not named again."""

    def unread(self, value: Any, path: Path = (), left_out: bool = False) -> Iterator[Path]:
        """The places that nothing has looked at, of parts that are new the outermost."""
        left_out = left_out or path in self.left_out
        inner: Any = ()
        if isinstance(value, dict):
            inner = value.items()
        elif isinstance(value, list):
            inner = enumerate(value)
        for key, one in inner:
            place = (*path, key)
            if place in self.settled:
                continue
            expected = isinstance(key, int) or squeezed(key) in self.known or key.isdecimal()
            if place in self.read or (left_out and expected):
                yield from self.unread(one, place, left_out)
            else:
                yield place


class Node:
    """A value of an export and its place in it."""

    __slots__ = ("path", "reading", "value")

    def __init__(self, value: Any, reading: Reading, path: Path = ()) -> None:
        self.value = value
        self.reading = reading
        self.path = path

    def __bool__(self) -> bool:
        """Whether something stands here, as PHP has it: not null, false, 0, "0", an empty text or list."""
        return self.value not in (None, False, 0, "", "0", "false") and self.value != [] and self.value != {}

    @property
    def place(self) -> str:
        return shown(self.path)

    def get(self, *names: str) -> "Node":
        """The value under one of these keys, in whichever way its words are joined; null if there is none."""
        key = self.key(*names)
        if key is None:
            return Node(None, self.reading, (*self.path, names[0]))
        path = (*self.path, key)
        self.reading.read.add(path)
        return Node(self.value[key], self.reading, path)

    def key(self, *names: str) -> str | None:
        """The first of these keys that there is, as it is written here."""
        there = self.value if isinstance(self.value, dict) else {}
        for name in names:
            wanted = squeezed(name)
            if name in there:
                return name
            for one in there:
                if squeezed(one) == wanted:
                    return str(one)
        return None

    def empty(self, name: str) -> bool:
        """Whether nothing stands under a key, which is not read by this."""
        key = self.key(name)
        return key is None or not Node(self.value[key], self.reading)

    def settle(self, *names: str) -> None:
        """Notes that these keys say nothing of a score; without names, that all of the value is settled."""
        for name in names:
            found = self.get(name)
            self.reading.settled.add(found.path)
        if not names:
            self.reading.settled.add(self.path)

    def entries(self) -> list["Node"]:
        """The objects of a list, or of an object by id, as APIs give them; others stay unread."""
        listed: Any = ()
        if isinstance(self.value, dict):
            listed = self.value.items()
        elif isinstance(self.value, list):
            listed = enumerate(self.value)
        found = [Node(one, self.reading, (*self.path, key)) for key, one in listed if isinstance(one, dict)]
        self.reading.read |= {one.path for one in found}
        return found

    def unread(self) -> list["Node"]:
        """What is in the value and has not been read."""
        return [
            Node(at(self.value, path[len(self.path) :]), self.reading, path)
            for path in self.reading.unread(self.value, self.path)
        ]

    def refuse_unread(self) -> None:
        """Raises `NotCarried` if something that stands here is not understood, and may say when it counts."""
        unknown = [one for one in self.unread() if one]
        if unknown:
            names = ", ".join(f"`{one.place}`" for one in unknown[:5])
            raise NotCarried(f"{names} is not known here, and may change what it counts")

    def text(self) -> str:
        """The text of a plain value, without what no record can hold; "" for none."""
        if isinstance(self.value, bool) or not isinstance(self.value, str | int | float):
            return ""
        return re.sub("[\x00-\x1f\x7f\ud800-\udfff]+", " ", str(self.value)).strip()

    def flag(self, default: bool) -> bool:
        """True or false, also as texts and numbers. Raises `NotCarried` for anything else."""
        value = self.value
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        if value in (0, 1):
            return bool(value)
        if value in ([], {}) or (isinstance(value, str) and value.strip().casefold() in NO):
            return False
        if isinstance(value, str) and value.strip().casefold() in YES:
            return True
        raise NotCarried(f"`{self.place}` is neither true nor false: {str(value)[:40]}")


def at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def shown(path: Path) -> str:
    """A place as people write it: `points[3].properties.page_url`."""
    found = ""
    for part in path:
        if isinstance(part, int):
            found += f"[{part}]"
        elif _PLAIN.fullmatch(part) or part.isdecimal():
            found += f".{part}" if found else part
        else:
            found += f"[{json.dumps(part)}]"
    return found or "the file"
