"""Signals that flow while something else happens."""

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from leadstream.simulation.generator import generate
from tests.support.log import Log, Sent

BATCH = 50


def generated(seed: int, leads: int, signals: int, seconds: float) -> list[Sent]:
    """Signals of the simulation that happen from now on, in the order in which they come."""
    now = int(time.time() * 1000)
    return [Sent(one.key, one.value) for one in generate(seed, leads, signals, now, int(seconds * 1000))]


class Load:
    """Sends records from a thread of its own, spread over so many seconds."""

    def __init__(self, log: Log, topic: str, records: Sequence[Sent], seconds: float) -> None:
        self._log = log
        self._topic = topic
        self._records = records
        self._pause = seconds * BATCH / max(1, len(records))
        self._failure: BaseException | None = None
        self._cut = threading.Event()
        self.sent = 0
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
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            for begin in range(0, len(self._records), BATCH):
                if self._cut.wait(self._pause):
                    return
                part = self._records[begin : begin + BATCH]
                self._log.send(self._topic, part)
                self.sent += len(part)
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits
            self._failure = error
