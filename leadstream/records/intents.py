"""What operators mean to do, in the topic of models: written before the control records that do it.

The topic has one partition, so its order is the order of intents. Of several with one number the first holds;
whoever wrote another one begins anew. A key is never written twice, so compaction takes none away.
"""

import msgspec

from leadstream.records.control import Activation
from leadstream.records.keys import CONTROL_PREFIX
from leadstream.records.models import ANY_TENANT

INTENT = CONTROL_PREFIX + b"intent:"
DONE = CONTROL_PREFIX + b"done:"


class Intent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """That activations are to be written to every partition of signals, in this order.

    `number` counts intents from 1. `by` and `why` are for people; the time is the broker's of the record.
    """

    number: int
    by: str
    why: str
    activations: tuple[Activation, ...]

    @property
    def last(self) -> int:
        """The highest number of its activations."""
        return max(one.number for one in self.activations)


def intent_key(number: int, unique: str) -> bytes:
    """The key of an intent; `unique` tells it from others of the number."""
    return INTENT + f"{number}:{unique}".encode()


def done_key(number: int) -> bytes:
    """The key of the record that says that all partitions have an intent's control records."""
    return DONE + str(number).encode()


_decode = msgspec.json.Decoder(Intent).decode


class Intents:
    """The intents of the topic, given its records in their order."""

    def __init__(self) -> None:
        self.by_number: dict[int, tuple[bytes, Intent]] = {}
        """Key and intent of the first of each number."""
        self.done: set[int] = set()

    def add(self, key: bytes | None, value: bytes | None) -> None:
        """Takes the next record; what is no intent is passed over. Raises `ValueError` for a broken one."""
        if key is None or value is None:
            return
        if key.startswith(DONE):
            self.done.add(int(key[len(DONE) :]))
        elif key.startswith(INTENT):
            try:
                intent = _decode(value)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ValueError(f"the intent {key[1:].decode(errors='replace')}: {error}") from None
            self.by_number.setdefault(intent.number, (key, intent))

    @property
    def next_number(self) -> int:
        return max(self.by_number, default=0) + 1

    @property
    def next_activation(self) -> int:
        """The number after those of all activations."""
        return max((intent.last for _, intent in self.by_number.values()), default=0) + 1

    def open(self) -> list[Intent]:
        """Those whose control records may not all have been written, in their order."""
        return [intent for number, (_, intent) in sorted(self.by_number.items()) if number not in self.done]

    @property
    def tenants(self) -> set[str]:
        """Those that activations are for."""
        return {one.tenant for _, intent in self.by_number.values() for one in intent.activations}

    def in_force(self, tenant: str) -> Activation | None:
        """The last activation for a tenant, or for all; None before the first."""
        found: Activation | None = None
        for _, intent in self.by_number.values():
            for one in intent.activations:
                if one.tenant in (ANY_TENANT, tenant) and (found is None or one.number > found.number):
                    found = one
        return found
