"""The tables, views, functions and rights as they are now, from the files in `sql/`.

`python -m leadstream.projection.schema` writes them to `schemas/postgresql.sql`, each after what it needs.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from leadstream.projection.policies import Access, grants, policies

SQL = Path(__file__).parent / "sql"
HEAD = """\
-- The tables of LeadStream in PostgreSQL as `leadstream db migrate` leaves them, and the rights that
-- `leadstream db grant` gives to roles named leadstream_writer, leadstream_reader and
-- leadstream_tenant_reader, which have to be there. For reading, comparing and trying out.
--
-- Written by `python -m leadstream.projection.schema` from leadstream/projection/sql: change the files there.

CREATE SCHEMA leadstream;
-- Functions that keep a search_path keep this one.
SET search_path TO leadstream, pg_temp;
"""
# Comments, and the texts of COMMENT ON: they name what is not needed.
PROSE = re.compile(r"--[^\n]*|^COMMENT ON .*?;$", re.MULTILINE | re.DOTALL)


def schema_text() -> str:
    """The whole of `schemas/postgresql.sql`."""
    files = {
        path.stem: path.read_text()
        for folder in ("tables", "functions", "views")
        for path in sorted((SQL / folder).glob("*.sql"))
    }
    views = ", ".join(path.stem for path in sorted((SQL / "views").glob("*.sql")))
    rights = []
    for kind in get_args(Access):
        role = f"leadstream_{kind}"
        rights.append(f"GRANT USAGE ON SCHEMA leadstream TO {role}")
        rights += [*grants(kind, role, views), *policies(kind, role)]
    parts = [HEAD, *(files[name] for name in in_order(files)), "".join(f"{right};\n" for right in rights)]
    return "\n".join(parts)


def in_order(files: Mapping[str, str]) -> list[str]:
    """The names of the files, each after those that its text names, else in the order given.

    A file is called as what it makes. Raises `ValueError` where files name each other.
    """
    needed = {
        name: set(re.findall(r"\w+", PROSE.sub("", text))) & set(files) - {name}
        for name, text in files.items()
    }
    made: list[str] = []
    while len(made) < len(files):
        ready = next((name for name in files if name not in made and needed[name] <= set(made)), None)
        if ready is None:
            raise ValueError(
                f"these name each other: {', '.join(name for name in files if name not in made)}"
            )
        made.append(ready)
    return made


if __name__ == "__main__":
    (Path("schemas") / "postgresql.sql").write_text(schema_text())
