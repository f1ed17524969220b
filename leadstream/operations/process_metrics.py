"""One endpoint for the processes of a worker: their metrics side by side, their checks together."""

import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
"""The form that says which samples make a family. In Prometheus's own, the time at which a counter was made
is a gauge beside it, whose name is the counter's in this form."""
TIMEOUT = 2.0
"""Seconds that a process has to answer."""


class ProcessMetrics(Collector):
    """The metrics of all processes, each sample labelled `process`, counted from 0.

    `ports` are those of their health endpoints on 127.0.0.1, None until a process listens; it may change.
    A process that does not answer is left out.
    """

    def __init__(self, ports: Sequence[int | None]) -> None:
        self._ports = ports

    def collect(self) -> Iterable[Metric]:
        merged: dict[str, Metric] = {}
        for number, port in enumerate(self._ports):
            page = None if port is None else _get(port, "/metrics", OPENMETRICS)[1]
            for family in text_string_to_metric_families(page or "# EOF\n"):  # type: ignore[no-untyped-call]
                metric = merged.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type, family.unit)
                )
                metric.samples += [
                    sample._replace(labels={**sample.labels, "process": str(number)})
                    for sample in family.samples
                ]
        return merged.values()

    def problem(self, path: str) -> str | None:
        """What the first process that is not well answers to a check; None if all are."""
        for number, port in enumerate(self._ports):
            status, text = (None, None) if port is None else _get(port, path)
            if status != 200:
                return f"process {number}: {(text or 'does not answer').strip()}"
        return None


def _get(port: int, path: str, accept: str = "*/*") -> tuple[int | None, str | None]:
    """Status and text of an answer; None for none."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return None, None
