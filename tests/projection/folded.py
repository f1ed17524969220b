"""From signals to the tables: the engine's own fold of a preset, projected."""

from typing import Any

from leadstream.models import load_catalog
from leadstream.scoring.compiled.model import CompiledModel
from tests.scoring import folding
from tests.scoring.folding import Log, Result

from .made import TOPICS, Database, Record, run


def preset(name: str) -> CompiledModel:
    return load_catalog(name).default


def project(database: Database, log: Log, model: CompiledModel, **options: Any) -> Result:
    """Folds the log (options as for `folding.run`) and writes all that comes out of it into the tables."""
    result = folding.run(log, model, **options)
    for topic, kind in TOPICS.items():
        if kind == "models":  # told by the worker, not by the fold
            continue
        messages = [message for step in result.steps for message in getattr(step, kind)]
        records = [
            Record(offset, key, value, headers=list(headers))
            for offset, (key, value, headers) in enumerate(messages)
        ]
        run(database.fill(topic, records))
    return result
