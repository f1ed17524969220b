"""`leadstream lead bump`: a person moves a score, by one signal."""

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

import msgspec
import typer
from aiokafka.errors import KafkaError
from typer.core import TyperCommand

from leadstream.cli.console import err, out, printable, run
from leadstream.cli.errors import CliError
from leadstream.kafka.log_writer import LogWriter
from leadstream.kafka.topics import TopicNames
from leadstream.projection.errors import ProjectionError
from leadstream.projection.queries import reading
from leadstream.records.keys import lead_key, partition_of
from leadstream.records.rejection import Rejected
from leadstream.records.signal import decode_signal
from leadstream.records.times import rfc3339, to_ms
from leadstream.scoring.lead.effects import bump_of
from leadstream.settings import Settings

SOURCE = "leadstream-cli"
_NEGATIVE = re.compile(r"-[0-9.]+")


class Negative(TyperCommand):
    """Takes -10 for points, where it would be taken for an option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        points = [
            place
            for place, text in enumerate(args)
            if _NEGATIVE.fullmatch(text) and not (place and args[place - 1].startswith("--"))
        ]
        if points and "--" not in args:
            others = [text for place, text in enumerate(args) if place not in points]
            args = [*others, "--", *(args[place] for place in points)]
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed


def bump(
    tenant: Annotated[str, typer.Argument(help="The tenant.")],
    lead: Annotated[str, typer.Argument(help="The lead.")],
    points: Annotated[
        str | None, typer.Argument(help="Points to add; -10 takes away.", show_default=False)
    ] = None,
    by: Annotated[str, typer.Option(help="Who does it; needed.", show_default=False)] = "",
    why: Annotated[str, typer.Option(help="The reason; needed.", show_default=False)] = "",
    to: Annotated[
        str | None,
        typer.Option("--set", metavar="TOTAL", help="In place of POINTS: what the total is to be."),
    ] = None,
    identity: Annotated[
        str | None,
        typer.Option("--id", help="The id of a bump that may not have arrived: sent twice, it counts once."),
    ] = None,
) -> None:
    """Raise or lower a lead's score by hand, or set it. Who did it and why stands in the lead's history.

    It is a signal like any: the points fade as the model says, and a score that passes a threshold by it asks
    for that threshold's actions. One signal is sent, and its id printed.
    """
    if (points is None) == (to is None):
        raise typer.BadParameter("give POINTS or --set TOTAL, one of the two", param_hint="POINTS")
    if points is not None:
        amount = {"points": number(points, "POINTS")}
    else:
        amount = {"set": number(to or "", "--set")}
    if amount == {"points": 0}:
        raise typer.BadParameter("0 points change nothing", param_hint="POINTS")
    for name, text in (("--by", by), ("--why", why)):
        if not text.strip():
            raise typer.BadParameter("it stands in the lead's history: say it", param_hint=name)
    body = {
        "id": identity if identity is not None else str(uuid4()),
        "tenant": tenant,
        "lead": lead,
        "type": "score.bumped",
        "at": rfc3339(to_ms(datetime.now(UTC))),
        "source": SOURCE,
        "data": {**amount, "by": by, "why": why},
    }
    key, value = record_of(body)
    run(_send(key, value, body))
    what = f"{amount['points']:+g} points" if points is not None else f"a total of {amount['set']:g}"
    out.print(
        printable(f"sent: {what} for {tenant}:{lead}, id {body['id']}"),
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    out.print(
        "it counts as soon as the worker folds it, and may ask for actions: "
        + printable(f"`leadstream lead show {tenant} {lead} --history`"),
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip


def number(text: str, name: str) -> float | int:
    """The number of an argument, whole if it is."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise typer.BadParameter(f"{text!r} is no number", param_hint=name)
    return int(value) if value.is_integer() else value


def record_of(body: dict[str, Any]) -> tuple[bytes, bytes]:
    """Key and value of the signal, checked as the worker checks them."""
    try:
        key, value = lead_key(body["tenant"], body["lead"]), msgspec.json.encode(body)
        decode_signal(key, value)
        bump_of(body["data"])
    except Rejected as rejected:
        raise typer.BadParameter(printable(rejected.detail)) from None
    except UnicodeEncodeError:
        raise typer.BadParameter("a text is no UTF-8") from None
    return key, value


async def _send(key: bytes, value: bytes, body: dict[str, Any]) -> None:
    settings = Settings()
    await _warn_of_unknown(settings, body["tenant"], body["lead"])
    topic = TopicNames(settings.topic_prefix, settings.app).signals
    async with LogWriter(settings, topic) as writer:
        try:
            await writer.add(partition_of(key, writer.partitions), key, value)
            await writer.flush()
        except (KafkaError, TimeoutError) as error:
            raise CliError(
                f"Kafka did not say that it has the bump {body['id']} ({error!r})",
                f"send it again with `--id {body['id']}`: it counts once",
            ) from error


async def _warn_of_unknown(settings: Settings, tenant: str, lead: str) -> None:
    """A slip of the pen would make a new lead."""
    try:
        async with reading(settings.postgres_dsn.get_secret_value(), settings.postgres_schema) as tables:
            if await tables.lead(tenant, lead) is not None:
                return
            near = await tables.nearest(tenant, lead)
    except ProjectionError:
        return  # the bump needs no tables
    meant = f"; nearest: {', '.join(near)}" if near else ""
    err.print(
        printable(f"note: {tenant} has no lead {lead} in the tables yet, this makes it one{meant}"),
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
