"""A signal: something that a lead did, or that became known of it."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from leadstream.records.rejection import Rejected, shorten
from leadstream.records.times import (
    EPOCH,
    FIRST,
    LAST,
    MILLISECOND,
    MS_END,
    SECONDS_END,
    leap_second,
    ms_of,
    number_of,
    rfc3339,
    to_ms,
    unit_of,
)

MAX_BYTES = 1_048_576
"""A larger value is rejected as `too_large`."""
MAX_TEXT = 256
"""The most characters of id, tenant, lead, type and source."""


class Signal(msgspec.Struct, gc=False):
    """One signal as it stands in the topic, JSON, keyed `tenant:lead`.

    `at` is when it happened: RFC 3339 with an offset, or epoch milliseconds, which are told from other units
    by their size (`SECONDS_END`, `MS_END`). `data` depends on `type`; types that no rule names are legal.
    """

    id: str
    tenant: str
    lead: str
    type: str
    at: int | datetime
    source: str = ""
    data: dict[str, Any] = {}


class _Untimed(msgspec.Struct, gc=False):
    """A signal whose `at` is anything."""

    id: str
    tenant: str
    lead: str
    type: str
    at: Any
    source: str = ""
    data: dict[str, Any] = {}


TIME_WANTED = "write RFC 3339 with an offset (2026-01-31T12:00:00Z), or epoch milliseconds as a whole number"
_AT = "`$.at`"
_decode = msgspec.json.Decoder(Signal).decode
_decode_untimed = msgspec.json.Decoder(_Untimed).decode


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
        try:
            signal = _decode(value)
        except msgspec.ValidationError as error:
            if not str(error).endswith(_AT):
                raise Rejected("bad_field", str(error)) from None
            signal = _timed(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected("not_json", f"{error}: {shorten(value)}") from None
    at = signal.at
    if type(at) is not int:
        if at.tzinfo is None:  # type: ignore[union-attr]
            raise Rejected("bad_time", f"`at` has no offset from UTC: {at}; {TIME_WANTED}")
        signal.at = at = to_ms(at)  # type: ignore[arg-type]
        if not FIRST <= at <= LAST:
            raise Rejected("bad_time", f"`at` is outside the years 1 to 9999: {shorten(at)}")
    elif not SECONDS_END <= at < MS_END and not FIRST <= at <= -SECONDS_END:
        raise _no_time(at)
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


def _timed(value: bytes) -> Signal:
    """The signal, if its `at` is a leap second. Raises `Rejected` for all else that is no time, and like
    decoding for what is no JSON behind it.
    """
    try:
        loose = _decode_untimed(value)
    except msgspec.ValidationError as other:
        reason = "bad_time" if str(other).endswith(_AT) else "bad_field"
        raise Rejected(reason, f"{other}; {TIME_WANTED}" if reason == "bad_time" else str(other)) from None
    at = leap_second(loose.at) if isinstance(loose.at, str) else None
    if at is None:
        raise _no_time(loose.at)
    moment = EPOCH + at * MILLISECOND
    return Signal(loose.id, loose.tenant, loose.lead, loose.type, moment, loose.source, loose.data)


def _no_time(at: Any) -> Rejected:
    """Why `at` is no time, with what it may have been meant to be."""
    number = number_of(at) if isinstance(at, str) else Decimal(at) if type(at) in (int, float) else None
    unit = "" if number is None else unit_of(number)
    if number is None or not unit:
        return Rejected("bad_time", f"`at` is no time: {shorten(at)}; {TIME_WANTED}")
    kind = "a text of " if isinstance(at, str) else ""
    try:
        meant = f"{unit} by its size ({rfc3339(ms_of(number))})"
    except ValueError:
        meant = f"{unit} by its size, and outside the years 1 to 9999"
    return Rejected(
        "bad_time", f"`at` is {shorten(at)}, {kind}{meant}; {TIME_WANTED}, or send it by `leadstream send`"
    )


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
