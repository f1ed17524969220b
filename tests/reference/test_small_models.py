"""The engine against the reference on random histories with mixed half-lives, hysteresis and recovery."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadstream.models import load_catalog
from leadstream.records.keys import lead_key
from leadstream.scoring.compiled.model import ModelCatalog
from leadstream.scoring.decay.totals import score

from .budget import examples, note_seed
from .comparison import assert_close, assert_same_history, assert_same_outputs, reference
from .engine import TENANT, record, run, run_in_pieces
from .histories import SMALL_SAID, Said, histories, models
from .rules import DAY, HOUR, NONE, Action, Model, Rule, Threshold, rule_file
from .signals import Signal

MIXED = Model(
    name="mixed",
    half_life=14 * DAY,
    rules=(
        Rule("slow", on="slow", points=Decimal(30), half_life=60 * DAY),
        Rule("quick", on="quick", points=Decimal(24), half_life=HOUR),
        Rule("fading-minus", on="minus", points=Decimal(-25), half_life=DAY),
        Rule("lasting", on="lasting", points=Decimal(8), half_life=NONE),
        Rule("slow-minus", on="slow-minus", points=Decimal(-16), half_life=30 * DAY),
    ),
    thresholds=(
        Threshold(Decimal(12)),
        Threshold(Decimal(20), Decimal(3)),
        Threshold(Decimal(28), Decimal(0), "fire"),
    ),
    bands=(("low", Decimal(0)), ("middle", Decimal(20)), ("high", Decimal("27.5"))),
    actions=(
        Action("mail", Decimal(12), "email", dedupe=DAY),
        Action("call", Decimal(20), "phone", needs_phone=True),
        Action("tell", Decimal(20), "chat", dedupe=HOUR),
        Action("tell", Decimal(28), "chat", dedupe=HOUR),
    ),
)
"""Totals that rise by themselves, fall after that, and pass levels between two signals in both directions."""
MIXED_SAID: list[Said] = [
    *[(rule.on, "web", {}) for rule in MIXED.rules],
    *[(rule.on, "web", {}) for rule in MIXED.rules],
    ("lead.updated", "crm", {"phone": "+4930901820"}),
    ("score.bumped", "crm", {"set": 20, "by": "ann", "why": "test"}),
]


def compiled(model: Model, path: Path) -> ModelCatalog:
    path.write_text(rule_file(model))
    return load_catalog(str(path))


def assert_same(model: Model, catalog: ModelCatalog, signals: list[Signal], later: int, pieces: int) -> None:
    """Outputs, history and totals are the reference's, and pieces put out the same bytes."""
    records = [record(signal) for signal in signals]
    found, partition = run(catalog, records)
    expected = reference(model, signals)
    found.assert_ids_are_consistent()
    assert_same_outputs(found.outputs(), expected.outputs)
    assert_same_history(found.history(), expected.history)
    for name, lead in expected.leads.items():
        key = lead_key(TENANT, name)
        state = partition.state_of(key)
        assert state is not None
        got = score(state, partition.model_of(key), expected.now + later)
        assert_close(got.total, lead.total(expected.now + later), name)
        assert got.score == lead.score(expected.now + later)
    assert run_in_pieces(catalog, records, pieces) == found


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("model") / "model.yaml"


@pytest.fixture(scope="module")
def mixed(path: Path) -> ModelCatalog:
    return compiled(MIXED, path)


@pytest.mark.requirement("N-1")
@pytest.mark.requirement("N-2")
@pytest.mark.requirement("N-3")
@examples
@given(
    signals=histories(MIXED_SAID, leads=2, most=20),
    later=st.integers(0, 90 * DAY),
    pieces=st.integers(0, 999),
)
def test_mixed_half_lives_with_recovery_and_hysteresis(
    mixed: ModelCatalog, signals: list[Signal], later: int, pieces: int
) -> None:
    note_seed()
    assert_same(MIXED, mixed, signals, later, pieces)


@pytest.mark.requirement("N-1")
@examples
@given(
    model=models(),
    signals=histories(SMALL_SAID, leads=2, most=20),
    later=st.integers(0, 90 * DAY),
    pieces=st.integers(0, 999),
)
def test_random_models(path: Path, model: Model, signals: list[Signal], later: int, pieces: int) -> None:
    note_seed()
    assert_same(model, compiled(model, path), signals, later, pieces)
