"""Attributes of a person that the law protects are refused in every place where a rule looks at something."""

import pytest

from leadstream.models.protected import ATTRIBUTES, protected
from tests.models.marked import assert_refused

pytestmark = pytest.mark.requirement("S2-16")

HEAD = 'name: m\nversion: "1"\nhalf_life: 1d\nbands: [{name: all, from: 0}]\n'
REASON = "tells a protected attribute"


@pytest.mark.parametrize(
    "rule",
    [
        "when: {¦data.gender: female}, points: 1",
        "when: {data.a: 1, any: [{not: {¦data.person.maritalStatus: single}}]}, points: 1",
        "when: {¦data.answers.date-of-birth: {exists: true}}, effect: reset",
        "by: {field: ¦data.religion, points: {a: 1}}",
        "by: {field: [source, ¦data.Race], points: {a: 1}}",
    ],
)
def test_no_rule_looks_at_one(rule: str) -> None:
    assert_refused(f"{HEAD}rules:\n  - {{id: a, on: b, {rule}}}\n", REASON)


def test_no_fit_rule_does() -> None:
    rules = "rules: [{id: a, on: b, points: 1}]\n"
    assert_refused(
        f"{HEAD}{rules}fit:\n  - {{id: f, fact: ¦age, ranges: [{{from: 50, points: -5}}]}}\n", REASON
    )


@pytest.mark.parametrize(
    "name",
    [
        "gender", "Gender", "GENDER", "genderCode", "lead_sex", "date_of_birth", "dateOfBirth", "DateOfBirth",
        "date-of-birth", "dateofbirth", "date of birth", "DOB", "leadDOB", "birthdate", "birth_year", "age",
        "ageGroup", "age_range", "user_age", "maritalStatus", "marital-status", "MARITAL_STATUS", "race",
        "ethnicity", "nationality", "nationalOrigin", "religion", "disability", "disabilities", "pregnant",
        "sexualOrientation", "political_party", "tradeUnion", "trade_union_member", "skinColor", "dna",
        "publicAssistance", "data.person.gender.value", "data.x.race2", "salutation", "number_of_children",
    ],
)  # fmt: skip
def test_names_that_tell_one_however_they_are_joined(name: str) -> None:
    reason = protected(name)
    assert reason is not None
    assert f"`{name}`" in reason


@pytest.mark.parametrize(
    "name",
    [
        "data.page", "data.message", "usage", "average", "percentage", "stage", "language", "manager",
        "traces", "embrace", "essex", "title", "country", "company_age", "domainAge", "accountAge",
        "data.url", "source", "company_size", "industry", "region", "health_score",
        "user_agent", "union_square", "origin", "status", "color", "party_size", "", "..", "agency",
    ],
)  # fmt: skip
def test_names_that_only_look_like_one(name: str) -> None:
    assert protected(name) is None


def test_every_attribute_names_its_laws_and_every_field_of_it_is_found() -> None:
    for attribute in ATTRIBUTES:
        assert attribute.sources
        for field in attribute.fields:
            reason = protected(f"data.{field}")
            assert reason is not None, field
            assert all(source in reason for source in attribute.sources) or field in (
                "sex_life",
                "gender_identity",
            )


def test_each_law_that_is_named_protects_something() -> None:
    laws = {source for attribute in ATTRIBUTES for source in attribute.sources}
    named = ("Equal Credit Opportunity", "Title VII", "Charter of Fundamental Rights", "GDPR", "Equality Act")
    assert len(laws) == len(named)
    assert all(any(name in law for law in laws) for name in named)
