"""How much of a signal's data history and actions carry."""

from collections.abc import Iterable
from typing import Any

import msgspec

from leadstream.records.outputs import SignalRef
from leadstream.records.signal import Signal
from leadstream.records.times import rfc3339

MAX_BYTES = 2048
"""The most bytes of data, as JSON."""
MAX_DEPTH = 32
SMALL = 256
"""Data of a record whose value is no longer than this can't exceed the limits, however they are written."""

_encode = msgspec.json.Encoder().encode


def kept_data(signal: Signal, size: int) -> tuple[dict[str, Any], int]:
    """The signal's data and 0; of data that is too long or too deep an empty dict and its length in bytes.

    `size` is the length of the record's value.
    """
    data = signal.data
    if size <= SMALL:
        return data, 0
    try:
        length = len(_encode(data))
    except RecursionError:
        return {}, size
    if length > MAX_BYTES or too_deep(data, MAX_DEPTH):
        return {}, length
    return data, 0


def too_deep(value: Any, depth: int) -> bool:
    """Whether the value nests more than `depth` objects and arrays."""
    if isinstance(value, dict):
        return depth == 0 or any(too_deep(one, depth - 1) for one in value.values())
    if isinstance(value, list):
        return depth == 0 or any(too_deep(one, depth - 1) for one in value)
    return False


def reference(signal: Signal, data: dict[str, Any]) -> SignalRef:
    """The signal as actions and decisions name it; `data` is what is kept of its own."""
    return SignalRef(signal.id, signal.type, rfc3339(signal.at), signal.source, data)  # type: ignore[arg-type]


def traceparent_of(headers: Iterable[tuple[str, bytes | None]]) -> bytes | None:
    """The W3C trace context of a record, if it has one of a legal length."""
    for name, value in headers:
        if name == "traceparent" and value is not None and len(value) <= 128:
            return value
    return None
