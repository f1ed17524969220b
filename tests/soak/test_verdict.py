"""The verdict of a soak, on series made up with a known course."""

from pathlib import Path
from random import Random

import pytest

from tests.soak.plot import write_plot
from tests.soak.run import ending
from tests.soak.series import LOGS, MEASURES, Samples
from tests.soak.verdict import judge

TIMES = [5.0 * number for number in range(360)]
"""Half an hour."""


def noisy(level: float, spread: float, seed: int = 1) -> list[float]:
    random = Random(seed)
    return [level + random.gauss(0, spread) for _ in TIMES]


def test_noise_around_a_level_is_flat() -> None:
    for seed in range(50):
        assert judge(TIMES, noisy(100, 10, seed), share=0.05, least=2).outcome == "flat"


def test_a_slow_leak_within_noise_grows_by_what_it_leaks() -> None:
    leak = [value + time * 20 / 1800 for time, value in zip(TIMES, noisy(100, 5), strict=True)]
    verdict = judge(TIMES, leak, share=0.05, least=2)
    # 20 in all, three quarters of it judged.
    assert verdict.outcome == "grows"
    assert verdict.growth == pytest.approx(15, abs=2)


def test_a_leak_of_handles_one_in_five_minutes_is_seen() -> None:
    handles = [16.0 + time // 300 for time in TIMES]
    assert judge(TIMES, handles, share=0, least=2).outcome == "grows"


def test_what_grows_at_the_beginning_only_is_flat() -> None:
    warming = [100 * min(1.0, time / 400) for time in TIMES]
    assert judge(TIMES, warming, share=0.05, least=2).outcome == "flat"


def test_peaks_and_a_saw_do_not_count_as_growth() -> None:
    peaks = [1000.0 if number % 20 == 19 else 50.0 for number in range(len(TIMES))]
    saw = [10.0 + number % 24 for number in range(len(TIMES))]
    assert judge(TIMES, peaks, share=0.1, least=2).outcome == "flat"
    assert judge(TIMES, saw, share=0.1, least=2).outcome == "flat"


def test_growth_within_what_is_allowed_and_a_fall_are_flat() -> None:
    rising = [100 + time * 4 / 1800 for time in TIMES]
    assert judge(TIMES, rising, share=0.05, least=2).outcome == "flat"
    assert judge(TIMES, rising, share=0.01, least=2).outcome == "grows"
    assert judge(TIMES, rising[::-1], share=0.01, least=2).outcome == "flat"


def test_two_minutes_are_too_short() -> None:
    assert judge(TIMES[:24], TIMES[:24], share=0, least=1).outcome == "too short"
    assert judge([], [], share=0, least=1).outcome == "too short"


@pytest.mark.parametrize(("leak", "code"), [(0.0, 0), (0.02, 1)])
def test_a_leak_is_named_and_gives_the_exit_code(
    leak: float, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = Samples(tmp_path / "samples.csv")
    names = [measure.name for measure in MEASURES] + list(LOGS)
    for time in TIMES:
        samples.add(time, dict.fromkeys(names, 50.0) | {"projector_rss": 50 + leak * time, "signals": time})
    assert ending(samples, tmp_path) == code
    assert ("GROWS: projector_rss;" in capsys.readouterr().out) == bool(code)
    assert len((tmp_path / "samples.csv").read_text().splitlines()) == len(TIMES) + 1


def test_the_plot_is_of_the_kind_that_its_name_says(tmp_path: Path) -> None:
    samples = Samples(tmp_path / "samples.csv")
    names = [measure.name for measure in MEASURES] + list(LOGS)
    for time in (0.0, 1.0):
        samples.add(time, dict.fromkeys(names, time))
    write_plot(tmp_path / "soak.svg", samples, samples.verdicts())
    assert "</svg>" in (tmp_path / "soak.svg").read_text()
