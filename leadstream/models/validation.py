"""Checks a document against its schema, and says what is wrong in the words of the file."""

from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from leadstream.models.document import Document, Path
from leadstream.models.errors import ModelError, nearest

T = TypeVar("T")

REASONS = {
    "float_type": "a number is needed here",
    "string_type": "a text is needed here: put it in quotes",
    "list_type": "a list is needed here",
    "dict_type": "keys and values are needed here",
    "model_type": "keys and values are needed here",
    "bool_type": "true or false is needed here",
    "finite_number": "a finite number is needed here",
}


def validated(document: Document, adapter: TypeAdapter[T]) -> T:
    """Raises `ModelError` for the first error in the file."""
    try:
        return adapter.validate_python(document.value)
    except ValidationError as error:
        raise first_error(document, error.errors(include_url=False), adapter) from None


def first_error(document: Document, errors: list[ErrorDetails], adapter: TypeAdapter[Any]) -> ModelError:
    """The error that stands first; where a value could be of several forms, what the nearest one lacks."""
    placed = [(path_of(document, error["loc"]), error) for error in errors]
    around = {path[:end] for path, _ in placed for end in range(len(path))}
    deepest = [(path, error) for path, error in placed if path not in around]
    order = {path: number for number, path in enumerate(document.places)}
    path, error = min(deepest, key=lambda one: order.get(one[0], -1))
    if error["type"] == "missing":
        return document.error(path, f"`{error['loc'][-1]}` is missing")
    if error["type"] == "extra_forbidden":
        known = keys_at(adapter, path[:-1])
        return document.key_error(path, f"unknown key `{path[-1]}`{nearest(path[-1], known)}")
    if error["loc"][-1:] == ("[key]",):
        return document.key_error(path, f"the key `{path[-1]}`: {error['msg']}")
    reasons = dict.fromkeys(reason_of(one) for other, one in deepest if other == path)
    return document.error(path, f"{'.'.join(map(str, path)) or 'the file'}: {', or '.join(reasons)}")


def reason_of(error: ErrorDetails) -> str:
    return REASONS.get(error["type"]) or error["msg"].removeprefix("Value error, ")


def path_of(document: Document, location: tuple[int | str, ...]) -> Path:
    """The part of a pydantic location that stands in the file: names of forms tried are left out."""
    path: Path = ()
    for part in location:
        if (*path, part) in document.places:
            path = (*path, part)
    return path


def keys_at(adapter: TypeAdapter[Any], path: Path) -> list[str]:
    """The keys that may stand at a place, by the JSON Schema."""
    schema = adapter.json_schema()
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
