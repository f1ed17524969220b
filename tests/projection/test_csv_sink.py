"""The sink of docs/extending-sinks.md, held to the contract."""

import csv
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from leadstream.projection.sink import Sink

from .sink_contract import HISTORY, TOPICS, SinkContract, told

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples" / "csv_sink.py"


def example() -> Any:
    spec = spec_from_file_location("csv_sink", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CSV_SINK = example().CsvSink


class TestCsv(SinkContract):
    folder: Path

    @pytest.fixture(autouse=True)
    def _empty(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "csv"

    def sink(self) -> Sink:
        sink: Sink = CSV_SINK(self.folder, TOPICS)
        return sink

    def rows(self, table: str) -> list[dict[str, str]]:
        with (self.folder / f"{table}.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    async def events(self) -> list[int]:
        return [int(row["source_offset"]) for row in self.rows("score_events")]

    async def scores(self) -> dict[str, int]:
        return {row["lead_id"]: int(row["score_total"]) for row in self.rows("leads")}

    async def dead(self) -> list[tuple[int, int, str]]:
        return [
            (int(row["log_offset"]), int(row["item"]), row["reason"]) for row in self.rows("dead_letters")
        ]

    def test_what_a_step_left_that_was_killed_is_cut_off(self) -> None:
        async def scenario() -> None:
            async with self.opened() as sink:
                await sink.apply(HISTORY, 0, 0, 2, told(0, 1))
                with (self.folder / "score_events.csv").open("a") as file:
                    file.write("0,7,acme,half a ro")
                await sink.apply(HISTORY, 0, 2, 3, told(2))
                with (self.folder / "score_events.csv").open("a") as file:
                    file.write("0,3,acme,l1")
            async with self.opened() as sink:
                assert await sink.position(HISTORY, 0) == 3
            assert await self.events() == [0, 1, 2]

        self.run(scenario())
