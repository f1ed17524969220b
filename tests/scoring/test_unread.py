"""What can't be read is kept, counted by field and named in the history."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadstream.models import load_catalog
from leadstream.records.signal import Signal
from leadstream.scoring.lead.unread import unread_in
from leadstream.scoring.state.facts import FACT_TYPES, unpack
from tests.scoring.folding import T0, Log, run
from tests.scoring.reading_facts.test_consent import JSON

TENX = load_catalog("tenx").default
FIELDS = {
    "email", "phone", "country", "timezone", "title", "owner", "company_size", "revenue", "consent.email",
    "consent.tracking", "consent.profiling", "consent.other", "consent.all",
}  # fmt: skip


@pytest.mark.parametrize(
    ("data", "unread"),
    [
        ({"email": "a..b@x.com", "phone": "030", "country": "Atlantis"}, ("email", "phone", "country")),
        ({"company_size": "many", "revenue": "4,5 million"}, ("company_size", "revenue")),
        ({"timezone": "Mars/Base", "title": 7, "owner": True}, ("timezone", "title", "owner")),
        ({"consent": {"email": "?", "sms": "?", "phone": []}}, ("consent.email", "consent.other")),
        ({"consent": "?"}, ("consent.profiling",)),
        ({"email": "", "phone": None, "country": " ", "consent": {"email": None}, "odd": []}, ()),
        ({"email": "a@x.com", "phone": "+4930901820", "country": "Germany", "company_size": "51-200"}, ()),
    ],
)
def test_what_can_t_be_read_is_counted_and_named(data: dict[str, object], unread: tuple[str, ...]) -> None:
    result = run(Log().add("lead.created", T0, data=data), TENX)
    assert result.history[0].unread == unread
    assert result.steps[0].counts.unread == dict.fromkeys(unread, 1)


def test_the_value_is_kept_as_it_came() -> None:
    result = run(Log().add("lead.created", T0, data={"phone": "030", "country": "Germany"}), TENX)
    state = result.fold.state_of(b"acme:l1")
    assert state is not None
    assert unpack(state.facts) == {"phone": ("030", T0), "country": ("Germany", T0)}


def test_a_signal_of_no_facts_has_none_to_read() -> None:
    log = Log().add("page.viewed", T0, data={"email": "a..b@x.com"})
    assert run(log, TENX).history[0].unread == ()


NAMES = st.text(max_size=5) | st.sampled_from([*sorted(FIELDS), "consent", "channel", "kind", "value"])


@given(st.sampled_from(sorted(FACT_TYPES)), st.dictionaries(NAMES, JSON))
def test_whatever_comes_only_known_fields_are_counted(type_: str, data: dict[str, object]) -> None:
    signal = Signal(id="s", tenant="acme", lead="l", type=type_, at=T0, source="x", data=data)
    assert set(unread_in(signal)) <= FIELDS
