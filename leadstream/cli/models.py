"""`leadstream models`: rule files listed, shown, linted, compared, tried, imported."""

from typing import Annotated

import typer

from leadstream.cli.console import printable
from leadstream.cli.models_activate import activate
from leadstream.cli.models_diff import diff
from leadstream.cli.models_import import import_
from leadstream.cli.models_show import show
from leadstream.cli.models_simulate import simulate
from leadstream.models import preset_names
from leadstream.models.catalog import checked, load_document, load_rule_file
from leadstream.models.lint import lint as findings_of

app = typer.Typer(no_args_is_help=True, help="Rule files: list, show, lint, compare, try, import.")


@app.callback()
def group() -> None:
    """Rule files: list, show, lint, compare, try, import."""


@app.command("list", epilog="Example: leadstream models list")
def list_() -> None:
    """The presets that come with the package, one line each."""
    names = preset_names()
    width = max(map(len, names))
    for name in names:
        file = load_rule_file(name)
        rules = len(file.rules) + len(file.fit)
        print(f"{name:<{width}}  {rules:>2} rules  {' '.join(file.description.split())}")


@app.command(epilog="Example: leadstream models lint our-rules.yaml --strict")
def lint(
    model: Annotated[str, typer.Argument(metavar="FILE", help="A rule file, or a preset's name.")],
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 also for warnings.")] = False,
) -> None:
    """Name what is legal in a rule file and yet can't be meant: each with its place and a remedy.

    Points beyond caps, levels that no lead can reach, rules that others shadow, actions that conflict, bands
    with gaps. What makes the file unusable is an error.
    """
    document = load_document(model)
    findings = findings_of(document, checked(document))
    for finding in findings:
        print(printable(str(finding)))
    if findings and strict:
        raise typer.Exit(1)


app.command(epilog="Example: leadstream models show tenx")(show)
app.command(epilog='Example: leadstream models activate ours.yaml --all --by ann --why "more for pricing"')(
    activate
)
app.command(epilog="Example: leadstream models diff tenx our-rules.yaml")(diff)
app.command(epilog="Example: leadstream models simulate tenx signals.yaml")(simulate)
app.command("import", epilog="Example: leadstream models import points.json --from mautic --out ours.yaml")(
    import_
)
