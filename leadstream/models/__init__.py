"""Rule files: their schema, their loader, and the models that come with the package."""

from leadstream.models.catalog import load_catalog, load_rule_file, parse_rule_file, preset_names
from leadstream.models.errors import ModelError

__all__ = ["ModelError", "load_catalog", "load_rule_file", "parse_rule_file", "preset_names"]
