"""`make audit`: known vulnerabilities of what requirements.lock pins.

Asks the vulnerability service of PyPI, by pip-audit. Exit codes: 0 none is known, 1 some are, 2 the service
has not answered for each package, so nothing is said.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from tests.audit.sbom import ROOT

SHOWN = 5


def main() -> int:
    program = ROOT / ".audit" / "bin" / "pip-audit"
    done = subprocess.run(
        [
            str(program), "--requirement", "requirements.lock", "--require-hashes", "--disable-pip",
            "--progress-spinner", "off", "--format", "json",
        ],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        audited = json.loads(done.stdout)["dependencies"]
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        print(f"error: pip-audit could not ask the vulnerability service: {last[:300]}", file=sys.stderr)
        return 2
    code, lines = verdict(audited)
    print("\n".join(lines), file=sys.stderr if code == 2 else sys.stdout)
    return code


def verdict(audited: Sequence[dict[str, Any]]) -> tuple[int, list[str]]:
    """Exit code and text for what pip-audit says of each package. A package that it passes over is not
    audited, although it ends with 0 then."""
    found = [
        f"{one['name']} {one['version']}: {flaw['id']}, mended in "
        f"{', '.join(flaw['fix_versions']) or 'no version yet'}"
        for one in audited
        for flaw in one.get("vulns", ())
    ]
    skipped = [one["name"] for one in audited if "skip_reason" in one]
    lines = [*found, f"{len(audited) - len(skipped)} packages audited, {len(found)} known vulnerabilities"]
    if skipped:
        named = ", ".join(skipped[:SHOWN]) + (", ..." if len(skipped) > SHOWN else "")
        lines.append(
            f"error: the vulnerability service did not answer for {len(skipped)} of {len(audited)} packages "
            f"({named}): nothing is said of those; run this where the service of PyPI can be reached"
        )
    return 1 if found else 2 if skipped else 0, lines


if __name__ == "__main__":
    sys.exit(main())
