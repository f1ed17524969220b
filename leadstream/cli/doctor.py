"""`leadstream doctor`."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from leadstream.cli.console import cell, err, out, run
from leadstream.cli.diagnosis import broker, roles, signals, tables
from leadstream.cli.diagnosis.findings import Finding, age
from leadstream.cli.errors import as_cli_error
from leadstream.models import load_catalog
from leadstream.projection.errors import ProjectionError
from leadstream.scoring.compiled.model import CompiledModel
from leadstream.settings import Settings

CHECK_SECONDS = 20.0
"""The most that one check may take."""
COLOURS = {"ok": "green", "note": "yellow", "problem": "red"}

SEE_DEBUG = "`leadstream --debug doctor` says more"
REMEDIES = {
    "tables": "start PostgreSQL, correct LEADSTREAM_POSTGRES_DSN, or see `leadstream db status`",
    "projection": "see `leadstream db status`",
}
"""For errors that name their remedy in their own words, or none."""

Check = Callable[[Settings], Awaitable[list[Finding]]]


@dataclass(slots=True)
class Diagnosis:
    """All findings, and what came last by type and source."""

    findings: list[Finding] = field(default_factory=list)
    arrivals: signals.Arrivals | None = None


def doctor(
    model: Annotated[str, typer.Option(help="The preset or rule file that the worker runs with.")] = "tenx",
    tenants: Annotated[Path | None, typer.Option(help="The worker's YAML of tenants.")] = None,
) -> None:
    """Check broker, topics, worker, projector, PostgreSQL and positions, and say where signals stopped.

    Each finding that asks for something has a remedy. Exit code 1 if there is a problem, 2 if a
    right on Kafka is missing, which hides others.

    Example: leadstream doctor --model tenx
    """
    settings = Settings()
    compiled: CompiledModel | None = None
    wrong: list[Finding] = []
    try:
        compiled = load_catalog(model, tenants).default
    except Exception as error:  # noqa: BLE001 - whatever it is, the rest can be looked at
        wrong.append(Finding("model", "problem", str(as_cli_error(error)), "correct the rule file"))
    with err.status("checking"):
        diagnosis = run(diagnose(settings, compiled))
    findings = wrong + diagnosis.findings
    table = Table("", "", "finding", "remedy", title="LeadStream")
    for finding in findings:
        mark = f"[{COLOURS[finding.level]}]{finding.level}[/]"
        table.add_row(finding.area, mark, cell(finding.text), cell(finding.remedy))
    out.print(table)
    if diagnosis.arrivals is not None and diagnosis.arrivals.last:
        out.print(last_signals(diagnosis.arrivals, compiled))
    if any(finding.area == broker.RIGHTS for finding in findings):
        raise typer.Exit(2)
    if any(finding.level == "problem" for finding in findings):
        raise typer.Exit(1)


def last_signals(arrivals: signals.Arrivals, model: CompiledModel | None) -> Table:
    """The last signal per type and source."""
    table = Table("type", "source", "last", "rule", title="Last signal by type and source")
    for (kind, source), at in sorted(arrivals.last.items()):
        rule = "" if model is None else "yes" if signals.is_scored(model, kind) else "none"
        table.add_row(cell(kind), cell(source), age(at), rule)
    return table


async def diagnose(settings: Settings, model: CompiledModel | None) -> Diagnosis:
    """Runs all checks, each within `CHECK_SECONDS`; what can't be checked is a problem in itself."""
    diagnosis = Diagnosis()

    async def check_signals(settings: Settings) -> list[Finding]:
        found = await signals.arrivals(settings)
        diagnosis.arrivals = found
        with suppress(ProjectionError):  # the check of the tables says what is wrong with them
            await signals.add_projected(settings, found)
        return signals.judge(found, model, settings)

    checks: list[tuple[str, Check]] = [
        (broker.RIGHTS, broker.check_rights),
        ("topics", broker.check_topics),
        ("guarantee", broker.check_guarantee),
        ("signals", check_signals),
        ("worker", roles.check_worker),
        ("state", roles.check_positions),
        ("dead letters", signals.check_dead_letters),
        ("projector", roles.check_projector),
        ("projection", tables.check_projection),
    ]
    kafka, postgres = await asyncio.gather(
        _bounded("broker", broker.check_broker, settings), _bounded("tables", tables.check_tables, settings)
    )
    diagnosis.findings += kafka
    if not _has_problem(kafka):
        if _has_problem(postgres):
            checks = checks[:-1]
        for found in await asyncio.gather(*(_bounded(area, check, settings) for area, check in checks)):
            diagnosis.findings += found
    diagnosis.findings += postgres
    return diagnosis


def _has_problem(findings: list[Finding]) -> bool:
    return any(finding.level == "problem" for finding in findings)


async def _bounded(area: str, check: Check, settings: Settings) -> list[Finding]:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check(settings)
    except TimeoutError:
        return [
            Finding(
                area, "problem", f"no answer within {CHECK_SECONDS:.0f} s", "is it up, and not overloaded?"
            )
        ]
    except Exception as error:  # noqa: BLE001 - the other checks go on
        told = as_cli_error(error)
        return [Finding(area, "problem", told.message, told.remedy or REMEDIES.get(area, SEE_DEBUG))]
