"""Errors as a person at a terminal reads them: lines that say what is wrong and what to do."""

import sys

from leadstream.errors import LeadStreamError


class CliError(LeadStreamError):
    """Ends a command: `message` says what is wrong, `remedy` what to do. `code` is the exit code."""

    def __init__(self, message: str, remedy: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.code = code

    def __str__(self) -> str:
        return " ".join((f"{self.message}; {self.remedy}" if self.remedy else self.message).split())

    def lines(self) -> list[str]:
        """As it is printed: of a rule file's errors each in a line of its own."""
        if self.__cause__ is None or not hasattr(self.__cause__, "lines"):
            return [str(self)]
        return [*str(self.__cause__).splitlines(), *([self.remedy] if self.remedy else [])]


def as_cli_error(error: Exception) -> CliError:
    """The error in terms of the command line; of libraries only those already imported are looked at."""
    if isinstance(error, CliError):
        return error
    module = type(error).__module__
    known = None
    if isinstance(error, LeadStreamError):
        # They are written for the reader and name their remedy.
        known = CliError(str(error), "")
        known.__cause__ = error
    elif module.startswith("aiokafka."):
        known = _kafka(error)
    elif module.startswith("asyncpg."):
        known = CliError(f"PostgreSQL: {error}", "see `leadstream doctor`")
    elif module.startswith("pydantic"):
        known = _settings(error)
    elif isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("leadstream"):
        known = CliError(
            f"this command needs the package of the module {error.name}", "install `leadstream[local]`"
        )
    elif isinstance(error, OSError):
        where = f": {error.filename}" if error.filename is not None else ""
        known = CliError(f"{error.strerror or error}{where}", "")
    if known is not None:
        return known
    return CliError(f"unexpected {type(error).__name__}: {error}", "`leadstream --debug ...` shows where")


def _kafka(error: Exception) -> CliError:
    from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError

    from leadstream.settings import Settings

    if isinstance(error, (KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError)):
        return CliError(
            f"no Kafka broker answers at {Settings().kafka_bootstrap}",
            "set LEADSTREAM_KAFKA_BOOTSTRAP, or start one with `leadstream stack`",
        )
    return CliError(f"Kafka: {error}", "see `leadstream doctor`")


def _settings(error: Exception) -> CliError | None:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError) or error.title != "Settings":
        return None
    first = error.errors()[0]
    name = "LEADSTREAM_" + "_".join(str(part) for part in first["loc"]).upper()
    return CliError(f"{name}: {first['msg']}", "correct it in the environment")


def report(error: Exception) -> int:
    """Prints the error to stderr, a line for each thing that is wrong; returns the exit code."""
    told = as_cli_error(error)
    for line in told.lines():
        print(f"error: {line}", file=sys.stderr)
    return told.code
