"""What facts are worth in the forms that people write, and what they are not."""

import pytest

from tests.scoring.folding import T0, Log, Result, model_of, run

MODEL = model_of(
    """
    name: m
    version: "1"
    half_life: none
    rules: [{id: visit, on: page.viewed, points: 1}]
    fit:
      - id: size
        fact: company_size
        ranges: [{from: 11, points: 5}, {from: 51, points: 10}, {from: 1001, points: 20}]
      - {id: bucket, fact: company_size, values: {51-200: 1, 1001+: 2}}
      - id: revenue
        fact: revenue
        ranges: [{from: 1000000, points: 10}, {from: 10000000, points: 15}, {from: 1000000000, points: 30}]
      - id: country
        fact: country
        tiers: [{name: near, values: [Germany, AT, Schweiz], points: 5}]
        other: 1
      - {id: title, fact: title, keywords: {points: {vp: 20, president: 30, senior: 8, cto: 25, founder: 22}}}
      - {id: grade, fact: grade, values: {"9": 3, "true": 4, "Bu\\u0308ro": 6}}
      - {id: seats, fact: seats, ranges: [{from: 100, points: 7}]}
    bands: [{name: all, from: 0}]
    """
)


def told(**data: object) -> Result:
    return run(Log().add("lead.created", T0, data=data), MODEL)


def worth(**data: object) -> float:
    return told(**data).history[0].after


@pytest.mark.parametrize(
    ("size", "points"),
    [
        ("51-200", 11),
        ("51\u2013200 employees", 11),
        ("51 to 200", 11),
        ("1,001+", 22),
        ("10 to 50", 0),
        ("11-50", 5),
        ("10,001+ employees", 20),
        ("2k", 20),
        ("4,25", 0),
        ("1.001+", 0),
        ("many", 0),
        (51, 10),
    ],
)
def test_a_size_counts_by_its_lower_bound(size: object, points: float) -> None:
    assert worth(company_size=size) == points


@pytest.mark.parametrize(
    ("revenue", "points"),
    [
        ("10M", 15),
        ("EUR 4.5 million", 10),
        ("$10M-$50M", 15),
        ("1-10M", 10),
        ("1.2bn", 30),
        ("950000,00", 0),
        ("950000.00", 0),
        ("1 000 000", 10),
        (1e6, 10),
        ("500K", 0),
        ("< 10M", 0),
        ("1,2,3", 0),
    ],
)
def test_a_revenue_counts_by_its_lower_bound(revenue: object, points: float) -> None:
    assert worth(revenue=revenue) == points


@pytest.mark.parametrize(
    ("country", "points"),
    [
        ("Germany", 5),
        ("DE", 5),
        ("deu", 5),
        ("Deutschland", 5),
        ("\u00d6sterreich", 5),
        ("Switzerland", 5),
        ("CHE", 5),
        ("France", 1),
        ("Atlantis", 1),
        ("", 0),
        (None, 0),
    ],
)
def test_a_country_counts_by_its_code(country: object, points: float) -> None:
    assert worth(country=country) == points


@pytest.mark.parametrize(
    ("title", "points"),
    [
        ("VP", 20),
        ("Vice President, Sales", 20),
        ("SVP", 20),
        ("V.P.", 20),
        ("Sr. VP", 20),
        ("EVP Sales", 20),
        ("Senior Vice President", 20),
        ("Sr. Manager", 8),
        ("President", 30),
        ("CTO & Co-Founder", 25),
        ("Chief Technology Officer", 25),
        ("Cofounder", 22),
        ("MVP", 0),
        ("cto\u0308", 0),
        (7, 0),
    ],
)
def test_of_a_title_the_best_keyword_counts_in_either_form(title: object, points: float) -> None:
    assert worth(title=title) == points


@pytest.mark.parametrize(
    ("grade", "points"),
    [
        (9, 3),
        (9.0, 3),
        ("9", 3),
        (" 9 ", 3),
        ("9.0", 0),
        ("09", 0),
        (True, 4),
        ("TRUE", 4),
        (1, 0),
        ("b\u00fcro", 6),
        ("BU\u0308RO", 6),
        ("buro", 0),
        (float("nan"), 0),
        (2**53, 0),
    ],
)
def test_another_fact_is_compared_by_its_text(grade: object, points: float) -> None:
    assert worth(grade=grade) == points


@pytest.mark.parametrize(
    ("seats", "points"),
    [(100, 7), ("100", 7), ("1,000", 7), ("100-200", 0), ("1k", 0), ("100,5", 0), (True, 0)],
)
def test_of_another_fact_a_number_follows_the_one_grammar(seats: object, points: float) -> None:
    assert worth(seats=seats) == points


def test_what_the_model_reads_is_kept_whatever_else_a_lead_has() -> None:
    # The 38th property of a CRM, and a null of each that it does not know.
    many: dict[str, object] = {f"property{number}": number for number in range(37)}
    assert worth(**many, grade=9) == 3
    assert worth(**{f"unknown{number}": None for number in range(40)}, seats=100) == 7


def test_a_fact_s_name_is_composed() -> None:
    model = model_of(
        """
        name: m
        version: "1"
        half_life: none
        rules: [{id: visit, on: page.viewed, points: 1}]
        fit: [{id: f, fact: "gro\\u0308\u00dfe", values: {a: 3}}]
        bands: [{name: all, from: 0}]
        """
    )
    for name in ("gr\u00f6\u00dfe", "gro\u0308\u00dfe"):
        assert run(Log().add("lead.created", T0, data={name: "A"}), model).history[0].after == 3
