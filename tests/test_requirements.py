"""The page of requirements says what the tests prove."""

from pathlib import Path

from tests.support import proven


def test_every_mark_names_a_requirement() -> None:
    unknown = [mark for mark in proven.marks() if mark[0] not in proven.requirements()]
    assert not unknown


def test_the_page_is_up_to_date() -> None:
    assert proven.PAGE.read_text() == proven.page(), "run `python -m tests.support.proven`"


def test_all_requirements_are_there_in_full() -> None:
    """120 in five sources and of our own; no text is cut where one of several sentences ends."""
    found = proven.requirements()
    sources = [requirement.partition("-")[0] for requirement in found]
    counts = {source: sources.count(source) for source in dict.fromkeys(sources)}
    assert counts == {"S0": 15, "S1": 16, "S2": 20, "S3": 29, "S4": 24, "N": 16}
    assert found["S1-8"].endswith("The examples in the docs compute it right and say so")
    assert found["S3-23"].endswith("unique per contact and model; index on total_score DESC)")
    assert [text for text in found.values() if not text.strip() or text.endswith(".")] == []


def test_marks_of_modules_classes_and_cases_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_one.py").write_text("""
pytestmark = [pytest.mark.kafka, pytest.mark.requirement("S0-1", "S0-2")]
@pytest.mark.requirement("S0-1")
def test_a(): pass
def helper(): pass
@pytest.mark.requirement("S0-3")
class TestB:
    pytestmark = pytest.mark.requirement("S0-4")
    async def test_c(self): pass
@pytest.mark.parametrize("n", [1, pytest.param(2, marks=[pytest.mark.requirement("S0-5")])])
def test_d(n): pass
""")
    (folder / "test_two.py").write_text("pytestmark = pytest.mark.requirement('N-1')\ndef test_e(): pass\n")
    whole = ["S0-1", "S0-2"]
    assert list(proven.marks(folder)) == [
        *((one, "tests/test_one.py::test_a") for one in whole),
        *((one, "tests/test_one.py::TestB::test_c") for one in [*whole, "S0-3", "S0-4"]),
        *((one, "tests/test_one.py::test_d") for one in [*whole, "S0-5"]),
        ("N-1", "tests/test_two.py::test_e"),
    ]


def test_what_no_test_names_is_said_to_be_unproven() -> None:
    unproven = proven.requirements().keys() - {requirement for requirement, _ in proven.marks()}
    page = proven.page()
    assert page.count(proven.NOT_PROVEN) == len(unproven)
    assert f"- {len(unproven)} are not proven, and not claimed: " in page
