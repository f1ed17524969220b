"""Acts of operators on real brokers: which of two intents holds, and what completing one writes."""

import asyncio
from typing import Any

import msgspec

from leadstream.models import load_catalog
from leadstream.records.control import ACTIVATE_KEY, Activation, read_activation
from leadstream.records.intents import Intent
from leadstream.stream.control_log import ControlLog
from leadstream.stream.model_topic import ModelTopic
from tests.support.log import Log

from .bench import catalog
from .conftest import Install

RULES: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(load_catalog("concept").default.rules))


def intent(by: str) -> Intent:
    return Intent(number=1, by=by, why="test", activations=(Activation(number=1, rules=RULES, by=by),))


def test_the_first_intent_of_a_number_holds_and_is_completed_as_often_as_asked(
    install: Install, log: Log
) -> None:
    installation = install(3)
    names = installation.names
    control = ControlLog(installation.settings)

    async def act() -> None:
        await ModelTopic(installation.settings, names.models, catalog()).tell()
        assert await control.declare(intent("ann")) == intent("ann")
        assert await control.declare(intent("bob")) == intent("ann")
        intents, _ = await control.read()
        assert [one.by for one in intents.open()] == ["ann"]
        # As if the first had been killed after a partition: the second time all have it.
        for _ in range(2):
            await control.complete(intents.open()[0])
        intents, published = await control.read()
        assert intents.open() == []
        assert (intents.next_number, intents.next_activation) == (2, 2)
        assert [(one.tenant, one.name) for one in published.active()] == [("", "concept")]
        # A worker that starts with the old model says nothing else.
        await ModelTopic(installation.settings, names.models, catalog()).tell()
        _, published = await control.read()
        assert [one.name for one in published.active()] == ["concept"]

    asyncio.run(act())
    for partition in range(3):
        records = [one for one in log.read(names.signals, partition=partition) if one.key() == ACTIVATE_KEY]
        assert [read_activation(one.value()).by for one in records] == ["ann", "ann"]
