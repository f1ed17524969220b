"""Signals that flow while something else happens."""

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Self

from confluent_kafka import KafkaError, Message

from leadstream.synthetic.generator import generate
from tests.support.log import Log, Sent, send

BATCH = 50
PATIENCE = 120
"""Seconds within which all must be acknowledged at the end."""


class Acknowledged(NamedTuple):
    """A record of which the broker said that it has it, and when it did, by the monotonic clock."""

    record: Sent
    partition: int
    offset: int
    at: float


def generated(seed: int, leads: int, signals: int, seconds: float) -> list[Sent]:
    """Signals of the simulation that happen from now on, in the order in which they come."""
    now = int(time.time() * 1000)
    return [Sent(one.key, one.value) for one in generate(seed, leads, signals, now, int(seconds * 1000))]


class Load:
    """Sends records from a thread of its own, spread over so many seconds.

    Its producer is idempotent and never gives up: while the broker is away they wait with it.
    """

    def __init__(self, log: Log, topic: str, records: Sequence[Sent], seconds: float) -> None:
        self._producer = log.producer(
            **{"enable.idempotence": True, "message.timeout.ms": 0, "reconnect.backoff.max.ms": 500},
            log_level=0,
        )
        self._topic = topic
        self._records = records
        self._pause = seconds * BATCH / max(1, len(records))
        self._failure: BaseException | None = None
        self._cut = threading.Event()
        self.acknowledged: list[Acknowledged] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._cut.set()
        self.finish()

    @property
    def sent(self) -> int:
        """How many records are acknowledged."""
        return len(self.acknowledged)

    @property
    def done(self) -> bool:
        """Whether everything is sent and acknowledged."""
        return not self._thread.is_alive()

    def alive(self) -> None:
        """Raises what has ended the flow before its time, if anything has."""
        if self._failure is not None:
            raise self._failure

    def cut(self) -> None:
        """Sends no more."""
        self._cut.set()
        self.finish()

    def finish(self) -> None:
        """Waits until everything is sent and acknowledged."""
        self._thread.join()
        self.alive()

    def _run(self) -> None:
        try:
            for begin in range(0, len(self._records), BATCH):
                if self._cut.wait(self._pause):
                    break
                for record in self._records[begin : begin + BATCH]:
                    self._send(record)
            left = self._producer.flush(PATIENCE)
            assert not left, f"{left} records were not acknowledged"
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits
            self._failure = error

    def _send(self, record: Sent) -> None:
        def note(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._failure = AssertionError(f"{self._topic}: {error}")
                return
            place = message.partition(), message.offset()
            self.acknowledged.append(Acknowledged(record, *place, time.monotonic()))

        send(self._producer, self._topic, record, note)
