"""Numbers and amounts that are written as texts."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadstream.scoring.facts.amounts import amount_of, size_of
from leadstream.scoring.facts.numbers import number_of
from tests.scoring.reading_facts.test_consent import JSON


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (9, 9),
        (9.5, 9.5),
        (-0.0, 0),
        ("9", 9),
        (" 9 ", 9),
        ("-9.50", -9.5),
        ("+9", 9),
        ("007", 7),
        ("1,234", 1234),
        ("1,234,567.8", 1234567.8),
        ("-1,234", -1234),
        ("12,345", 12345),
        ("1 234", 1234),
        ("1\u00a0234\u00a0567", 1234567),
        ("1\u202f234", 1234),
        ("1'234", 1234),
        ("1\u2019234", 1234),
        ("1_234", 1234),
        ("950000.00", 950000),
    ],
)
def test_a_number_follows_one_grammar(value: object, number: float) -> None:
    assert number_of(value) == number


@pytest.mark.parametrize(
    "value",
    [
        "4,25",
        "950000,00",
        "1,2,3",
        "1,23,456",
        "1234,567",
        "1,234,56",
        ",234",
        "1,234,",
        "1,,234",
        "1.200.000",
        "1.200,50",
        "1,234 567",
        "1 234,567",
        "1 23",
        "1  234",
        ".5",
        "5.",
        "1e3",
        "0x10",
        "1/2",
        "--1",
        "- 1",
        "\u22121",
        "\uff19",
        "\u0669",
        "",
        " ",
        "nan",
        "inf",
        "Infinity",
        "1" * 65,
        "9" * 400,
        True,
        False,
        None,
        [],
        {},
        [1],
        10**400,
        float("nan"),
        float("inf"),
        "1,234\n5",
    ],
)
def test_what_does_not_is_no_number(value: object) -> None:
    assert number_of(value) is None


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        (200, 200, 200),
        (200.5, 200.5, 200.5),
        ("200", 200, 200),
        ("51-200", 51, 200),
        ("1,001+", 1001, inf),
        ("51\u2013200 employees", 51, 200),
        ("51\u2014200", 51, 200),
        ("51 - 200", 51, 200),
        ("10 to 50", 10, 50),
        ("between 10 and 50", 10, 50),
        ("10 bis 50", 10, 50),
        ("10,001+ employees", 10001, inf),
        ("1,001-5,000 employees", 1001, 5000),
        ("1\u202f001-5\u202f000", 1001, 5000),
        ("10M", 1e7, 1e7),
        ("EUR 4.5 million", 4.5e6, 4.5e6),
        ("$10M-$50M", 1e7, 5e7),
        ("$10M - 50M", 1e7, 5e7),
        ("1-10M", 1e6, 1e7),
        ("1.2bn", 1.2e9, 1.2e9),
        ("\u20ac1.2 bn", 1.2e9, 1.2e9),
        ("4.5M\u20ac", 4.5e6, 4.5e6),
        ("500K-1M", 5e5, 1e6),
        ("500-1M", 500, 1e6),
        ("$1B+", 1e9, inf),
        ("over 500", 500, inf),
        ("> 500", 500, inf),
        (">=500", 500, inf),
        ("at least 1,000 people", 1000, inf),
        ("500 or more", 500, inf),
        ("<50", 0, 50),
        ("under $1M", 0, 1e6),
        ("up to 10 employees", 0, 10),
        ("less than 10", 0, 10),
        ("~200", 200, 200),
        ("approx. 200", 200, 200),
        ("ca. 1,200 FTE", 1200, 1200),
        ("US$ 5 mio.", 5e6, 5e6),
        ("5 Mrd. EUR", 5e9, 5e9),
        ("200k", 2e5, 2e5),
        ("USD 12,000,000", 1.2e7, 1.2e7),
        ("$5M ARR", 5e6, 5e6),
        ("5M USD per year", 5e6, 5e6),
        ("-5", -5, -5),
        ("2 trillion", 2e12, 2e12),
        ("1-10", 1, 10),
        ("11-50", 11, 50),
        ("10M+", 1e7, inf),
    ],
)
def test_an_amount_is_read_with_its_bounds(value: object, low: float, high: float) -> None:
    assert amount_of(value) == (low, high)


@pytest.mark.parametrize(
    "value",
    [
        "many",
        "",
        "10 offices",
        "4,5 million",
        "1.200.000",
        "1.200,50",
        "200-51",
        "$50M-$10M",
        "51-200-500",
        "10-Nov",
        "Nov-50",
        "ten",
        "10%",
        "10 x 5",
        "1,2,3",
        "10M5",
        "M",
        "+",
        "-",
        "$",
        "k10",
        "10kk",
        "10 lakh",
        "1e6",
        "founded 1998",
        "10/50",
        "up to 10-50",
        "10-up to 50",
        "5 or 6",
        "7,5-8",
        "1 2 3",
        "10 20",
        True,
        None,
        [],
        {},
        ["51-200"],
        10**400,
        float("inf"),
        "1" * 300,
        "10M" + " " * 80,
    ],
)
def test_what_is_no_amount_is_not_guessed(value: object) -> None:
    assert amount_of(value) is None


@given(JSON | st.text("0123456789,.-+ kMbn$\u20ac\u2013to<>~", max_size=20))
def test_any_value_is_read_or_not(value: object) -> None:
    number = number_of(value)
    amount = amount_of(value)
    assert amount is None or amount.low <= amount.high
    if number is not None:
        assert amount == (number, number)


@pytest.mark.parametrize("value", ["1.001+", "1.001", "1.001-5.000", "2.5"])
def test_of_people_a_text_with_a_fraction_may_mean_thousands(value: str) -> None:
    assert amount_of(value) is not None
    assert size_of(value) is None
    assert size_of("1.5k") == (1500, 1500)
    assert size_of(2.5) == (2.5, 2.5)
