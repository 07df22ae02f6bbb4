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

import datetime as dt
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lineage.connecting import connect
from lineage.project import opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lineage.answers import Moved, Registered, Serving
    from lineage.connecting import AnyRegistry
    from lineage.decision import Decision
    from lineage.project import Project

    Path = str | os.PathLike[str]

PRODUCTION = "production"


def register(
    model: str,
    *,
    weights: Path | None = None,
    data: Sequence[Path] = (),
    kind: str = PRODUCTION,
    parent: str | None = None,
    revision: str | None = None,
) -> Registered:
    """Capture code, data, pipeline and weights, and record them as a version.

    Args:
        model: the model's name.
        weights: a file or a folder, from the current folder; default: what is configured.
        data: paths, or ``name=uri@version``; default: what is configured.
        kind: ``production``, or ``experiment`` for what may be dirty or incomplete.
        parent: the version that it was made from.
        revision: a git revision to take code, data and pipeline from.

    Returns:
        The version; ``created`` is false for one that held this tuple before.

    Raises:
        CaptureError: something is missing, does not match, or the tree is dirty.
        UsageError: a name or the configuration is not valid.
        RegistryUnreachable: the registry cannot be asked.
    """
    from lineage.captured import Wanted
    from lineage.components import check_kind

    chosen = check_kind(kind)
    items = tuple(os.fspath(item) for item in data)
    wanted = Wanted(chosen, _text(weights), items, None, revision)
    with _opened() as (project, registry, actor):
        captured = project.capture(model, wanted)
        return registry.register(model, captured, kind=chosen, parent=parent, actor=actor)


def validate(
    reference: str,
    *,
    metrics: Mapping[str, Any] | Path | None = None,
    passed: bool | None = None,
    pipeline: str | None = None,
) -> dict[str, Any]:
    """Record a verdict on a version with the pipeline as captured here, or a recorded one.

    Args:
        reference: the version.
        metrics: values, or a JSON file; default: the configured file.
        passed: the verdict, where no requirement decides; False always wins.
        pipeline: a recorded pipeline version's digest.

    Returns:
        JSON of the verdict.

    Raises:
        UsageError: nothing decides the verdict.
        CaptureError: the metrics or the pipeline cannot be read.
        NotFound: the version or the named pipeline version does not exist.
    """
    from collections.abc import Mapping as AnyMapping

    from lineage import workflow

    values = dict(metrics) if isinstance(metrics, AnyMapping) else None
    file = None if isinstance(metrics, AnyMapping) else _text(metrics)
    wanted = workflow.Validating(file, passed, pipeline, values=values)
    with _opened() as (project, registry, actor):
        return workflow.validate(project, registry, reference, wanted, actor=actor)


def may_serve(reference: str, environment: str = PRODUCTION) -> Decision:
    """Let the guard decide whether a version may serve; change nothing.

    Raises:
        NotFound: the version or the environment does not exist.
    """
    from lineage import workflow

    with _opened() as (project, registry, _):
        return workflow.guard(project, registry, reference, environment)


def promote(
    reference: str,
    environment: str = PRODUCTION,
    *,
    expect_revision: int | None = None,
    reason: str | None = None,
) -> Moved:
    """Let a version serve, if the guard allows it; what served before becomes the backup.

    Raises:
        GuardRefused: a rule fails; its ``decisions`` say which, and what to do.
        NotFound: the version or the environment does not exist.
        Conflict: the slot's revision is not ``expect_revision``.
    """
    from lineage import workflow

    with _opened() as (project, registry, actor), workflow.explaining(project, registry):
        return registry.promote(
            reference, environment, expect_revision=expect_revision, reason=reason, actor=actor
        )


def rollback(model: str, environment: str = PRODUCTION, *, reason: str | None = None) -> Moved:
    """Let the backup serve again, if the guard allows it.

    Raises:
        NotFound: there is no backup.
        GuardRefused: the backup may not serve.
    """
    from lineage import workflow

    with _opened() as (project, registry, actor), workflow.explaining(project, registry):
        return registry.rollback(model, environment, reason=reason, actor=actor)


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
    oldest = oldest_of(last_known)
    with opened() as project:
        url = project.registry_url()
    return serving_of(url, model, environment, at, oldest)


def oldest_of(last_known: bool | float | dt.timedelta) -> dt.timedelta | None:
    """How old an answer may be; None for not at all."""
    if isinstance(last_known, bool):
        return dt.timedelta.max if last_known else None
    if isinstance(last_known, dt.timedelta):
        return last_known
    return dt.timedelta(seconds=last_known)


def serving_of(
    url: str, model: str, environment: str, at: str | None, oldest: dt.timedelta | None
) -> Serving:
    """What serves according to a registry; see :func:`serving`."""

    def ask() -> Serving:
        with connect(url) as registry:
            return registry.serving(model, environment, at=at)

    if at is not None or (oldest is None and url.startswith("sqlite:")):
        return ask()
    from lineage import last_known

    return last_known.serving(url, model, environment, ask, oldest)


@contextmanager
def _opened() -> Iterator[tuple[Project, AnyRegistry, str]]:
    from lineage import acting

    with opened() as project, connect(project.registry_url()) as registry:
        yield project, registry, acting.actor(project)


def _text(path: Path | None) -> str | None:
    return os.fspath(path) if path is not None else None
