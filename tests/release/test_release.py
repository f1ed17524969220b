"""What `make release` refuses."""

import pytest

from tests.release.run import ROOT, NotReady, check_changelog, check_contents, pinned

WHEEL = [
    "leadstream/__init__.py",
    "leadstream/py.typed",
    "leadstream/models/presets/tenx.yaml",
    "leadstream-1.2.0.dist-info/METADATA",
    "leadstream-1.2.0.dist-info/licenses/LICENSE",
    *(path.relative_to(ROOT).as_posix() for path in (ROOT / "leadstream" / "projection").rglob("*.sql")),
]


@pytest.mark.parametrize("heading", ["## 1.2.0 - 2026-03-01", "## [1.2.0] - 2026-03-01"])
def test_a_dated_section_of_the_version_is_enough(heading: str) -> None:
    check_changelog(f"# Changelog\n\n## Unreleased\n\n{heading}\n\n### Added\n", "1.2.0")


@pytest.mark.parametrize(
    "heading",
    ["## Unreleased", "## 1.2.0", "## 1.2.0 - soon", "## 1.2.01 - 2026-03-01", "## 1x2.0 - 2026-03-01"],
)
def test_a_version_without_a_dated_section_is_refused(heading: str) -> None:
    with pytest.raises(NotReady, match=r"no section `## 1\.2\.0"):
        check_changelog(f"# Changelog\n\n{heading}\n", "1.2.0")


def test_a_whole_wheel_passes() -> None:
    check_contents(WHEEL)


@pytest.mark.parametrize("absent", [WHEEL[1], WHEEL[2], WHEEL[4], WHEEL[5]])
def test_a_wheel_that_lacks_a_file_is_refused(absent: str) -> None:
    with pytest.raises(NotReady, match="the wheel has no"):
        check_contents([name for name in WHEEL if name != absent])


def test_a_wheel_with_tests_in_it_is_refused() -> None:
    with pytest.raises(NotReady, match=r"beside the package: tests/x\.py"):
        check_contents([*WHEEL, "tests/x.py"])


def test_a_lock_without_its_hashes_is_what_pip_takes_as_constraints() -> None:
    lock = (
        "aiokafka==0.14.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n    # via leadstream\n"
        'uvloop==0.22.1 ; sys_platform != "win32" \\\n    --hash=sha256:22\n'
    )
    assert pinned(lock) == ["aiokafka==0.14.0", 'uvloop==0.22.1 ; sys_platform != "win32"']
