"""The generator is a function of its arguments and yields what it promises."""

import json
import re
from collections import Counter
from itertools import pairwise
from random import Random

import phonenumbers

from leadstream.records.keys import lead_key
from leadstream.records.rejection import Rejected
from leadstream.records.signal import Signal, decode_signal
from leadstream.synthetic.generator import Generated, generate
from leadstream.synthetic.people import facts, phone

START = 1_770_000_000_000
SPAN = 14_000


def sample(seed: int = 1, leads: int = 300, signals: int = 6000) -> list[Generated]:
    return list(generate(seed, leads, signals, START, SPAN))


def decoded(records: list[Generated]) -> tuple[list[Signal], Counter[str]]:
    good: list[Signal] = []
    bad: Counter[str] = Counter()
    for record in records:
        try:
            good.append(decode_signal(record.key, record.value))
        except Rejected as rejected:
            bad[rejected.reason] += 1
    return good, bad


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert sample() == sample()
    assert sample(seed=1) != sample(seed=2)


def test_there_are_as_many_records_as_asked_for_and_most_are_signals() -> None:
    records = sample()
    assert len(records) == 6000
    good, bad = decoded(records)
    assert 0 < bad.total() < 30
    assert len(bad) > 1
    assert len(good) + bad.total() == 6000
    assert sample(leads=10, signals=3)[2:] != []
    assert sample(signals=0) == []


def test_about_one_in_a_hundred_is_a_duplicate_of_the_same_lead() -> None:
    good, _ = decoded(sample())
    counts = Counter((signal.tenant, signal.lead, signal.id) for signal in good)
    repeated = sum(count - 1 for count in counts.values())
    assert 30 <= repeated <= 100
    bodies = Counter(record for record in sample())
    assert sum(count - 1 for count in bodies.values()) == repeated


def test_signals_happen_within_the_span_and_most_in_order() -> None:
    good, _ = decoded(sample())
    times = [signal.at for signal in good]
    assert all(isinstance(at, int) for at in times)
    assert max(times) < START + SPAN
    assert min(times) >= START - SPAN // 7
    backwards = sum(later < earlier for earlier, later in pairwise(times))
    assert backwards < len(times) / 10


def test_each_lead_begins_with_its_creation_and_keys_fit() -> None:
    good, _ = decoded(sample())
    first: dict[bytes, str] = {}
    for signal in sorted(good, key=lambda signal: int(signal.id.rpartition("-")[2])):
        first.setdefault(lead_key(signal.tenant, signal.lead), signal.type)
    assert Counter(first.values()).most_common(1)[0][0] == "lead.created"


def test_valid_phones_are_of_ranges_for_fiction() -> None:
    fiction = re.compile(r"\+1\d{3}55501\d\d|\+442079460\d{3}|\+6125550\d{4}")
    for number in range(500):
        text = phone(Random(number))
        parsed = phonenumbers.parse(text)
        assert phonenumbers.is_valid_number(parsed), text
        assert fiction.fullmatch(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)), (
            text
        )


def test_some_leads_have_no_phone_and_some_a_wrong_one() -> None:
    kinds: Counter[str] = Counter()
    for number in range(500):
        text = facts(Random(number), "lead-1").get("phone")
        if text is None:
            kinds["none"] += 1
            continue
        try:
            valid = text.startswith("+") and phonenumbers.is_valid_number(phonenumbers.parse(text))
        except phonenumbers.NumberParseException:
            valid = False
        kinds["valid" if valid else "wrong"] += 1
    assert kinds["valid"] > kinds["none"] > kinds["wrong"] > 20


def test_addresses_are_of_a_domain_for_examples() -> None:
    text = b"".join(record.value for record in sample()).decode(errors="replace")
    addresses = re.findall(r'"email":"([^"]*)"', text)
    assert len(addresses) > 200
    assert all(address.endswith("@example.com") for address in addresses)
    assert json.dumps(addresses)
