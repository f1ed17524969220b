"""Addresses and numbers that a lead can be reached at, in the few forms that made-up leads have."""

import re
import unicodedata
from typing import Any

LOCAL = r"[A-Za-z0-9_+\u00e4\u00f6\u00fc-]+"
NATIONAL = {"49": "0", "44": "0", "61": "0", "39": None, "1": "1", "7": "8"}
"""By the code of a country: what is dialled before a number within it; None where it is part of it."""
LENGTHS = {"49": (8, 11), "44": (10, 10), "61": (9, 9), "39": (8, 11), "1": (10, 10), "7": (10, 10)}
"""How many digits a number has within the country, as far as the numbers here go."""


def address(value: Any) -> str | None:
    """The address as mail is sent to it; None for what is none."""
    if not isinstance(value, str):
        return None
    text = unicodedata.normalize("NFC", value.strip())
    if not re.fullmatch(rf"{LOCAL}([.]{LOCAL})*@[a-zA-Z0-9\u00fc-]+([.][a-zA-Z0-9-]+)+", text):
        return None
    local, domain = text.split("@")
    return f"{local}@{domain.lower().encode('idna').decode()}"


def moved(old: Any, new: Any) -> bool:
    """Whether a lead has another address now: both can be read, and they differ in more than case."""
    first, second = address(old), address(new)
    return first is not None and second is not None and first.lower() != second.lower()


def dialable(phone: Any) -> str | None:
    """The number as it is dialled from abroad; None for what is none, or may be two."""
    if not isinstance(phone, str):
        return None
    text = unicodedata.normalize("NFKC", phone).replace("\u2013", "-").replace("\u200e", "").strip()
    text = re.sub(r"^tel:", "", text)
    text = re.sub(r"( x|;ext=| ext[.] )[0-9]+$", "", text)
    found = re.fullmatch(r"[+](49|44|39|61|1|7)([0-9 .()/-]+)", text)
    if found is None or re.search("/ ?[0-9]{1,4}$", text):
        return None
    code, rest = found[1], re.sub("[^0-9]", "", found[2])
    trunk = NATIONAL[code]
    if trunk is not None and rest.startswith(trunk):
        rest = rest[1:]
    least, most = LENGTHS[code]
    return f"+{code}{rest}" if least <= len(rest) <= most else None
