"""The bill of materials is that of the lock, and an audit that has asked nobody does not pass."""

import re
from typing import Any

import pytest

from tests.audit.run import verdict
from tests.audit.sbom import ROOT, bill, merged, normal

LOCKED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)


def locked(name: str) -> set[tuple[str, str]]:
    """Name and version of all that a lock has; some in one version for each Python."""
    text = (ROOT / name).read_text()
    found = {(normal(package), version) for package, version in LOCKED.findall(text)}
    assert len(found) == len([line for line in text.splitlines() if line[0] not in " #"])
    return found


@pytest.mark.skipif(not (ROOT / ".audit/.installed").exists(), reason="`make sbom` installs its tools")
@pytest.mark.usefixtures("processes")
def test_the_bill_names_each_package_of_the_lock_with_version_hashes_and_licence() -> None:
    components = bill()["components"]
    assert {(normal(one["name"]), one["version"]) for one in components} == locked("requirements.lock")
    for one in components:
        assert one["purl"].startswith(f"pkg:pypi/{normal(one['name'])}@{one['version']}"), one["name"]
        assert any("hashes" in place for place in one["externalReferences"]), one["name"]
    # Those of other platforms are not installed, and one declares none.
    without = {one["name"] for one in components if not one.get("licenses")}
    assert without <= {"colorama", "pywin32", "crawler-user-agents"}


def test_licences_are_found_whatever_the_spelling_of_the_name() -> None:
    mit = [{"license": {"id": "MIT"}}]
    root = {"name": "leadstream"}
    lock: dict[str, Any] = {"metadata": {}, "components": [{"name": "ruamel-yaml", "description": "line 5"}]}
    here = {"metadata": {"component": root}, "components": [{"name": "ruamel.yaml", "licenses": mit}]}
    found = merged(lock, here)
    assert found["components"] == [{"name": "ruamel-yaml", "licenses": mit}]
    assert found["metadata"]["component"] == root


def test_locks_name_no_index_and_have_hashes() -> None:
    for name in ("requirements.lock", "requirements-audit.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert text.count("--hash=sha256:") >= len(locked(name))


def test_what_was_passed_over_is_no_pass() -> None:
    fine = {"name": "a", "version": "1", "vulns": []}
    unknown = {"name": "b", "skip_reason": "Dependency not found on PyPI"}
    flawed = {"name": "c", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]}
    assert verdict([fine]) == (0, ["1 packages audited, 0 known vulnerabilities"])
    code, lines = verdict([fine, unknown])
    assert code == 2
    assert "did not answer for 1 of 2 packages (b)" in lines[-1]
    code, lines = verdict([fine, unknown, flawed])
    assert code == 1
    assert lines[0] == "c 2: PYSEC-1, mended in 2.1"
