"""Signals made by hand for the tests of the stream."""

from typing import Any

import msgspec

from leadstream.records.keys import lead_key
from tests.support.log import Sent


def sent(
    number: int, lead: str = "l1", partition: int | None = 0, tenant: str = "acme", **fields: Any
) -> Sent:
    """A positive reply, worth 25, with an id of its own."""
    body = {
        "id": f"s{number}", "tenant": "acme", "lead": lead, "type": "email.replied", "at": 1_767_000_000_000,
        "data": {"sentiment": "positive"}, **fields,
    }  # fmt: skip
    return Sent(lead_key("acme", lead), msgspec.json.encode(body), partition)


def many(begin: int, end: int, leads: int = 10) -> list[Sent]:
    """Signals begin to end - 1, one lead after the other."""
    return [sent(number, f"l{number % leads}") for number in range(begin, end)]
