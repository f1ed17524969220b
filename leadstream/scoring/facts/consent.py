"""Consents as forms, CRMs and consent tools write them."""

import re
from typing import Any, Final, Literal

from leadstream.scoring.facts.numbers import number_of
from leadstream.scoring.facts.text import folded

Consent = Literal["given", "withdrawn", "unknown", "unreadable"]

GIVEN: Final = frozenset(
    {"true", "t", "yes", "y", "on", "given", "granted", "optin", "optedin", "subscribed"}
)  # fmt: skip
WITHDRAWN: Final = frozenset(
    {
        "false", "f", "no", "n", "off", "withdrawn", "revoked", "denied", "declined", "refused", "rejected",
        "optout", "optedout", "unsubscribed", "notsubscribed", "notgiven",
    }
)  # fmt: skip
_JOINING = re.compile(r"[\s_-]+")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,49}")


def consent_of(value: Any) -> Consent:
    """What a value says. `unreadable` is to be taken as withdrawn, as it may mean that.

    Booleans; the numbers 1 and 0, as texts too; the words above in any case, also in parts (`opted out`,
    `Opt-In`). Null, an empty text and blanks are `unknown`.
    """
    if value is None:
        return "unknown"
    if type(value) is bool:
        return "given" if value else "withdrawn"
    if type(value) is str:
        if not value.strip():
            return "unknown"
        word = _JOINING.sub("", folded(value))
        if word in GIVEN:
            return "given"
        if word in WITHDRAWN:
            return "withdrawn"
    number = number_of(value)
    return "given" if number == 1 else "withdrawn" if number == 0 else "unreadable"


def consent_name(name: str) -> str | None:
    """A channel or kind as consents are known by, in lower case; None for what no channel is called."""
    found = folded(name)
    return found if _NAME.fullmatch(found) else None
