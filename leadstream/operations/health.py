"""The HTTP endpoint of a role: `/metrics`, `/healthz`, `/readyz`. It runs in a thread of its own."""

import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from leadstream.operations.metrics import REGISTRY

Check = Callable[[], str | None]
"""Returns None if all is well, else what is not, in one line."""


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


class HealthServer:
    """Serves the metrics of a registry and the two checks until `stop`; `port` is the one it listens on."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        healthy: Check,
        ready: Check,
        registry: CollectorRegistry = REGISTRY,
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

        self._server = make_server(host, port, application, ThreadingWSGIServer, handler_class=_Quiet)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
