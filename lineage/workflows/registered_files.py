"""The pipeline of a version that was registered with files which the configuration does not name.

A model from elsewhere says its pipeline's files as it is registered. Whoever validates or deploys
it later means those files, and not each stage of a ``dvc.yaml`` that makes other models.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lineage.contract.results import NamedPipeline
from lineage.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry


def mean_registered_files(
    project: Project, registry: AnyRegistry, version: Mapping[str, Any]
) -> None:
    """Let the project's configuration describe a version's pipeline by the files it consists of.

    Nothing is done where the configuration describes that pipeline itself, or where the version's
    holds stages: without a description those are the stages of ``dvc.yaml``.

    Args:
        project: whose configuration that is; its file stays as it is.
        registry: which knows the pipeline's manifest.
        version: JSON of the version.
    """
    config, model = project.config, version["model"]
    name = config.pipeline_of(model)
    table = config.model(model)
    described = [
        one.pipeline for key, one in config.models.items() if config.pipeline_of(key) == name
    ]
    if version["pipeline"] is None or any(one.stages is not None or one.files for one in described):
        return
    recorded = NamedPipeline(version["components"]["pipeline"]["name"], version["pipeline"])
    manifest = registry.pipeline(recorded).version.manifest
    if manifest is None or manifest.stages or not manifest.files:
        return
    own = table.pipeline.model_copy(
        update={"name": name, "stages": [], "files": sorted(manifest.files)}
    )
    models = config.models | {model: table.model_copy(update={"pipeline": own})}
    project.config = config.model_copy(update={"models": models})


def mean_newest_files(project: Project, registry: AnyRegistry, pipeline: str | None) -> None:
    """The same of the newest version of the model that a pipeline has its name of, if any."""
    if pipeline is not None and pipeline not in project.config.pipelines():
        with suppress(NotFound):
            mean_registered_files(project, registry, registry.show(f"{pipeline}@latest"))
