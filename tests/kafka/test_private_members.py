"""Private members of other objects are used in leadstream/kafka/aiokafka_*.py only, as far as names tell."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "leadstream"
ADAPTERS = {"kafka/aiokafka_clients.py", "kafka/aiokafka_fetching.py"}
PUBLIC = {"_replace", "_exit"}
"""Documented all the same: of named tuples, and `os._exit`."""


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


def is_own(value: ast.expr) -> bool:
    """Whether an attribute is one of the object whose method it stands in."""
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id == "super"
    return isinstance(value, ast.Name) and value.id in ("self", "cls")


def uses(source: str) -> Iterator[str]:
    """The private members of other objects in a module, and classes made of aiokafka's."""
    imported: dict[str, str] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            for name in node.names:
                imported[name.asname or name.name] = node.module
                if is_private(name.name) and not node.module.startswith("leadstream."):
                    yield f"line {node.lineno}: {node.module}.{name.name}"
        elif isinstance(node, ast.Attribute) and is_private(node.attr) and not is_own(node.value):
            yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
            name = node.args[1]
            if isinstance(name, ast.Constant) and is_private(str(name.value)):
                yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.ClassDef):
            for base in node.bases:
                # Requests and responses of one's own are what aiokafka.protocol is made for.
                of = imported.get(base.id, "") if isinstance(base, ast.Name) else ""
                if of.startswith("aiokafka") and not of.startswith("aiokafka.protocol."):
                    yield f"line {node.lineno}: {node.name} has the members of {ast.unparse(base)}"


def test_private_members_are_used_in_the_adapters_only() -> None:
    found = {
        str(path.relative_to(ROOT)): list(uses(path.read_text()))
        for path in sorted(ROOT.rglob("*.py"))
        if str(path.relative_to(ROOT)) not in ADAPTERS
    }
    assert len(found) > 150
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_the_adapters_are_there(name: str) -> None:
    assert list(uses((ROOT / name).read_text()))


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("producer._txn_manager.is_fatal_error()", 1),
        ("self._consumer._coordinator", 1),
        ("getattr(consumer, '_fetcher', None)", 1),
        ("from aiokafka.util import _private", 1),
        ("from aiokafka import AIOKafkaConsumer\nclass Mine(AIOKafkaConsumer): pass", 1),
        ("from aiokafka.protocol.api import Response\nclass Mine(Response): pass", 0),
        ("self._own; super()._crash(error); os._exit(1); pair._replace(a=1); thing.__class__", 0),
    ],
)
def test_what_is_seen(source: str, count: int) -> None:
    assert len(list(uses(source))) == count
