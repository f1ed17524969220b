"""What `leadstream.projection.sink.Sink` asks of every sink, as tests.

To hold a sink of your own to it, subclass `SinkContract` in a test file and say how it is made and what it
holds; docs/extending-sinks.md shows one. Nothing here knows how a sink keeps things.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from leadstream.projection.errors import OtherTopic, PositionMismatch, StoreUnavailable
from leadstream.projection.sink import Sink
from leadstream.records.outputs import Kind
from leadstream.records.step import LogRecord, Unreadable

from .made import NOW, Record, crossed, entry, history, model, run, skipped, snapshot

SCORES, HISTORY = "t.scores", "t.history"
TOPICS: dict[str, Kind] = {
    SCORES: "scores", HISTORY: "history", "t.actions": "actions", "t.decisions": "decisions",
    "t.models": "models",
}  # fmt: skip
"""What the sinks under test project."""
TURNS = 40
"""Before so many turns of the event loop a step is cancelled, one after another."""


class SinkContract(ABC):
    """Tests of a sink. Each begins with an empty one."""

    @abstractmethod
    def sink(self) -> Sink:
        """A sink of `TOPICS`, not open, as another process would make it: all of one test hold the same."""

    @abstractmethod
    async def events(self) -> list[int]:
        """The offsets of all history entries that are held (`HistoryEntry.offset`), repeats too."""

    @abstractmethod
    async def scores(self) -> dict[str, int]:
        """By lead the score that is held last."""

    @abstractmethod
    async def dead(self) -> list[tuple[int, int, str]]:
        """Of all dead letters offset, item and reason."""

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs a test on an event loop of its own, within a minute."""
        run(work)

    @asynccontextmanager
    async def opened(self, topic_ids: dict[str, str] | None = None) -> AsyncIterator[Sink]:
        sink = self.sink()
        sink.topic_ids = topic_ids or {}
        await sink.open()
        try:
            yield sink
        finally:
            await sink.close()

    def test_the_position_is_there_when_it_is_opened_again(self) -> None:
        async def scenario() -> None:
            async with self.opened() as sink:
                assert await sink.position(HISTORY, 0) is None
                # The first may begin anywhere, and have no records.
                await sink.apply(HISTORY, 0, 5, 5, [])
                assert await sink.position(HISTORY, 0) == 5
                await sink.apply(HISTORY, 0, 5, 9, told(6, 7))
                assert await sink.position(HISTORY, 0) == 9
            async with self.opened() as sink:
                assert await sink.position(HISTORY, 0) == 9
                await sink.apply(HISTORY, 0, 9, 12, told(11))
            assert sorted(await self.events()) == [6, 7, 11]

        self.run(scenario())

    def test_partitions_and_topics_have_a_position_each(self) -> None:
        async def scenario() -> None:
            async with self.opened() as sink:
                places = [(topic, number) for topic in (HISTORY, SCORES) for number in range(4)]
                # Those of different partitions may come at once.
                await asyncio.gather(
                    *(sink.apply(topic, number, 0, number + 1, []) for topic, number in places)
                )
                assert [await sink.position(*place) for place in places] == [1, 2, 3, 4] * 2
                assert await sink.position(HISTORY, 4) is None

        self.run(scenario())

    def test_a_step_that_does_not_begin_at_the_position_writes_nothing(self) -> None:
        async def scenario() -> None:
            async with self.opened() as sink:
                await sink.apply(HISTORY, 0, 0, 3, told(2))
                for begin, end in ((4, 6), (2, 6), (0, 3), (1, 2)):
                    with pytest.raises(PositionMismatch) as caught:
                        await sink.apply(HISTORY, 0, begin, end, [*told(begin), broken(begin)])
                    assert caught.value.current == 3
                    assert await sink.position(HISTORY, 0) == 3
            assert await self.events() == [2]
            assert await self.dead() == []

        self.run(scenario())

    def test_a_step_that_ends_before_its_begin_is_a_mistake(self) -> None:
        async def scenario() -> None:
            async with self.opened() as sink:
                with pytest.raises(ValueError, match="before its begin"):
                    await sink.apply(HISTORY, 0, 3, 2, [])
                assert await sink.position(HISTORY, 0) is None

        self.run(scenario())

    def test_of_two_that_apply_a_step_one_does(self) -> None:
        """A stalled process wakes, and another has its partition."""

        async def scenario() -> None:
            async with self.opened() as first, self.opened() as second:
                for step in range(12):
                    found = await asyncio.gather(
                        first.apply(HISTORY, 0, step, step + 1, told(step)),
                        second.apply(HISTORY, 0, step, step + 1, told(step)),
                        return_exceptions=True,
                    )
                    [error] = [one for one in found if isinstance(one, BaseException)]
                    assert isinstance(error, PositionMismatch), error
                    assert error.current == step + 1
                assert await first.position(HISTORY, 0) == await second.position(HISTORY, 0) == 12
            assert sorted(await self.events()) == list(range(12))

        self.run(scenario())

    def test_what_cannot_be_stored_is_a_dead_letter_of_the_same_step(self) -> None:
        async def scenario() -> None:
            async with self.opened() as sink:
                bad_entry = history(2, entry(20), entry(21), entry(22))
                bad_entry.value = (bad_entry.value or b"").replace(b'"offset":21', b'"offset":"x"')
                gap = Unreadable(offset=3, last=4, timestamp=NOW, detail="it was cut")
                records: Sequence[LogRecord] = [*told(1), bad_entry, gap, broken(5), *told(6)]
                applied = await sink.apply(HISTORY, 0, 0, 7, records)
                assert (applied.rows, applied.dead, applied.newest) == (4, 3, NOW)
                assert await sink.position(HISTORY, 0) == 7
            assert sorted(await self.events()) == [1, 6, 20, 22]
            assert sorted(await self.dead()) == [
                (2, 1, "bad_field"), (3, 0, "unreadable"), (5, 0, "not_json"),
            ]  # fmt: skip

        self.run(scenario())

    def test_of_a_lead_the_last_score_holds(self) -> None:
        async def scenario() -> None:
            async with self.opened() as sink:
                first = [snapshot(0, "ann", score=1), snapshot(1, "bob", place=1, score=2)]
                await sink.apply(SCORES, 0, 0, 2, first)
                later = [snapshot(2, "ann", place=2, score=3), snapshot(3, "ann", place=3, score=4)]
                applied = await sink.apply(SCORES, 0, 2, 4, later)
                assert applied.rows + applied.coalesced == 2
            assert await self.scores() == {"ann": 4, "bob": 2}

        self.run(scenario())

    def test_it_takes_every_kind(self) -> None:
        async def scenario() -> None:
            steps = {
                SCORES: snapshot(0), HISTORY: history(0, entry(0)), "t.actions": crossed(0, "c1"),
                "t.decisions": skipped(0, "d1"), "t.models": model(0),
            }  # fmt: skip
            assert steps.keys() == TOPICS.keys()
            async with self.opened() as sink:
                for topic, record in steps.items():
                    applied = await sink.apply(topic, 0, 0, 1, [record])
                    assert (topic, applied.rows, applied.dead) == (topic, 1, 0)

        self.run(scenario())

    def test_a_cancelled_step_is_written_as_a_whole_or_not_at_all(self) -> None:
        async def scenario() -> None:
            position = 0
            async with self.opened() as sink:
                await sink.apply(HISTORY, 0, 0, 0, [])
                for turns in range(TURNS):
                    step = asyncio.create_task(
                        sink.apply(HISTORY, 0, position, position + 3, [*told(position, position + 2)])
                    )
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    step.cancel()
                    with suppress(asyncio.CancelledError):
                        await step
                    found = await sink.position(HISTORY, 0)
                    assert found in (position, position + 3)
                    position = found
                # It still works.
                await sink.apply(HISTORY, 0, position, position + 3, told(position, position + 2))
            whole = [place for begin in range(0, position + 3, 3) for place in (begin, begin + 2)]
            assert sorted(await self.events()) == whole

        self.run(scenario())

    def test_another_topic_of_the_same_name_is_refused(self) -> None:
        async def scenario() -> None:
            # A broker that tells no ids, then one that does, then none again: what it told is kept.
            for number, topic_id in enumerate(("", "a", "")):
                async with self.opened({HISTORY: topic_id}) as sink:
                    assert await sink.position(HISTORY, 0) == (number or None)
                    await sink.apply(HISTORY, 0, number, number + 1, [])
            async with self.opened({HISTORY: "b"}) as sink:
                with pytest.raises(OtherTopic):
                    await sink.position(HISTORY, 0)
                assert await sink.position(HISTORY, 1) is None

        self.run(scenario())

    def test_it_is_away_before_it_is_opened_and_after_it_is_closed(self) -> None:
        async def scenario() -> None:
            sink = self.sink()
            await sink.close()
            for _ in range(2):
                with pytest.raises(StoreUnavailable):
                    await sink.position(HISTORY, 0)
                with pytest.raises(StoreUnavailable):
                    await sink.apply(HISTORY, 0, 0, 1, [])
                await sink.open()
                await sink.position(HISTORY, 0)
                await sink.close()
                await sink.close()
            await sink.open()
            assert await sink.position(HISTORY, 0) is None
            await sink.close()

        self.run(scenario())


def told(*offsets: int) -> list[Record]:
    """Records of the history topic with an entry each, at the same offset."""
    return [history(offset, entry(offset)) for offset in offsets]


def broken(offset: int) -> Record:
    """A record that is no JSON."""
    return Record(offset, None, b"{")
