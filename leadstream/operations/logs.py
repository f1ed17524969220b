"""Structured logs on standard error, for people (console) or machines (JSON)."""

import logging
import sys
import time

import structlog

from leadstream.settings import Settings

_NOISY = ("aiokafka", "faust", "mode", "asyncio", "alembic", "sqlalchemy")


_REPEATED_SECONDS = 10.0


class Seldom(logging.Filter):
    """Lets a library's message through once in 10 s: while a broker is away there are dozens a second."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_NOISY):
            return True
        # By its template, not its text: what varies is the broker's address or the request's number.
        message = (record.name, str(record.msg))
        now = time.monotonic()
        if now - self._shown.get(message, -_REPEATED_SECONDS) < _REPEATED_SECONDS:
            return False
        self._shown[message] = now
        return True


def configure(settings: Settings) -> None:
    """Route structlog and the standard library's logging to standard error in one format."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(
            # The rich formatter would print the values of local variables, passwords among them.
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            renderer,
        ]
        if settings.log_format == "json"
        else [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(Seldom())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in _NOISY:
        # LeadStream logs joining, assignments and retries itself, but not the problems of these libraries.
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(root.level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
