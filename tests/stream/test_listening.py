"""Where the endpoint of a role listens, and what it says where it can't."""

import re
import socket
import urllib.request
from pathlib import Path

import psutil
import pytest

from leadstream.operations import metrics
from leadstream.operations.health import HealthServer
from leadstream.roles.role import listening
from leadstream.roles.worker import Worker
from leadstream.settings import Settings
from leadstream.stream.errors import Refused
from tests.support.installation import Installation
from tests.support.processes import projector, worker

from .conftest import Install


def well() -> None:
    return None


def opened(host: str, port: int = 0) -> HealthServer:
    settings = Settings(metrics_host=host, metrics_port=port)
    with listening(settings, Worker.default_port, metrics.WORKER, healthy=well, ready=well) as server:
        with urllib.request.urlopen(server.url, timeout=10) as page:
            assert page.status == 200
        return server


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost"),
        ("0.0.0.0", "0.0.0.0"),
        pytest.param("::1", "[::1]", id="loopback of IPv6"),
        pytest.param("::", "[::]", id="every address of IPv6"),
        pytest.param("[::1]", "[::1]", id="as in a URL"),
    ],
)
def test_hosts_of_both_kinds(host: str, shown: str) -> None:
    if ":" in host and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    server = opened(host)
    assert server.url == f"http://{shown}:{server.port}/metrics"


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize(
    ("host", "said"),
    [
        pytest.param("", "the endpoint's host is empty", id="empty: the system's word for all addresses"),
        pytest.param(" ", "the endpoint's host is empty", id="blank"),
        pytest.param("[]", "the endpoint's host is empty", id="empty brackets"),
        pytest.param("no-such-host.invalid", "'no-such-host.invalid' can't be resolved", id="unknown name"),
        pytest.param("a" * 70 + ".example", "can't be resolved", id="no name at all"),
        pytest.param("host\0name", "can't be resolved", id="a zero byte"),
        pytest.param("http://127.0.0.1", "can't be resolved", id="a URL"),
        pytest.param("192.0.2.1", "can't listen on '192.0.2.1', port 0: Cannot assign", id="not of here"),
        pytest.param("2001:db8::1", "can't", id="not of here, IPv6"),
    ],
)
def test_a_host_that_can_not_be_had_is_refused(host: str, said: str) -> None:
    with pytest.raises(Refused, match=re.escape(said)) as caught:
        opened(host)
    assert "LEADSTREAM_METRICS_HOST" in str(caught.value)


@pytest.mark.parametrize("role", ["worker", "worker --processes 2", "projector"])
def test_a_port_in_use_ends_the_role_with_2(
    install_embedded: Install, tmp_path: Path, unique: str, role: str
) -> None:
    made = install_embedded()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        # On Apache Kafka several processes would start; they are told of the port before that.
        installation = Installation(
            made.address, made.name, 1, {"metrics_port": port, "processing_guarantee": "exactly_once"}
        )
        name, *arguments = role.split()
        started = (
            projector(tmp_path, installation, "postgresql://127.0.0.1:1/none", unique)
            if name == "projector"
            else worker(tmp_path, installation, "worker", *arguments)
        )
        started._process._environment = installation.environment()  # `Role` takes a free port else
        with started as running:
            assert running.ended(30) == 2
            assert f"can't listen on '127.0.0.1', port {port}: Address already in use" in running.log
            assert "Traceback" not in running.log


def test_without_a_word_it_listens_on_the_loopback_address_alone() -> None:
    assert Settings().metrics_host == "127.0.0.1"
    with listening(
        Settings(metrics_port=0), Worker.default_port, metrics.WORKER, healthy=well, ready=well
    ) as server:
        found = [
            connection.laddr
            for connection in psutil.Process().net_connections()
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == server.port
        ]
    assert found == [("127.0.0.1", server.port)]
