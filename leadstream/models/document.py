"""Reading YAML with the place of every value, so that an error can say where."""

import re
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from leadstream.models.errors import ModelError

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


@dataclass(slots=True)
class Document:
    """A YAML file, with what it includes, as plain values; where each value and each key stands, by path."""

    source: str
    value: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    """In the order of reading."""
    keys: dict[Path, Place] = field(default_factory=dict)

    def place(self, path: Path) -> Place:
        """Of the value at a path, or of the nearest part of the file around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(self.source, 1, 1))

    def error(self, path: Path, reason: str) -> ModelError:
        """The error of the value at a path, or of the nearest part of the file around it."""
        return self.place(path).error(reason)

    def key_error(self, path: Path, reason: str) -> ModelError:
        """The error of the key at a path, or of the value there if it has no key of its own."""
        return self.keys.get(path, self.place(path)).error(reason)


def read_document(text: str, source: str, path: FilePath | None = None) -> Document:
    """A YAML text whose errors name `source`; it may include files of the folder of `path`, if one is given.

    Raises `ModelError` for what is not one YAML document with plain values.
    """
    document = Document(source)
    reader = _Reader(document, path.resolve().parent if path is not None else None)
    try:
        document.value = reader.root(text, path)
    except RecursionError:
        raise Place(source, 1, 1).error("the file is nested too deeply") from None
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
    raise place.error(f"{what}the file has more than {MAX_BYTES} characters")


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
        return None if node is None else self.value(file, node, ())

    def compose(self, text: str, file: _File) -> Node | None:
        """The nodes of a file's text."""
        start = Place(file.source, 1, 1)
        self.characters += len(text)
        if self.characters > MAX_BYTES:
            raise start.error(f"the file has more than {MAX_BYTES} characters")
        yaml = YAML(typ="safe", pure=True)
        yaml.Composer = _Composer
        try:
            node: Node | None = yaml.compose(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Place(file.source, mark.line + 1, mark.column + 1) if mark else start
            raise place.error(str(error.problem or error.context)) from None
        except (YAMLError, ValueError) as error:
            raise start.error(str(error).splitlines()[0]) from None
        return node

    def count(self, place: Place, values: int) -> None:
        self.nodes += values
        if self.nodes > MAX_NODES:
            raise place.error(f"the file has more than {MAX_NODES} values")

    def value(self, file: _File, node: Node, path: Path) -> Any:
        place = self.document.places[path] = file.place(node)
        self.count(place, 1)
        if len(path) > MAX_DEPTH:
            raise place.error(f"the file is nested more than {MAX_DEPTH} deep, or a part of it holds itself")
        if node.tag == INCLUDE:
            inner, found = self.included(file, node)
            return None if found is None else self.value(inner, found, path)
        if isinstance(node, MappingNode):
            return self.mapping(file, node, path)
        if isinstance(node, SequenceNode):
            return [self.value(file, one, (*path, index)) for index, one in enumerate(node.value)]
        return self.scalar(file, node)

    def scalar(self, file: _File, node: Node) -> Any:
        place = file.place(node)
        try:
            value = self.constructor.construct_object(node)
        except MarkedYAMLError as error:
            raise place.error(str(error.problem or error.context)) from None
        except (ValueError, LookupError):
            # `!!int ""`, `!!bool 5`, a thirteenth month, a number of thousands of digits.
            raise place.error(f"`{node.value}` is no {str(node.tag).rpartition(':')[2]}") from None
        if isinstance(value, str) and ODD.search(value):
            raise place.error("a text has a control character, or half of a character")
        return value

    def mapping(self, file: _File, node: MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, (home, key_node, value_node) in self.pairs(file, node).items():
            self.document.keys[*path, key] = home.place(key_node)
            found[key] = self.value(home, value_node, (*path, key))
        return found

    def pairs(self, file: _File, node: MappingNode) -> dict[str, _Pair]:
        """What a mapping says, with what it merges by `<<`; its own keys go before those of the merged."""
        merged: dict[str, _Pair] = {}
        own: dict[str, _Pair] = {}
        for key_node, value_node in node.value:
            place = file.place(key_node)
            if key_node.tag == MERGE:
                merged = self.merged(file, value_node) | merged
                continue
            key: Any = self.scalar(file, key_node) if isinstance(key_node, ScalarNode) else None
            if not isinstance(key, str):
                raise place.error("a key is a text: put it in quotes")
            if key in own:
                raise place.error(f"the key `{key}` stands here a second time")
            own[key] = (file, key_node, value_node)
        return merged | own

    def merged(self, file: _File, node: Node) -> dict[str, _Pair]:
        """The pairs of the mapping, or mappings, that stand after `<<`; of several the first goes before."""
        found: dict[str, _Pair] = {}
        if node.tag == INCLUDE:
            inner, included = self.included(file, node)
            found = self.merged(inner, included) if included is not None else {}
        elif isinstance(node, MappingNode):
            found = self.pairs(file, node)
        elif isinstance(node, SequenceNode):
            for one in node.value:
                found = self.merged(file, one) | found
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
