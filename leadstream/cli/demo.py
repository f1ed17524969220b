"""`leadstream demo`: the whole of it on this machine, on a stream of made-up leads."""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal
from uuid import uuid4

import orjson
import typer
from rich.console import Console
from ruamel.yaml import YAML

from leadstream.cli.console import run
from leadstream.cli.demo_play import Play
from leadstream.cli.demo_roles import Role
from leadstream.cli.demo_summary import print_places, print_summary
from leadstream.cli.stack import environment
from leadstream.devstack import KafkaAddress, KafkaKind, Supervisor, kafka, postgres
from leadstream.devstack.processes import free_port
from leadstream.devstack.resolver import external_kafka, external_postgres
from leadstream.devstack.termination import ends_on_signal
from leadstream.settings import Settings

HALF_LIFE = "14s"
"""Of the demo's model: `tenx` has 14 days, so a second here is a day there."""
NAMES = {"embedded": "the embedded broker", "apache": "Apache Kafka", "docker": "Apache Kafka in a container"}


def demo(
    signals: Annotated[int, typer.Option(min=1, help="How many signals to send.")] = 20_000,
    leads: Annotated[int, typer.Option(min=1, help="Of how many leads.")] = 1_000,
    seed: Annotated[int, typer.Option(help="Another one, another stream.")] = 1,
    report: Annotated[
        Literal["json"] | None, typer.Option(help="json: the last line on stdout is one JSON object.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it all up until Ctrl-C.")] = False,
    kind: Annotated[
        KafkaKind,
        typer.Option("--kafka", help="embedded: in memory. apache: java and mvn. docker: a container."),
    ] = "embedded",
) -> None:
    """See it work: a broker, PostgreSQL, a worker, a projector and a stream of made-up leads.

    Takes less than a minute and leaves nothing behind. The model is tenx with a half-life of 14 seconds
    instead of 14 days, so that scores can be seen to fall. At the end the tables are compared with an
    offline replay of the log; the exit code is 1 if they differ.
    """
    console = Console(stderr=report is not None, highlight=False, soft_wrap=True)
    with ends_on_signal(), ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="leadstream-")))
        taken = external_kafka()
        with timed(console, f"Kafka at {taken.bootstrap}" if taken else NAMES[kind]):
            address = stack.enter_context(kafka(kind, directory=folder))
        with timed(console, "PostgreSQL"):
            dsn = stack.enter_context(postgres(directory=folder))
        settings, variables = installation(address, dsn)
        model = demo_model(folder)
        play = Play(settings, model, console)
        with timed(console, "topics"):
            run(play.create_topics())
        guarantee = settings.processing_guarantee.replace("_", " ")
        with timed(console, f"worker ({guarantee}) and projector"):
            supervisor = stack.enter_context(Supervisor(folder / "logs", variables))
            roles = [
                started(supervisor, "worker", "--model", str(model)),
                started(supervisor, "projector"),
            ]
            run(play.wait_for_roles(roles))
        outcome = run(play.run(signals, leads, seed))
        print_summary(console, outcome, int(time.time() * 1000))
        print_places(console, settings, variables, kept=keep)
        if report is not None:
            typer.echo(orjson.dumps(outcome.report()).decode())
        if keep:
            wait_for_interrupt(console)
    if not outcome.verification.equal:
        raise typer.Exit(1)


def installation(address: KafkaAddress, dsn: str) -> tuple[Settings, dict[str, str]]:
    """The settings of the demo, and the environment that gives them to its roles.

    On brokers and servers that were there before, names of its own keep it apart from what they hold.
    """
    variables = environment(address, dsn)
    if external_kafka() is not None or external_postgres() is not None:
        own = f"demo_{uuid4().hex[:8]}"
        variables |= {
            "LEADSTREAM_APP": own,
            "LEADSTREAM_TOPIC_PREFIX": own,
            "LEADSTREAM_POSTGRES_SCHEMA": own,
        }
    values = {name.removeprefix("LEADSTREAM_").lower(): value for name, value in variables.items()}
    return Settings.model_validate(values), variables


def demo_model(folder: Path) -> Path:
    """A rule file: the preset tenx with another half-life."""
    yaml = YAML()
    rules = yaml.load((files("leadstream.models") / "presets" / "tenx.yaml").read_text())
    rules["half_life"] = HALF_LIFE
    path = folder / "tenx-demo.yaml"
    yaml.dump(rules, path)
    return path


def started(supervisor: Supervisor, name: str, *arguments: str) -> Role:
    """A role under the supervisor, with its endpoint on a port of its own."""
    port = free_port()
    supervisor.add(name, name, *arguments, environment={"LEADSTREAM_METRICS_PORT": str(port)})
    return Role(supervisor, name, port)


@contextmanager
def timed(console: Console, what: str) -> Iterator[None]:
    """Shows that something is being started, and how long it took."""
    began = time.monotonic()
    with console.status(f"Starting {what} ..."):
        yield
    console.print(f"  {what} [dim]{time.monotonic() - began:.1f} s[/]")


def wait_for_interrupt(console: Console) -> None:
    """Returns at Ctrl-C."""
    try:
        console.print("\nIt stays up until Ctrl-C.")
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("Stopping.")
