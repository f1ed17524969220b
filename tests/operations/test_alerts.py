"""The shipped alerting rules: none fires on healthy roles, each does when it should.

They are judged by `alerting` everywhere, and by Prometheus's own `promtool` as well where it is installed.
"""

import re
import shutil
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest
from ruamel.yaml import YAML

from leadstream.devstack import KafkaAddress
from leadstream.operations import metrics
from tests.support.installation import Installation
from tests.support.log import Log, Sent
from tests.support.processes import Role, projector, worker
from tests.support.signals import many
from tests.support.waiting import until

from .alerting import RULES, Page, firing, names, read, rules

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
ACCEPT = {"Accept": "application/openmetrics-text; version=1.0.0"}
PROMTOOL = shutil.which("promtool")


def fetched(role: Role) -> str:
    """The page as Prometheus asks for it."""
    request = urllib.request.Request(f"http://127.0.0.1:{role.port}/metrics", headers=ACCEPT)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.read().decode())


def shown(registry: CollectorRegistry) -> Page:
    return read(generate_latest(registry).decode())


def of_people(page: Page) -> list[str]:
    """Values of labels that name a tenant or a lead of these tests."""
    return [
        value
        for samples in page.values()
        for labels in samples
        for _, value in labels
        if re.search(r"acme|ann@|\bl\d+\b", value)
    ]


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        pytest.param("embedded", [], id="embedded"),
        pytest.param("apache", ["--processes", "2"], id="two processes", marks=pytest.mark.kafka),
    ],
)
@pytest.mark.usefixtures("processes")
def test_nothing_fires_on_healthy_roles_and_each_shows_its_own(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    postgres_dsn: str,
    unique: str,
    kind: str,
    arguments: list[str],
) -> None:
    address: KafkaAddress = request.getfixturevalue(f"{kind}_kafka")
    installation = Installation(address, unique, 4).create()
    log = Log(address.bootstrap)
    person = [
        Sent(b"acme:ann@x.com", b'{"id": "a", "tenant": "acme", "lead": "ann@x.com", "type": "ann@x.com"}')
    ]
    with (
        worker(tmp_path, installation, "worker", *arguments) as folding,
        projector(tmp_path, installation, postgres_dsn, unique) as projecting,
    ):
        folding.ready()
        projecting.ready()
        pages = {"worker": read(fetched(folding)), "projector": read(fetched(projecting))}
        log.send(installation.names.signals, [*many(0, 100), *person])
        until(lambda: folding.metric("leadstream_signals_total") >= 100, "it folds")
        history = installation.names.history
        until(
            lambda: projecting.metric("leadstream_projected_records_total", topic=history) > 0, "it projects"
        )
        until(lambda: projecting.metric("leadstream_open_partitions") == 17, "all are open")
        until(lambda: folding.metric("leadstream_open_partitions") == 4, "all are open")
        later = {"worker": read(fetched(folding)), "projector": read(fetched(projecting))}
    for role, page in later.items():
        # As Prometheus sees them: the counters of the page before count as those of ten minutes ago.
        assert firing(pages[role], page) == {}
        assert of_people(page) == []
    assert not [
        name for name in later["worker"] if name.startswith(("leadstream_store", "leadstream_project"))
    ]
    assert not [
        name for name in later["projector"] if name.startswith(("leadstream_signals", "leadstream_step"))
    ]
    # What the page of the documentation and the rules name is there, on one of the pages.
    known = later["worker"].keys() | later["projector"].keys() | declared(metrics.WORKER, metrics.PROJECTOR)
    for text in (PAGE.read_text(), RULES.read_text()):
        for name in names(text):
            assert any(one == name or one.startswith(f"{name}_") for one in known), name


