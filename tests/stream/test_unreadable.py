"""A record that the client library can't parse is a dead letter, and the stream goes on."""

from typing import Any

import pytest

from tests.support.installation import Installation
from tests.support.log import Log
from tests.support.raw import Batch, Raw, send_raw
from tests.support.replaying import Replayed
from tests.support.signals import sent

from .bench import catalog
from .conftest import Install
from .live import counted, fold_all

LATIN = "währung".encode("latin-1")


def signal(number: int, lead: str = "l1") -> Raw:
    made = sent(number, lead, 0)
    return Raw(made.key, made.value)


def with_headers(number: int, *headers: tuple[bytes | None, bytes | None]) -> Raw:
    made = signal(number)
    return Raw(made.key, made.value, headers)


def letters(log: Log, installation: Installation) -> list[tuple[dict[str, bytes], Any]]:
    return [(dict(one.headers()), one) for one in log.read(installation.names.dead_letters)]


@pytest.mark.kafka
def test_a_header_whose_name_is_no_utf8_costs_its_record_alone(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache()
    topic = installation.names.signals
    bad = with_headers(2, (b"trace", b"1"), (LATIN, b"EUR"), (b"after", None))
    send_raw(
        apache_log.bootstrap, topic, [Batch([signal(1), bad, signal(3)]).build(), Batch([signal(4)]).build()]
    )
    fold_all(installation, apache_log)
    assert counted(apache_log, installation) == 3
    [(headers, letter)] = letters(apache_log, installation)
    assert headers["leadstream-reason"] == b"unreadable"
    assert headers["leadstream-offset"] == b"1"
    assert (letter.key(), letter.value()) == (bad.key, bad.value)
    assert letter.headers()[:3] == [("trace", b"1"), ("w\\xe4hrung", b"EUR"), ("after", b"")]
    fold_all(installation, apache_log)  # a restart
    Replayed(installation, catalog()).check()
