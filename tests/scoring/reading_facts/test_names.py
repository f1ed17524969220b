"""Countries and titles in the forms that people write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadstream.scoring.facts.countries import country_of
from leadstream.scoring.facts.titles import title_words
from tests.scoring.reading_facts.test_consent import JSON


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("DE", "DE"),
        (" de ", "DE"),
        ("DEU", "DE"),
        ("276", "DE"),
        ("Germany", "DE"),
        ("GERMANY", "DE"),
        ("Deutschland", "DE"),
        ("Allemagne", "DE"),
        ("Alemania", "DE"),
        ("\u30c9\u30a4\u30c4", "DE"),
        ("Federal Republic of Germany", "DE"),
        ("USA", "US"),
        ("U.S.A.", "US"),
        ("U.S.", "US"),
        ("us", "US"),
        ("United States", "US"),
        ("United States of America", "US"),
        ("the United States", "US"),
        ("UK", "GB"),
        ("U.K.", "GB"),
        ("GB", "GB"),
        ("GBR", "GB"),
        ("United Kingdom", "GB"),
        ("Great Britain", "GB"),
        ("England", "GB"),
        ("Gro\u00dfbritannien", "GB"),
        ("The Netherlands", "NL"),
        ("Holland", "NL"),
        ("Nederland", "NL"),
        ("Austria", "AT"),
        ("\u00d6sterreich", "AT"),
        ("O\u0308sterreich", "AT"),
        ("Osterreich", "AT"),
        ("Suisse", "CH"),
        ("Schweiz", "CH"),
        ("C\u00f4te d\u2019Ivoire", "CI"),
        ("Cote d'Ivoire", "CI"),
        ("Ivory Coast", "CI"),
        ("South Korea", "KR"),
        ("Korea, Republic of", "KR"),
        ("Czech Republic", "CZ"),
        ("Czechia", "CZ"),
        ("T\u00fcrkiye", "TR"),
        ("Turkey", "TR"),
        ("Russian Federation", "RU"),
        ("\u0420\u043e\u0441\u0441\u0438\u044f", "RU"),
        ("Norway", "NO"),
        ("no", "NO"),
        ("\u4e2d\u56fd", "CN"),
        ("Hong Kong", "HK"),
        ("UAE", "AE"),
        ("Saint Lucia", "LC"),
        ("St. Lucia", "LC"),
        ("Bosnia and Herzegovina", "BA"),
        ("Bosnia & Herzegovina", "BA"),
        ("Viet Nam", "VN"),
        ("Kosovo", "XK"),
        ("EL", "GR"),
        ("\u0395\u03bb\u03bb\u03ac\u03b4\u03b1", "GR"),
        ("Espa\u00f1a", "ES"),
        ("Italia", "IT"),
        ("France", "FR"),
        ("Brasil", "BR"),
        ("India", "IN"),
        ("Ireland", "IE"),
        ("Sverige", "SE"),
    ],
)
def test_a_country_is_known_by_code_or_name(written: str, code: str) -> None:
    assert country_of(written) == code


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "ZZ",
        "EU",
        "XX",
        "QQQ",
        "999",
        "Europe",
        "Atlantis",
        "Berlin, Germany",
        "SU",
        "Kongo",
        "-",
        "N/A",
        "\u00df",
        276,
        True,
        None,
        [],
        {},
        "x" * 200,
    ],
)
def test_what_is_no_country_is_none(value: object) -> None:
    assert country_of(value) is None


VP = "vice-president"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("VP", [VP]),
        ("V.P.", [VP]),
        ("V. P.", [VP]),
        ("V.P", [VP]),
        ("Vice President", [VP]),
        ("vice-president", [VP]),
        ("Vice\u2013President", [VP]),
        ("VicePresident", [VP]),
        ("Vice Pres.", [VP]),
        ("SVP", ["senior", VP]),
        ("S.V.P.", ["senior", VP]),
        ("Sr. VP", ["senior", VP]),
        ("Senior Vice President", ["senior", VP]),
        ("Sr. V.P. Sales", ["senior", VP, "sales"]),
        ("EVP, Sales", ["executive", VP, "sales"]),
        ("President", ["president"]),
        ("CTO & Co-Founder", ["chief", "technology", "officer", "co", "founder"]),
        ("Chief Technical Officer, Cofounder", ["chief", "technology", "officer", "co", "founder"]),
        ("C.E.O.", ["chief", "executive", "officer"]),
        ("C.E.O. of X", ["chief", "executive", "officer", "of", "x"]),
        ("Jr. Mgr", ["junior", "manager"]),
        ("HR Dir.", ["human", "resources", "director"]),
        ("J. R. Smith", ["j", "r", "smith"]),
        ("R&D", ["r", "d"]),
        ("", []),
        ("\u2013", []),
        ("Gescha\u0308ftsfu\u0308hrer", ["gesch\u00e4ftsf\u00fchrer"]),
    ],
)
def test_short_and_spelled_out_titles_are_one(written: str, words: list[str]) -> None:
    assert list(title_words(written)) == words


@given(JSON, st.text() | st.text("VPvp. -cCeEoO\u0301", max_size=20))
def test_any_value_is_read_or_not(value: object, text: str) -> None:
    assert country_of(value) is None or len(country_of(value) or "") == 2
    assert country_of(text) is None or country_of(country_of(text)) == country_of(text)
    assert all(word for word in title_words(text))
