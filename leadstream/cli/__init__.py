"""The command line: one file per command or group."""


def main() -> None:
    """Runs the command line with the process's arguments and exits."""
    from leadstream.cli.app import app

    app()
