"""What an import carries over, and what it can't."""

import io
import re
from collections.abc import Iterator
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from leadstream.models.catalog import parse_rule_file
from leadstream.models.errors import ModelError

EVER = "36525d"
"""The longest time there is."""
MOST_POINTS = 1e6
MAX_ID = 50


class NotCarried(Exception):
    """Why a rule can't be carried over."""


class Carried:
    """A rule file in the making; and the names of rules that could not be carried over, with the reason."""

    def __init__(self, system: str) -> None:
        self.system = system
        self.rules: list[dict[str, Any]] = []
        self.fit: list[dict[str, Any]] = []
        self.categories: dict[str, dict[str, Any]] = {}
        self.levels: dict[float, dict[str, str]] = {}
        self.actions: list[dict[str, Any]] = []
        self.left_out: list[tuple[str, str]] = []
        self._ids: set[str] = set()

    def leave_out(self, what: str, reason: str) -> None:
        self.left_out.append((what, reason))

    def new_id(self, name: str) -> str:
        """An id made from a name, and used for nothing else."""
        base = slug(name)
        found, number = base, 1
        while found in self._ids:
            number += 1
            found = f"{base[: MAX_ID - 5]}-{number}"
        self._ids.add(found)
        return found

    def add(self, kind: str, part: dict[str, Any], name: str) -> None:
        """Adds a part of `rules` or `fit`. Raises `NotCarried` if it can't stand in a rule file."""
        base = slug(name)
        alone = {
            "name": base,
            "version": "1",
            "half_life": "none",
            "categories": self.categories,
            "bands": [{"name": "all", "from": 0}],
            kind: [{"id": base, **part}],
        }
        try:
            parse_rule_file(msgspec.json.encode(alone).decode(), base)
        except ModelError as error:
            raise NotCarried(str(error).split(": ", 1)[1]) from None
        (self.rules if kind == "rules" else self.fit).append({"id": self.new_id(base), **part})

    def level(self, at: float, name: str, why: str) -> None:
        """A threshold, and a band that begins there."""
        if at not in self.levels:
            self.levels[at] = {"name": self.new_id(name), "why": why}
        else:
            self.levels[at]["why"] += f" {why}"

    def text(self, name: str, sources: list[str]) -> str:
        """The rule file. Raises `ModelError` if nothing at all could be carried over."""
        if not self.rules and not self.fit:
            raise ModelError(f"{', '.join(sources)}: none of it could be carried over")
        levels = sorted(self.levels.items())
        parts: dict[str, Any] = {
            "name": slug(name),
            "version": "1",
            "description": f"Carried over from {self.system}.",
            "half_life": "none",
            "categories": self.categories,
            "rules": self.rules,
            "fit": self.fit,
            "thresholds": [{"at": at, "rationale": level["why"]} for at, level in levels],
            "bands": [{"name": self.new_id("start"), "from": 0}]
            + [{"name": level["name"], "from": at} for at, level in levels],
            "actions": self.actions,
        }
        stream = io.StringIO()
        yaml = YAML()
        yaml.width = 110
        yaml.indent(mapping=2, sequence=4, offset=2)
        yaml.dump(flowing({key: value for key, value in parts.items() if value}), stream)
        text = stream.getvalue()
        parse_rule_file(text, f"{slug(name)}.yaml")
        return text


def slug(name: str) -> str:
    """A name of a rule file made from any text."""
    found = re.sub(r"[^a-z0-9._]+", "-", name.casefold()).strip("-._")[:MAX_ID]
    return found or "rule"


def entries(value: Any) -> Iterator[dict[str, Any]]:
    """The objects of a list, or of an object by id, as APIs give them."""
    listed = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (one for one in listed if isinstance(one, dict))


def number(value: Any, what: str, most: float = MOST_POINTS) -> float:
    """A number, also from a text, of which `what` is the name. Raises `NotCarried`."""
    try:
        found = float(value) if not isinstance(value, bool) else None
    except (TypeError, ValueError):
        found = None
    if found is None or not abs(found) <= most:
        raise NotCarried(f"{what}: no number up to {most:.0f}: {str(value)[:40]}")
    return int(found) if found.is_integer() else found


def texts(value: Any) -> list[str]:
    """The plain values of a list, or a plain value alone, as texts."""
    listed = value if isinstance(value, list) else [value]
    return [str(one) for one in listed if isinstance(one, str | int | float) and not isinstance(one, bool)]


def flowing(value: Any) -> Any:
    """The value with lists of plain values in one line each."""
    if isinstance(value, dict):
        return {key: flowing(one) for key, one in value.items()}
    if not isinstance(value, list):
        return value
    found = CommentedSeq(flowing(one) for one in value)
    if not any(isinstance(one, dict | list) for one in value):
        found.fa.set_flow_style()
    return found
