"""`make sbom`: what LeadStream is made of, as CycloneDX: all of requirements.lock, with hashes and licences.

Works offline. The lock has names, versions and hashes, for every platform; licences are declared by the
packages themselves, so they are known of those that are installed here.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
OUT = ROOT / "build" / "sbom.cdx.json"
TAKEN = ("licenses", "description")


def normal(name: str) -> str:
    """A package's name as all its spellings are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def merged(locked: dict[str, Any], installed: dict[str, Any]) -> dict[str, Any]:
    """The bill of the lock, with licences and descriptions of what is installed, and our own component."""
    known = {normal(one["name"]): one for one in installed["components"]}
    for one in locked["components"]:
        found = known.get(normal(one["name"]), {})
        one.pop("description", None)
        one |= {key: found[key] for key in TAKEN if key in found}
    locked["metadata"]["component"] = installed["metadata"]["component"]
    return locked


def made(*arguments: str) -> dict[str, Any]:
    """What cyclonedx-py says."""
    program = ROOT / ".audit" / "bin" / "cyclonedx-py"
    done = subprocess.run(
        [str(program), *arguments, "--output-reproducible"], cwd=ROOT, capture_output=True, check=True
    )
    bill: dict[str, Any] = json.loads(done.stdout)
    return bill


def bill() -> dict[str, Any]:
    """The bill of materials of this checkout."""
    project = ("--pyproject", "pyproject.toml")
    return merged(made("requirements", *project, "requirements.lock"), made("environment", *project, ".venv"))


def main() -> int:
    found = bill()
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1) + "\n")
    without = [one["name"] for one in found["components"] if not one.get("licenses")]
    print(f"{OUT.relative_to(ROOT)}: {len(found['components'])} packages of requirements.lock")
    if without:
        print(f"no licence is declared here for {', '.join(without)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
