"""Short histories told by hand, folded by the engine, and by the reference beside it."""

from functools import cache
from pathlib import Path
from typing import Any

from leadstream.models import load_catalog
from leadstream.records.keys import lead_key
from leadstream.scoring.compiled.model import ModelCatalog
from leadstream.scoring.decay.totals import Score, score

from .comparison import assert_same_history, assert_same_outputs, reference
from .engine import TENANT, Run, record, run
from .histories import START
from .reference import History, Output
from .rules import DAY, HOUR, TENX, Model, rule_file
from .signals import Signal

MINUTE = 60_000
PHONE = "+49 (30) 901-820"


@cache
def preset(name: str) -> ModelCatalog:
    return load_catalog(name)


def written(model: Model, folder: Path) -> ModelCatalog:
    path = folder / "model.yaml"
    path.write_text(rule_file(model))
    return load_catalog(str(path))


class Story:
    """Signals in the order of the log. Times are milliseconds after the story's start.

    The name of a signal is its number, `s0`, `s1` and so on, unless it is given one.
    """

    def __init__(self, model: Model = TENX, catalog: ModelCatalog | None = None) -> None:
        self.model = model
        self.catalog = catalog or preset("tenx")
        self.signals: list[Signal] = []

    def says(
        self,
        now: int,
        kind: str,
        /,
        *,
        at: int | None = None,
        lead: str = "ann",
        name: str | None = None,
        source: str = "",
        **data: Any,
    ) -> "Story":
        """A signal that the broker received at `now` and that says it happened `at` (if not given, then)."""
        number = len(self.signals)
        happened = START + (now if at is None else at)
        data = {field.rstrip("_"): value for field, value in data.items()}
        identity = name or f"s{number}"
        self.signals.append(Signal(number, START + now, lead, identity, kind, happened, source, data))
        return self

    def bump(self, now: int, points: float, **more: Any) -> "Story":
        return self.says(now, "score.bumped", points=points, by="ann", why="test", **more)

    def phone(self, now: int, number: Any = PHONE, **more: Any) -> "Story":
        return self.says(now, "lead.updated", phone=number, **more)

    def passes(self, now: int) -> "Story":
        """Nothing but time: a tick."""
        self.signals.append(Signal(len(self.signals), START + now))
        return self

    def run(self) -> Run:
        """What the engine made of it; the reference makes the same of it."""
        found, self._fold = run(self.catalog, [record(signal) for signal in self.signals])
        expected = reference(self.model, self.signals)
        assert_same_outputs(found.outputs(), expected.outputs)
        assert_same_history(found.history(), expected.history)
        return found

    def events(self, *kinds: str) -> list[str]:
        """What was put out, a line each; of some kinds if they are given."""
        return [line(output) for output in self.run().outputs() if not kinds or output.kind in kinds]

    def actions(self) -> list[str]:
        return self.events("requested", "skipped")

    def history(self) -> list[History]:
        return self.run().history()

    def gains(self) -> list[float]:
        """What each signal added to the total when it came."""
        return [round(float(one.after - one.before), 9) for one in self.history()]

    def read(self, now: int, lead: str = "ann") -> Score:
        """The lead's total, score and band at an instant after its last signal."""
        self.run()
        key = lead_key(TENANT, lead)
        state = self._fold.state_of(key)
        assert state is not None
        return score(state, self._fold.model_of(key), START + now)

    def total(self, now: int, lead: str = "ann") -> float:
        return round(self.read(now, lead).total, 9)


def line(output: Output) -> str:
    words = [when(output.at - START)]
    if output.kind == "crossed":
        words += [output.direction, output.standing]
    elif output.kind == "band":
        words += ["band", output.standing]
    else:
        words += [output.kind, output.standing]
    if output.reason:
        return " ".join([*words, "as", output.reason])
    return " ".join([*words, "by", output.cause, *([output.signal] if output.signal else [])])


def when(time: int) -> str:
    """A time of a story in the largest unit that it is whole in."""
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (1000, "s")):
        if time and time % unit == 0:
            return f"{time // unit}{name}"
    return f"{time}ms" if time else "0"
