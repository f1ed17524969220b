"""JSON Schemas of rule and tenants files; `python -m leadstream.models.json_schema` writes them."""

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from leadstream.models.schema import RuleFile, Tenant
from leadstream.records.schemas import DIALECT, write


def file_schemas() -> dict[str, dict[str, Any]]:
    """The schema of each kind of file by file name."""
    return {
        "model.schema.json": {"$schema": DIALECT, **TypeAdapter(RuleFile).json_schema()},
        "tenants.schema.json": {"$schema": DIALECT, **TypeAdapter(list[Tenant]).json_schema()},
    }


if __name__ == "__main__":
    write(file_schemas(), Path("schemas"))
