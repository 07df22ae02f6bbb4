"""What ``lineage.toml`` says each model is made of (docs/design.md, "Capture")."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from lineage.contract.validation import first_problem, requirement
from lineage.errors import UsageError
from lineage.guard.requirements import Requirement
from lineage.identity.references import check_name, check_path

if TYPE_CHECKING:
    from lineage.config.file import ConfigFile


def _path(text: str) -> str:
    return check_path("the configuration", text)


def _command(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError('no command is named; write one, as "python src/evaluate.py", or a stage')
    return text


def _pipeline_name(text: str) -> str:
    return check_name("pipeline", text)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RegistryTable(_Table):
    """``[registry]``."""

    url: str | None = None


class ArtifactsTable(_Table):
    """``[artifacts]``: the DVC remote that weights go to; false for ``.lineage/store``."""

    remote: str | Literal[False] | None = None


class PipelineTable(_Table):
    """``[models.NAME.pipeline]``: which stages and files prepare the inputs in production too."""

    name: Annotated[str, AfterValidator(_pipeline_name)] | None = None
    stages: list[str] | None = None
    imports: bool = True
    files: list[Annotated[str, AfterValidator(_path)]] = Field(default_factory=list)
    unordered: list[Annotated[str, AfterValidator(_path)]] = Field(default_factory=list)
    besides: list[str] = Field(default_factory=list)
    """Files (globs) that watched runs read and production does not run."""

    @property
    def described(self) -> tuple[object, ...]:
        """What two models of one pipeline must say alike."""
        return self.stages, self.files, self.unordered, self.imports, self.besides


Paths = list[Annotated[str, AfterValidator(_path)]]


class ServingTable(_Table):
    """``[models.NAME.serving]``: which files of a service are sealed, and what they stand for.

    ``files`` maps a file of the service to the pipeline's, ``own`` are the service's further files
    (globs), ``without`` files of the pipeline that it does not run, ``stages`` those that it runs.
    """

    files: dict[Annotated[str, AfterValidator(_path)], Annotated[str, AfterValidator(_path)]] = (
        Field(default_factory=dict)
    )
    own: Paths = Field(default_factory=list)
    without: Paths = Field(default_factory=list)
    stages: list[str] | None = None


class EvidenceTable(_Table):
    """``[models.NAME.evidence]``: data whose profile is kept with each validation, and its columns.

    ``data`` is a file or a folder, ``target`` what is predicted, ``score`` what the model answered,
    ``time`` and ``groups`` by what it is counted too. ``known_at`` has features, each with the
    column of when it became known. ``attributions`` is the file of them that an evaluation writes.
    ``leakage`` tells that a validation looks for what leaked from the training data, which is
    ``data`` of the model, or the file that it names; ``keys`` and ``texts`` are for that, and
    no profile counts the ``keys``.
    """

    data: Annotated[str, AfterValidator(_path)] | None = None
    target: str | None = None
    score: str | None = None
    time: str | None = None
    groups: list[str] = Field(default_factory=list)
    known_at: dict[str, str] = Field(default_factory=dict)
    keys: list[str] = Field(default_factory=list)
    texts: list[str] = Field(default_factory=list)
    attributions: Annotated[str, AfterValidator(_path)] | None = None
    leakage: bool | Annotated[str, AfterValidator(_path)] = False


class ValueTable(_Table):
    """``[models.NAME.value]``: what a model costs, in whichever currency all of it is said."""

    price_per_hour: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Of the machine that predicts."""
    metric: str | None = None
    """The one that matters, as a search names it: `auc`, `slices.new.auc`."""
    per_point: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """What 0.01 of the metric is worth a day; negative where less of it is better."""
    retrain_cost: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Of one retraining."""


class ModelTable(_Table):
    """``[models.NAME]``."""

    weights: Annotated[str, AfterValidator(_path)] | None = None
    data: list[Annotated[str, AfterValidator(_path)]] = Field(default_factory=list)
    metrics: Annotated[str, AfterValidator(_path)] | None = None
    evaluate: Annotated[str, AfterValidator(_command)] | None = None
    """The command that validates a version, or the stage of DVC's that does."""
    validation_data: list[Annotated[str, AfterValidator(_path)]] = Field(default_factory=list)
    require: list[Annotated[str, AfterValidator(requirement)]] = Field(default_factory=list)
    pipeline: PipelineTable = Field(default_factory=PipelineTable)
    serving: ServingTable | None = None
    evidence: EvidenceTable | None = None
    value: ValueTable = Field(default_factory=ValueTable)

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """``require``, parsed."""
        return tuple(Requirement.parse(text) for text in self.require)


class Config(_Table):
    """The whole file."""

    registry: RegistryTable = Field(default_factory=RegistryTable)
    artifacts: ArtifactsTable = Field(default_factory=ArtifactsTable)
    models: dict[str, ModelTable] = Field(default_factory=dict)
    _other_names: Callable[[str], Iterable[str]] | None = PrivateAttr(default=None)

    def asking(self, other_names: Callable[[str], Iterable[str]]) -> Config:
        """The same, in which a model is also found by a name that it has or had besides."""
        config = self.model_copy()
        config._other_names = other_names
        return config

    def model(self, name: str) -> ModelTable:
        """A model's table; an empty one where the file has none."""
        return self.models.get(self._described_as(name)) or ModelTable()

    def pipeline_of(self, model: str) -> str:
        """The name of a model's pipeline: that of its table unless this gives another."""
        return self.model(model).pipeline.name or self._described_as(model)

    def _described_as(self, name: str) -> str:
        """The name by which the file describes a model; the registry is asked where it has none."""
        if name in self.models or not self.models or self._other_names is None:
            return name
        return next((other for other in self._other_names(name) if other in self.models), name)

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
            if first.described != own.described:
                raise UsageError(
                    f"Two models describe pipeline {name!r} differently.",
                    remedy="Give them the same stages, files, unordered files and imports, or "
                    "pipelines of different names.",
                )
        return found

    def serving_of(self, pipeline: str) -> ServingTable:
        """What the file says of services that run a pipeline; an empty table where it is silent.

        Raises:
            UsageError: two models that ride on it say different things.
        """
        tables = [
            table.serving
            for model, table in self.models.items()
            if table.serving is not None and self.pipeline_of(model) == pipeline
        ]
        if any(table != tables[0] for table in tables):
            raise UsageError(
                f"Two models describe the service of pipeline {pipeline!r} differently.",
                remedy="Keep [models.NAME.serving] of one of them, or let them say the same.",
            )
        return tables[0] if tables else ServingTable()


def validate(file: ConfigFile) -> Config:
    """The configuration that a file holds.

    Raises:
        UsageError: a setting does not exist or has a wrong value.
    """
    try:
        config = Config.model_validate(file.table)
    except ValidationError as error:
        raise UsageError(
            f"{file.name} is not a valid configuration: {first_problem(error)}.",
            remedy="See the page 'Configuration' of the documentation.",
        ) from None
    for name in config.models:
        check_name("model", name)
    return config
