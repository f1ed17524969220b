"""The page of requirements says what the tests prove."""

from tests.support import proven


def test_every_mark_names_a_requirement() -> None:
    unknown = [mark for mark in proven.marks() if mark[0] not in proven.requirements()]
    assert not unknown


def test_the_page_is_up_to_date() -> None:
    assert proven.PAGE.read_text() == proven.page(), "run `python -m tests.support.proven`"
