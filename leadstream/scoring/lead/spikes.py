"""Spikes: as many signals, or points, within a window as there seldom are."""

from leadstream.scoring.compiled.levels import Spike
from leadstream.scoring.kernels.buckets import MAX_BUCKETS, read_buckets, write_buckets
from leadstream.scoring.kernels.kernel import TOLERANCE
from leadstream.scoring.state.lead_state import LeadState


def surge(state: LeadState, index: int, spike: Spike, added: float, at: int, now: int) -> float | None:
    """Adds what a signal of the effective time `at` counts for a spike.

    The value that its window (now - within, now] has reached, if this signal lifts it to the level.
    """
    since = now - spike.within
    if at <= since:
        return None
    extra = state.ensure_extra()
    kept = extra.spikes = extra.spikes or []
    while len(kept) <= index:
        kept.append(b"")
    entries = [(time, points) for time, points in read_buckets(kept[index]) if time > since]
    before = sum([points for _, points in entries])
    kept[index] = joined(write_buckets(entries), write_buckets([(at, added)]))
    after = before + added
    return after if before < spike.level - TOLERANCE <= after else None


def joined(first: bytes, second: bytes) -> bytes:
    """The entries of both, the oldest beyond 64 as one of the newest time among them."""
    entries = sorted([*read_buckets(first), *read_buckets(second)])
    while len(entries) > MAX_BUCKETS:
        entries[:2] = [(entries[1][0], entries[0][1] + entries[1][1])]
    return write_buckets(entries)
