"""The fold of a partition: records in, a step out. Pure: no clock, no I/O; time is the log's."""

from collections.abc import Iterator, Sequence

from leadstream.records.control import (
    ACTIVATE_KEY,
    SWEEP_KEY,
    Sweep,
    read_activation,
    read_sweep,
)
from leadstream.records.counts import Counts
from leadstream.records.keys import CONTROL_PREFIX, TICK_KEY, hashed_partition
from leadstream.records.rejection import Rejected, shorten
from leadstream.records.signal import decode_signal
from leadstream.records.step import Headers, LogRecord, Message, Step, Unreadable
from leadstream.records.times import LAST
from leadstream.scoring.actions.outbox import Outbox
from leadstream.scoring.actions.policy import RoundRobin
from leadstream.scoring.compiled.model import CompiledModel, ModelCatalog
from leadstream.scoring.lead.fold import fire, fold_signal
from leadstream.scoring.lead.move import move
from leadstream.scoring.partition.activations import ACTIVATION, SWEEP, Activations
from leadstream.scoring.partition.refused import dead_letter, forwarded, was_forwarded
from leadstream.scoring.partition.rows import (
    MODEL,
    POSITION,
    TURNS,
    UNKNOWN_LOG,
    LogIdentity,
    ModelMismatch,
    NewerEngine,
    PositionRow,
    check_model,
    mark_of,
    model_row,
    position_row,
    read_head,
    read_position,
    read_state,
    read_turns,
    tenant_of,
    turns_row,
)
from leadstream.scoring.partition.snapshot import HistoryWriter, snapshot
from leadstream.scoring.partition.timers import Timers
from leadstream.scoring.state.lead_state import LeadState, decode_head, decode_state, encode_state

__all__ = ["ModelMismatch", "NewerEngine", "PartitionFold"]

MAX_SWEPT = 500
"""Leads that one sweep record moves at most, so that no step takes long."""


