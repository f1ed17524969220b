"""Facts whose value nobody could read."""

from leadstream.records.signal import Signal
from leadstream.scoring.facts.by_field import can_be_read
from leadstream.scoring.facts.consent import consent_of
from leadstream.scoring.state.facts import CONSENT, EXPECTED, fields_of


def unread_in(signal: Signal) -> tuple[str, ...]:
    """The fields of a signal of facts whose values can't be read: known names only, other consents as one."""
    found = []
    for name, value in fields_of(signal.type, signal.data):
        if name.startswith(CONSENT):
            if consent_of(value) == "unreadable":
                found.append(name if name in EXPECTED else f"{CONSENT}other")
        elif not can_be_read(name, value):
            found.append(name)
    return tuple(dict.fromkeys(found))
