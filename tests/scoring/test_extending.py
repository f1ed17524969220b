"""docs/extending.md: what it adds to a copy of the sources works there, and keeps the laws of all kernels."""

import os
import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/extending.md").read_text()
FOLD = """
from pathlib import Path
from leadstream.records.times import rfc3339
from tests.scoring.folding import DAY, T0, Log, model_of, run

# By hand: signals of a day ago and of now are worth 0.9 ** 2 + 1 times 100 points.
model = model_of(Path("fading.yaml").read_text())
total = run(Log().add("page.viewed", T0).add("page.viewed", T0 + DAY), model).snapshot().total
assert abs(total - 181) < 1e-9, total
# As the page says: a quarter is left after half the period.
fallen = run(Log().add("page.viewed", T0).tick(T0 + 9 * DAY), model).of_type("lead.threshold.crossed")
told = [(one["direction"], one["at"]) for one in fallen]
assert told == [("up", rfc3339(T0)), ("down", rfc3339(T0 + 5 * DAY + 1))], told
"""


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", PAGE, re.M | re.S)
    return [dedent(text) for _, text in found]


def changes() -> list[tuple[str, str]]:
    """The changes of the page, each with the file that is named last before it."""
    found, place = [], ""
    for path, text in re.findall(r"`(leadstream/\S+\.py)`|^ *```diff\n(.*?)^ *```$", PAGE, re.M | re.S):
        place = path or place
        if text:
            found.append((place, dedent(text)))
    return found


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with the page's kernel."""
    root = tmp_path_factory.mktemp("extended")
    for name in ("leadstream", "tests"):
        copytree(ROOT / name, root / name, ignore=ignore_patterns("__pycache__"))
    (root / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (place,) = re.findall(r"^ *`(leadstream/\S+/quadratic\.py)`$", PAGE, re.M)
    (source,) = blocks("python")
    (root / place).write_text(source)
    (rules,) = blocks("yaml")
    (root / "fading.yaml").write_text(rules)
    for place, text in changes():
        old, new = ("".join(line[1:] for line in text.splitlines(True) if line[0] == sign) for sign in "-+")
        found = (root / place).read_text()
        assert found.count(old) == 1
        (root / place).write_text(found.replace(old, new))
    return root


def ran(root: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.usefixtures("processes")
def test_the_kernel_of_the_page_keeps_the_laws(extended: Path) -> None:
    ran(extended, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/scoring/test_kernel_laws.py",
        "-k", "quadratic or names_and_keys")  # fmt: skip


@pytest.mark.usefixtures("processes")
def test_the_rule_file_of_the_page_is_folded(extended: Path) -> None:
    ran(extended, "-c", FOLD)
