"""Reading YAML with the place of every value, so that an error can say where."""

from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from leadstream.models.errors import ModelError

MAX_BYTES = 1_048_576
MAX_NODES = 100_000
"""Aliases may repeat a part of the file; this is how many values it may have when they are written out."""

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Document:
    """A YAML file as plain values, with line and column (from 1) of each value, and of each key, by path."""

    source: str
    value: Any = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def error(self, path: Path, reason: str) -> ModelError:
        """The error of the value at a path, or of the nearest part of the file around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self._at(self.places.get(path, (1, 1)), reason)

    def key_error(self, path: Path, reason: str) -> ModelError:
        """The error of the key at a path."""
        return self._at(self.keys[path], reason)

    def _at(self, place: tuple[int, int], reason: str) -> ModelError:
        return ModelError(f"{self.source}:{place[0]}:{place[1]}: {reason}")


def read_document(text: str, source: str) -> Document:
    """Raises `ModelError` for what is not one YAML document with plain values."""
    document = Document(source)
    if len(text) > MAX_BYTES:
        raise ModelError(f"{source}:1:1: the file has more than {MAX_BYTES} characters")
    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
        document.value = _Reader(document, yaml).value(node, ()) if node is not None else None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ModelError(f"{source}:{line}:{column}: {error.problem or error.context}") from None
    except (YAMLError, ValueError) as error:
        raise ModelError(f"{source}:1:1: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise ModelError(f"{source}:1:1: the file is nested too deeply") from None
    return document


def read_file(path: FilePath) -> Document:
    """Raises `ModelError` also for a file that can't be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}:1:1: can't be read: {error}") from None
    return read_document(text, str(path))


class _Reader:
    """Plain values of a tree of nodes; notes the places on the way."""

    def __init__(self, document: Document, yaml: YAML) -> None:
        self.document = document
        self.constructor = yaml.constructor
        self.nodes = 0

    def value(self, node: Node, path: Path) -> Any:
        self.nodes += 1
        self.document.places[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if self.nodes > MAX_NODES:
            raise self.document.error(path, f"the file has more than {MAX_NODES} values")
        if isinstance(node, MappingNode):
            return self.mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.value(one, (*path, index)) for index, one in enumerate(node.value)]
        if not isinstance(node, ScalarNode):
            raise self.document.error(path, "an alias refers to a part that holds it")
        return self.constructor.construct_object(node)

    def mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            key = self.constructor.construct_object(key_node) if isinstance(key_node, ScalarNode) else None
            self.document.keys[*path, str(key)] = place
            if not isinstance(key, str):
                raise self.document.key_error((*path, str(key)), "a key is a text: put it in quotes")
            if key in found:
                raise self.document.key_error((*path, key), f"the key `{key}` stands here a second time")
            found[key] = self.value(value_node, (*path, key))
        return found
