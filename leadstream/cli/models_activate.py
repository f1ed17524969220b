"""`leadstream models activate`: other rules for the leads of a running installation."""

from typing import Annotated, Any

import typer
from aiokafka.errors import KafkaError

from leadstream.cli.console import out, printable, progress, run
from leadstream.cli.errors import CliError
from leadstream.models.activation_check import changed_kernels, in_words, is_kept_from_now
from leadstream.models.catalog import checked, compile_rules, load_document
from leadstream.models.difference import differences
from leadstream.models.lint import lint
from leadstream.models.published import Published
from leadstream.models.schema import RuleFile
from leadstream.models.written import written
from leadstream.records.control import Activation
from leadstream.records.intents import Intent, Intents
from leadstream.records.models import ANY_TENANT
from leadstream.settings import Settings
from leadstream.stream.control_log import ControlLog


def activate(
    model: Annotated[str, typer.Argument(metavar="FILE", help="A rule file, or a preset's name.")],
    tenant: Annotated[str | None, typer.Option(help="The tenant whose leads it scores.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All tenants, also those seen later.")] = False,
    by: Annotated[str, typer.Option(help="Who does it; needed.", show_default=False)] = "",
    why: Annotated[str, typer.Option(help="The reason; needed.", show_default=False)] = "",
    from_now: Annotated[
        bool,
        typer.Option(
            "--from-now", help="Accept that factors keep their present points where they fade otherwise now."
        ),
    ] = False,
    accept: Annotated[bool, typer.Option("--accept", help="Accept what lint finds.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Score the leads of a running installation with these rules from now on.

    Points, caps, bands and thresholds hold for every lead at once, new rules count from now on, and what the
    rules no longer have comes back with them. Nothing fires because of it: thresholds are set without a
    record, another band or stage is recorded with the cause `model`, no action is asked for. The command says
    what differs from the rules in force, and asks before it writes anything.
    """
    if (tenant is None) != every:
        raise typer.BadParameter("give --tenant TENANT or --all, one of the two", param_hint="--tenant")
    for name, text in (("--by", by), ("--why", why)):
        if not text.strip():
            raise typer.BadParameter("it stands in the log: say it", param_hint=name)
    document = load_document(model)
    file = checked(document)
    findings = lint(document, file)
    for finding in findings:
        tell(str(finding))
    if findings and not accept:
        raise CliError(f"lint finds {len(findings)} things in {model}", "mend them, or give --accept")
    run(_activate(file, ANY_TENANT if tenant is None else tenant, by, why, from_now=from_now, yes=yes))


def tell(text: str) -> None:
    out.print(printable(text), markup=False, highlight=False, soft_wrap=True)


async def _activate(file: RuleFile, tenant: str, by: str, why: str, *, from_now: bool, yes: bool) -> None:
    log = ControlLog(Settings())
    intents, published = await _read(log)
    for intent in intents.open():
        tell(f"completing what {intent.by} began: activation {intent.last} ({intent.why})")
        await _complete(log, intent)
    rules = written(file)
    targets = targets_of(tenant, intents, published)
    for name, (present, _) in targets.items():
        compare(name, present, rules, from_now=from_now)
    if not yes and not typer.confirm("Activate?", err=True):
        raise typer.Exit(1)
    number = intents.next_activation
    intent = Intent(
        number=intents.next_number, by=by, why=why,
        activations=tuple(
            Activation(number=number + index, tenant=name, rules=rules, timezone=zone, by=by, why=why)
            for index, (name, (_, zone)) in enumerate(targets.items())
        ),
    )  # fmt: skip
    held = await log.declare(intent)
    if held != intent:
        raise CliError(
            f"{held.by} was first: activation {held.last} ({held.why})", "look at it, and run this again"
        )
    await _complete(log, intent)
    tell(f"activated: number {intent.last}, {file.name}/{file.version}; workers now move the leads to it")


async def _read(log: ControlLog) -> tuple[Intents, Published]:
    try:
        return await log.read()
    except ValueError as error:
        raise CliError(f"the topic of models: {error}", "a newer release may have written it") from None


async def _complete(log: ControlLog, intent: Intent) -> None:
    with progress() as bar:
        task = bar.add_task("partitions", total=None)
        try:
            await log.complete(intent, lambda done, count: bar.update(task, completed=done, total=count))
        except (KafkaError, TimeoutError) as error:
            raise CliError(
                f"Kafka did not say that all partitions have activation {intent.last} ({error!r})",
                "run `leadstream models activate` again: what was begun is completed first",
            ) from error


def targets_of(
    tenant: str, intents: Intents, published: Published
) -> dict[str, tuple[dict[str, Any], str | None]]:
    """By tenant the rules that score its leads now, and its time zone. Raises `CliError`."""
    present = {one.tenant: (one.rules, one.timezone) for one in published.active()}
    if not present:
        raise CliError(
            "the topic of models names no model", "start a worker first: it says what it scores with"
        )
    if tenant != ANY_TENANT and tenant not in present and ANY_TENANT not in present:
        raise CliError(f"no tenant {tenant!r} is scored here", f"known: {', '.join(sorted(present))}")
    default = present.get(ANY_TENANT, next(iter(present.values())))
    names = [tenant] if tenant != ANY_TENANT else sorted({ANY_TENANT, *present})
    targets = {}
    for name in names:
        rules, zone = present.get(name, (default[0], None if tenant == ANY_TENANT else default[1]))
        last = intents.in_force(name)
        targets[name] = (rules if last is None else last.rules, zone)
    return targets


def compare(tenant: str, present: dict[str, Any], rules: dict[str, Any], *, from_now: bool) -> None:
    """Says what changes for a tenant. Raises `CliError` for what can't be kept of its scores."""
    who = f"tenant {tenant}" if tenant else "all tenants"
    old, new = compile_rules(present, None), compile_rules(rules, None)
    lines = differences(file_of(present), file_of(rules))
    tell(f"{who}: {old.label} -> {new.label}" + ("" if lines else ", which say the same"))
    for line in lines:
        tell(f"  {line}")
    changes = list(changed_kernels(old, new))
    for factor, before, after in changes:
        tell(f"  {factor}: {in_words(before)} -> {in_words(after)}, from the present points on")
        if not is_kept_from_now(after):
            raise CliError(
                f"{factor}: what it is worth now can't go on under `{in_words(after)}`",
                "give the changed rule another id: it then counts from now on",
            )
    if changes and not from_now:
        raise CliError(
            f"{who}: {len(changes)} factors would fade in another way",
            "give --from-now: they keep the points that they have, and fade by the new rules from here",
        )


def file_of(rules: dict[str, Any]) -> RuleFile:
    return RuleFile.model_validate(rules)
