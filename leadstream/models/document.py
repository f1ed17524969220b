"""Reading YAML with the place of every value, so that an error can say where."""

import re
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from leadstream.models.errors import MOST, BeyondLimits, ModelError, nearest

MAX_BYTES = 1_048_576
"""The most characters of a file and all that it includes."""
MAX_NODES = 100_000
"""Aliases and includes may repeat a part: this is how many values there may be when all is written out."""
MAX_DEPTH = 64
"""How deep values may stand in each other."""
MAX_INCLUDES = 8
"""How deep files may include each other."""
ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Control characters, and halves of surrogate pairs: what no text of a record may have."""
INCLUDE = "!include"
MERGE = "tag:yaml.org,2002:merge"

BROKEN = object()
"""Stands for a value that can't be read; what is wrong with it has been said."""

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """Where something stands; line and column from 1."""

    source: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}"

    def error(self, reason: str) -> ModelError:
        return ModelError(f"{self}: {reason}")

    def beyond(self, reason: str) -> BeyondLimits:
        return BeyondLimits(f"{self}: {reason}")


@dataclass(slots=True)
class Document:
    """A YAML file, with what it includes, as plain values; where each value and each key stands, by path."""

    source: str
    value: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    """In the order of reading."""
    keys: dict[Path, Place] = field(default_factory=dict)
    wrongs: list[tuple[Path, str]] = field(default_factory=list)
    """What has been found wrong so far: the path, and the line that says it."""
    bad_keys: list[Path] = field(default_factory=list)
    """Where a key can't be read, so that what it names seems to be missing."""
    unread: set[tuple[str, object]] = field(default_factory=set)
    """Kind and name (None if it has none) of parts that can't be used: what refers to them may be right."""
    kept: dict[str, list[int]] = field(default_factory=dict)
    """Of what can be read of another document: by key of a list, the places that its entries had there."""

    def place(self, path: Path) -> Place:
        """Of the value at a path, or of the nearest part of the file around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(self.source, 1, 1))

    def error(self, path: Path, reason: str) -> ModelError:
        """The error of the value at a path, or of the nearest part of the file around it."""
        return self.place(path).error(reason)

    def wrong(self, path: Path, reason: str) -> None:
        """Notes what is wrong with the value at a path, and goes on."""
        self.wrongs.append((path, f"{self.place(path)}: {reason}"))

    def wrong_key(self, path: Path, reason: str) -> None:
        """Notes what is wrong with the key at a path, or with the value there if it has no key of its own."""
        self.wrongs.append((path, f"{self.keys.get(path, self.place(path))}: {reason}"))

    def near(self, name: object, names: list[str]) -> str:
        """`nearest`, as long as few enough errors have been found for anybody to read it."""
        return nearest(name, names) if len(self.wrongs) < 4 * MOST else ""

    def refuse_wrongs(self) -> None:
        """Raises `ModelError` with all that has been found wrong, in the order of the file."""
        if self.wrongs:
            order = {path: number for number, path in enumerate(self.places)}

            def where(path: Path) -> int:
                while path and path not in order:
                    path = path[:-1]
                return order.get(path, -1)

            raise ModelError.of(line for _, line in sorted(self.wrongs, key=lambda one: where(one[0])))


def read_document(text: str, source: str, path: FilePath | None = None) -> Document:
    """A YAML text whose errors name `source`; it may include files of the folder of `path`, if one is given.

    Raises `ModelError` for what is no YAML document. What is wrong with single values is noted in `wrongs`.
    """
    document = Document(source)
    reader = _Reader(document, path.resolve().parent if path is not None else None)
    try:
        document.value = reader.root(text, path)
    except RecursionError:
        raise Place(source, 1, 1).beyond("the file is nested too deeply") from None
    return document


def read_file(path: FilePath) -> Document:
    """Raises `ModelError` also for a file that can't be read."""
    return read_document(text_of(path, Place(str(path), 1, 1), ""), str(path), path)


