"""A steady flow of believable signals without an end, and how long some of them take."""

import threading
import time
from collections.abc import Callable, Iterator
from statistics import median
from types import TracebackType
from typing import Self

import orjson
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from leadstream.records.keys import lead_key
from leadstream.synthetic.generator import generate

EPOCH = 20_000
"""Signals that are generated in one go: the generator's memory grows with their number."""
BEATS = 20
"""Bursts a second."""
PROBES = 20
"""Leads that are only there to be timed, one after the other, one with each burst."""


def endless(leads: int) -> Iterator[tuple[bytes, bytes]]:
    """Signals of the generator, with its duplicates and malformed ones, each happening when it is taken.

    They are of the same leads for ever, so that the state has an end to its growth. Ids differ from epoch to
    epoch.
    """
    epoch = 0
    while True:
        for key, value in generate(epoch, leads, EPOCH, 0):
            try:
                body = orjson.loads(value)
            except orjson.JSONDecodeError:
                yield key, value
                continue
            if type(body.get("at")) is int or str(body.get("at")).endswith("Z"):
                body["at"] = int(time.time() * 1000)
            if "id" in body:
                body["id"] = f"{epoch}-{body['id']}"
            yield key, orjson.dumps(body)
        epoch += 1


class Flow:
    """Sends `rate` signals a second, and reads the scores as a consumer of committed records does.

    From the probes it takes the time from a signal's sending to its snapshot's arrival.
    """

    def __init__(self, bootstrap: str, signals: str, scores: str, leads: int, rate: int) -> None:
        self.sent = 0
        self._rate = rate
        self._signals = signals
        self._source = endless(leads)
        self._producer = Producer(
            {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 5, "acks": "all"}
        )
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "soak",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
                "allow.auto.create.topics": False,
            }
        )
        count = len(self._consumer.list_topics(scores, timeout=20).topics[scores].partitions)
        self._consumer.assign([TopicPartition(scores, number, 0) for number in range(count)])
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._lock = threading.Lock()
        self._latencies: list[float] = []
        self._waiting: dict[bytes, tuple[int, float]] = {}
        """By key the offset of a probe in the signals topic, and when it was sent."""
        self._threads = [
            threading.Thread(target=self._guarded, args=[run]) for run in (self._send, self._read)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._producer.flush(10)
        self._consumer.close()

    def alive(self) -> None:
        """Raises what has ended it, if anything has."""
        if self._failure is not None:
            raise self._failure

    def latencies(self) -> tuple[float, float] | None:
        """The median and the longest of the probes that arrived since the last call, in ms; None if none.

        A probe that has been under way for more than a second counts as long as it has been. Raises what has
        ended the flow, if anything has.
        """
        self.alive()
        now = time.monotonic()
        with self._lock:
            taken, self._latencies = self._latencies, []
            late = [now - sent for _, sent in self._waiting.values() if now - sent > 1]
        found = [second * 1000 for second in taken + late]
        return (median(found), max(found)) if found else None

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - told by `alive`
            self._failure = error

    def _send(self) -> None:
        begin = time.monotonic()
        beat = 0
        while not self._stop.wait(max(0.0, begin + beat / BEATS - time.monotonic())):
            for _ in range(self._rate * (beat + 1) // BEATS - self._rate * beat // BEATS):
                key, value = next(self._source)
                self._producer.produce(self._signals, value, key, on_delivery=_check)
                self.sent += 1
            self._probe(beat)
            self._producer.poll(0)
            beat += 1

    def _probe(self, beat: int) -> None:
        lead = f"probe-{beat % PROBES}"
        key = lead_key("acme", lead)
        with self._lock:
            if key in self._waiting:
                return
        body = {
            "id": f"probe-{beat}", "tenant": "acme", "lead": lead, "type": "email.clicked",
            "at": int(time.time() * 1000), "data": {"url": "https://example.com/pricing"},
        }  # fmt: skip
        sent = time.monotonic()

        def delivered(error: KafkaError | None, message: Message) -> None:
            _check(error, message)
            with self._lock:
                self._waiting[key] = message.offset(), sent

        self._producer.produce(self._signals, orjson.dumps(body), key, on_delivery=delivered)

    def _read(self) -> None:
        early: dict[bytes, tuple[int, float]] = {}
        while not self._stop.is_set():
            for message in self._consumer.consume(1000, timeout=0.05):
                if message.error() is None and b":probe-" in message.key():
                    early[message.key()] = orjson.loads(message.value())["offset"], time.monotonic()
            with self._lock:
                # A snapshot may be here before its signal's acknowledgement.
                for key, (offset, arrived) in early.items():
                    probe = self._waiting.get(key)
                    if probe is not None and offset >= probe[0]:
                        self._latencies.append(arrived - probe[1])
                        del self._waiting[key]


def _check(error: KafkaError | None, message: Message) -> None:
    assert error is None, f"{message.topic()}: {error}"
