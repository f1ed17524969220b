"""What a command that failed was not allowed to do on Kafka."""

import asyncio
from collections.abc import Sequence

from leadstream.cli.errors import CliError

SECONDS = 10.0
"""The most that asking Kafka for it may take."""
CODE = 2
"""The exit code of a command that lacks a right."""


def explained(arguments: Sequence[str], error: Exception) -> Exception:
    """The error, or one that names the missing rights where they may be the cause.

    A topic that this user may not see looks like one that does not exist. Of libraries only those already
    imported are looked at.
    """
    name = type(error).__name__
    if not type(error).__module__.startswith("aiokafka.") and name not in ("TopicAbsent", "CliError"):
        return error
    if name == "CliError" and error.__cause__ is None:
        return error
    from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError

    from leadstream.kafka.rights import DENIED, lacking, rights, told
    from leadstream.kafka.topics import TopicNames
    from leadstream.settings import Settings

    cause = error.__cause__ if isinstance(error, CliError) else error
    if isinstance(cause, (KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError)):
        return error
    settings = Settings()
    needed = rights(TopicNames(settings.topic_prefix, settings.app))
    words = [argument for argument in arguments if not argument.startswith("-")]
    of_command = needed.get(" ".join(words[:2])) or needed.get(" ".join(words[:1]))
    if of_command is None:
        return error
    try:
        missing = asyncio.run(asyncio.wait_for(lacking(settings, of_command), SECONDS))
    except Exception:  # noqa: BLE001 - then the error as it is must do
        missing = []
    if not missing and isinstance(cause, DENIED):
        # Kafka does not tell of these.
        missing = [right for right in of_command if right.resource in ("Cluster", "TransactionalId")]
    if missing:
        return CliError(told(settings, missing), "", code=CODE)
    if isinstance(cause, DENIED):
        return CliError(f"Kafka refuses it: {cause}", "see the rights in docs/operations.md", code=CODE)
    return error
