"""The roles of the demo from outside: their metrics, their readiness, and waiting for what they do."""

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from leadstream.cli.errors import CliError
from leadstream.devstack import Supervisor

PATIENCE = 60.0
"""Seconds without any progress after which the demo gives up."""
MOST_FAILURES = 3
"""So many ends of one role, and the demo gives up; one that refuses to start is not tried again at all."""
REFUSED = 2
"""The exit code of a role whose settings a restart won't mend."""


class Role:
    """A supervised process and its endpoint on 127.0.0.1."""

    def __init__(self, supervisor: Supervisor, name: str, port: int) -> None:
        self.name = name
        self._supervisor = supervisor
        self._url = f"http://127.0.0.1:{port}"

    async def ready(self) -> bool:
        """Whether it has all it needs to work."""
        status, _ = await asyncio.to_thread(_get, f"{self._url}/readyz")
        return status == 200

    async def metrics(self) -> "Metrics":
        """What it counted so far; nothing while it does not answer."""
        _, text = await asyncio.to_thread(_get, f"{self._url}/metrics")
        return Metrics(text)

    def check(self) -> None:
        """Raises `CliError` with the end of its log when it does not get on."""
        failures = self._supervisor.failures(self.name)
        if len(failures) >= MOST_FAILURES or REFUSED in failures:
            raise CliError(
                f"the {self.name} ended with code {failures[-1]}: {self._supervisor.log_tail(self.name, 3)}",
                "see what it says",
            )


class Metrics:
    """One reading of a role's Prometheus endpoint."""

    def __init__(self, text: str) -> None:
        self._samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def total(self, name: str, **labels: str) -> int:
        """The sum of all samples of that name (without its prefix) that have these labels."""
        return int(sum(sample.value for sample in self._matching(name, labels)))

    def by(self, label: str, name: str) -> dict[str, int]:
        """The sums of that name, by the values of a label; zeros are left out."""
        sums: dict[str, int] = {}
        for sample in self._matching(name, {}):
            if sample.value:
                sums[sample.labels[label]] = sums.get(sample.labels[label], 0) + int(sample.value)
        return sums

    def _matching(self, name: str, labels: dict[str, str]) -> list[Any]:
        return [
            sample
            for sample in self._samples
            if sample.name == f"leadstream_{name}" and labels.items() <= sample.labels.items()
        ]


async def until(
    condition: Callable[[], Awaitable[bool]],
    what: str,
    roles: list[Role],
    progress: Callable[[], object] = lambda: None,
) -> None:
    """Polls a condition. Raises `CliError` when a role fails, or when `progress` gives the same for long."""
    last, changed = progress(), time.monotonic()
    while not await condition():
        for role in roles:
            role.check()
        now = time.monotonic()
        if (current := progress()) != last:
            last, changed = current, now
        if now - changed > PATIENCE:
            raise CliError(f"{what}: nothing moved for {PATIENCE:.0f} s", "is the machine very busy?")
        await asyncio.sleep(0.05)


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""
