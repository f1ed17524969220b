"""A worker in this process on a real broker: run to the end of what is there, or to its refusal."""

import asyncio

import msgspec

from leadstream.models import load_catalog
from leadstream.operations import metrics
from leadstream.stream.errors import Refused
from tests.support.installation import Installation
from tests.support.log import Log
from tests.support.workers import RunningWorker, end_of

from .bench import catalog


def stale_packs() -> float:
    found: float = metrics.STALE_PACKS._value.get()
    return found


def fold_all(installation: Installation, log: Log) -> None:
    """Runs a worker until it has folded what is there, and stops it."""

    async def run() -> None:
        async with RunningWorker(installation, catalog()) as worker:
            await worker.opened()
            await worker.caught_up(log)

    asyncio.run(run())


def refusal(installation: Installation, model: str = "tenx") -> Refused:
    """What a worker that should not start ends with."""

    async def run() -> BaseException | None:
        async with RunningWorker(installation, load_catalog(model, None)) as worker:
            error = await end_of(worker)
            worker.running = asyncio.ensure_future(asyncio.sleep(0))
            return error

    error = asyncio.run(run())
    assert isinstance(error, Refused), error
    assert error.exit_code == 2
    return error


def counted(log: Log, installation: Installation) -> int:
    """How many signals are in the history."""
    return sum(
        len(msgspec.json.decode(message.value())["entries"])
        for message in log.read(installation.names.history)
    )
