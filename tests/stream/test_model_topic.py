"""The topic of models on real brokers: told before anything is folded, once, by workers that may fold."""

import asyncio
from pathlib import Path

import asyncpg
import msgspec

from leadstream.models import load_catalog
from leadstream.models.published import Published, models_of
from leadstream.records.models import ScoringModel
from leadstream.scoring.compiled.model import ModelCatalog
from leadstream.stream.model_topic import ModelTopic
from tests.support.installation import Installation
from tests.support.log import Log
from tests.support.processes import projector, worker
from tests.support.signals import many
from tests.support.waiting import until

from .bench import catalog
from .conftest import Install
from .live import fold_all, refusal


def told(log: Log, installation: Installation) -> list[tuple[str, str, bool]]:
    """What the topic says, record by record: tenant, model, whether it is in force."""
    models = [
        msgspec.json.decode(message.value(), type=ScoringModel)
        for message in log.read(installation.names.models)
    ]
    return [(model.tenant, model.name, model.active) for model in models]


def tell(installation: Installation, *catalogs: ModelCatalog) -> None:
    """What processes that start at once do."""

    async def run() -> None:
        topics = [
            ModelTopic(installation.settings, installation.names.models, catalog) for catalog in catalogs
        ]
        # Each partition of a process asks.
        await asyncio.gather(*(topic.tell() for topic in topics for _ in range(3)))

    asyncio.run(run())


def test_a_worker_tells_its_model_before_it_folds_and_once(install: Install, log: Log) -> None:
    installation = install(2)
    log.send(installation.names.signals, many(0, 20))
    fold_all(installation, log)
    assert told(log, installation) == [("", "tenx", True)]
    [message] = log.read(installation.names.models)
    first = min(record.timestamp()[1] for record in log.read(installation.names.history))
    assert message.timestamp()[1] <= first
    fold_all(installation, log)
    assert len(told(log, installation)) == 1


def test_a_worker_that_is_refused_tells_nothing(install: Install, log: Log) -> None:
    installation = install()
    log.send(installation.names.signals, many(0, 20))
    fold_all(installation, log)
    refusal(installation, model="concept")
    assert told(log, installation) == [("", "tenx", True)]


def test_processes_that_start_at_once_say_the_same(install: Install, log: Log) -> None:
    installation = install()
    tell(installation, *[catalog()] * 5)
    found = told(log, installation)
    assert set(found) == {("", "tenx", True)}
    assert len({message.key() for message in log.read(installation.names.models)}) == 1
    tell(installation, *[catalog()] * 5)
    assert told(log, installation) == found


def test_of_workers_with_other_models_the_last_to_start_is_right(install: Install, log: Log) -> None:
    installation = install()
    for name in ("tenx", "concept", "concept", "tenx", "tenx"):
        tell(installation, load_catalog(name))
    assert told(log, installation) == [("", "tenx", True), ("", "concept", True), ("", "tenx", True)]
    read = Published()
    for message in log.read(installation.names.models):
        read.add(message.key(), message.value(), message.timestamp()[1])
    assert read.lacking(models_of(load_catalog("tenx"))) == []
    first, _, again = log.read(installation.names.models)
    assert msgspec.json.decode(again.value(), type=ScoringModel).created == first.timestamp()[1]


def test_the_model_reaches_the_tables(install_embedded: Install, postgres_dsn: str, tmp_path: Path) -> None:
    """Through worker and projector, whose other topics have more partitions."""
    installation = install_embedded(3)
    schema = installation.name

    async def rows(query: str) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(postgres_dsn, server_settings={"search_path": schema})
        try:
            found: list[asyncpg.Record] = await connection.fetch(query)
            return found
        except asyncpg.UndefinedTableError:
            return []
        finally:
            await connection.close()

    with worker(tmp_path, installation), projector(tmp_path, installation, postgres_dsn, schema) as role:
        Log(installation.bootstrap).send(installation.names.signals, many(0, 50))
        role.ready()
        until(lambda: len(asyncio.run(rows("SELECT FROM leads"))) == 10, "all leads are in the tables")
        until(lambda: asyncio.run(rows("SELECT FROM lead_scoring_models")), "the model is in the tables")
    query = """
    SELECT model.is_active, model.thresholds -> 0 ->> 'at', model.thresholds -> 1 ->> 'hysteresis'
    FROM lead_scoring_models AS model JOIN leads
    ON model.tenant_id IN ('', leads.tenant_id) AND model.name = leads.model AND model.version = score_version
    """
    found = asyncio.run(rows(query))
    assert len(found) == 10
    assert {tuple(row) for row in found} == {(True, "50.0", "0.0")}
