"""A signal: something that a lead did, or that became known of it."""

from datetime import datetime
from typing import Any

import msgspec

from leadstream.records.rejection import Rejected, shorten
from leadstream.records.times import FIRST, LAST, to_ms

MAX_BYTES = 1_048_576
"""A larger value is rejected as `too_large`."""
MAX_TEXT = 256
"""The most characters of id, tenant, lead, type and source."""


class Signal(msgspec.Struct, gc=False):
    """One signal as it stands in the topic, JSON, keyed `tenant:lead`.

    `at` is when it happened: RFC 3339 with an offset, or epoch milliseconds. `data` depends on `type`;
    types that no rule names are legal.
    """

    id: str
    tenant: str
    lead: str
    type: str
    at: int | datetime
    source: str = ""
    data: dict[str, Any] = {}


_decode = msgspec.json.Decoder(Signal).decode


def decode_signal(key: bytes | None, value: bytes | None, known: bool = False) -> Signal:
    """The signal of a record, checked against its key; `at` is in milliseconds afterwards.

    `known` says that the key is one whose tenant and lead have been checked before. Raises `Rejected` for
    anything that is not a signal.
    """
    if value is None:
        raise Rejected("not_json", "the record has no value")
    if len(value) > MAX_BYTES:
        raise Rejected("too_large", f"the value has {len(value)} bytes, more than {MAX_BYTES}")
    try:
        signal = _decode(value)
    except msgspec.ValidationError as error:
        raise Rejected("bad_field", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected("not_json", f"{error}: {shorten(value)}") from None
    at = signal.at
    if type(at) is not int:
        if at.tzinfo is None:  # type: ignore[union-attr]
            raise Rejected("bad_time", f"`at` has no offset from UTC: {at}")
        signal.at = at = to_ms(at)  # type: ignore[arg-type]
    if not FIRST <= at <= LAST:
        raise Rejected("bad_time", f"`at` is outside the years 1 to 9999: {shorten(at)}")
    tenant, lead = signal.tenant, signal.lead
    if key is None or key != f"{tenant}:{lead}".encode():
        check_texts(signal)
        raise Rejected(
            "key_mismatch",
            f"the key is {shorten(key)}, the body says {shorten(f'{tenant}:{lead}')}: "
            "key signals by tenant:lead",
        )
    identity = signal.id
    # Tests for the usual case; the checks that name the field come after them.
    type_, source = signal.type, signal.source
    texts = identity + type_ + source
    usual = identity != "" != type_ and len(texts) <= MAX_TEXT and texts.isprintable()
    if usual and not known:
        usual = tenant != "" != lead and ":" not in tenant and len(key) <= MAX_TEXT
        usual = usual and (tenant + lead).isprintable()
    if not usual:
        check_texts(signal)
    return signal


def check_texts(signal: Signal) -> None:
    """Raises `Rejected` that names the first text field which can't stand; returns if all can."""
    for name in ("id", "tenant", "lead", "type", "source"):
        text: str = getattr(signal, name)
        if not text and name != "source":
            raise Rejected("bad_field", f"`{name}` is empty")
        if len(text) > MAX_TEXT:
            raise Rejected("bad_field", f"`{name}` has {len(text)} characters, more than {MAX_TEXT}")
        if any(ord(character) < 32 or ord(character) == 127 for character in text):
            raise Rejected("bad_field", f"`{name}` has a control character: {shorten(text)}")
    if ":" in signal.tenant:
        raise Rejected("bad_field", f"`tenant` has a colon: {shorten(signal.tenant)}")