class PartitionFold:
    """All leads of one partition of the signals topic, and what their signals lead to."""

    def __init__(
        self,
        *,
        app: str,
        topic: str,
        partition: int,
        partitions: int | None,
        models: ModelCatalog,
        rows: dict[bytes, bytes],
        log: LogIdentity = UNKNOWN_LOG,
        offset_guard: bool = False,
    ) -> None:
        """`partitions` is how many keys are placed by; None if all that stands in this one belongs here (a
        file). `log` is which log the records come from, as it is written beside the position.

        `rows` are all rows restored from the partition's changelog, {} for a new one; the fold owns them.

        With `offset_guard` a lead leaves out records that its row has already (at least once). Raises
        `ModelMismatch` if leads were scored with another model than the catalog's, `NewerEngine` for rows of
        a newer release, `DamagedRow` for what is no row.
        """
        self._topic = topic
        self._partition = partition
        self._partitions = partitions
        self._models = models
        self._rows = rows
        self._guard = offset_guard
        self._outbox = Outbox(app, topic, partition)
        self._turns = RoundRobin()
        self._history = HistoryWriter(partition)
        self._by_tenant: dict[str, CompiledModel] = {}
        self._changed: dict[bytes, tuple[bytes, bytes]] = {}
        """Row and snapshot of each lead that changed since the last step."""
        self._buffer = bytearray()
        self._own_rows: dict[bytes, bytes | None] = {}
        self._dead_letters: list[Message] = []
        self._forwards: list[tuple[int, Message]] = []
        self._counts = Counts()
        self._log = log
        self._last: LogRecord | None = None
        """The last record folded since the last step; one that can't be read marks no place."""
        self.stored: PositionRow | None = None
        """What the rows say of the position, as restored; None for a new partition."""
        self.position: int | None = None
        """The offset up to which the log is folded into the rows; None for a new partition."""
        self.now = 0
        """The highest broker timestamp met, in ms; while timers fire, the instant up to which all have."""
        self._activations = Activations(models)
        self._unswept: list[bytes] | None = None
        """Keys of the leads that the sweep has before it, descending; None until it asks for them."""
        seeded: list[bytes] = []
        for key, row in rows.items():
            if key == POSITION:
                self.stored = stored = read_position(row)
                self.position, self.now = stored.position, stored.now
            elif key.startswith(MODEL):
                seeded.append(key)
            elif key == SWEEP or key.startswith(ACTIVATION):
                self._activations.restore(key, row)
            elif key.startswith(TURNS):
                self._turns.counters[tenant_of(key, TURNS)] = read_turns(key, row)
        for key in seeded:
            if self._activations.needs_seed(tenant_of(key, MODEL)):
                check_model(key, rows[key], models)
        self._mark = None
        if self.stored is not None:
            self._mark = self.stored.last
            self._log = log.after(self.stored.log)
        self._timers = Timers(self._due_of)
        self._timers.rebuild(self._dues())

    def gains_log(self) -> bool:
        """Whether the next step writes more of its log beside the position than stands there."""
        return self.stored is not None and self.stored.log != self._log

    def next_due(self) -> int | None:
        """The earliest instant (ms) at which a lead of the partition is due; None if none is."""
        first = self._timers.first()
        return first[0] if first else None

    def __len__(self) -> int:
        """Rows held: one for each lead, and the partition's own few."""
        return len(self._rows)

    def leads(self) -> Iterator[tuple[bytes, LeadState]]:
        """Key and state of every lead, in no particular order."""
        for key, row in self._rows.items():
            if not key.startswith(CONTROL_PREFIX):
                yield key, read_state(key, row)

    def state_of(self, key: bytes) -> LeadState | None:
        """The state of the lead of a key, None for an unknown lead."""
        row = self._rows.get(key)
        return read_state(key, row) if row is not None else None

    def model_of(self, key: bytes) -> CompiledModel:
        """The model that scores the lead of a key; for an unknown lead that of its tenant."""
        tenant = key.decode().partition(":")[0]
        state = self.state_of(key)
        return self._model(tenant) if state is None else self._activations.model(tenant, state.activation)

    @property
    def activation(self) -> int:
        """The number of the last activation; 0 before the first."""
        return self._activations.number

    def next_sweep(self) -> Sweep | None:
        """The record that would move the next leads to the models in force; None if all have been."""
        sweep = self._activations.sweep
        if sweep is None or sweep.done:
            return None
        return Sweep(number=sweep.number, start=sweep.start.hex(), count=MAX_SWEPT)

    def fold(self, records: Sequence[LogRecord], start: int = 0, limit: int = 4000) -> int:
        """Folds `records[start:]` and returns the index of the first that is not folded.

        It stops early after `limit` records and timers, also between the timers that are due before a record:
        call again with the index. Bad input becomes dead letters, never an exception.
        """
        timers = self._timers
        spent = 0
        for index in range(start, len(records)):
            record = records[index]
            now = self.now
            if record.timestamp > now:
                now = min(record.timestamp, LAST)
            if timers.soonest <= now:
                fired, finished = self._fire(now, limit - spent)
                spent += fired
                if not finished:
                    return index
            self.now = now
            if spent >= limit:
                return index
            spent += 1
            key = record.key
            try:
                if type(record) is Unreadable:
                    raise Rejected("unreadable", record.detail)
                self._last = record
                if key is not None and key.startswith(CONTROL_PREFIX):
                    self._control(key, record.value)
                else:
                    self._fold(record, key)
            except Rejected as rejected:
                self._counts.rejected[rejected.reason] += 1
                self._dead_letters.append(
                    dead_letter(record, self._topic, self._partition, rejected.reason, rejected.detail)
                )
        if timers.count > len(self._rows) * 5 // 4 + 1024:
            timers.rebuild(self._dues())
        return len(records)

    def fire_until(self, instant: int) -> None:
        """Fires all timers due up to an instant and moves now there, as ticks would; for replay."""
        finished = False
        while not finished:
            _, finished = self._fire(instant, 1_000_000)
        self.now = max(self.now, instant)

    def take(self, position: int) -> Step:
        """Everything since the last call, for one transaction; the log is folded up to `position`."""
        step = Step(position, self.now)
        self._outbox.move_to(step)
        rows = self._rows
        changed = self._changed
        step.changelog = [(key, row) for key, (row, _) in changed.items()]
        none: Headers = []
        step.scores = [(key, shot, none) for key, (_, shot) in changed.items()]
        for tenant in sorted(self._turns.changed):
            key = TURNS + tenant.encode()
            self._own_rows[key] = rows[key] = turns_row(self._turns.counters[tenant])
        self._turns.changed.clear()
        if self._last is not None:
            self._mark, self._last = mark_of(self._last), None
        self._own_rows[POSITION] = rows[POSITION] = position_row(position, self.now, self._log, self._mark)
        step.changelog.extend(self._own_rows.items())
        step.history = self._history.take()
        step.dead_letters = self._dead_letters
        step.forwards = self._forwards
        step.counts.update(self._counts)
        self._changed, self._own_rows = {}, {}
        self._dead_letters, self._forwards = [], []
        self._counts = Counts()
        self.position = position
        return step

    def _control(self, key: bytes, value: bytes | None) -> None:
        """A record that is no signal; its timestamp has moved now already."""
        if key == TICK_KEY:
            self._counts.events["tick"] += 1
        elif key == ACTIVATE_KEY:
            self._activate(value)
        elif key == SWEEP_KEY:
            self._sweep(value)
        else:
            raise Rejected("bad_signal", f"no control record has the key {shorten(key)}")

    def _activate(self, value: bytes | None) -> None:
        """Puts rules in force; leads move to them when they are next touched, or swept."""
        tenants = [tenant_of(key, MODEL) for key in self._rows if key.startswith(MODEL)]
        if self._activations.activate(read_activation(value), self.now, tenants):
            self._by_tenant.clear()
            self._unswept = None
            self._counts.events["activation"] += 1
            self._keep_activations()
        else:
            self._counts.events["repeated activation"] += 1

    def _sweep(self, value: bytes | None) -> None:
        """Moves the next leads, in the order of their keys."""
        asked, due = read_sweep(value), self.next_sweep()
        if due is None or (asked.number, asked.start) != (due.number, due.start):
            self._counts.events["void sweep"] += 1
            return
        if self._unswept is None:
            start = bytes.fromhex(due.start)
            leads = (key for key in self._rows if not key.startswith(CONTROL_PREFIX) and key >= start)
            self._unswept = sorted(leads, reverse=True)
        for _ in range(min(asked.count, due.count, len(self._unswept))):
            self._touch(self._unswept.pop())
        rest = self._unswept
        self._activations.swept(rest[-1] if rest else b"", done=not rest)
        self._counts.events["sweep"] += 1
        self._keep_activations()

    def _touch(self, key: bytes) -> None:
        """Moves a lead to the model in force if it is not there."""
        state = read_state(key, self._rows[key])
        tenant, _, lead = key.decode().partition(":")
        model = self._by_tenant.get(tenant) or self._model(tenant)
        if state.activation == model.activation:
            return
        due = state.due
        self._move(state, model, key, tenant, max(self.now, state.touched))
        self._keep(key, state, model, tenant, lead)
        if state.due and (not due or state.due < due):
            self._timers.add(key, state.due)

    def _move(self, state: LeadState, model: CompiledModel, key: bytes, tenant: str, now: int) -> None:
        old = self._activations.model(tenant, state.activation)
        move(state, old, model, key, now, self._outbox, self._turns)
        self._counts.events["move"] += 1

    def _keep(self, key: bytes, state: LeadState, model: CompiledModel, tenant: str, lead: str) -> None:
        """The state of a lead is this from here on."""
        self._turns.keep()
        row = self._rows[key] = encode_state(state, self._buffer)
        self._changed[key] = (row, snapshot(state, model, tenant, lead))

    def _keep_activations(self) -> None:
        """The rows of activations are those from here on."""
        changed, self._activations.changed = self._activations.changed, {}
        for key, row in changed.items():
            self._own_rows[key] = row
            if row is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = row

    def _fold(self, record: LogRecord, key: bytes | None) -> None:
        """Folds a signal. Raises `Rejected` if it can't be folded; then nothing of the lead has changed."""
        mark = len(self._outbox.entries)
        try:
            row = None if key is None else self._rows.get(key)
            signal = decode_signal(key, record.value, row is not None)
            assert key is not None  # as decode_signal has compared it with the body
            if row is None and self._belongs_elsewhere(record, key):
                return
            model = self._by_tenant.get(signal.tenant) or self._model(signal.tenant)
            state = LeadState(activation=model.activation) if row is None else decode_state(row)
            now = self.now
            if self._guard:
                if record.offset <= state.place:
                    self._counts.events["guarded"] += 1
                    return
                # The position may be older than the row; the lead goes on from where it was.
                now = max(now, state.touched)
            plan = model.plans.get(signal.type, model.other)
            due = state.due
            if state.activation != model.activation:
                self._move(state, model, key, signal.tenant, now)
            entry = fold_signal(state, signal, record, model, plan, now, self._outbox, self._turns)
            row = encode_state(state, self._buffer)
            shot = snapshot(state, model, signal.tenant, signal.lead)
            if entry is not None:
                self._history.add(entry)
        except Rejected:
            del self._outbox.entries[mark:]
            self._turns.undo()
            raise
        except Exception as error:
            # Whatever a record brings, the partition goes on; its lead is as it was before.
            del self._outbox.entries[mark:]
            self._turns.undo()
            raise Rejected("bad_signal", f"{type(error).__name__}: {shorten(str(error), 200)}") from error
        self._turns.keep()
        self._rows[key] = row
        self._changed[key] = (row, shot)
        self._counts.outcomes[plan.name, "duplicate" if entry is None else entry.outcome] += 1
        if entry is not None and entry.unread:
            self._counts.unread.update(entry.unread)
        sooner = state.due
        if sooner and (not due or sooner < due):
            self._timers.add(key, sooner)

    def _belongs_elsewhere(self, record: LogRecord, key: bytes) -> bool:
        """Sends a record on whose key hashes to another partition; `Rejected` if that was done before."""
        home = self._partition if self._partitions is None else hashed_partition(key, self._partitions)
        if home == self._partition:
            return False
        if was_forwarded(record):
            raise Rejected(
                "not_forwarded", f"sent on to {self._partition} before, and its key hashes to {home}"
            )
        self._forwards.append((home, forwarded(record, self._topic, self._partition)))
        self._counts.events["forward"] += 1
        return True

    def _fire(self, now: int, limit: int) -> tuple[int, bool]:
        """Fires timers due up to `now`, at most `limit`: how many it fired, and whether that was all."""
        fired = 0
        while True:
            first = self._timers.first()
            if first is None or first[0] > now:
                return fired, True
            due, key = first
            if fired >= limit:
                # All before this one have fired: now may move up to it.
                self.now = max(self.now, due - 1)
                return fired, False
            tenant, _, lead = key.decode().partition(":")
            model = self._by_tenant.get(tenant) or self._model(tenant)
            state = read_state(key, self._rows[key])
            if state.activation == model.activation:
                fire(state, model, key, tenant, lead, self._outbox, self._turns)
            else:
                # It was due under other rules. What is due under these is so still.
                self._move(state, model, key, tenant, max(due - 1, state.touched))
            self._keep(key, state, model, tenant, lead)
            self._timers.fired(state.due)
            self._counts.events["timer"] += 1
            fired += 1

    def _model(self, tenant: str) -> CompiledModel:
        """The tenant's model, written to its row before its first use; `Rejected` for an unknown tenant."""
        model = self._by_tenant.get(tenant)
        if model is None:
            model = self._by_tenant[tenant] = self._activations.in_force(tenant)
            key = MODEL + tenant.encode()
            if key not in self._rows:
                self._rows[key] = self._own_rows[key] = model_row(model)
        return model

    def _dues(self) -> Iterator[tuple[bytes, int]]:
        """Every lead that is due at some time, and when, as its row says."""
        for key, row in self._rows.items():
            if not key.startswith(CONTROL_PREFIX):
                head = read_head(key, row)
                if head.due:
                    yield key, head.due

    def _due_of(self, key: bytes) -> int:
        return decode_head(self._rows[key]).due
