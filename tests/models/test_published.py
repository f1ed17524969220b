"""What the topic of models should say, record by record."""

import json

import msgspec
import pytest

from leadstream.models.catalog import load_catalog, parse_rule_file, preset_names
from leadstream.models.compile import compile_model
from leadstream.models.published import Published, models_of
from leadstream.models.schema import Tenant
from leadstream.records.models import ModelLevel, ModelThreshold, ScoringModel
from leadstream.scoring.compiled.model import ModelCatalog
from tests.support.durations import DAY

MODEL = """
name: small
version: "{version}"
half_life: 14d
categories:
  intent: {{cap: 40, decay: {{linear: 10d}}}}
rules:
  - {{id: reply, on: email.replied, points: 25}}
  - {{id: visit, on: page.viewed, points: 10, category: intent}}
thresholds: [{{at: 20, hysteresis: 2}}, {{at: 50}}]
bands: [{{name: cold, from: 0}}, {{name: hot, from: 50}}]
"""


def small(version: str, **tenant: str) -> ModelCatalog:
    """The model for all; with names of tenants and their half-lives, for these alone."""
    file = parse_rule_file(MODEL.format(version=version), "small.yaml")
    listed = {
        name: compile_model(file, Tenant.model_validate({"tenant": name, "half_life": half_life}))
        for name, half_life in tenant.items()
    }
    return ModelCatalog(compile_model(file), listed or None)


class Topic:
    """The records of the topic, each written a minute after the one before."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes]] = []

    def tell(self, catalog: ModelCatalog, *, compacted: bool = False) -> list[ScoringModel]:
        """What a worker that starts writes."""
        published = Published()
        for number, (key, value) in enumerate(self.records):
            if compacted and any(key == later for later, _ in self.records[number + 1 :]):
                continue
            published.add(key, value, number * 60_000)
        lacking = published.lacking(models_of(catalog))
        self.records += lacking
        return [msgspec.json.decode(value, type=ScoringModel) for _, value in lacking]


@pytest.mark.requirement("S3-22")
def test_a_record_has_rules_decay_and_levels() -> None:
    topic = Topic()
    [model] = topic.tell(small("1", acme="7d"))
    assert (model.tenant, model.name, model.version, model.active) == ("acme", "small", "1", True)
    assert topic.records[0][0] == f"acme:{model.fingerprint}".encode()
    assert model.thresholds == (ModelThreshold(20, 2), ModelThreshold(50))
    assert model.bands == (ModelLevel("cold", 0), ModelLevel("hot", 50))
    assert model.caps == {"intent": (0, 40)}
    assert [(one.kernel, one.half_life) for one in model.decay] == [
        ("exponential", 7 * DAY),
        ("linear", 10 * DAY),
    ]
    assert "reply" in model.decay[0].factors
    assert model.decay[1].factors == ("visit",)
    assert model.rules["half_life"] == "7d"
    assert model.created is None


@pytest.mark.requirement("S3-22")
@pytest.mark.parametrize("name", preset_names())
def test_the_rules_load_as_the_same_model(name: str) -> None:
    [model] = Topic().tell(load_catalog(name))
    assert compile_model(parse_rule_file(json.dumps(model.rules), name)).fingerprint == model.fingerprint


@pytest.mark.parametrize("compacted", [False, True])
def test_what_is_said_is_not_said_again(compacted: bool) -> None:
    topic = Topic()
    assert len(topic.tell(small("1", acme="7d", other="8d"), compacted=compacted)) == 2
    for _ in range(1000):
        assert topic.tell(small("1", acme="7d", other="8d"), compacted=compacted) == []


@pytest.mark.parametrize("compacted", [False, True])
def test_a_version_that_comes_back_is_told_again_with_its_first_time(compacted: bool) -> None:
    topic = Topic()
    topic.tell(small("1"), compacted=compacted)
    topic.tell(small("2"), compacted=compacted)
    for _ in range(3):
        [model] = topic.tell(small("1"), compacted=compacted)
        assert (model.version, model.active, model.created) == ("1", True, 0)
        [model] = topic.tell(small("2"), compacted=compacted)
        assert (model.version, model.active, model.created) == ("2", True, 60_000)
    assert len({key for key, _ in topic.records}) == 2


def test_a_tenant_that_is_listed_no_more_has_none() -> None:
    topic = Topic()
    topic.tell(small("1", acme="7d", other="8d"))
    [model] = topic.tell(small("1", acme="7d"))
    assert (model.tenant, model.active, model.created) == ("other", False, 60_000)
    assert topic.tell(small("1", acme="7d")) == []
    [model] = topic.tell(small("1", acme="7d", other="8d"))
    assert (model.tenant, model.active, model.created) == ("other", True, 60_000)


def test_a_model_for_all_takes_the_place_of_listed_ones() -> None:
    topic = Topic()
    topic.tell(small("1", acme="7d"))
    found = topic.tell(small("1"))
    assert {(model.tenant, model.active) for model in found} == {("", True), ("acme", False)}


def test_what_changes_no_score_is_written_over() -> None:
    text = MODEL.format(version="1")
    topic = Topic()
    topic.tell(ModelCatalog(compile_model(parse_rule_file(text, "x"))))
    [model] = topic.tell(ModelCatalog(compile_model(parse_rule_file(text + "description: new\n", "x"))))
    assert (model.rules["description"], model.created) == ("new", 0)
    assert len({key for key, _ in topic.records}) == 1


def test_records_that_can_not_be_read_count_as_absent() -> None:
    topic = Topic()
    topic.records = [(b"", b"{"), (b"a", b"\xff"), (b":x", b"[" * 100_000)]
    assert len(topic.tell(small("1"))) == 1
    assert topic.tell(small("1")) == []
