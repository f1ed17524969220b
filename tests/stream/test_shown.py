"""What a worker shows of its partitions."""

import re
from pathlib import Path

import pytest

from tests.stream.conftest import Install
from tests.support.processes import Role, worker
from tests.support.waiting import until

PARTITIONS = ["0", "1", "2", "3"]


def shown(role: Role) -> list[str]:
    """The partitions whose lag is shown."""
    return re.findall(r'leadstream_lag_records{partition="(\d+)"', role.get("/metrics")[1])


@pytest.mark.kafka
def test_a_worker_shows_no_more_of_a_partition_that_it_has_given_away(
    install_apache: Install, tmp_path: Path
) -> None:
    installation = install_apache(len(PARTITIONS))
    with worker(tmp_path, installation, "first") as first:
        until(lambda: sorted(shown(first)) == PARTITIONS, "the first worker shows all partitions", 60)
        with worker(tmp_path, installation, "second") as second:
            until(
                lambda: len(shown(second)) == 2 and sorted(shown(first) + shown(second)) == PARTITIONS,
                "each partition is shown by the worker that has it",
                60,
            )
