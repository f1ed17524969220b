"""From files to the models of all tenants."""

import os
from importlib import resources
from pathlib import Path

from pydantic import TypeAdapter

from leadstream.models import schema
from leadstream.models.check import check
from leadstream.models.compile import compile_model
from leadstream.models.document import Document, read_document, read_file
from leadstream.models.document import Path as Place
from leadstream.models.errors import ModelError, nearest
from leadstream.models.validation import validated
from leadstream.scoring.hours import known_zone, zone_names
from leadstream.scoring.model import CompiledModel, ModelCatalog

_RULE_FILE: TypeAdapter[schema.RuleFile] = TypeAdapter(schema.RuleFile)
_TENANTS: TypeAdapter[list[schema.Tenant]] = TypeAdapter(list[schema.Tenant])


def preset_names() -> list[str]:
    """The models that come with the package."""
    folder = resources.files("leadstream.models") / "presets"
    return sorted(one.name.removesuffix(".yaml") for one in folder.iterdir() if one.name.endswith(".yaml"))


def preset_text(name: str) -> str:
    """The file of a preset, as it stands."""
    return (resources.files("leadstream.models") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")


def load_catalog(model: str, tenants: Path | None = None) -> ModelCatalog:
    """The models for a preset's name or a rule file's path, and the tenants of a file if there is one.

    A tenant's own `model` is a preset or a rule file whose path counts from the folder of the tenants file.
    Raises `ModelError`, whose text is one line: file, line, column, reason, and the nearest valid name.
    """
    file = load_rule_file(model)
    default = compile_model(file)
    if tenants is None:
        return ModelCatalog(default)
    document = read_file(tenants)
    listed = validated(document, _TENANTS)
    found: dict[str, CompiledModel] = {}
    files: dict[str | None, schema.RuleFile] = {None: file}
    compiled: dict[tuple[str | None, int | None, str | None], CompiledModel] = {}
    for index, tenant in enumerate(listed):
        if tenant.tenant in found:
            raise document.error((index, "tenant"), f"tenant `{tenant.tenant}` is listed a second time")
        if tenant.timezone is not None:
            check_zone(document, (index, "timezone"), tenant.timezone)
        if tenant.model is not None and tenant.model not in files:
            files[tenant.model] = load_tenant_file(document, (index, "model"), tenants.parent, tenant.model)
        kind = (tenant.model, tenant.half_life, tenant.timezone)
        if kind not in compiled:
            compiled[kind] = compile_model(files[tenant.model], tenant)
        found[tenant.tenant] = compiled[kind]
    return ModelCatalog(default, found)


def load_tenant_file(document: Document, place: Place, folder: Path, model: str) -> schema.RuleFile:
    """The rules that a tenants file names at a place."""
    if model in preset_names():
        return load_rule_file(model)
    # Not `Path.exists`, which raises for a name that is too long.
    if not os.path.exists(folder / model):
        raise document.error(
            place, f"no preset and no file has the name {model}{nearest(model, preset_names())}"
        )
    return load_rule_file(str(folder / model))


def load_rule_file(model: str) -> schema.RuleFile:
    """A preset's or file's rules, checked. Raises `ModelError`."""
    return checked(load_document(model))


def load_document(model: str) -> Document:
    """A preset or file, read and not yet checked. Raises `ModelError`."""
    if model in preset_names():
        return read_document(preset_text(model), f"{model}.yaml")
    path = Path(model)
    if not os.path.exists(path) and "/" not in model and not path.suffix:
        raise ModelError(f"{model}: no preset and no file has this name{nearest(model, preset_names())}")
    return read_file(path)


def parse_rule_file(text: str, source: str) -> schema.RuleFile:
    """The rules of a YAML text; `source` names it in errors. Raises `ModelError`."""
    return checked(read_document(text, source))


def checked(document: Document) -> schema.RuleFile:
    """The rules of a document. Raises `ModelError`."""
    file = validated(document, _RULE_FILE)
    check(document, file)
    return file


def check_zone(document: Document, place: Place, name: str) -> None:
    if not known_zone(name):
        raise document.error(place, f"no time zone is called `{name}`{nearest(name, sorted(zone_names()))}")
