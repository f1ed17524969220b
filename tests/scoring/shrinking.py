"""The smallest world that still fails: signals and parts of the model left out one by one."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random
from time import monotonic
from typing import Any

from leadstream.models import ModelError
from tests.scoring.rich_parts import MODEL_KEYS
from tests.scoring.rich_worlds import World, rich_world

PATIENCE = 20.0
"""Seconds spent on making a failure small."""

Law = Callable[[World, Random], None]
"""Raises AssertionError where a world breaks it; draws what else it needs from the generator."""


def hold(law: Law, seed: int, allowed: tuple[str, ...] = MODEL_KEYS) -> None:
    """Raises AssertionError with a small world if the world of the seed breaks a law."""
    random = Random(seed)
    world = rich_world(random, allowed)
    try:
        law(world, Random(seed))
    except AssertionError:
        small = smallest(world, lambda one: broken(law, one, seed) is not None)
        raise AssertionError(told(small, seed, broken(law, small, seed))) from None


def broken(law: Law, world: World, seed: int) -> AssertionError | None:
    try:
        law(world, Random(seed))
    except AssertionError as error:
        return error
    except (ModelError, LookupError, ValueError):
        # What is left is no model.
        return None
    return None


def smallest(world: World, fails: Callable[[World], bool]) -> World:
    """Leaves out what does not matter, as long as anything can be left out."""
    file, signals = world
    end = monotonic() + PATIENCE
    shrunk = True
    while shrunk and monotonic() < end:
        shrunk = False
        for index in reversed(range(len(signals))):
            fewer = signals[:index] + signals[index + 1 :]
            if fails((file, fewer)):
                signals, shrunk = fewer, True
        for path in sorted(paths(file), key=len):
            less = without(file, path)
            if less is not None and monotonic() < end and fails((less, signals)):
                file, shrunk = less, True
        for index, signal in enumerate(signals):
            plain = {**signal, "source": "", "data": {}, "at": signal["timestamp"], "lead": "l1"}
            for name in ("source", "data", "at", "lead"):
                simpler = [*signals]
                simpler[index] = {**signals[index], name: plain[name]}
                if simpler != signals and fails((file, simpler)):
                    signals, shrunk = simpler, True
    return file, signals


def paths(value: Any, start: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all parts of a value."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(reversed(list(enumerate(value))))
    for name, one in inner:
        yield (*start, name)
        yield from paths(one, (*start, name))


def without(value: Any, path: tuple[Any, ...]) -> Any:
    """A copy with a part left out; None if there is none any more."""
    copy = deepcopy(value)
    inner = copy
    try:
        for name in path[:-1]:
            inner = inner[name]
        del inner[path[-1]]
    except (LookupError, TypeError):
        return None
    return copy


def told(world: World, seed: int, error: AssertionError | None) -> str:
    lines = [f"seed {seed}", json.dumps(world[0])]
    lines += [json.dumps({name: signal[name] for name in signal if name != "tenant"}) for signal in world[1]]
    return "\n".join([*lines, str(error)])
