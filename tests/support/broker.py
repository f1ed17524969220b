"""A broker of a few lines: it answers ApiVersions and Metadata, and says when the cluster lists it.

Its bytes are those of https://kafka.apache.org/protocol, written by hand.
"""

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

METADATA, API_VERSIONS = 3, 18


class ListedLate:
    """A cluster without topics whose metadata lists no broker to the first `unlisted` requests, then one."""

    def __init__(self, unlisted: float) -> None:
        self.unlisted = unlisted
        self.asked = 0
        """How many requests of metadata it has answered."""
        self.port = 0
        self._lock = threading.Lock()

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answer(self, key: int) -> bytes:
        """The body of an answer."""
        if key == API_VERSIONS:  # version 0: error, (key, first version, last version) of each request
            return struct.pack(">hi", 0, 2) + struct.pack(">6h", METADATA, 2, 2, API_VERSIONS, 0, 0)
        assert key == METADATA, f"request {key} is none that this broker offers"
        with self._lock:
            listed = self.asked >= self.unlisted
            self.asked += 1
        # Version 2: brokers (id, host, port, rack), cluster id, controller, topics.
        host = struct.pack(">h", 9) + b"127.0.0.1"
        broker = struct.pack(">i", 7) + host + struct.pack(">ih", self.port, -1)
        brokers = struct.pack(">i", 1) + broker if listed else struct.pack(">i", 0)
        return brokers + struct.pack(">h", 4) + b"test" + struct.pack(">ii", 7 if listed else -1, 0)


@contextmanager
def listed_late(unlisted: float) -> Iterator[ListedLate]:
    """Such a cluster on a free port."""
    cluster = ListedLate(unlisted)

    class Connection(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while len(head := self.rfile.read(4)) == 4:
                request = self.rfile.read(struct.unpack(">i", head)[0])
                key, _version, correlation = struct.unpack_from(">hhi", request)
                body = struct.pack(">i", correlation) + cluster.answer(key)
                self.wfile.write(struct.pack(">i", len(body)) + body)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Connection) as server:
        cluster.port = server.server_address[1]
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        serving.start()
        try:
            yield cluster
        finally:
            server.shutdown()
            serving.join()
