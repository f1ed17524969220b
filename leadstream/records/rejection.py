"""Why a record can't be folded."""

from leadstream.errors import LeadStreamError

REASONS = (
    "not_json",
    "bad_field",
    "bad_time",
    "key_mismatch",
    "unknown_tenant",
    "too_large",
    "bad_signal",
    "not_forwarded",
    "unreadable",
    "bad_control",
)
"""Every reason that a dead letter can name; each is explained in docs/operations.md."""


class Rejected(LeadStreamError):
    """A record that goes to the dead letters.

    `reason` is one of `REASONS`; `detail` says what is wrong, where, and with what value (shortened).
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def shorten(value: object, limit: int = 60) -> str:
    """The value as Python writes it, cut to `limit` characters with its length when it is longer."""
    text = repr(value[: limit + 1] if isinstance(value, (str, bytes)) else value)
    if isinstance(value, (str, bytes)) and len(value) > limit:
        return f"{text[:limit]}… ({len(value)} long)"
    return text if len(text) <= limit else f"{text[:limit]}…"
