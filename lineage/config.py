"""``lineage.toml``: where the registry is, and what each model is made of (design §4)."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from lineage.errors import UsageError
from lineage.names import check_name
from lineage.policy import Requirement

FILE: Final = "lineage.toml"
DEFAULT_URL: Final = "sqlite:///.lineage/registry.db"
_LARGEST: Final = 1 << 20


def _requirement(text: str) -> str:
    return Requirement.parse(text).text


def _pipeline_name(text: str) -> str:
    return check_name("pipeline", text)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RegistryTable(_Table):
    """``[registry]``."""

    url: str | None = None


class PipelineTable(_Table):
    """``[models.NAME.pipeline]``: which stages and files prepare the inputs in production too."""

    name: Annotated[str, AfterValidator(_pipeline_name)] | None = None
    stages: list[str] | None = None
    files: list[str] = Field(default_factory=list)


class ModelTable(_Table):
    """``[models.NAME]``."""

    weights: str | None = None
    data: list[str] = Field(default_factory=list)
    metrics: str | None = None
    require: list[Annotated[str, AfterValidator(_requirement)]] = Field(default_factory=list)
    pipeline: PipelineTable = Field(default_factory=PipelineTable)

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """``require``, parsed."""
        return tuple(Requirement.parse(text) for text in self.require)


class Config(_Table):
    """The whole file."""

    registry: RegistryTable = Field(default_factory=RegistryTable)
    models: dict[str, ModelTable] = Field(default_factory=dict)

    def model(self, name: str) -> ModelTable:
        """A model's table; an empty one where the file has none."""
        return self.models.get(name) or ModelTable()

    def pipeline_of(self, model: str) -> str:
        """The name of a model's pipeline: its own name unless the file gives another."""
        return self.model(model).pipeline.name or model

    def pipelines(self) -> dict[str, PipelineTable]:
        """Every pipeline that the file describes.

        Raises:
            UsageError: two models describe one pipeline differently.

        """
        found: dict[str, PipelineTable] = {}
        for model, table in self.models.items():
            name = self.pipeline_of(model)
            own = table.pipeline
            first = found.setdefault(name, own)
            if (first.stages, first.files) != (own.stages, own.files):
                raise UsageError(
                    f"Two models in {FILE} describe pipeline {name!r} differently.",
                    remedy="Give them the same stages and files, or pipelines of different names.",
                )
        return found


def parse(text: bytes, *, where: str, table: tuple[str, ...] = ()) -> Config | None:
    """Read a configuration.

    Args:
        text: the file's bytes.
        where: the file's name, for messages.
        table: the table that holds it, e.g. ``("tool", "lineage")``.

    Returns:
        None where the file has no such table.

    Raises:
        UsageError: it is not TOML, or not a configuration.

    """
    if len(text) > _LARGEST:
        raise UsageError(f"{where} is larger than 1 MiB.", remedy="Make it smaller.")
    try:
        value: Any = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{where} is not valid TOML: {error}.", remedy="Mend the file.") from None
    for key in table:
        value = value.get(key) if isinstance(value, dict) else None
        if value is None:
            return None
    try:
        config = Config.model_validate(value)
    except ValidationError as error:
        raise UsageError(
            f"{where} is not a valid configuration: {_first(error)}.",
            remedy="See the configuration reference, docs/reference/configuration.md.",
        ) from None
    for name in config.models:
        check_name("model", name)
    return config


def find(start: Path, stop: Path | None) -> tuple[Path, Config] | None:
    """The configuration that holds for ``start``: the nearest one at or above it.

    Args:
        start: the folder to begin in.
        stop: the last folder to look in (the top of the repository); None for ``start`` alone.

    Returns:
        The folder it was found in, and the configuration.

    """
    for folder in (start, *start.parents):
        config = read(folder)
        if config is not None:
            return folder, config
        if stop is None or folder == stop:
            return None
    return None


def read(folder: Path) -> Config | None:
    """``lineage.toml`` of a folder, or ``[tool.lineage]`` of its ``pyproject.toml``."""
    for name, table in ((FILE, ()), ("pyproject.toml", ("tool", "lineage"))):
        path = folder / name
        try:
            text = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise UsageError(
                f"{path} cannot be read: {error.strerror}.", remedy="Make it a readable file."
            ) from None
        if table and b"lineage" not in text:
            continue
        config = parse(text, where=name, table=table)
        if config is not None:
            return config
    return None


def registry_url(config: Config, root: Path, flag: str | None = None) -> str:
    """The registry's URL: the flag, else ``LINEAGE_REGISTRY``, else the file, else the default.

    A relative SQLite path in the file counts from the project's folder; in the flag or the
    variable, from the current one.
    """
    named = flag or os.environ.get("LINEAGE_REGISTRY")
    if named:
        return _anchored(named, Path.cwd())
    return _anchored(config.registry.url or DEFAULT_URL, root)


def _anchored(url: str, folder: Path) -> str:
    prefix = "sqlite:///"
    if url.startswith(prefix) and url != f"{prefix}:memory:":
        return prefix + os.fspath((folder / url.removeprefix(prefix)).absolute())
    return url


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the whole"
    reason = first["msg"].removeprefix("Value error, ")
    known = "" if first["type"] != "extra_forbidden" else " (no such setting)"
    return f"{place}: {reason}{known}"
