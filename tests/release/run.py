"""`make release`: builds wheel and source of this version, and tries the wheel as a user would.

The wheel is installed into an environment that has nothing else, with the versions that requirements.lock
pins, and has to do without the source tree. Exit codes: 0 `dist/` can be published, 1 it can't, with the
reason.
"""

import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

from leadstream import __version__

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^[a-z0-9][^ \\]*==[^ \\]+(?: ; [^\\]+)?", re.MULTILINE)
COMMANDS: Sequence[Sequence[str]] = (
    ["--version"],
    ["models", "list"],
    ["models", "lint", "tenx"],
    ["--help"],
)
"""What the installed program has to do, away from the source tree."""


class NotReady(Exception):
    """Why this version can't be published."""


def main() -> int:
    try:
        check_changelog((ROOT / "CHANGELOG.md").read_text(), __version__)
        wheel = build(ROOT / "dist")
        check_contents(ZipFile(wheel).namelist())
        try_out(wheel)
    except NotReady as reason:
        print(f"error: {reason}", file=sys.stderr)
        return 1
    print(f"dist/ has leadstream {__version__}: built, installed and tried")
    return 0


def check_changelog(text: str, version: str) -> None:
    """Raises `NotReady` unless the changelog has a dated section of the version."""
    if not re.search(rf"^## \[?{re.escape(version)}\]? - \d{{4}}-\d\d-\d\d$", text, re.MULTILINE):
        raise NotReady(
            f"CHANGELOG.md has no section `## {version} - YYYY-MM-DD`: move what is under Unreleased there, "
            "or change the version in leadstream/__init__.py"
        )


def check_contents(names: Sequence[str]) -> None:
    """Raises `NotReady` if the wheel has what is not for users, or lacks what they need."""
    odd = [name for name in names if not name.startswith(("leadstream/", "leadstream-"))]
    if odd:
        raise NotReady(f"the wheel has files beside the package: {', '.join(odd[:5])}")
    wanted = [
        "leadstream/models/presets/tenx.yaml",
        "leadstream/py.typed",
        "/licenses/LICENSE",
        *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "leadstream").rglob("*.sql"))),
    ]
    for name in wanted:
        if not any(one.endswith(name) for one in names):
            raise NotReady(f"the wheel has no {name}")


def build(folder: Path) -> Path:
    """The wheel of this version, built into a folder together with the source archive."""
    for old in (*folder.glob("leadstream-*.whl"), *folder.glob("leadstream-*.tar.gz")):
        old.unlink()
    done([sys.executable, "-m", "hatchling", "build", "--directory", str(folder)], ROOT)
    wheels = sorted(folder.glob("leadstream-*.whl"))
    if len(wheels) != 1:
        raise NotReady(f"{folder} has {len(wheels)} wheels after the build, not one")
    return wheels[0]


def try_out(wheel: Path) -> None:
    """Installs the wheel into a bare environment and runs `COMMANDS` there."""
    with tempfile.TemporaryDirectory(prefix="leadstream-release-") as name:
        place = Path(name)
        pins = place / "constraints.txt"
        pins.write_text("\n".join(pinned((ROOT / "requirements.lock").read_text())) + "\n")
        venv.create(place / "env", with_pip=True)
        program = place / "env" / "bin"
        install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-c",
            str(pins),
            str(wheel),
        ]
        print("Installing the wheel into a bare environment ...", flush=True)
        done([str(program / "python"), *install], place)
        for command in COMMANDS:
            done([str(program / "leadstream"), *command], place)


def pinned(lock: str) -> list[str]:
    """The versions of a lock file, without its hashes: constraints for pip."""
    return [match.group().strip() for match in PIN.finditer(lock)]


def done(command: Sequence[str], folder: Path) -> None:
    """Runs a command. Raises `NotReady` with the end of what it said if it fails."""
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        said = (result.stderr or result.stdout).strip()[-600:]
        raise NotReady(f"`{' '.join(command[-3:])}` ended with {result.returncode}: {said}")


if __name__ == "__main__":
    sys.exit(main())
