"""Registering a model from elsewhere: a hub's, or one that lies in a folder."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from lineage.capture.data import from_here
from lineage.capture.external import ExternalCapture
from lineage.capture.pipeline import capture_pipeline
from lineage.contract.captured import CapturedPipelineVersion
from lineage.contract.results import NamedPipeline
from lineage.errors import NotFound, UsageError
from lineage.identity.components import Kind
from lineage.identity.digest import Digest, is_of_ours
from lineage.identity.pipeline import PipelineVersion
from lineage.identity.references import check_name, pipeline_named
from lineage.workflows.register import no_progress
from lineage.workflows.stores import require_reachable
from lineage.workflows.weights import Storing, put_into_store

if TYPE_CHECKING:
    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.captured import CapturedVersion, ExternalRequest
    from lineage.contract.results import Registered
    from lineage.workflows.register import ProgressFactory


def register(
    project: Project,
    registry: AnyRegistry,
    model: str,
    wanted: ExternalRequest,
    *,
    parent: str | None = None,
    store: bool = False,
    show_progress: ProgressFactory = no_progress,
    actor: str,
) -> tuple[Registered, CapturedVersion]:
    """Capture a model from elsewhere, store its weights, and record it when they are there.

    Args:
        project: in which it is registered.
        registry: where the version is recorded.
        model: the model's name.
        wanted: where the model is, and what is said of it.
        parent: the version that it was made from.
        store: store an experiment's weights too; those for production always are.
        show_progress: shows how far hashing and storing are.
        actor: who registers.

    Returns:
        The version, and what was captured of it.

    Raises:
        UsageError: a name, the source or what is said of it is not valid.
        CaptureError: production is asked for and something is not known; or the model is not there.
        StoreUnreachable: the hub or the store cannot be used; nothing was recorded.
        NotFound: the parent or the pipeline version does not exist.
    """
    check_name("model", model)
    pipeline = _pipeline(project, registry, model, wanted)
    capture = ExternalCapture(project, model, wanted, pipeline)
    kind = capture.kind
    to_store = store or kind is Kind.PRODUCTION
    if to_store:
        require_reachable(project, registry)
    with ExitStack() as until:
        storing = Storing(project, registry, until) if to_store else None
        with show_progress("Hashing", capture.size) as progress:
            captured = capture.capture(progress, storing)
        weights = captured.components.weights
        if storing is not None and weights is not None:
            with show_progress("Storing", weights.size) as progress:
                captured = put_into_store(
                    storing, registry, model, capture.weights_files, captured, progress
                )
    registered = registry.register(model, captured, kind=kind, parent=parent, actor=actor)
    return registered, captured


def _pipeline(
    project: Project, registry: AnyRegistry, model: str, wanted: ExternalRequest
) -> CapturedPipelineVersion | None:
    """The pipeline version that prepares the model's inputs; None where nothing names one."""
    name = project.config.pipeline_of(model)
    if wanted.pipeline is not None:
        named, digest = pipeline_named(wanted.pipeline)
        if digest is None or (named is None and is_of_ours(digest)):
            raise UsageError(
                f"{wanted.pipeline[:120]!r} names no version of a pipeline.",
                remedy="Write it as NAME@DIGEST: one that is recorded.",
            )
        try:
            found = registry.pipeline(NamedPipeline(named or name, digest))
        except NotFound:
            if is_of_ours(digest):
                raise
            outside = PipelineVersion(None, Digest(digest))
            return CapturedPipelineVersion(named or name, outside)
        return CapturedPipelineVersion(found.name, found.version)
    if not wanted.pipeline_files and name not in project.config.pipelines():
        return None
    source = project.source()
    dvc = project.dvc(source)
    if wanted.pipeline_files:
        files = from_here(wanted.pipeline_files, project.root)
        captured = capture_pipeline(dvc, [], files)
    else:
        captured = project.pipeline_in(dvc, project.config, name)
    return project.pipeline_version(source, name, captured) if captured is not None else None
