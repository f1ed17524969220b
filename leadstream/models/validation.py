"""Checks a document against its schema, and says what is wrong in the words of the file."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from leadstream.models.document import BROKEN, Document, Path
from leadstream.models.sentences import sentence

T = TypeVar("T")


def validated(document: Document, adapter: TypeAdapter[T]) -> T:
    """Raises `ModelError` with all that is wrong in the file."""
    found = tried(document, adapter, [])
    document.refuse_wrongs()
    if found is None:
        raise document.error((), "nothing stands in the file")
    return found


def tried(document: Document, adapter: TypeAdapter[T], faulty: list[Path]) -> T | None:
    """What the file says; None if it is not as it must be: that is noted, and its places go to `faulty`."""
    try:
        return adapter.validate_python(document.value)
    except ValidationError as error:
        faulty += note(document, error.errors(include_url=False), adapter)
        return None


def note(document: Document, errors: list[ErrorDetails], adapter: TypeAdapter[Any]) -> list[Path]:
    """Notes the errors of a document; of those in and around one place those that are nearest to it."""
    placed = [(path_of(document, error["loc"]), error) for error in errors]
    around = {path[:end] for path, _ in placed for end in range(len(path))}
    groups: dict[Path, list[ErrorDetails]] = {}
    meant: set[Path] = set()
    for path, error in placed:
        if error["type"] == "extra_forbidden":
            there = document.near(path[-1], keys_at(adapter, path[:-1]))
            document.wrong_key(path, f"unknown key `{path[-1]}`{there}")
            meant |= {(*path[:-1], name) for name in re.findall(r"mean `(.*)`", there)}
    for path, error in placed:
        if is_missing(error, path):
            if path not in document.bad_keys and (*path, error["loc"][-1]) not in meant:
                document.wrong(path, f"`{error['loc'][-1]}` is missing")
        elif error["type"] == "extra_forbidden":
            continue
        elif error["loc"][-1:] == ("[key]",):
            document.wrong_key(path, f"the key {sentence((*path[:-1], f'`{path[-1]}`'), path[-1], [error])}")
        elif path not in around and path not in document.bad_keys:
            groups.setdefault(path, []).append(error)
    for path, group in groups.items():
        value = value_at(document.value, path)
        if value is not BROKEN:
            document.wrong(path, sentence(path, value, group))
    return [path for path, _ in placed]


def is_missing(error: ErrorDetails, path: Path) -> bool:
    """Whether a key is missing whatever form the part has; one of several forms is none that must be."""
    return error["type"] == "missing" and tuple(error["loc"][:-1]) == path


def value_at(value: Any, path: Iterable[str | int]) -> Any:
    for part in path:
        value = value[part]
    return value


def path_of(document: Document, location: tuple[int | str, ...]) -> Path:
    """The part of a pydantic location that stands in the file: names of forms tried are left out."""
    path: Path = ()
    for part in location:
        if (*path, part) in document.places:
            path = (*path, part)
    return path


@cache
def schema_of(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    return adapter.json_schema()


def keys_at(adapter: TypeAdapter[Any], path: Path) -> list[str]:
    """The keys that may stand at a place, by the JSON Schema."""
    schema = schema_of(adapter)
    definitions = schema.get("$defs", {})

    def forms(part: dict[str, Any]) -> list[dict[str, Any]]:
        if "$ref" in part:
            return forms(definitions[part["$ref"].removeprefix("#/$defs/")])
        if "anyOf" in part:
            return [form for one in part["anyOf"] for form in forms(one)]
        return [part]

    places = forms(schema)
    for step in path:
        inner: list[Any] = []
        for form in places:
            if isinstance(step, int):
                inner.append(form.get("items"))
            else:
                named = form.get("properties", {}).get(step)
                inner += [named] if named else [form.get("additionalProperties")]
                inner += [] if named else form.get("patternProperties", {}).values()
        places = [form for part in inner if isinstance(part, dict) for form in forms(part)]
    return sorted({key for form in places for key in form.get("properties", {})})
