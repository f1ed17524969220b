"""The internals of Faust that LeadStream overrides or uses are there, alike, and Faust still calls them."""

import importlib
import inspect
from collections.abc import Iterator
from types import CodeType
from typing import Any

import faust
import pytest
from faust.transport.drivers import aiokafka as driver
from mode.threads import WorkerThread

from leadstream.stream.app import PackApp
from leadstream.stream.packs import PackConsumer, PackConsumerThread, PackTransport, _Thread

OVERRIDDEN: list[tuple[type[Any], type[Any], list[str]]] = [
    (
        PackApp,
        faust.App,
        ["_create_directories", "_new_transport", "_crash", "on_stop"],
    ),
    (
        PackConsumerThread,
        driver.AIOKafkaConsumerThread,
        [
            "__post_init__", "_create_consumer", "_fetch_records", "on_partitions_revoked",
            "on_partitions_assigned", "on_thread_stop", "set_shutdown", "stop", "seek_to_committed",
            "seek_wait", "seek",
        ],
    ),
    (
        PackConsumer,
        driver.Consumer,
        [
            "on_stop", "_new_consumer_thread", "_to_message", "ack", "_add_gap",
            "_filter_tps_with_pending_acks", "_new_offset",
        ],
    ),
    (_Thread, WorkerThread, ["__init__", "stop"]),
]  # fmt: skip
CASES = [(ours, theirs, name) for ours, theirs, names in OVERRIDDEN for name in names]
IDS = [f"{theirs.__name__}.{name}" for _, theirs, name in CASES]


def parameters(function: Any) -> list[str]:
    return [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]


def names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)


@pytest.mark.parametrize(("ours", "theirs", "name"), CASES, ids=IDS)
def test_what_is_overridden_is_there_with_these_parameters(
    ours: type[Any], theirs: type[Any], name: str
) -> None:
    assert name in vars(ours)
    # `_Thread` knows its service by another type.
    assert parameters(getattr(ours, name)) == parameters(getattr(theirs, name))
    assert inspect.iscoroutinefunction(getattr(ours, name)) == inspect.iscoroutinefunction(
        getattr(theirs, name)
    )


def test_nothing_else_of_faust_is_overridden() -> None:
    """What is new here must not become something of Faust's own by an upgrade."""
    for ours, theirs, names in OVERRIDDEN:
        shared = {name for name in vars(ours) if hasattr(theirs, name) and callable(vars(ours)[name])}
        plain = {name for name in shared if not hasattr(object, name) or name == "__init__"}
        allowed = {"__init__", "_tasks_assigned", "_tasks_revoked", "Worker", "Consumer", "__annotations__"}
        assert plain - set(names) <= allowed, ours


@pytest.mark.parametrize(
    ("caller", "called"),
    [
        ("faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.getmany", "_fetch_records"),
        ("faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.on_start", "_create_consumer"),
        ("faust.transport.consumer:ThreadDelegateConsumer.__init__", "_new_consumer_thread"),
        ("faust.transport.consumer:Consumer.getmany", "_to_message"),
        ("faust.transport.consumer:Consumer._filter_committable_offsets", "_new_offset"),
        ("faust.transport.consumer:Consumer._drain_messages", "_add_gap"),
        ("faust.app.base:App.on_first_start", "_create_directories"),
        ("mode.services:Service.crash", "_crash"),
    ],
)
def test_faust_still_calls_it(caller: str, called: str) -> None:
    module, _, path = caller.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    assert called in set(names_in(found.__code__))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (driver.AIOKafkaConsumerThread, ["_ensure_consumer", "_consumer", "call_thread"]),
        (driver.Consumer, ["ack"]),
        (faust.App, ["consumer_generation_id"]),
    ],
)
def test_what_is_used_is_there(kind: type[Any], names: list[str]) -> None:
    assert [name for name in names if not hasattr(kind, name)] == []


def test_the_transport_makes_the_consumer_of_packs() -> None:
    assert PackTransport.Consumer is PackConsumer
    assert PackConsumerThread.Worker is _Thread
