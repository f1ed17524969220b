"""Snapshots and history as they go out: encoded with few objects."""

import msgspec

from leadstream.records.outputs import HistoryEntry, ScoreSnapshot
from leadstream.records.step import Message
from leadstream.records.twins import WrittenSnapshot
from leadstream.scoring.compiled.model import CompiledModel, suppressed_at
from leadstream.scoring.decay.totals import accumulators
from leadstream.scoring.kernels.kernel import score_of
from leadstream.scoring.state.facts import owner_of
from leadstream.scoring.state.lead_state import LeadState

MAX_BATCH = 262_144
"""The most bytes of a batch of history entries."""


_encoder = msgspec.json.Encoder()
_entries = msgspec.json.Encoder()


def snapshot(state: LeadState, model: CompiledModel, tenant: str, lead: str) -> bytes:
    """The lead as its last signal or timer left it, for the topic of scores."""
    total = state.total
    bits = state.suppressed if state.extra is None else suppressed_at(state, model, state.touched)
    suppressed = model.suppressed_channels(bits) if bits else ()
    stage = model.stages[state.stage].name
    # Most leads have no such fact, and need no decoding of the others.
    owner = owner_of(state.facts) if b"owner" in state.facts else None
    if owner is None:
        owner = (state.extra.owner if state.extra is not None else None) or ""
    if not model.plain:
        return _encoder.encode(
            ScoreSnapshot(
                tenant, lead, state.touched, total, score_of(total), model.bands[state.band].name, model.name,
                model.version, suppressed, state.change or None, state.active_at, state.place,
                accumulators(state, model), stage, model.caps, owner,
            )
        )  # fmt: skip
    refs = state.refs
    branches = state.branches
    heads = model.heads_by_branches.get(branches) or model.heads_of(branches)
    return _encoder.encode(
        WrittenSnapshot(
            tenant, lead, state.touched, total, score_of(total), model.bands[state.band].name, model.name,
            model.version, suppressed, state.change or None, state.active_at, state.place,
            list(zip(heads, state.masses, refs, state.counts, refs, strict=True)), stage, owner,
        )
    )  # fmt: skip


class HistoryWriter:
    """Packs history entries into `HistoryBatch` records of bounded size, in the order of the log."""

    def __init__(self, partition: int) -> None:
        self._head = b'{"partition":%d,"entries":[' % partition
        self._buffer = bytearray()
        self._full: list[Message] = []

    def add(self, entry: HistoryEntry) -> None:
        buffer = self._buffer
        start = len(buffer)
        try:
            _entries.encode_into(entry, buffer, start)
        except BaseException:
            del buffer[start:]
            raise
        if len(buffer) > MAX_BATCH - 64 and start:
            last = bytes(buffer[start:])
            del buffer[start:]
            self._close()
            buffer += last
        buffer += b","

    def take(self) -> list[Message]:
        """The batches since the last call."""
        if self._buffer:
            self._close()
        full, self._full = self._full, []
        return full

    def _close(self) -> None:
        self._full.append((None, self._head + bytes(self._buffer[:-1]) + b"]}", []))
        self._buffer.clear()
