"""An address in the environment beats what would be started."""

from pathlib import Path

import pytest

from leadstream.devstack import KafkaAddress, LocalStackError, docker, kafka, postgres


def test_an_address_in_the_environment_is_taken_and_nothing_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADSTREAM_KAFKA_BOOTSTRAP", "there:9092")
    monkeypatch.setenv("LEADSTREAM_POSTGRES_DSN", "postgresql://there/db")
    with kafka("apache", directory=tmp_path) as address, postgres(directory=tmp_path) as dsn:
        assert address == KafkaAddress("there:9092", transactions=True, create_time_only=False)
        assert dsn == "postgresql://there/db"
    assert list(tmp_path.iterdir()) == []


def test_the_environment_says_what_its_broker_can_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADSTREAM_KAFKA_BOOTSTRAP", "there:9092")
    monkeypatch.setenv("LEADSTREAM_PROCESSING_GUARANTEE", "at_least_once")
    monkeypatch.setenv("LEADSTREAM_ALLOW_CREATE_TIME", "true")
    with kafka(directory=tmp_path) as address:
        assert address == KafkaAddress("there:9092", transactions=False, create_time_only=True)


@pytest.mark.skipif(docker.available(), reason="a Docker engine answers")
def test_without_a_docker_engine_the_error_names_the_other_kinds(tmp_path: Path) -> None:
    with (
        pytest.raises(LocalStackError, match=r"no Docker engine.*--kafka embedded.*--kafka apache"),
        kafka("docker", directory=tmp_path),
    ):
        pass


@pytest.mark.kafka
@pytest.mark.skipif(not docker.available(), reason="no Docker engine answers")
@pytest.mark.usefixtures("processes")
def test_a_container_answers(tmp_path: Path) -> None:
    with kafka("docker", directory=tmp_path) as address:
        assert address.transactions
