"""E-mail addresses: which can be written to, and which are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadstream.models import load_catalog
from leadstream.scoring.facts.address import address_of, is_another
from tests.scoring.folding import T0, Log, run
from tests.scoring.reading_facts.test_consent import JSON

TENX = load_catalog("tenx").default


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("ann@example.com", "ann@example.com"),
        (" Ann@X.com\n", "Ann@x.com"),
        ("\u00a0ann@x.com", "ann@x.com"),
        ("ann+tag@x.co.uk", "ann+tag@x.co.uk"),
        ("o'hara@x.com", "o'hara@x.com"),
        ("a@b.test", "a@b.test"),
        ("ann@b\u00fccher.de", "ann@xn--bcher-kva.de"),
        ("ann@bu\u0308cher.de", "ann@xn--bcher-kva.de"),
        ("ann@XN--BCHER-KVA.de", "ann@xn--bcher-kva.de"),
        ("u\u0308nal@x.com", "\u00fcnal@x.com"),
    ],
)
def test_an_address_is_read(written: str, sent: str) -> None:
    assert address_of(written) == sent


@pytest.mark.parametrize(
    "written",
    [
        "",
        "nobody",
        "@x.com",
        "ann@",
        "ann@x",
        "ann@localhost",
        "ann@test",
        "a..b@x.com",
        ".a@x.com",
        "a.@x.com",
        "ann@x.com,",
        "ann@x.com.",
        "ann@x..com",
        "ann@.x.com",
        "ann@-x.com",
        "ann@x-.com",
        "ann@x_y.com",
        "mailto:ann@x.com",
        "<ann@x.com>",
        "Ann <ann@x.com>",
        "ann@x.com (Ann)",
        "ann @x.com",
        "ann@ x.com",
        "ann@x.com bob@x.com",
        "ann@x.com;bob@x.com",
        "ann@x.com,bob@x.com",
        "ann@@x.com",
        "ann@b@x.com",
        '"a b"@x.com',
        '"ann"@x.com',
        "ann@[1.2.3.4]",
        "ann\uff20x.com",
        "a\u200bnn@x.com",
        "ann@x.com\nBcc: b@x.com",
        "ann@x.local",
        "ann@x.invalid",
        "ann@x.onion",
        "a" * 65 + "@x.com",
        "a@" + "b" * 64 + ".com",
        "a@" + "b." * 130,
        None,
        7,
        True,
        [],
        {},
        ["ann@x.com"],
    ],
)
def test_what_is_no_address_is_refused(written: object) -> None:
    assert address_of(written) is None


@given(JSON | st.text("ab.@-\u00fc\u0308 <>,;:\"'\u3002", max_size=20))
def test_any_value_is_an_address_that_stays_one_or_none(value: object) -> None:
    found = address_of(value)
    assert found is None or address_of(found) == found


SAME = [
    ("Ann@X.com", "ann@x.com"),
    ("ann@x.com", "ann@x.com "),
    ("ann@x.com", "\tANN@X.COM"),
    ("ann@b\u00fccher.de", "ann@xn--bcher-kva.de"),
    ("ann@b\u00fccher.de", "ann@BU\u0308CHER.de"),
    ("\u00fcnal@x.com", "U\u0308nal@x.com"),
    ("ann@x.com", "ann@x\u3002com"),
]
NONE = [
    ("ann@x.com", "gone"),
    ("gone", "ann@x.com"),
    ("ann@x.com", ""),
    ("ann@x.com", None),
    ("a..b@x.com", "b@x.com"),
]


@pytest.mark.parametrize(("old", "new"), [*SAME, *NONE])
def test_mail_stays_suppressed_where_the_address_is_no_other_one(old: str, new: str | None) -> None:
    assert not is_another(old, new)
    log = Log().add("lead.created", T0, data={"email": old}).add("email.bounced", T0)
    log.add("lead.updated", T0, data={"email": new})
    assert run(log, TENX).snapshot().suppressed == ("email",)


def test_a_way_round_by_what_is_no_address_lifts_nothing() -> None:
    log = Log().add("lead.created", T0, data={"email": "ann@x.com"}).add("email.bounced", T0)
    log.add("lead.updated", T0, data={"email": "n/a"}).add("lead.updated", T0, data={"email": "Ann@x.com"})
    assert run(log, TENX).snapshot().suppressed == ("email",)


def test_another_address_lifts_a_bounce() -> None:
    log = Log().add("lead.created", T0, data={"email": "ann@x.com"}).add("email.bounced", T0)
    log.add("lead.updated", T0, data={"email": "ann@x.org"})
    assert run(log, TENX).snapshot().suppressed == ()
