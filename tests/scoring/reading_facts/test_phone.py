"""Phone numbers in the forms that people and systems write; the right ones are written by hand."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadstream.scoring.facts.phone import dialable

BERLIN = "+4930901820"


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+49 (0)30 901820", BERLIN),
        ("+49 030 901820", BERLIN),
        ("+44 (0)20 7946 0018", "+442079460018"),
        ("+44 (0)1223 334433", "+441223334433"),
        ("+33 (0)1 42 68 53 00", "+33142685300"),
        ("+43 (0)1 514500", "+431514500"),
        ("+41 (0)44 668 18 00", "+41446681800"),
        ("+31 (0)20 794 0800", "+31207940800"),
        ("+32 (0)2 513 89 40", "+3225138940"),
        ("+46 (0)8 123 456 78", "+46812345678"),
        ("+353 (0)1 677 8899", "+35316778899"),
        ("+61 (0)2 9374 4000", "+61293744000"),
        ("+81 (0)3 1234 5678", "+81312345678"),
        ("+91 (0)22 6617 8000", "+912266178000"),
        ("+7 (8) 495 123-45-67", "+74951234567"),
        ("+7 (495) 123-45-67", "+74951234567"),
        ("+36 (06) 1 234 5678", "+3612345678"),
        ("+1 (1) 212 555 1234", "+12125551234"),
        # In Italy the zero belongs to the number, in San Marino and Gabon too.
        ("+39 (0)6 69812345", "+390669812345"),
        ("+39 06 69812345", "+390669812345"),
        ("+378 0549 886377", "+3780549886377"),
        ("+225 01 23 45 67 89", "+2250123456789"),
        # It is written by habit where there is none: a mobile of Italy, Spain, Poland.
        ("+39 (0) 347 1234567", "+393471234567"),
        ("+34 (0)91 123 45 67", "+34911234567"),
        ("+48 (0)22 123 45 67", "+48221234567"),
    ],
)
def test_the_trunk_zero_goes_where_the_country_has_one(written: str, number: str) -> None:
    assert dialable(written) == number


@pytest.mark.parametrize(
    "written",
    [
        BERLIN,
        " +49 30 901820\n",
        "+49.30.901820",
        "+49\t30\t901820",
        "+49\u2003(0)30\t901820",
        "(+49) 30 901820",
        "+49 (30) 90-18-20",
        "+49 30/901820",
        "+49 (0)30 / 901820",
        "+49\u00a030\u202f901\u2009820",
        "+49\u300030\u3000901820",
        "+49 30 9018\u201320",
        "+49 30 9018\u201120",
        "+49 30 9018\u221220",
        "tel:+49-30-901820",
        "TEL:+4930901820",
        "Tel.: +49 30 901820",
        "tel +49 30 901820",
        "\u200e+49 30 901820\u200e",
        "\u202a+4930901820\u202c",
        "\u2066+49 30 901820\u2069",
        "\ufeff+49 30 9018\u00ad20",
        "tel:+49-30-901820;ext=12",
        "+49 30 901820 x12",
        "+49 30 901820x12",
        "+49 30 901820 ext. 12",
        "+49 30 901820 ext 12",
        "+49 30 901820 Extension 12",
        "+49 30 901820 #12",
        "\uff0b\uff14\uff19\u3000\uff08\uff13\uff10\uff09\uff19\uff10\uff11\uff18\uff12\uff10",
        "+\u0664\u0669 \u0663\u0660 \u0669\u0660\u0661\u0668\u0662\u0660",
    ],
)
def test_a_number_is_read_as_a_person_reads_it(written: str) -> None:
    assert dialable(written) == BERLIN


@pytest.mark.parametrize(
    "written",
    [
        "",
        "+",
        "030 901820",
        "49 30 901820",
        "0049 30 901820",
        "+0049 30 901820",
        "++49 30 901820",
        "+49 30",
        "+999 30 901820",
        "+1 800 FLOWERS",
        "+1-800-CALL-NOW",
        "+49 30 901820 or +49 30 901821",
        "+49 30 901820, +49 30 901821",
        "+49 30 901820; +49 30 901821",
        "+49 30 901820 / +49 30 901821",
        "+49 30 901820 / 901821",
        "+49 30 901820/21",
        "+49 30/901820/21",
        "+49 30 901820\n+49 30 901821",
        "+49 30 901820\n12",
        "+49 30 901820,,12",
        "+49 30 901820 x",
        "+49 30 901820 x12345678",
        "tel:901820;phone-context=+4930",
        "tel:+4930901820;phone-context=example.com",
        "callto:+4930901820",
        "sip:+4930901820@example.com",
        "\u202e+028109 03 94",
        "+49 30 90182\u00b2",
        "+49 30 90182\u2460",
        "+49 [30] 901820",
        "+49_30_901820",
        "+112",
        "x12",
        "+" + "1" * 400,
    ],
)
def test_what_may_be_read_in_two_ways_or_none_is_no_number(written: str) -> None:
    assert dialable(written) is None


@given(st.text(max_size=40) | st.text("+0123456789 ().-/x#;=ext:\u202e\u00b2\u0664", max_size=40))
def test_whatever_is_written_gives_a_valid_number_or_none(text: str) -> None:
    found = dialable(text)
    if found is not None:
        assert found.startswith("+")
        assert found[1:].isascii()
        assert found[1:].isdigit()
        assert phonenumbers.is_valid_number(phonenumbers.parse(found))
        assert dialable(found) == found


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_every_country_s_own_examples_are_dialled_as_they_are_known(region: str) -> None:
    example = phonenumbers.example_number(region)
    assert example is not None
    right = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    for form in (phonenumbers.PhoneNumberFormat.INTERNATIONAL, phonenumbers.PhoneNumberFormat.RFC3966):
        assert dialable(phonenumbers.format_number(example, form)) == right
