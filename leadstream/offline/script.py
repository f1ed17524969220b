"""Scripts: a few signals with times, written by hand, to try a model on.

A script is a YAML list, or NDJSON, of signals in the order of their arrival. What is not given is made up:

    - {at: 2026-01-05T09:00:00Z, type: email.opened}
    - {at: +2h30m, type: page.viewed, data: {url: https://example.com/pricing}}
"""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from pydantic import Field, PlainValidator, TypeAdapter, WithJsonSchema

from leadstream.models.document import Document, Place, read_document
from leadstream.models.forms import UNITS, Part
from leadstream.models.validation import validated
from leadstream.records.times import FIRST, LAST, parse_instant, rfc3339

TENANT, LEAD = "example", "lead"
"""Whose a signal is that does not say so."""

_SPAN = re.compile(r"([0-9]{1,12})(ms|s|m|h|d|w)")
_RELATIVE = re.compile(rf"\+(?:{_SPAN.pattern})+")


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant in epoch ms; a relative one counts from another."""

    ms: int
    relative: bool

    def after(self, other: int) -> int:
        """The instant, where a relative one counts from `other`."""
        return other + self.ms if self.relative else self.ms


def parse_moment(value: Any) -> Moment:
    """Of RFC 3339, a number of seconds or milliseconds since 1970, or a time after another such as `+3d` or
    `+2h30m`. Raises ValueError.
    """
    if isinstance(value, datetime):
        value = value.isoformat()
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{Decimal(value):f}"
    if not isinstance(value, str):
        raise ValueError("a time is needed here, such as 2026-01-31T12:00:00Z or +2h30m")
    if value.startswith("+"):
        if not _RELATIVE.fullmatch(value):
            raise ValueError(f"{value!r} is no time after another: write +3d, or +2h30m")
        return Moment(sum(int(number) * UNITS[unit] for number, unit in _SPAN.findall(value)), True)
    try:
        return Moment(parse_instant(value), False)
    except ValueError as error:
        if "Invalid isoformat" in str(error):
            raise ValueError(f"{value!r} is no time: write 2026-01-31T12:00:00Z, or +2h30m") from None
        raise


_Time = Annotated[Moment, PlainValidator(parse_moment), WithJsonSchema({"type": ["string", "integer"]})]
_Dict = Annotated[dict[str, Any], Field(default_factory=dict)]


class _Entry(Part):
    type: str
    at: _Time
    id: str | None = None
    tenant: str = TENANT
    lead: str = LEAD
    source: str = ""
    data: _Dict
    received_at: _Time | None = None
    # The place of an exported line, which means nothing here.
    topic: Any = None
    partition: Any = None
    offset: Any = None


_SCRIPT: TypeAdapter[list[_Entry]] = TypeAdapter(list[_Entry])


@dataclass(frozen=True, slots=True)
class ScriptSignal:
    """A signal of a script; `value` is what would stand in the topic. Instants are epoch ms."""

    id: str
    tenant: str
    lead: str
    type: str
    at: int
    received_at: int
    value: bytes


def read_script(text: str, source: str) -> list[ScriptSignal]:
    """The signals of a script, of which a relative time counts from the signal before, or for `received_at`
    from its own `at`; without that a signal arrives when it happens.

    `source` names the script in errors. Raises `ModelError`: file, line, column, reason in one line.
    """
    lines = text.lstrip().startswith("{")
    document = _read_lines(text, source) if lines else read_document(text, source)
    if not document.value:
        raise document.error((), "the script has no signals")
    entries = validated(document, _SCRIPT)
    found: list[ScriptSignal] = []
    for index, entry in enumerate(entries):
        if entry.at.relative and not found:
            raise document.error((0, "at"), "the first signal has none before it: give its time")
        at = entry.at.after(found[-1].at if found else 0)
        received_at = entry.received_at.after(at) if entry.received_at else at
        for name, instant in (("at", at), ("received_at", received_at)):
            if not FIRST <= instant <= LAST:
                raise document.error((index, name), "a time outside the years 1 to 9999")
        identity = entry.id or f"s{index + 1}"
        body = {
            "id": identity, "tenant": entry.tenant, "lead": entry.lead, "type": entry.type,
            "at": rfc3339(at), "source": entry.source, "data": entry.data,
        }  # fmt: skip
        value = msgspec.json.encode(body)
        found.append(ScriptSignal(identity, entry.tenant, entry.lead, entry.type, at, received_at, value))
    return found


def _read_lines(text: str, source: str) -> Document:
    """A document of JSON objects, one a line; all of an object has its line as place."""
    document = Document(source, [])
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        place = Place(source, number, 1)
        try:
            value = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            raise place.error(f"no JSON: {error}") from None
        index = len(document.value)
        document.value.append(value)
        document.places[index,] = place
        if isinstance(value, dict):
            for key in value:
                document.places[index, key] = document.keys[index, key] = place
    return document
