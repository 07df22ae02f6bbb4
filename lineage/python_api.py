"""The verbs as Python functions, for the project of the current folder.

>>> import lineage
>>> version = lineage.register("churn", weights="models/model.pkl")     # doctest: +SKIP
>>> lineage.validate(version.ref, metrics={"auc": 0.91})["passed"]      # doctest: +SKIP
True
>>> lineage.serving("churn").weights                                    # doctest: +SKIP
'xxh3:99aa06d3014798d86001c324468d497f'

Each opens the registry that ``lineage.toml`` or ``LINEAGE_REGISTRY`` names, does one thing, and
raises the errors of the command line (:mod:`lineage.errors`). Keep a connection over many calls
with :func:`lineage.connect`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, TypeVar

from lineage.capture.project import opened
from lineage.connection import connect, names_in
from lineage.contract.requests import REPORT_HOLDS_FOR, Observed

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Sequence

    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.results import MoveResult, Registered, Serving
    from lineage.guard.decision import Decision
    from lineage.host.follow import Following

    Path = str | os.PathLike[str]

PRODUCTION = "production"

T = TypeVar("T")


def register(
    model: str,
    *,
    weights: Path | None = None,
    data: Sequence[Path] = (),
    kind: str = PRODUCTION,
    parent: str | None = None,
    revision: str | None = None,
    store: bool = False,
    stale_ok: str | None = None,
) -> Registered:
    """Capture code, data, pipeline and weights, store the weights, and record them as a version.

    Args:
        model: the model's name.
        weights: a file or a folder, from the current folder; default: what is configured.
        data: paths, or ``name=uri@version``; default: what is configured.
        kind: ``production``, or ``experiment`` for what may be dirty or incomplete.
        parent: the version that it was made from.
        revision: a git revision to take code, data and pipeline from.
        store: store an experiment's weights too; those for production always are.
        stale_ok: why weights are taken whose stages' code changed since they were made.

    Returns:
        The version; ``created`` is false for one that held this tuple before.

    Raises:
        CaptureError: something is missing, does not match, or the tree is dirty.
        UsageError: a name or the configuration is not valid.
        StoreUnreachable: the weights cannot be stored; nothing was recorded.
        RegistryUnreachable: the registry cannot be asked.
    """
    from lineage.contract.captured import CaptureRequest
    from lineage.identity.components import check_kind
    from lineage.workflows import register

    chosen = check_kind(kind)
    items = tuple(os.fspath(item) for item in data)
    wanted = CaptureRequest(chosen, _text(weights), items, None, revision, stale_ok=stale_ok)
    with _opened() as (project, registry, actor):
        registered, _, _ = register.register(
            project, registry, model, wanted, parent=parent, store=store, actor=actor
        )
    return registered


def validate(
    reference: str,
    *,
    metrics: Mapping[str, Any] | Path | None = None,
    passed: bool | None = None,
    pipeline: str | None = None,
    elsewhere: bool = False,
    replay_in: str | None = None,
    command: Sequence[str] = (),
    timeout: str = "1h",
) -> dict[str, Any]:
    """Record a verdict on a version with the pipeline as captured here, or a recorded one.

    Args:
        reference: the version.
        metrics: values, or a JSON file; default: the configured file.
        passed: the verdict, where no requirement decides; False always wins.
        pipeline: a recorded pipeline version's digest; it must be the one here.
        elsewhere: it was made where the version's weights and the pipeline are, not here.
        replay_in: the environment with whose pipeline it is run, as that pipeline's commit has it.
        command: what is run here, or there; there ``evaluate`` by default.
        timeout: how long it may run there.

    Returns:
        JSON of the verdict.

    Raises:
        UsageError: nothing decides the verdict, or there is nothing to run.
        CaptureError: something is missing or changed, or the weights here are not the version's.
        NotFound: the version or the pipeline version does not exist.
    """
    from lineage.workflows import validate, verdict

    values = dict(metrics) if isinstance(metrics, Mapping) else None
    file = None if isinstance(metrics, Mapping) else _text(metrics)
    wanted = validate.Validating(file, passed, pipeline, values=values, elsewhere=elsewhere)
    with _opened() as (project, registry, actor):
        return verdict.reach(
            project, registry, reference, wanted, command, replay_in, timeout, actor=actor
        )


def may_serve(reference: str, environment: str = PRODUCTION) -> Decision:
    """Ask the guard whether a version may serve; change nothing.

    Raises:
        NotFound: the version or the environment does not exist.
    """
    from lineage.workflows.guard import guard

    with _opened() as (project, registry, _):
        return guard(project, registry, reference, environment)


def promote(
    reference: str,
    environment: str = PRODUCTION,
    *,
    expect_revision: int | None = None,
    reason: str | None = None,
) -> MoveResult:
    """Promote a version, if the guard allows it; what served before becomes the backup.

    Raises:
        GuardRefused: a rule fails; its ``decisions`` say which, and what to do.
        NotFound: the version or the environment does not exist.
        Conflict: the slot's revision is not ``expect_revision``.
    """
    from lineage.workflows import promote

    with _opened() as (project, registry, actor):
        return promote.promote(
            project,
            registry,
            reference,
            environment,
            expect_revision=expect_revision,
            reason=reason,
            actor=actor,
        )


def rollback(
    model: str,
    environment: str = PRODUCTION,
    *,
    with_pipeline: bool = False,
    leave: Sequence[str] = (),
    reason: str | None = None,
) -> MoveResult:
    """Roll back to the backup, if the guard allows it, and its pipeline where that has to move.

    ``with_pipeline`` lets other models that ride on the pipeline go back with it; those in
    ``leave`` are retired.

    Raises:
        NotFound: there is no backup.
        OthersMove: other models move too, and ``with_pipeline`` is not set.
        GuardRefused: the backup may not serve.
    """
    from lineage.workflows import promote

    with _opened() as (project, registry, actor):
        return promote.rollback(
            project,
            registry,
            model,
            environment,
            with_pipeline=with_pipeline,
            leave=leave,
            reason=reason,
            actor=actor,
        )


def serving(
    model: str,
    environment: str = PRODUCTION,
    *,
    at: str | None = None,
    last_known: bool | float | dt.timedelta = False,
) -> Serving:
    """What serves, and its backup.

    Args:
        model: the model's name.
        environment: the environment's name.
        at: a past moment, ISO 8601.
        last_known: where the registry cannot be asked, give what it last said: True however old it
            is, or at most this many seconds old. The answer's ``age`` tells; it is None for an
            answer of the registry itself.

    Raises:
        NotFound: there is no such model or environment.
        RegistryUnreachable: the registry cannot be asked, and no answer may be given for it.
    """
    from lineage.host.last_known import oldest_of, serving

    with opened() as project:
        url = project.registry_url()
    return serving(url, model, environment, at, oldest_of(last_known))


def pull(
    reference: str, out: Path | None = None, *, force: bool = False, verify: bool = False
) -> FilePath:
    """Fetch the weights of a version, each byte checked as it comes in, visible only when whole.

    What was fetched before counts while nobody wrote to it, and stays until this process ends.

    Args:
        reference: the version: ``churn@7``, ``churn@production``, ``churn@production/backup``.
        out: the folder that they are to appear in; None for the local cache, read-only.
        force: replace a folder that was not pulled.
        verify: read every byte again of what was fetched before.

    Returns:
        The file or folder.

    Raises:
        NotFound: there is no such version, or no store is known to have its weights.
        IntegrityFailure: no store has the bytes that were registered; nothing was left behind.
        StoreUnreachable: no store that could have them can be used.
        Conflict: a folder that was not pulled stands in the way.
        RegistryUnreachable: the registry cannot be asked.
    """
    from lineage.weights import download

    with opened() as project, connect(project.registry_url()) as registry:
        stored = registry.stored(reference)
    if out is None:
        return download.pull_for_good(stored, verify=verify)
    return download.pull(stored, FilePath(out), force=force, verify=verify)


def report(
    model: str,
    environment: str = PRODUCTION,
    *,
    weights: str,
    pipeline: Path | None = None,
    root: Path | None = None,
    instance: str | None = None,
    loaded_at: str | None = None,
    holds_for: int = REPORT_HOLDS_FOR,
) -> dict[str, Any]:
    """Report what this instance of a service has loaded; the registry compares it.

    Args:
        model: the model's name.
        environment: where the instance serves.
        weights: the digest of the weights that it has loaded.
        pipeline: the seal of the pipeline that it runs, which is compared, or its digest.
        root: the folder that the seal's paths are relative to; default: the seal's own.
        instance: what it is called; default: ``LINEAGE_INSTANCE``, else host and process.
        loaded_at: since when, ISO 8601; default: now.
        holds_for: seconds after which it is unknown unless it says so again.

    Returns:
        JSON of the report, with its ``state``: ``in-step``, ``skewed``, ``lagging`` or ``foreign``.

    Raises:
        NotFound: there is no such model or environment.
        PipelineMismatch: what is here is not what was sealed.
        UsageError: a digest or the time cannot be read.
        RegistryUnreachable: the registry cannot be asked.
    """
    from lineage import timestamps
    from lineage.host import follow, packages
    from lineage.host.own_pipeline import named_pipeline
    from lineage.identity.components import Proof
    from lineage.identity.digest import is_digest
    from lineage.workflows.actor import actor_of_host

    name = instance or follow.own_name()
    own = named_pipeline(os.fspath(pipeline), _folder(root)) if pipeline is not None else None
    if own is not None:
        own.check_files()
        own.check_modules()
    with opened() as project, connect(project.registry_url()) as registry:
        if own is not None and not is_digest(own.digest):
            own.xxh3(None, None, lambda named: registry.pipeline(named).version)
        digest = own.digest if own is not None else None
        proof = own.proof if own is not None else Proof.CLAIMED
        at = loaded_at or timestamps.now()
        differing = packages.differing(registry, f"{model}@{environment}", environment)
        observed = Observed(name, weights, at, digest, holds_for, proof, differing)
        return registry.report(model, environment, observed, actor=actor_of_host(project))


def follow(
    model: str,
    environment: str = PRODUCTION,
    *,
    load: Callable[[FilePath], T] | None = None,
    pipeline: Path | None = None,
    root: Path | None = None,
    instance: str | None = None,
    every: float = 10.0,
    last_known: bool | float | dt.timedelta = False,
    accept_older: bool = False,
) -> Following[T]:
    """Fetch what serves, prove it, load it, say so, and follow every promotion and rollback.

    Args:
        model: the model's name.
        environment: where this service serves.
        load: makes of the path of the weights what the service works with, e.g. ``joblib.load``.
        pipeline: the seal of the pipeline that this service runs (a path that ends in ``.json``),
            or its digest; default: ``LINEAGE_PIPELINE``, else the pipeline as captured in the
            current folder. The files of a seal are compared before anything is loaded, the modules
            of this process afterwards.
        root: the folder that the seal's paths are relative to; default: the seal's own.
        instance: what it is called in reports; default: ``LINEAGE_INSTANCE``, else host and
            process.
        every: seconds between two looks where it cannot wait for a move at a server (or if > 60).
        last_known: where the registry cannot be asked, start from what it last said, as
            :func:`serving` does; the bytes must have been fetched before.
        accept_older: follow a slot whose revision is older than one that this host has seen, as
            that of a registry which was restored from a backup; also ``LINEAGE_ACCEPT_OLDER=1``.

    Returns:
        What is loaded: ``value``, ``path``, ``ref``. A later version that cannot be fetched, loaded
        or proved is not loaded, and the log says why.

    Raises:
        PipelineMismatch: no pair of the slot goes with the pipeline that runs here, what runs here
            is not what was sealed, or the environment demands a seal and none is named.
        PackageMismatch: the environment demands the packages that the version was validated with,
            and this host has others.
        NotFound: nothing serves, or no store is known to have the weights.
        IntegrityFailure: no store has the bytes that were registered.
        StoreUnreachable: no store that could have them can be used.
        RegistryUnreachable: the registry cannot be asked.
        Conflict: it answers with an older revision of the slot than this host has seen.
    """
    from lineage.host import follow
    from lineage.host.last_known import oldest_of
    from lineage.host.own_pipeline import own_pipeline
    from lineage.workflows.actor import actor_of_host

    with opened() as project:
        url, who = project.registry_url(), actor_of_host(project)
    return follow.Following(
        url,
        model,
        environment,
        load=load or follow.identity,
        pipeline=own_pipeline(model, environment, pipeline, _folder(root)),
        instance=instance or follow.own_name(),
        every=every,
        oldest=oldest_of(last_known),
        actor=who,
        accept_older=accept_older or os.environ.get("LINEAGE_ACCEPT_OLDER") == "1",
    )


@contextmanager
def _opened() -> Iterator[tuple[Project, AnyRegistry, str]]:
    from lineage.workflows.actor import actor

    with opened() as project, connect(project.registry_url()) as registry:
        yield project.asking(names_in(registry)), registry, actor(project)


def _folder(path: Path | None) -> FilePath | None:
    return FilePath(path) if path is not None else None


def _text(path: Path | None) -> str | None:
    return os.fspath(path) if path is not None else None
