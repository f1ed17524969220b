"""Prometheus's alerting rules over pages of metrics, for the shapes of expression that our rules have.

Where `promtool` is installed, tests give it the same series, and it must judge them alike.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families
from ruamel.yaml import YAML

RULES = Path(__file__).parents[2] / "deploy" / "alerts.yaml"
EXPRESSION = re.compile(
    r"(?:(?P<aggregate>max|sum)(?: by \((?P<by>\w+)\) ?| ?)\()?"
    r"(?P<rate>rate\()?(?P<metric>leadstream_\w+)(?:\[(?P<minutes>\d+)m\]\))?\)?"
    r" (?P<comparison>>|==) (?P<bound>\d+)"
)
Labels = frozenset[tuple[str, str]]
Page = Mapping[str, Mapping[Labels, float]]
"""The samples of one moment: name, labels, value."""


@dataclass(frozen=True)
class Rule:
    """An alert. `minutes` is over how long it looks back; 0 if it does not."""

    name: str
    expression: str
    held: str
    metric: str
    aggregate: str | None
    by: str | None
    minutes: int
    comparison: str
    bound: float

    def firing(self, before: Page, now: Page) -> list[dict[str, str]]:
        """The labels of each alert, if the pages are `minutes` apart, and `now` holds as long as needed."""
        values = dict(now.get(self.metric, {}))
        if self.minutes:
            earlier = before.get(self.metric, {})
            seconds = self.minutes * 60
            values = {
                labels: (value - earlier[labels]) / seconds
                for labels, value in values.items()
                if labels in earlier
            }
        if self.aggregate is not None:
            groups: dict[Labels, list[float]] = defaultdict(list)
            for labels, value in values.items():
                groups[frozenset(pair for pair in labels if pair[0] == self.by)].append(value)
            values = {
                labels: {"max": max, "sum": sum}[self.aggregate](each) for labels, each in groups.items()
            }
        return [
            dict(labels)
            for labels, value in values.items()
            if (value > self.bound if self.comparison == ">" else value == self.bound)
        ]


def rules() -> list[Rule]:
    """The shipped rules. Fails on an expression of another shape: it would not be judged."""
    found = []
    for group in YAML(typ="safe").load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            match = EXPRESSION.fullmatch(rule["expr"])
            assert match is not None, f"teach this file to read {rule['expr']!r}"
            assert bool(match["rate"]) == bool(match["minutes"])
            found.append(
                Rule(
                    rule["alert"], rule["expr"], rule.get("for", "0m"), match["metric"], match["aggregate"],
                    match["by"], int(match["minutes"] or 0), match["comparison"], float(match["bound"]),
                )
            )  # fmt: skip
    return found


def read(page: str) -> Page:
    """The samples of an OpenMetrics page. Raises ValueError for one that is not valid."""
    samples: dict[str, dict[Labels, float]] = defaultdict(dict)
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            labels = frozenset(sample.labels.items())
            assert labels not in samples[sample.name], sample
            samples[sample.name][labels] = sample.value
    return samples


def firing(before: Page, now: Page) -> dict[str, list[dict[str, str]]]:
    """Which rules fire, with the labels of each alert."""
    return {rule.name: found for rule in rules() if (found := rule.firing(before, now))}


def names(text: str) -> Iterable[str]:
    """The metrics that a text names."""
    return sorted(set(re.findall(r"leadstream_[a-z_]+", text)))
