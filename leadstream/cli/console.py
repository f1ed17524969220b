"""What commands share: two consoles, progress on stderr, a loop that is quiet about connections."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

T = TypeVar("T")

out = Console()
err = Console(stderr=True)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs a short command's coroutine. Its errors end in one line, so Kafka's client logs nothing itself."""
    if not logging.getLogger().handlers:  # --debug sets one up
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return asyncio.run(main)


def progress() -> Progress:
    """A progress bar on stderr that shows only at a terminal, and leaves nothing behind."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        disable=not err.is_terminal,
        transient=True,
    )
