"""From files to the models of all tenants."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from pydantic import TypeAdapter

from leadstream.models import schema
from leadstream.models.check import check
from leadstream.models.compile import compile_model
from leadstream.models.document import Document, read_document, read_file
from leadstream.models.document import Path as Place
from leadstream.models.errors import ModelError, nearest
from leadstream.models.remainder import hand_back, remainder
from leadstream.models.validation import tried
from leadstream.scoring.compiled.model import CompiledModel, ModelCatalog
from leadstream.scoring.facts.zones import known_zone, zone_names

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
    Raises `ModelError` with all that is wrong in any of the files, a line each: file, line, column, reason,
    and the nearest valid name.
    """
    if tenants is None:
        return ModelCatalog(compile_model(load_rule_file(model)), compile_rules=compile_rules)
    lines: list[str] = []
    listed: list[schema.Tenant] = []
    files: dict[str | None, schema.RuleFile] = {}
    with told(lines):
        files[None] = load_rule_file(model)
    with told(lines):
        listed = check_tenants(tenants, files, lines)
    if lines:
        raise ModelError.of(lines)
    default = compile_model(files[None])
    found: dict[str, CompiledModel] = {}
    compiled: dict[tuple[str | None, int | None, str | None], CompiledModel] = {}
    for tenant in listed:
        kind = (tenant.model, tenant.half_life, tenant.timezone)
        if kind not in compiled:
            compiled[kind] = compile_model(files[tenant.model], tenant)
        found[tenant.tenant] = compiled[kind]
    return ModelCatalog(default, found, compile_rules)


def compile_rules(rules: Mapping[str, Any], timezone: str | None) -> CompiledModel:
    """The model of a rule file as plain values, as an activation has it. Raises `ValueError`."""
    try:
        file = checked(read_document(msgspec.json.encode(rules).decode(), "activation"))
    except ModelError as error:
        raise ValueError(str(error)) from None
    return replace(compile_model(file), timezone=timezone)


@contextmanager
def told(lines: list[str]) -> Iterator[None]:
    """Adds the lines of a `ModelError` to those of others."""
    try:
        yield
    except ModelError as error:
        lines += error.lines


def check_tenants(
    tenants: Path, files: dict[str | None, schema.RuleFile], lines: list[str]
) -> list[schema.Tenant]:
    """The tenants of a file, whose rule files go to `files`, and what is wrong with those to `lines`.

    Raises `ModelError` with all that is wrong in the tenants file itself.
    """
    document = read_file(tenants)
    raw = document.value if isinstance(document.value, list) else []
    faulty: list[Place] = []
    listed = tried(document, _TENANTS, faulty)
    bad = {path[0] for path in faulty if path}
    readable = (
        listed
        if listed is not None
        else _TENANTS.validate_python([one for index, one in enumerate(raw) if index not in bad])
    )
    places = [index for index in range(len(raw)) if index not in bad]
    seen: set[str] = set()
    broken: set[str] = set()
    for index, tenant in zip(places, readable, strict=True):
        if tenant.tenant in seen:
            document.wrong((index, "tenant"), f"tenant `{tenant.tenant}` is listed a second time")
        seen.add(tenant.tenant)
        if tenant.timezone is not None:
            check_zone(document, (index, "timezone"), tenant.timezone)
        if tenant.model is not None and tenant.model not in files and tenant.model not in broken:
            broken.add(tenant.model)
            with told(lines):
                found = load_tenant_file(document, (index, "model"), tenants.parent, tenant.model)
                if found is not None:
                    files[tenant.model] = found
    document.refuse_wrongs()
    return readable


def load_tenant_file(document: Document, place: Place, folder: Path, model: str) -> schema.RuleFile | None:
    """The rules that a tenants file names at a place; None, noted there, if there are none of this name."""
    if model in preset_names():
        return load_rule_file(model)
    # Not `Path.exists`, which raises for a name that is too long.
    if not os.path.exists(folder / model):
        document.wrong(place, f"no preset and no file has the name {model}{nearest(model, preset_names())}")
        return None
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
    """The rules of a document. Raises `ModelError` with all that is wrong in it."""
    faulty = [path for path, _ in document.wrongs]
    readable = not faulty
    file = tried(document, _RULE_FILE, faulty)
    if file is not None and readable:
        check(document, file)
    else:
        rest = remainder(document, faulty, _RULE_FILE)
        if rest is not None:
            check(rest, _RULE_FILE.validate_python(rest.value))
            hand_back(rest, document)
    document.refuse_wrongs()
    if file is None:
        raise document.error((), "no rule file stands here")
    return file


def check_zone(document: Document, place: Place, name: str) -> None:
    if not known_zone(name):
        document.wrong(place, f"no time zone is called `{name}`{nearest(name, sorted(zone_names()))}")