def declared(*registries: CollectorRegistry) -> set[str]:
    """The names of all metrics, with the suffix of counters, whether they have a sample yet or not."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for registry in registries
        for family in registry.collect()
    }


@pytest.mark.parametrize(
    ("rule", "role"),
    [
        ("LeadStreamLagging", "worker"),
        ("LeadStreamLagging", "projector"),
        ("LeadStreamPartitionNotOpening", "worker"),
        ("LeadStreamPartitionNotOpening", "projector"),
        ("LeadStreamDeadLetters", "worker"),
        ("LeadStreamForwarding", "worker"),
        ("LeadStreamStoreDown", "projector"),
    ],
)
def test_a_rule_looks_at_what_the_role_shows(rule: str, role: str) -> None:
    [metric] = [one.metric for one in rules() if one.name == rule]
    assert metric in declared({"worker": metrics.WORKER, "projector": metrics.PROJECTOR}[role])


Trouble = Callable[[], None]
TROUBLES: dict[str, tuple[CollectorRegistry, Trouble, dict[str, str]]] = {
    "LeadStreamLagging": (
        metrics.PROJECTOR,
        lambda: metrics.LAG_SECONDS.labels("t.scores", "3").set(61),
        {"topic": "t.scores"},
    ),
    "LeadStreamPartitionNotOpening": (metrics.WORKER, lambda: metrics.OPENING_SECONDS.set(181), {}),
    "LeadStreamDeadLetters": (
        metrics.WORKER,
        lambda: metrics.DEAD_LETTERS.labels("not_json").inc(601),
        {"reason": "not_json"},
    ),
    "LeadStreamForwarding": (metrics.WORKER, lambda: metrics.FORWARDED.inc(601), {}),
    "LeadStreamStoreDown": (metrics.PROJECTOR, lambda: metrics.STORE_UP.set(0), {}),
}


@pytest.fixture
def calm() -> None:
    """What other tests of this process left."""
    metrics.LAG_SECONDS.clear()
    metrics.OPENING_SECONDS.set(0)
    metrics.STORE_UP.set(1)
    metrics.DEAD_LETTERS.labels("not_json").inc(0)


@pytest.mark.parametrize("rule", [rule.name for rule in rules()])
def test_each_fires_when_it_should(calm: None, rule: str) -> None:
    registry, trouble, labels = TROUBLES[rule]
    before = shown(registry)
    assert firing(before, before) == {}
    trouble()
    assert firing(before, shown(registry)) == {rule: [labels]}


def test_a_projector_that_has_not_asked_postgresql_yet_does_not_say_that_it_is_away(calm: None) -> None:
    metrics.STORE_UP.set(float("nan"))
    page = shown(metrics.PROJECTOR)
    assert firing(page, page) == {}


@pytest.mark.skipif(
    PROMTOOL is None, reason="no promtool: the same cases run by tests/operations/alerting.py"
)
@pytest.mark.usefixtures("processes")
def test_promtool_judges_alike(tmp_path: Path) -> None:
    series = {
        "LeadStreamLagging": (
            'leadstream_lag_seconds{topic="t.scores",partition="3"}',
            "0x10 61x30",
            "topic: t.scores",
        ),
        "LeadStreamPartitionNotOpening": ("leadstream_opening_seconds", "0x10 181x30", ""),
        "LeadStreamDeadLetters": (
            'leadstream_dead_letters_total{reason="not_json"}',
            "0+61x60",
            "reason: not_json",
        ),
        "LeadStreamForwarding": ("leadstream_forwarded_total", "0+61x60", ""),
        "LeadStreamStoreDown": ("leadstream_store_up", "1x10 0x30", ""),
    }
    healthy = [
        {"series": 'leadstream_lag_seconds{topic="t.signals",partition="0"}', "values": "5x60"},
        {"series": "leadstream_opening_seconds", "values": "0 90 170 0x60"},
        {"series": 'leadstream_dead_letters_total{reason="not_json"}', "values": "0+10x60"},
        {"series": "leadstream_forwarded_total", "values": "0+1x60"},
        {"series": "leadstream_store_up", "values": "_ NaN 1x60"},
    ]
    summaries = {
        rule["alert"]: rule["annotations"]["summary"]
        for group in YAML(typ="safe").load(RULES.read_text())["groups"]
        for rule in group["rules"]
    }
    tests = [
        {
            "interval": "1m",
            "input_series": healthy,
            "alert_rule_test": [
                {"eval_time": "40m", "alertname": rule.name, "exp_alerts": []} for rule in rules()
            ],
        }
    ]
    for rule in rules():
        name, values, labels = series[rule.name]
        pair = dict([labels.split(": ")]) if labels else {}
        expected = dict(re.findall(r'(\w+)="([^"]*)"', name)) if rule.aggregate is None else pair
        summary = re.sub(
            r"\{\{ \$labels\.(\w+) \}\}", lambda found, pair=pair: pair[found[1]], summaries[rule.name]
        )
        tests.append(
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values}],
                "alert_rule_test": [
                    {
                        "eval_time": "40m",
                        "alertname": rule.name,
                        "exp_alerts": [{"exp_labels": expected, "exp_annotations": {"summary": summary}}],
                    }
                ],
            }
        )
    file = tmp_path / "test.yaml"
    with file.open("w") as out:
        YAML(typ="safe").dump({"rule_files": [str(RULES)], "tests": tests}, out)
    for command in (["check", "rules", str(RULES)], ["test", "rules", str(file)]):
        done = subprocess.run([str(PROMTOOL), *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
