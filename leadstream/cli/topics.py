"""`leadstream topics`."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.table import Table

from leadstream.cli.console import out, run
from leadstream.cli.errors import CliError
from leadstream.kafka.topics import (
    Difference,
    PartitionCountError,
    TopicNames,
    TopicSpec,
    check_topics,
    create_topics,
    specs,
)
from leadstream.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The topics of the installation.")


@app.callback()
def topics() -> None:
    """Create the topics."""


@app.command()
def create(
    partitions: Annotated[int, typer.Option(min=1, max=10_000, help="The same for all topics.")] = 12,
) -> None:
    """Create the topics that are absent, with their settings.

    An existing topic is left as it is: another number of partitions is refused, other settings are named.
    With LEADSTREAM_ALLOW_CREATE_TIME=true the signals topic keeps its producers' timestamps.

    Example: leadstream topics create --partitions 12
    """
    settings = Settings()
    names = TopicNames(settings.topic_prefix, settings.app)
    wanted = specs(names, partitions, create_time=settings.allow_create_time)
    try:
        created, found = run(_create(settings, wanted))
    except PartitionCountError as error:
        if error.topic == names.models:
            raise CliError(
                f"topic {names.models} has {error.found} partitions, not 1, so that its order says nothing",
                "delete it and try again: workers fill it when they start",
            ) from error
        raise CliError(
            str(error),
            f"use --partitions {error.found}, or another LEADSTREAM_TOPIC_PREFIX for another installation; "
            "if partitions were added to a topic, see `Partitions were added` in docs/operations.md",
        ) from error
    table = Table("topic", "partitions", "settings", "", title=f"Topics at {settings.kafka_bootstrap}")
    for spec in wanted:
        configuration = ", ".join(f"{name}={value}" for name, value in spec.config.items())
        state = "created" if spec.name in created else "was there"
        table.add_row(spec.name, str(spec.partitions), configuration, state)
    out.print(table)
    out.print("Keys are tenant:lead; producers place them by murmur2, as the Java client does.")
    for difference in found:
        out.print(describe(difference))
    if any(difference.required for difference in found):
        raise CliError("a topic's settings don't allow the delivery guarantees", remedy(found, settings))


async def _create(settings: Settings, wanted: list[TopicSpec]) -> tuple[list[str], list[Difference]]:
    created = await create_topics(settings, wanted)
    return created, await check_topics(settings, wanted)


def describe(difference: Difference) -> str:
    """A difference in one line."""
    if difference.found is None:
        return f"{difference.topic} is absent"
    return f"{difference.topic} has {difference.setting}={difference.found}, not {difference.wanted}"


def remedy(found: Iterable[Difference], settings: Settings) -> str:
    """The command that mends the required settings of the first topic that needs it."""
    required = [difference for difference in found if difference.required]
    topic = required[0].topic
    config = ",".join(f"{item.setting}={item.wanted}" for item in required if item.topic == topic)
    return (
        f"kafka-configs.sh --bootstrap-server {settings.kafka_bootstrap} --alter --topic {topic} "
        f"--add-config {config}"
    )
