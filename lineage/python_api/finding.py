"""Looking up: what there is, what serves, what differs, and what happened."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from lineage.capture.project import opened
from lineage.contract.requests import MOST_NODES
from lineage.python_api.project import PRODUCTION, only_registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.contract.results import Registered, Serving
    from lineage.contract.results.comparisons import Comparison
    from lineage.contract.results.drift import Drift
    from lineage.contract.results.graph import Impact, Trace
    from lineage.contract.results.leaks import Leak
    from lineage.contract.results.records import EventRecord, ModelRecord, VersionRecord
    from lineage.contract.results.retraining import Retraining
    from lineage.display import Listing


def models(
    *, after: str = "", limit: int | None = None, archived: bool = False
) -> Listing[ModelRecord]:
    """The models by name, each with its newest version and what serves of it.

    Args:
        after: those behind this name.
        limit: how many at the most; None for all.
        archived: those that are archived too.
    """
    with only_registry() as registry:
        return registry.models(after=after, limit=limit, archived=archived)


def versions(
    model: str,
    *,
    where: str | None = None,
    sort: str | None = None,
    limit: int | None = None,
    after: str | None = None,
    columns: str | Sequence[str] = (),
) -> Listing[Registered]:
    """A model's versions, the newest first.

    Args:
        model: the model's name.
        where: which of them, in the language of requirements: ``auc > 0.8 and kind =
            'production'``.
        sort: by which field, with ``-`` in front where the greatest comes first.
        limit: how many at the most; None for all.
        after: the ``next`` of the page before.
        columns: fields that each has in its ``columns`` besides; one, or several.

    Raises:
        NotFound: there is no such model.
        UsageError: what is asked for means nothing; the message points at the place.
    """
    with only_registry() as registry:
        return registry.versions(
            model, where=where, sort=sort, limit=limit, after=after, columns=columns
        )


def show(reference: str) -> VersionRecord:
    """All that is recorded of a version, its validations with it.

    Raises:
        NotFound: it does not exist.
    """
    with only_registry() as registry:
        return registry.show(reference)


def diff(first: str, second: str) -> Comparison:
    """What differs from one version to another, component by component.

    Args:
        first: a version.
        second: another.

    Returns:
        The comparison: true where something differs; what is in git here explains it.

    Raises:
        NotFound: a version does not exist.
    """
    from lineage.contract.results.comparisons import Comparison
    from lineage.explain.compare import compare_versions
    from lineage.python_api.project import project_and_registry

    with project_and_registry() as (project, registry, _):
        return Comparison(compare_versions(project, registry, first, second))


def log(
    subject: str | None = None,
    *,
    limit: int = 50,
    before: int | None = None,
    model: str | None = None,
    environment: str | None = None,
    who: str | None = None,
    what: str | None = None,
    since: str | dt.datetime | None = None,
    until: str | dt.datetime | None = None,
) -> Listing[EventRecord]:
    """The history, the newest event first.

    Args:
        subject: a model, a version, a slot (``churn@production``), an environment or a pipeline;
            None for everything.
        limit: how many events at the most.
        before: those numbered below this.
        model: a model that they concern besides.
        environment: an environment that they concern besides.
        who: the actor.
        what: the kind: ``promoted``, ``validated``.
        since: a moment, ISO 8601 (UTC where it names no zone), or a span such as ``7d``.
        until: likewise.

    Raises:
        UsageError: a time, the kind or the limit is none.
        NotFound: what it names never was; what was renamed or deleted still has its events.
    """
    with only_registry() as registry:
        return registry.history(
            subject,
            limit=limit,
            before=before,
            model=model,
            environment=environment,
            who=who,
            what=what,
            since=_written(since),
            until=_written(until),
        )


def serving(
    model: str,
    environment: str = PRODUCTION,
    *,
    at: str | dt.datetime | None = None,
    pipeline: str | None = None,
    last_known: bool | float | dt.timedelta = False,
) -> Serving:
    """What serves, and its backup.

    Args:
        model: the model's name.
        environment: the environment's name.
        at: a past moment, ISO 8601; UTC where it names no zone.
        pipeline: the pipeline version that the caller runs, ``NAME@DIGEST`` or its digest, as short
            as is unique: the answer's ``side`` tells which pair of the slot goes with it.
        last_known: where the registry cannot be asked, give what it last said: True however old it
            is, or at most this many seconds old. The answer's ``age`` tells; it is None for an
            answer of the registry itself.

    Raises:
        NotFound: there is no such model or environment.
        PipelineMismatch: no pair of the slot is on that pipeline version.
        RegistryUnreachable: the registry cannot be asked, and no answer may be given for it.
    """
    from lineage.host.last_known import oldest_of, serving

    with opened() as project:
        url = project.registry_url()
    return serving(url, model, environment, _written(at), oldest_of(last_known), pipeline)


def drift(model: str, environment: str = PRODUCTION, *, since: str | None = None) -> Drift:
    """What changed in what production sees, held against what serves was validated on.

    Args:
        model: the model's name.
        environment: the environment's name.
        since: the first moment, ISO 8601 or a span such as ``30d``; by default all that is kept
            of what serves.

    Returns:
        Its ``state`` is ``quiet``, the kind of the gravest change, or ``unknown``: then ``missing``
        tells what is.

    Raises:
        NotFound: there is no such model or environment.
        UsageError: the moment is none.
    """
    with only_registry() as registry:
        return registry.drift(model, environment, since=since)


def _written(moment: str | dt.datetime | None) -> str | None:
    return moment.isoformat() if isinstance(moment, dt.datetime) else moment


def trace(reference: str, *, limit: int = 1_000) -> Trace:
    """All that made a version: runs, files, parameters, code, data, parents, imports.

    Args:
        reference: the version.
        limit: nodes at the most, up to 10,000.

    Raises:
        NotFound: it does not exist.
    """
    with only_registry() as registry:
        return registry.trace(reference, limit=limit)


def impact(subject: str, *, limit: int = 100, after: str | None = None) -> Impact:
    """The versions that something reaches, the newest first, and where they serve.

    Args:
        subject: a path, a digest or a unique beginning of one, a commit, ``NAME@DIGEST`` of a
            pipeline version, ``package==version``, or a reference to a version.
        limit: versions at the most, up to 500.
        after: the ``next`` of the page before.

    Raises:
        NotFound: nothing of it is recorded.
        UsageError: it can mean nothing.
        Conflict: several digests begin so.
    """
    with only_registry() as registry:
        return registry.impact(subject, limit=limit, after=after)


def retrain(
    model: str,
    *,
    metric: str | None = None,
    per_point: float | None = None,
    retrain_cost: float | None = None,
) -> Retraining:
    """When to retrain: how a metric changes with a model's age, and what pays. Triggers nothing.

    Args:
        model: the model's name.
        metric: the metric, as a search names it.
        per_point: money a day that 0.01 of the metric is worth; negative where less is better.
        retrain_cost: money of one retraining. These three are, where they are not given, as
            ``[models.NAME.value]`` of ``lineage.toml`` says.

    Raises:
        NotFound: there is no such model.
        UsageError: verdicts have several metrics and none is named, or a cost is none.
    """
    from lineage.python_api.project import project_and_registry
    from lineage.workflows.retrain import retrain as asked

    with project_and_registry() as (project, registry, _):
        return asked(
            project,
            registry,
            model,
            metric=metric,
            per_point=per_point,
            retrain_cost=retrain_cost,
        )


def leak(reference: str, *, limit: int = MOST_NODES) -> Leak:
    """Contents that a version was both trained on and validated on; true where there are some.

    Args:
        reference: the version.
        limit: nodes at the most of what made it, up to 10,000.

    Raises:
        NotFound: it does not exist.
    """
    with only_registry() as registry:
        return registry.leak(reference, limit=limit)
