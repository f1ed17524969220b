"""Every metric of LeadStream, named and typed in one place. No label ever holds a lead or a tenant.

A role shows the metrics of its own registry only: those of the other role would always be 0.
"""

from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.registry import Collector

WORKER = CollectorRegistry()
PROJECTOR = CollectorRegistry()
_BOTH = (WORKER, PROJECTOR)

_Registries = tuple[CollectorRegistry, ...]
_Metric = TypeVar("_Metric", bound=Collector)

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


def _counter(name: str, text: str, *labels: str, of: _Registries = (WORKER,)) -> Counter:
    return _shown(Counter(f"leadstream_{name}", text, labels, registry=None), of)


def _gauge(name: str, text: str, *labels: str, of: _Registries = (WORKER,)) -> Gauge:
    return _shown(Gauge(f"leadstream_{name}", text, labels, registry=None), of)


def _histogram(name: str, text: str, *labels: str, of: _Registries = (WORKER,)) -> Histogram:
    return _shown(Histogram(f"leadstream_{name}", text, labels, buckets=_SECONDS, registry=None), of)


def _shown(metric: _Metric, of: _Registries) -> _Metric:
    for registry in of:
        registry.register(metric)
    return metric


BUILD = _shown(Info("leadstream_build", "Version and role of this process.", registry=None), _BOTH)
ASYNCIO_TASKS = _gauge("asyncio_tasks", "Tasks of the process's event loop.", of=_BOTH)

# The worker.
SIGNALS = _counter("signals", "Signals folded; types that no rule names count as `other`.", "type", "outcome")
CROSSINGS = _counter("crossings", "Threshold crossings recorded.", "direction")
BAND_CHANGES = _counter("band_changes", "Band changes recorded.")
ACTIONS = _counter(
    "actions", "Actions by what was decided: requested, or the reason for skipping.", "do", "status"
)
DEAD_LETTERS = _counter("dead_letters", "Records that could not be folded.", "reason")
UNREAD_FACTS = _counter(
    "unread_facts", "Facts whose value can't be read: absent for scoring, of a consent withdrawn.", "field"
)
FORWARDED = _counter("forwarded", "Records sent on because their key belongs to another partition.")
TICKS = _counter("ticks", "Ticks appended to the log because a lead fell due.")
SWEEPS = _counter("sweeps", "Sweep records appended to the log to move leads to the rules in force.")
ACTIVATION = _gauge(
    "activation_number", "Number of the last activation of rules that the partition has folded.", "partition"
)
SWEEP_OPEN = _gauge("sweep_open", "Whether leads of the partition wait to be moved to it.", "partition")
FOLD_SECONDS = _histogram("fold_seconds", "Folding of one chunk of records.")
STEP_SECONDS = _histogram("step_seconds", "One step, from taking what was folded to its commit.")
COMMIT_SECONDS = _histogram("commit_seconds", "The commit of a step's transaction alone.")
STEP_RECORDS = _counter("step_records", "Records written by steps.", "topic")
STEPS = _counter("steps", "Steps committed.", "partition")
POSITION = _gauge(
    "position", "Offset up to which the partition is folded and committed.", "topic", "partition", of=_BOTH
)
LAG_RECORDS = _gauge(
    "lag_records", "Offsets between the position and the last stable offset.", "topic", "partition", of=_BOTH
)
LAG_SECONDS = _gauge(
    "lag_seconds",
    "While records wait, the age of the newest folded (worker) or the oldest that waits (projector), else 0.",
    "topic",
    "partition",
    of=_BOTH,
)
ASSIGNED = _gauge("assigned_partitions", "Partitions assigned to this process.", of=_BOTH)
OPEN = _gauge(
    "open_partitions", "Partitions that are open: restored and being folded, or being projected.", of=_BOTH
)
OPENING_SECONDS = _gauge(
    "opening_seconds", "How long the slowest assigned partition has been opening.", of=_BOTH
)
RESTORED_RECORDS = _counter("restored_records", "Changelog records read to restore state.")
RESTORE_PROGRESS = _gauge("restore_progress", "Part of the changelog that is restored, 0 to 1.", "partition")
STATE_ROWS = _gauge("state_rows", "Rows of state held: one for each lead, and a few more.", "partition")
STALE_PACKS = _counter("stale_packs", "Packs dropped because they did not begin at the position.", of=_BOTH)
REOPENED = _counter("reopened_partitions", "Partitions opened anew after being fenced while still assigned.")

# The projector.
PROJECTED = _counter("projected_records", "Records projected into PostgreSQL.", "topic", of=(PROJECTOR,))
PROJECTION_SECONDS = _histogram(
    "projection_seconds", "One PostgreSQL transaction of the projector.", of=(PROJECTOR,)
)
PROJECTION_DEAD_LETTERS = _counter(
    "projection_dead_letters", "Records that PostgreSQL could not store.", of=(PROJECTOR,)
)
STORE_UP = _gauge(
    "store_up",
    "1 while PostgreSQL takes what is written, 0 while it does not, NaN before it was asked.",
    of=(PROJECTOR,),
)


def forget(topic: str, partition: int) -> None:
    """Shows nothing more of a partition that this process has lost: its next owner does."""
    label = str(partition)
    for gauge in (POSITION, LAG_RECORDS, LAG_SECONDS):
        gauge.remove(topic, label)
    for gauge in (RESTORE_PROGRESS, STATE_ROWS):
        gauge.remove(label)