def text_of(path: FilePath, place: Place, what: str) -> str:
    """The text of a file, of which no more is read than may be. Raises `ModelError` at the place."""
    try:
        with path.open("rb") as file:
            content = file.read(4 * MAX_BYTES + 1)
        if len(content) <= 4 * MAX_BYTES:
            return content.decode()
    except (OSError, ValueError) as error:
        raise place.error(f"{what}can't be read: {error}") from None
    raise place.beyond(f"{what}the file has more than {MAX_BYTES} characters")


@dataclass(frozen=True, slots=True)
class _File:
    """A file that is being read: its name in errors, and the files from the root down to it."""

    source: str
    chain: tuple[FilePath, ...]

    def place(self, node: Node) -> Place:
        return Place(self.source, node.start_mark.line + 1, node.start_mark.column + 1)


_Pair = tuple[_File, Node, Node]
"""Key and value of a mapping, and the file they stand in."""


class _Composer(Composer):
    """Stops at too many nodes, before they fill the memory. An anchor may be set anew, as YAML has it."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader=loader)
        self.warn_double_anchors = False
        self.nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            mark = self.parser.peek_event().start_mark
            raise ComposerError(None, None, f"the file has more than {MAX_NODES} values", mark)
        return super().compose_node(parent, index)


class _Reader:
    """Plain values of a tree of nodes; notes the places on the way."""

    def __init__(self, document: Document, folder: FilePath | None) -> None:
        self.document = document
        self.folder = folder
        self.constructor = YAML(typ="safe", pure=True).constructor
        self.composed: dict[FilePath, Node | None] = {}
        self.characters = 0
        self.nodes = 0

    def root(self, text: str, path: FilePath | None) -> Any:
        file = _File(self.document.source, () if path is None else (path.resolve(),))
        node = self.compose(text, file)
        return None if node is None else self.part(file, node, ())

    def compose(self, text: str, file: _File) -> Node | None:
        """The nodes of a file's text."""
        start = Place(file.source, 1, 1)
        self.characters += len(text)
        if self.characters > MAX_BYTES:
            raise start.beyond(f"the file has more than {MAX_BYTES} characters")
        yaml = YAML(typ="safe", pure=True)
        yaml.Composer = _Composer
        try:
            node: Node | None = yaml.compose(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Place(file.source, mark.line + 1, mark.column + 1) if mark else start
            raise place.error(in_plain_words(str(error.problem or error.context))) from None
        except (YAMLError, ValueError) as error:
            raise start.error(str(error).splitlines()[0]) from None
        return node

    def count(self, place: Place, values: int) -> None:
        self.nodes += values
        if self.nodes > MAX_NODES:
            raise place.beyond(f"the file has more than {MAX_NODES} values")

    def part(self, file: _File, node: Node, path: Path) -> Any:
        """The value of a node; what is wrong with it is noted, and the rest read on."""
        try:
            return self.value(file, node, path)
        except BeyondLimits:
            raise
        except ModelError as error:
            self.document.wrongs.append((path, str(error)))
            return BROKEN

    def value(self, file: _File, node: Node, path: Path) -> Any:
        place = self.document.places[path] = file.place(node)
        self.count(place, 1)
        if len(path) > MAX_DEPTH:
            raise place.beyond(f"the file is nested more than {MAX_DEPTH} deep, or a part of it holds itself")
        if node.tag == INCLUDE:
            inner, found = self.included(file, node)
            return None if found is None else self.value(inner, found, path)
        if isinstance(node, MappingNode):
            return self.mapping(file, node, path)
        if isinstance(node, SequenceNode):
            return [self.part(file, one, (*path, index)) for index, one in enumerate(node.value)]
        return self.scalar(file, node)

    def scalar(self, file: _File, node: Node) -> Any:
        place = file.place(node)
        try:
            value = self.constructor.construct_object(node)
        except MarkedYAMLError as error:
            raise place.error(str(error.problem or error.context)) from None
        except (ValueError, LookupError):
            # `!!int ""`, `!!bool 5`, a thirteenth month, a number of thousands of digits.
            kind = str(node.tag).rpartition(":")[2].replace("timestamp", "date")
            raise place.error(f"`{node.value}` is no {kind}") from None
        if isinstance(value, str) and ODD.search(value):
            raise place.error("a text has a control character, or half of a character")
        return value

    def mapping(self, file: _File, node: MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, (home, key_node, value_node) in self.pairs(file, node, path).items():
            self.document.keys[*path, key] = home.place(key_node)
            found[key] = self.part(home, value_node, (*path, key))
        return found

    def pairs(self, file: _File, node: MappingNode, path: Path) -> dict[str, _Pair]:
        """What a mapping says, with what it merges by `<<`; its own keys go before those of the merged."""
        merged: dict[str, _Pair] = {}
        own: dict[str, _Pair] = {}
        for key_node, value_node in node.value:
            place = file.place(key_node)
            if key_node.tag == MERGE:
                merged = self.merged(file, value_node, path) | merged
                continue
            try:
                key: Any = self.scalar(file, key_node) if isinstance(key_node, ScalarNode) else None
            except ModelError as error:
                self.document.wrongs.append((path, str(error)))
                self.document.bad_keys.append(path)
                continue
            if not isinstance(key, str):
                quoted = f': `"{key_node.value}"`' if isinstance(key_node, ScalarNode) else ""
                self.document.wrongs.append((path, f"{place}: a key is a text: put it in quotes{quoted}"))
                self.document.bad_keys.append(path)
            elif key in own:
                self.document.wrongs.append(
                    ((*path, key), f"{place}: the key `{key}` stands here a second time")
                )
            else:
                own[key] = (file, key_node, value_node)
        return merged | own

    def merged(self, file: _File, node: Node, path: Path) -> dict[str, _Pair]:
        """The pairs of the mapping, or mappings, that stand after `<<`; of several the first goes before."""
        found: dict[str, _Pair] = {}
        if node.tag == INCLUDE:
            inner, included = self.included(file, node)
            found = self.merged(inner, included, path) if included is not None else {}
        elif isinstance(node, MappingNode):
            found = self.pairs(file, node, path)
        elif isinstance(node, SequenceNode):
            for one in node.value:
                found = self.merged(file, one, path) | found
        else:
            raise file.place(node).error(
                "`<<` merges keys and values, such as those of an anchor: `<<: *name`"
            )
        self.count(file.place(node), 1 + len(found))
        return found

    def included(self, file: _File, node: Node) -> tuple[_File, Node | None]:
        """The file that an `!include` names, and its nodes."""
        place = file.place(node)
        name = node.value if isinstance(node, ScalarNode) else ""
        if not name:
            raise place.error("`!include` needs a file's name: `!include other.yaml`")
        if self.folder is None:
            raise place.error("there is no folder here to include files from")
        path = FilePath(name)
        try:
            target = (file.chain[-1].parent / path).resolve()
            there = target.is_file()
        except (OSError, ValueError, RuntimeError) as error:
            raise place.error(f"{name}: can't be read: {error}") from None
        if path.is_absolute() or not target.is_relative_to(self.folder):
            raise place.error(f"{name}: only files in the folder of {self.document.source} can be included")
        if target in file.chain:
            raise place.error(f"{name}: the file includes itself")
        if len(file.chain) > MAX_INCLUDES:
            raise place.error(f"{name}: files include each other more than {MAX_INCLUDES} deep")
        inner = _File(str(FilePath(file.source).parent / path), (*file.chain, target))
        if target not in self.composed:
            if not there:
                raise place.error(f"{name}: there is no such file")
            self.composed[target] = self.compose(text_of(target, place, f"{name}: "), inner)
        return inner, self.composed[target]


def in_plain_words(problem: str) -> str:
    """What a YAML parser says, with what to do where that is plain."""
    for said, meant in REMEDIES.items():
        if said in problem:
            return f"{problem}: {meant}"
    return problem


REMEDIES = {
    "mapping values are not allowed": "put a text with a `:` in quotes, and look at the indentation",
    "cannot start any token": "indent with blanks, and put a text that begins with a sign in quotes",
    "expected <block end>": "look at how far this line and the ones before it are indented",
    "could not find expected ':'": "a key is followed by `:` and a blank",
    "expected ',' or": "a bracket before this is not closed, or a comma is missing",
    "found unexpected end of stream": "a quote or a bracket is not closed",
    "found undefined alias": "an alias `*name` needs an anchor `&name` before it, in the same file",
}
"""What to do, by a part of what the parser says."""
