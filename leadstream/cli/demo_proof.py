"""The offline replay of the demo's own log."""

import time
from functools import partial
from pathlib import Path

from leadstream.cli.log import export
from leadstream.kafka.topics import TopicNames
from leadstream.offline.lines import read_lines
from leadstream.offline.replay import ReplayResult, replay
from leadstream.projection.verify import Expected
from leadstream.scoring.compiled.model import ModelCatalog
from leadstream.settings import Settings

HOUR_MS = 3_600_000


async def replayed(settings: Settings, catalog: ModelCatalog, folder: Path) -> ReplayResult:
    """Exports the log of signals into a file in `folder` and folds it anew, to its end."""
    path = folder / "log.ndjson"
    with path.open("wb") as file:
        await export(settings, file.write)
    # The broker's clock may be ahead of ours; readings at any instant are the same, however far it goes.
    end = int(time.time() * 1000) + HOUR_MS
    topic = TopicNames(settings.topic_prefix, settings.app).signals
    with path.open("rb") as file:
        return replay(read_lines(file), catalog, settings.app, end, topic=topic)


def expected(result: ReplayResult) -> list[tuple[tuple[str, str], Expected]]:
    """What the tables must have of each lead of the replay, by instant."""
    return [
        ((line.tenant, line.lead), partial(_reading, result, line.tenant, line.lead))
        for line in result.lines()
    ]


def _reading(result: ReplayResult, tenant: str, lead: str, at: int) -> tuple[float, int, str]:
    score = result.reading(tenant, lead, at)
    assert score is not None
    return score.total, score.score, score.band
