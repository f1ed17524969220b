"""E-mail addresses: which can be written to, and which are the same."""

from functools import lru_cache
from importlib.metadata import version
from typing import Any

from email_validator import EmailNotValidError, validate_email

VALIDATOR_VERSION = version("email-validator")
IDNA_VERSION = version("idna")
"""The tables by which names of domains are put into ASCII."""
MAX_LENGTH = 254


def address_of(value: Any) -> str | None:
    """The address as mail is sent to it, or None if the value is none.

    By RFC 5322 without its old and quoted forms; the domain in ASCII (IDNA 2008) and lower case, what stands
    before the @ as it is written. Nobody asks the DNS. Blanks around it are cut; a name or a `mailto:`
    before it, a second address, and domains that no mail reaches (`.local`, `.invalid`) are refused. Those
    of `.test` are not: they are reserved for tests, and nobody is there.
    """
    return _address_of(value.strip()) if type(value) is str and len(value) <= 2 * MAX_LENGTH else None


@lru_cache(maxsize=4096)
def _address_of(text: str) -> str | None:
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True, strict=True)
    except (EmailNotValidError, UnicodeError):
        return None
    address = f"{found.local_part}@{found.ascii_domain}"
    return address if "." in found.ascii_domain and len(address) <= MAX_LENGTH else None


def is_another(old: Any, new: Any) -> bool:
    """Whether another address has come in place of the one, whatever the case. What is no address is none."""
    before, after = address_of(old), address_of(new)
    return before is not None and after is not None and before.casefold() != after.casefold()


def same_address(one: str, other: str) -> bool:
    """Whether two texts are one address; of two that are none, whether they say the same."""
    first, second = address_of(one), address_of(other)
    if first is None and second is None:
        return one.strip().casefold() == other.strip().casefold()
    return first is not None and second is not None and first.casefold() == second.casefold()
