"""`leadstream models show`."""

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from leadstream.cli.console import cell, out
from leadstream.models.catalog import load_rule_file, preset_names, preset_text
from leadstream.models.difference import trigger_of
from leadstream.models.schema import RuleFile
from leadstream.models.written import decay_of, flow, written

HIDDEN = ("rationale", "owner", "description")


def show(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A preset's name, or a rule file.")],
    yaml: Annotated[bool, typer.Option("--yaml", help="A preset's file as it stands, to copy.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="All of it as JSON, which loads as a rule file.")
    ] = False,
) -> None:
    """A rule file as it is meant: what is included and merged in its place, decay resolved."""
    if yaml:
        if model not in preset_names():
            raise typer.BadParameter(f"only of a preset, and none is called {model}", param_hint="--yaml")
        print(preset_text(model), end="")
        return
    file = load_rule_file(model)
    plain = written(file)
    if json:
        print(msgspec.json.format(msgspec.json.encode(plain), indent=2).decode())
        return
    out.print(f"[bold]{cell(file.name)}[/] {cell(file.version)}: {cell(' '.join(file.description.split()))}")
    out.print(f"half-life {plain['half_life']}, consent {file.consent}")
    for table in tables(file, plain):
        if table.row_count:
            out.print(table)


def tables(file: RuleFile, plain: dict[str, Any]) -> Iterable[Table]:
    """The parts of a file, each kind as a table."""
    for key in ("categories", "dimensions"):
        if key in plain:
            rows = [{"id": name, **part} for name, part in plain[key].items()]
            yield table_of(key, rows, ["id", "cap", "sign", "decay"])
    rules = [
        {**row, "points": row.get("by", row.get("points")), "decay": decay_of(rule, file)}
        for row, rule in zip(plain["rules"], file.rules, strict=True)
    ]
    for rule in rules:
        if rule["points"] is None:
            rule["decay"] = None
    yield table_of("rules", rules, ["id", "on", "when", "points", "category", "decay"], leave=("by",))
    forms = ("ranges", "values", "keywords", "tiers")
    fits = [
        {**row, "points": next(row[form] for form in forms if form in row), "decay": decay_of(fit, file)}
        for row, fit in zip(plain.get("fit", []), file.fit, strict=True)
    ]
    yield table_of("fit", fits, ["id", "fact", "points", "category", "decay"], leave=forms)
    yield table_of("thresholds", plain.get("thresholds", []), ["at", "hysteresis", "on_recovery", "cooldown"])
    for key in ("bands", "stages"):
        yield table_of(key, plain.get(key, []), ["name", "from", "to"])
    yield table_of("timers", plain.get("timers", []), ["id", "inactivity", "absence", "points", "category"])
    yield table_of("spikes", plain.get("spikes", []), ["id", "rules", "count", "points", "within"])
    yield table_of("guards", plain.get("guards", []), ["id", "on"])
    actions = [{**row, "waits": trigger_of(row)} for row in plain.get("actions", [])]
    columns = ["do", "waits", "channel", "requires", "dedupe"]
    yield table_of("actions", actions, columns, leave=("at", "when"))


def table_of(
    title: str, rows: list[dict[str, Any]], columns: list[str], leave: tuple[str, ...] = ()
) -> Table:
    """Rows of plain values; keys without a column of their own stand in the last one."""
    shown = [name for name in columns if any(row.get(name) is not None for row in rows)]
    rest = [
        {key: value for key, value in row.items() if key not in (*columns, *leave, *HIDDEN)} for row in rows
    ]
    found = Table(title=title, title_justify="left")
    for name in shown:
        numbers = all(isinstance(row.get(name), int | float | None) for row in rows)
        found.add_column(name, justify="right" if numbers else "left", overflow="fold")
    if any(rest):
        found.add_column("besides", overflow="fold")
    for row, more in zip(rows, rest, strict=True):
        cells = ["" if row.get(name) is None else cell(flow(row[name])) for name in shown]
        besides = ", ".join(f"{key} {flow(value)}" for key, value in more.items())
        found.add_row(*cells, *([cell(besides)] if any(rest) else []))
    return found
