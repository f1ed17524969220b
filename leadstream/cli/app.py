"""The root of the command line. A command's module is imported when the command is run."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from leadstream import __version__
from leadstream.cli.denied import explained
from leadstream.cli.errors import report

COMMANDS = {
    "demo": "See it work: broker, PostgreSQL, worker, projector, a stream of leads.",
    "stack": "Run a broker and a PostgreSQL on this machine until Ctrl-C.",
    "worker": "Fold signals into scores and actions (long-running).",
    "projector": "Write scores and actions to PostgreSQL (long-running).",
    "send": "Send signals, one JSON object a line, into the topic.",
    "replay": "Fold signals from a file, offline: scores and actions at a time.",
    "models": "Rule files: list, show, lint, compare, try, import.",
    "report": "Reports on a tenant's leads: tables, CSV, JSON.",
    "lead": "One lead factor by factor, the best leads, a score by hand.",
    "doctor": "Check everything, and say where signals stopped.",
    "log": "The log of signals: export it.",
    "dlq": "Dead letters: list, show, send again.",
    "topics": "Create the topics.",
    "db": "The PostgreSQL schema: its tables, rights, months, destinations.",
}
"""Each is a module here, with a typer app `app` or a function of that name."""

EXAMPLES = {
    "demo": "leadstream demo --signals 20000",
    "stack": "leadstream stack",
}
"""Of commands whose own text has none."""

# typer has its own copy of click or, in older versions, uses the package: this names either.
ClickError: type[Exception] = typer.BadParameter.__mro__[2]


class Root(TyperGroup):
    """Lists commands without importing them, and prints every error in one line."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        summary = COMMANDS.get(cmd_name)
        return TyperCommand(cmd_name, help=summary) if summary else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        self.commands = dict.fromkeys(COMMANDS, self)  # the names that a typing error is compared with
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name and command else command, rest

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        arguments = list(sys.argv[1:] if args is None else args)
        try:
            code = super().main(arguments, "leadstream", complete_var, False, windows_expand_args, **extra)
        except ClickError as error:
            code = usage(error)
        except typer.Abort:
            print("error: there is nobody to ask; see --help for how to go on without", file=sys.stderr)
            code = 1
        except Exception as error:
            if debugging(arguments):
                raise
            code = report(explained(arguments, error))
        sys.exit(code if isinstance(code, int) else 0)


def load(name: str) -> Any:
    """The real command of that name."""
    module = import_module(f"leadstream.cli.{name}")
    group = getattr(module, "app", None)
    if group is not None:
        group.info.name = name
        command: Any = typer.main.get_group(group)
    else:
        single = typer.Typer(add_completion=False)
        example = EXAMPLES.get(name)
        single.command(name, epilog=f"Example: {example}" if example else None)(getattr(module, name))
        command = typer.main.get_command(single)
    for one in (command, *getattr(command, "commands", {}).values()):
        # Lines as they stand in the source would be wrapped a second time.
        one.help = "\n\n".join(" ".join(text.split()) for text in (one.help or "").split("\n\n"))
    return command


def usage(error: Any) -> int:
    """Prints a wrong use of the command line in one line; returns the exit code."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "leadstream"
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.format_message())
        return 0
    message = " ".join(error.format_message().split()).removesuffix(".")
    print(f"error: {message}; see `{path} --help`", file=sys.stderr)
    return int(error.exit_code)


def debugging(arguments: list[str]) -> bool:
    """Whether `--debug` stands before the command."""
    for argument in arguments:
        if not argument.startswith("-"):
            return False
        if argument == "--debug":
            return True
    return False


def _version(wanted: bool) -> None:
    if wanted:
        print(f"leadstream {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=Root,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(epilog="Example: leadstream demo")
def root(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """LeadStream scores sales leads from the stream of what they do.

    Settings come from the environment: LEADSTREAM_KAFKA_BOOTSTRAP, LEADSTREAM_POSTGRES_DSN and others.
    """
    if debug:
        import logging

        logging.basicConfig(level=logging.INFO)
