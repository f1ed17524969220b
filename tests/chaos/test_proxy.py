"""The proxy does to connections what the matrix says that it does."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.chaos.proxy import Proxy
from tests.support.waiting import until


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """Before a server that sends back what it gets."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=echo, args=[connection], daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        with Proxy(server.getsockname()[1]) as found:
            yield found
        server.shutdown(socket.SHUT_RDWR)


def echo(connection: socket.socket) -> None:
    with connection:
        try:
            while piece := connection.recv(1000):
                connection.sendall(piece)
        except OSError:
            pass


def connected(proxy: Proxy) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=10)
    client.sendall(b"hello")
    assert client.recv(10) == b"hello"
    return client


def test_a_cut_is_a_reset_and_the_next_connection_passes(proxy: Proxy) -> None:
    with connected(proxy) as client:
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(10)
    connected(proxy).close()
    assert proxy.cuts == 1


def test_in_silence_connections_stand_and_what_was_sent_arrives_after_it(proxy: Proxy) -> None:
    with connected(proxy) as client:
        proxy.silence()
        client.sendall(b"are you there")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(20)
        proxy.speak()
        client.settimeout(10)
        assert client.recv(20) == b"are you there"


def test_what_is_held_back_arrives_whole(proxy: Proxy) -> None:
    proxy.delay, proxy.rate = 0.01, 2_000_000.0
    sent = b"x" * 200_000
    got = bytearray()
    with connected(proxy) as client:
        threading.Thread(target=client.sendall, args=[sent], daemon=True).start()
        until(lambda: got.extend(client.recv(65_536)) or len(got) == len(sent), "all of it arrives")
    assert bytes(got) == sent
