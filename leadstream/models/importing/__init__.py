"""Scoring rules of other systems, from their exports to rule files."""

from collections.abc import Callable
from typing import Any

from leadstream.models.importing.carried import Carried
from leadstream.models.importing.hubspot import from_hubspot
from leadstream.models.importing.mautic import from_mautic

SYSTEMS: dict[str, Callable[[Any, Carried], None]] = {"mautic": from_mautic, "hubspot": from_hubspot}
"""By name, what reads the JSON of an export and hands on what can be carried over."""

__all__ = ["SYSTEMS", "Carried"]
