"""The HTTP endpoint of a role: `/metrics`, `/healthz`, `/readyz`. It runs in a thread of its own."""

import socket
import socketserver
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from leadstream.errors import LeadStreamError

Check = Callable[[], str | None]
"""Returns None if all is well, else what is not, in one line."""


class CannotListen(LeadStreamError):
    """The endpoint can't listen on the address; the message says which, and why."""


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingWSGIServer):
    def __init__(self, family: socket.AddressFamily, address: Any) -> None:
        self.address_family = family
        super().__init__(address, _Quiet)

    def server_bind(self) -> None:
        # The one of HTTPServer asks for the name of the address, which can take minutes.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()


class HealthServer:
    """Serves the metrics of a registry and the two checks until `stop`.

    `host` is a name or an address of IPv4 or IPv6. `port` is the one it listens on, `url` that of the
    metrics. Raises CannotListen.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        healthy: Check,
        ready: Check,
        registry: CollectorRegistry,
    ) -> None:
        checks = {"/healthz": healthy, "/readyz": ready}
        metrics = make_wsgi_app(registry)

        def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            path = environ["PATH_INFO"]
            if path == "/metrics":
                page: Iterable[bytes] = metrics(environ, start_response)
                return page
            check = checks.get(path)
            problem = f"there is {', '.join(['/metrics', *checks])}" if check is None else check()
            status = "404 Not Found" if check is None else "503 Service Unavailable" if problem else "200 OK"
            start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
            return [f"{problem or 'ok'}\n".encode()]

        self._server = _bound(host, port)
        self._server.set_app(application)
        self.port = self._server.server_port
        name = host.removeprefix("[").removesuffix("]")
        self.url = f"http://{f'[{name}]' if ':' in name else name}:{self.port}/metrics"
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def _bound(host: str, port: int) -> _Server:
    name = host.removeprefix("[").removesuffix("]")
    if not name.strip():
        # The system would take it for every address of the machine.
        raise CannotListen("the endpoint's host is empty")
    try:
        addresses = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, ValueError) as error:  # UnicodeError is a ValueError
        raise CannotListen(f"the endpoint's host {host!r} can't be resolved: {error}") from error
    problem: OSError | None = None
    for family, _, _, _, address in addresses:
        try:
            return _Server(family, address)
        except OSError as error:
            problem = problem or error
    reason = problem.strerror or problem if problem is not None else "it has no address"
    raise CannotListen(f"the endpoint can't listen on {host!r}, port {port}: {reason}")
