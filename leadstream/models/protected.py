"""Attributes of a person that no rule may look at, with the laws that protect them."""

import re
from dataclasses import dataclass

ECOA = "US Equal Credit Opportunity Act, 15 U.S.C. 1691(a), and Regulation B, 12 CFR 1002.2(z)"
TITLE_VII = "US Civil Rights Act of 1964, Title VII, 42 U.S.C. 2000e(k) and 2000e-2"
CHARTER = "Charter of Fundamental Rights of the EU, art. 21"
GDPR = "GDPR, Regulation (EU) 2016/679, art. 9(1)"
EQUALITY = "UK Equality Act 2010, ss. 4 to 12"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One protected attribute: the names of fields that hold it, in snake case, and its sources."""

    name: str
    fields: tuple[str, ...]
    sources: tuple[str, ...]


ATTRIBUTES = (
    Attribute(
        "sex",
        ("sex", "gender", "male", "female", "pronoun", "pronouns", "salutation", "honorific", "maiden_name"),
        (ECOA, TITLE_VII, CHARTER, EQUALITY),
    ),
    Attribute(
        "gender reassignment", ("transgender", "gender_identity", "gender_reassignment"), (EQUALITY,)
    ),
    Attribute(
        "sexual orientation",
        ("sexual", "sexuality", "sexual_orientation", "sex_life"),
        (CHARTER, GDPR, EQUALITY),
    ),
    Attribute(
        "race, colour, ethnic origin",
        ("race", "racial", "ethnic", "ethnicity", "skin_color", "skin_colour", "minority", "caste"),
        (ECOA, TITLE_VII, CHARTER, GDPR, EQUALITY),
    ),
    Attribute(
        "national or social origin",
        (
            "nationality", "national_origin", "citizenship", "country_of_birth", "social_origin", "immigrant",
            "immigration", "native_language", "mother_tongue",
        ),
        (ECOA, TITLE_VII, CHARTER, EQUALITY),
    ),
    Attribute(
        "religion or belief",
        ("religion", "religious", "faith", "creed", "belief", "beliefs", "church"),
        (ECOA, TITLE_VII, CHARTER, GDPR, EQUALITY),
    ),
    Attribute(
        "age",
        ("age", "ages", "birth", "birthday", "birthdate", "birth_date", "birth_year", "date_of_birth", "dob"),
        (ECOA, CHARTER, EQUALITY),
    ),
    Attribute(
        "marriage and family",
        (
            "marital", "marital_status", "married", "civil_partnership", "civil_status", "family_status",
            "familial_status", "spouse", "divorced", "children",
        ),
        (ECOA, EQUALITY),
    ),
    Attribute(
        "pregnancy and maternity", ("pregnant", "pregnancy", "maternity", "paternity"), (TITLE_VII, EQUALITY)
    ),
    Attribute(
        "disability and health",
        (
            "disability", "disabilities", "handicap", "handicapped", "health_status", "health_condition",
            "medical", "illness",
        ),
        (CHARTER, GDPR, EQUALITY),
    ),
    Attribute(
        "genetic and biometric data",
        ("genetic", "genetics", "dna", "biometric", "biometrics"),
        (CHARTER, GDPR),
    ),
    Attribute("political opinion", ("political", "politics", "political_party"), (CHARTER, GDPR)),
    Attribute(
        "trade union membership",
        ("trade_union", "labor_union", "labour_union", "union_member", "union_membership"),
        (GDPR,),
    ),
    Attribute(
        "income from public assistance", ("public_assistance", "welfare", "social_benefits"), (ECOA,)
    ),
)  # fmt: skip

OTHER_AGES = frozenset({"company", "account", "business", "domain", "subscription"})
"""Words before `age` that make it the age of something that is no person."""
MOST_WORDS = 4
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+")
_BY_NAME = {name.replace("_", ""): one for one in ATTRIBUTES for name in one.fields}


def protected(field: str) -> str | None:
    """Why a field or fact may not be looked at; None if it may.

    Its name is taken in words, however they are joined: `date_of_birth`, `dateOfBirth`, `date-of-birth` and
    `dateofbirth` are one, `page` and `message` have no `age`.
    """
    for name in field.split("."):
        words = [word.casefold() for word in _WORD.findall(name)]
        for start in range(len(words)):
            if words[start] == "age" and start and words[start - 1] in OTHER_AGES:
                continue
            for end in range(min(start + MOST_WORDS, len(words)), start, -1):
                found = _BY_NAME.get("".join(words[start:end]))
                if found is not None:
                    return (
                        f"`{field}` tells a protected attribute, {found.name}: no rule may look at it "
                        f"({'; '.join(found.sources)})"
                    )
    return None
