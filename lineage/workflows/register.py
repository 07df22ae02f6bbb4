"""Registering a version: capture it, store its weights, record it when they are there."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from lineage.capture.version import VersionCapture
from lineage.contract import codec
from lineage.contract.results import NamedPipeline
from lineage.errors import CaptureError, UsageError
from lineage.identity.components import Kind
from lineage.identity.references import check_name
from lineage.workflows import unsent
from lineage.workflows.asked import require_registrable, taking_store
from lineage.workflows.recorded_runs import run_and_capture
from lineage.workflows.stores import require_reachable
from lineage.workflows.watched_runs import kept
from lineage.workflows.weights import Storing, put_into_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.captured import CapturedVersion, CaptureRequest
    from lineage.contract.results import FoundPipeline, Registered
    from lineage.hashing.blocks import Progress
    from lineage.identity.pipeline import PipelineVersion
    from lineage.identity.watched import WatchedRun


class ProgressFactory(Protocol):
    """Shows how far long work is: called with what it is and how many bytes it has."""

    def __call__(self, what: str, total: int) -> AbstractContextManager[Progress | None]:
        """A context whose value is called with the number of bytes just done."""


def no_progress(what: str, total: int) -> AbstractContextManager[Progress | None]:
    """Show nothing."""
    del what, total
    return nullcontext()


def register(
    project: Project,
    registry: AnyRegistry,
    model: str,
    wanted: CaptureRequest,
    *,
    parent: str | None = None,
    store: bool = False,
    command: Sequence[str] = (),
    quiet_stdout: bool = False,
    show_progress: ProgressFactory = no_progress,
    actor: str,
) -> tuple[Registered, CapturedVersion, tuple[WatchedRun, ...]]:
    """Capture a version, store its weights, and record it when they are there.

    Whether a training's version would be recorded is asked before the training is run, and what was
    captured of it is kept until it is recorded.

    Args:
        project: what is captured.
        registry: where the version is recorded.
        model: the model's name.
        wanted: what to capture otherwise than the configuration says.
        parent: the version that it was made from.
        store: store an experiment's weights too; those for production always are.
        command: a training to run first; what it is made from must stay the same meanwhile.
        quiet_stdout: what the training prints goes to stderr.
        show_progress: shows how far hashing and storing are.
        actor: who registers.

    Returns:
        The version, what was captured of it, and what was observed of the runs that made it: of
        the command, else of the ``lineage run`` before, where it still holds.

    Raises:
        UsageError: a name or the configuration is not valid, a training is to run at a revision,
            or only this host could fetch the weights from the store.
        CaptureError: something is missing, does not match or changed, the tree is dirty, or the
            pipeline here is not the version that is named.
        StoreUnreachable: the weights cannot be stored; nothing was recorded.
        NotFound: the parent, or the pipeline version that is named, does not exist.
    """
    check_name("model", model)
    if command and wanted.revision is not None:
        raise UsageError(
            "A training runs in the working tree, not at a revision.",
            remedy="Check the revision out first, and name none.",
        )
    named = _named_pipeline(project, registry, model, wanted)
    to_store = store or wanted.kind is Kind.PRODUCTION
    if to_store:
        require_reachable(project, registry)
    wanted = replace(wanted, with_blake3=to_store)

    next_number = 1

    def ask(before: CapturedVersion) -> None:
        """Whether it would be recorded, once it is known what would be."""
        nonlocal next_number
        _require_named(named, before.components.pipeline)
        next_number = require_registrable(
            registry,
            model,
            before,
            command,
            kind=wanted.kind,
            store=taking_store(project, registry) if to_store else None,
            parent=parent,
            actor=actor,
        )

    keeper = unsent.Keeper.of(project, registry) if command else None
    run: dict[str, Any] | None = None
    watched: tuple[WatchedRun, ...] = ()
    keeping: unsent.Unsent | None = None
    with ExitStack() as until:
        storing = Storing(project, registry, until) if to_store else None
        if keeper is not None:
            capture, captured, trained, unstored = run_and_capture(
                project, model, wanted, command, ask, quiet_stdout=quiet_stdout, copies=storing
            )
            run, watched = dict(trained.run), (trained,)
            request = codec.captured_to_json(captured) | {
                "kind": wanted.kind.value,
                "parent": parent,
                "run": run,
                "watched": codec.watched_to_json(watched),
            }
            body = {"request": request, "to_store": to_store, "after": next_number - 1}
            keeping = until.enter_context(keeper.kept(unsent.REGISTER, model, body))
            if unstored is not None:
                raise unstored
        else:
            capture = VersionCapture(project, model, wanted)
            if named is not None:
                _require_named(named, capture.pipeline_version.version)
            with show_progress("Hashing", capture.size) as progress:
                captured = capture.capture(progress=progress, copies=storing)
            captured = replace(captured, origin=capture.origin())
            if wanted.revision is None:
                watched = kept(project, captured.components.pipeline)
        weights = captured.components.weights
        if storing is not None and weights is not None:
            with show_progress("Storing", weights.size) as progress:
                captured = put_into_store(
                    storing, registry, model, capture.weights_files, captured, progress
                )
            if keeping is not None:
                keeping.now_stored([copy.to_json() for copy in captured.stored])
        registered = registry.register(
            model, captured, kind=wanted.kind, parent=parent, run=run, watched=watched, actor=actor
        )
    return registered, captured, watched


def _named_pipeline(
    project: Project, registry: AnyRegistry, model: str, wanted: CaptureRequest
) -> FoundPipeline | None:
    """The recorded pipeline version that is named; None where none is, or one from elsewhere.

    Raises:
        UsageError: the model rides on another pipeline.
        NotFound: it is not recorded.
    """
    name, digest = wanted.pipeline_named
    own = project.config.pipeline_of(model)
    if name not in (None, own):
        raise UsageError(
            f"{model} rides on pipeline {own}, not on {name}.",
            remedy=f"Name it in {project.file.name}: [models.{model}.pipeline] name",
        )
    if digest is None or wanted.outside_pipeline is not None:
        return None
    return registry.pipeline(NamedPipeline(own, digest))


def _require_named(named: FoundPipeline | None, here: PipelineVersion | None) -> None:
    """Refuse to register with another pipeline version than the one that is named.

    Raises:
        CaptureError: the pipeline here is another one.
    """
    if named is None or (here is not None and here.blake3 == named.version.blake3):
        return
    what = f"is {here.xxh3.short}" if here is not None else "is not described"
    at = f" (commit {named.commit[:12]})" if named.commit is not None else ""
    raise CaptureError(
        f"Pipeline {named.name} {what} here, not {named.version.xxh3.short}, which is named.",
        remedy=f"Name no pipeline, to register with the one here; or check out the other{at}.",
    )
