"""Time zones, of the database that the project pins."""

from datetime import UTC, tzinfo
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from zoneinfo import ZoneInfo

TZDATA_VERSION = version("tzdata")
"""The version of the time-zone database: another may place an hour differently. The package is read, never
the machine's database, so that a fold gives the same everywhere."""


def zone_or_none(name: object) -> str | None:
    """The name if the time-zone database knows it, written exactly so; else None, whatever was given."""
    return name if isinstance(name, str) and name in zone_names() else None


def known_zone(name: object) -> bool:
    """Whether the time-zone database knows a zone of this name."""
    return zone_or_none(name) is not None


@cache
def zone_names() -> frozenset[str]:
    """All names that the time-zone database knows."""
    return frozenset(files("tzdata").joinpath("zones").read_text("ascii").split())


def zone_of(name: str | None) -> tzinfo:
    """The zone of a name, UTC if it is None or unknown."""
    return _load(name) if name is not None and name in zone_names() else UTC


@cache
def _load(name: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)
