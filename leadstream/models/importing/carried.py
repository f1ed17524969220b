"""What an import carries over, and what it can't."""

import io
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from leadstream.errors import LeadStreamError
from leadstream.models.catalog import parse_rule_file
from leadstream.models.errors import ModelError
from leadstream.models.forms import LONGEST
from leadstream.models.schema import RuleFile

EVER = "36525d"
"""The longest time there is."""
MOST_POINTS = 1e6
MAX_ID = 50
ROOM: dict[str, int] = {
    name: limit.max_length
    for name, field in RuleFile.model_fields.items()
    for limit in field.metadata
    if hasattr(limit, "max_length")
}
"""How many parts of a kind a rule file may have."""


class NotCarried(LeadStreamError):
    """Why a rule can't be carried over."""


class Carried:
    """A rule file in the making; and the names of rules that could not be carried over, with the reason."""

    def __init__(self, system: str) -> None:
        self.system = system
        self.file = ""
        """The file that is being read; places begin with it."""
        self.rules: list[dict[str, Any]] = []
        self.fit: list[dict[str, Any]] = []
        self.categories: dict[str, dict[str, Any]] = {}
        self.levels: dict[float, dict[str, str]] = {}
        self.actions: list[dict[str, Any]] = []
        self.left_out: list[tuple[str, str]] = []
        self.remarks: list[tuple[str, str]] = []
        """What was carried over and is not quite the same here."""
        self._order: list[tuple[str, str]] = []
        self._ids: set[str] = set()

    def leave_out(self, what: str, reason: str) -> None:
        self.left_out.append((self.placed(what), reason))

    def remark(self, what: str, text: str) -> None:
        self.remarks.append((self.placed(what), text))

    def placed(self, what: str) -> str:
        return f"{self.file}: {what}" if self.file else what

    def new_id(self, name: str) -> str:
        """An id made from a name, and used for nothing else."""
        base = slug(name)
        found, number = base, 1
        while found in self._ids:
            number += 1
            found = f"{base[: MAX_ID - 7]}-{number}"
        self._ids.add(found)
        return found

    def need_room(self, key: str, taken: int) -> None:
        """Raises `NotCarried` if a rule file has no room for one more."""
        if taken >= ROOM[key]:
            raise NotCarried(f"a rule file has room for {ROOM[key]:,} {key}, and so many are there already")

    def add(self, kind: str, part: dict[str, Any], name: str, what: str) -> None:
        """Adds a part of `rules` or `fit`. Raises `NotCarried` if it can't stand in a rule file."""
        base = slug(name)
        parts = self.rules if kind == "rules" else self.fit
        self.need_room(kind, len(parts))
        self.try_out({kind: [{"id": base, **part}]}, part.get("category"))
        parts.append({"id": self.new_id(base), **part})
        self._order.append((kind, self.placed(what)))

    def add_action(self, action: dict[str, Any], name: str, what: str) -> None:
        """Adds an action at a level that is there. Raises `NotCarried` if it can't stand in a rule file."""
        self.need_room("actions", len(self.actions))
        self.try_out(
            {
                "rules": [{"id": "any", "on": "any", "points": 1}],
                "thresholds": [{"at": action["at"]}],
                "actions": [{"do": slug(name), **action}],
            }
        )
        self.actions.append({"do": self.new_id(name), **action})
        self._order.append(("actions", self.placed(what)))

    def try_out(self, parts: dict[str, Any], category: str | None = None) -> None:
        """Raises `NotCarried` if the parts can't stand in a rule file."""
        alone = {
            "name": "alone",
            "version": "1",
            "half_life": "none",
            "bands": [{"name": "all", "from": 0}],
            **({"categories": {category: self.categories[category]}} if category is not None else {}),
            **parts,
        }
        try:
            parse_rule_file(yaml_of(alone), "alone.yaml")
        except ModelError as error:
            raise NotCarried(error.lines[0].split(": ", 1)[1]) from None
        except UnicodeEncodeError:
            raise NotCarried("a text of it has half of a character") from None

    def level(self, at: float, name: str, why: str) -> None:
        """A threshold, and a band that begins there. Raises `NotCarried` if there is no room for one."""
        if at not in self.levels:
            self.need_room("thresholds", len(self.levels))
            self.levels[at] = {"name": self.new_id(name), "why": cut(why)}
        else:
            self.levels[at]["why"] = cut(f"{self.levels[at]['why']} {why}")

    def text(self, name: str, sources: list[str]) -> str:
        """The rule file. What is beyond the limits of a whole file is left out, from the end on.

        Raises `ModelError` if nothing at all could be carried over.
        """
        if not self.rules and not self.fit:
            raise ModelError(f"{', '.join(sources)}: none of it could be carried over")
        text = yaml_of(self.document(name))
        try:
            parse_rule_file(text, "ours.yaml")
        except ModelError as error:
            reason = error.lines[0].split(": ", 1)[1]
        else:
            return text
        kept, beyond = 0, len(self._order)
        while beyond - kept > 1:
            middle = (kept + beyond) // 2
            try:
                parse_rule_file(yaml_of(self.document(name, middle)), "ours.yaml")
                kept = middle
            except ModelError as error:
                beyond, reason = middle, error.lines[0].split(": ", 1)[1]
        for _, what in self._order[kept:]:
            self.left_out.append((what, f"the rule file would be beyond its limits: {reason}"))
        counts = self.counts(kept)
        if not counts["rules"] and not counts["fit"]:
            raise ModelError(f"{', '.join(sources)}: none of it could be carried over")
        self.rules, self.fit = self.rules[: counts["rules"]], self.fit[: counts["fit"]]
        self.actions, self._order = self.actions[: counts["actions"]], self._order[:kept]
        return yaml_of(self.document(name))

    def counts(self, most: int) -> dict[str, int]:
        """How many of each kind there are among the first parts."""
        kinds = [kind for kind, _ in self._order[:most]]
        return {kind: kinds.count(kind) for kind in ("rules", "fit", "actions")}

    def document(self, name: str, most: int | None = None) -> dict[str, Any]:
        """The rule file as plain values, of all parts or of the first ones."""
        counts = self.counts(len(self._order) if most is None else most)
        levels = sorted(self.levels.items())
        start = "start" if "start" not in {level["name"] for _, level in levels} else "start-of-all"
        parts: dict[str, Any] = {
            "name": slug(name),
            "version": "1",
            "description": f"Carried over from {self.system}.",
            "half_life": "none",
            "categories": self.categories,
            "rules": self.rules[: counts["rules"]],
            "fit": self.fit[: counts["fit"]],
            "thresholds": [{"at": at, "rationale": level["why"]} for at, level in levels],
            "bands": [{"name": start, "from": 0}]
            + [{"name": level["name"], "from": at} for at, level in levels],
            "actions": self.actions[: counts["actions"]],
        }
        return {key: value for key, value in parts.items() if value}


def yaml_of(parts: dict[str, Any]) -> str:
    stream = io.StringIO()
    yaml = YAML()
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.ignore_aliases = lambda *_: True
    yaml.dump(flowing(parts), stream)
    return stream.getvalue()


def cut(text: str) -> str:
    """A text for people, in one line and no longer than a rule file takes."""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def slug(name: str) -> str:
    """A name of a rule file made from any text."""
    found = re.sub(r"[^a-z0-9._]+", "-", name.casefold()).strip("-._")[:MAX_ID]
    return found or "rule"


def number(value: Any, what: str, most: float = MOST_POINTS) -> float:
    """A number, also from a text, of which `what` is the name. Raises `NotCarried`."""
    try:
        found = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        found = None
    if found is None or not abs(found) <= most or found in (float("inf"), float("-inf")):
        raise NotCarried(f"{what}: no number up to {most:.0f}: {str(value)[:40]}")
    return int(found) if found.is_integer() else found


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
