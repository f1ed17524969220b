"""A simulated projector: the real projection tasks, on packs of the output topics and a simulated store."""

import asyncio
from collections.abc import Callable
from random import Random

from aiokafka import TopicPartition

from leadstream.roles.projector import ProjectionTask
from leadstream.stream.packs import Pack
from tests.simulation.faults import Faults
from tests.simulation.fetching import Cursor
from tests.simulation.kafka import Kafka
from tests.simulation.process import Process
from tests.simulation.store import SimulatedStore, Tables
from tests.simulation.worker import NAMES

TOPICS = NAMES.projected
PACE_SECONDS = 0.6
"""Between two fetches of a partition: the projector may lag."""


class Projector(Process):
    """A process that projects partitions. It stands in for the app and the thread that its tasks know."""

    def __init__(
        self,
        name: str,
        *,
        kafka: Kafka,
        faults: Faults,
        random: Random,
        waits: Random,
        tables: Tables,
        places: list[TopicPartition],
        on_end: Callable[["Projector", BaseException | None], None],
        trace: Callable[[str], None],
    ) -> None:
        super().__init__(name, kafka, faults, random)
        self.failure: BaseException | None = None
        self.projections: dict[TopicPartition, ProjectionTask] = {}
        self._tables = tables
        self._places = places
        self._on_end = on_end
        self._trace = trace
        self._waits = waits
        self._failed = asyncio.Event()
        self._cursors = {
            place: Cursor(
                self, kafka.partition(place.topic, place.partition), self._route, lambda: PACE_SECONDS
            )
            for place in places
        }
        self.spawn(self._live())

    def died(self) -> None:
        self._on_end(self, self.failure)

    def stop(self) -> None:
        """SIGTERM."""
        self._failed.set()

    async def _live(self) -> None:
        store = SimulatedStore(self, self._tables, TOPICS)
        await store.open()
        for place in self._places:
            self.projections[place] = ProjectionTask(place, self, store, self._waits)
        await self._failed.wait()
        await asyncio.gather(*(task.close() for task in self.projections.values()))
        self.kill()

    def _route(self, pack: Pack) -> None:
        task = self.projections.get(TopicPartition(pack.topic, pack.partition))
        if task is not None:
            task.offer(pack)

    # What a task knows of its app.

    @property
    def thread(self) -> "Projector":
        return self

    def fail(self, error: BaseException) -> None:
        """The process ends with this error."""
        self._trace(f"{self.name}: fails with {error!r}")
        self.failure = self.failure or error
        self._failed.set()

    async def beginning(self, tp: TopicPartition) -> int:
        return await self.call("begin", lambda: 0)

    async def seek_to(self, tp: TopicPartition, offset: int) -> int:
        return await self.call("seek", lambda: self._cursors[tp].seek(offset))

    def pause(self, tp: TopicPartition) -> None:
        self._cursors[tp].pause()

    def resume(self, tp: TopicPartition) -> None:
        self._cursors[tp].resume()
