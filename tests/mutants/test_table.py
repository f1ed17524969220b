"""The list of mutants fits the sources, and the page says what was found with this very list."""

from collections import Counter

from tests.mutants.listed import ROOT, mutants
from tests.mutants.table import PAGE, page, recorded
from tests.support import proven

AGAIN = "run `make mutants ARGS=--requirements`"


def test_each_mutant_finds_its_place() -> None:
    places = {one.name: (ROOT / one.file).read_text().count(one.old) for one in mutants()}
    assert {name: count for name, count in places.items() if count != 1} == {}
    assert all(one.old != one.new for one in mutants())
    assert [name for name, count in Counter(one.name for one in mutants()).items() if count > 1] == []


def test_each_requirement_that_a_mutant_names_has_a_marked_test_among_its_tests() -> None:
    lacking = [
        (one.name, requirement)
        for one in mutants()
        for requirement, places in one.marked().items()
        if not places
    ]
    assert lacking == []


def test_what_was_found_is_of_these_mutants_and_of_tests_that_are_still_marked() -> None:
    wanted = {(name, one.name, one.digest) for one in mutants() for name in one.requirements}
    assert {(row.requirement, row.mutant, row.digest) for row in recorded()} == wanted, AGAIN
    marks = set(proven.marks())
    assert [row for row in recorded() if (row.requirement, row.test) not in marks] == [], AGAIN


def test_all_sources_have_requirements_that_were_broken_once() -> None:
    sources = Counter(row.requirement.partition("-")[0] for row in recorded())
    assert sources.keys() == {"S0", "S1", "S2", "S3", "S4", "N"}
    assert len({row.requirement for row in recorded()}) >= 40


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), AGAIN
