"""Registering: models, their versions, and the versions of the pipelines that they ride on."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from lineage.contract.results import NamedPipeline, Registered
from lineage.database import (
    bulk,
    clock,
    events,
    graph,
    pipelines,
    sharing,
    tables,
    telling,
    versions,
)
from lineage.errors import InUse, UsageError
from lineage.identity.chain import parent_named
from lineage.identity.components import Kind
from lineage.identity.references import check_name, check_weights_path
from lineage.registry import chains, views, watched_runs
from lineage.registry.weights import add_copies, settled_stores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from lineage.contract.captured import CapturedPipelineVersion, CapturedVersion
    from lineage.identity.components import Components
    from lineage.identity.watched import WatchedRun
    from lineage.registry.access import Actor
    from lineage.registry.sight import Sight


def add_model(session: Session, name: str, at: str, actor: str) -> bool:
    """Record a model without versions; False where it was there already.

    Raises:
        UsageError: the name is not valid.
        InUse: a model had this name before it was renamed.
    """
    check_name("model", name)
    row = session.get(tables.Model, name)
    if row is not None:
        if row.became is not None:
            raise InUse(
                f"{name} is the name that {row.became} had before: it stays one of that model's.",
                remedy="Choose another name.",
            )
        return False
    _add_model(session, name, at, actor)
    events.append(session, at=at, actor=actor, kind="model-created", subject=name, payload={})
    return True


def _add_model(session: Session, name: str, at: str, actor: str) -> None:
    telling.add(session, "model", {"name": name, "created_at": at, "created_by": actor})


def register(
    sight: Sight,
    model: str,
    captured: CapturedVersion,
    kind: Kind,
    parent: str | None,
    run: dict[str, Any] | None,
    watched: Sequence[WatchedRun],
    who: Actor,
) -> Registered:
    """Record a model version; the one that already holds this tuple, if there is one.

    Raises:
        UsageError: the model's name is not valid.
        NotFound: the parent does not exist.
        ModelArchived: the model is archived.
    """
    check_name("model", model)
    components = captured.components
    if kind is Kind.PRODUCTION:
        _require_complete(components)
    session = sight.session
    sight.require_models(model)
    if components.pipeline is not None:
        sight.pipeline(captured.pipeline_name)
    parent, relation = parent_named(parent) if parent else (None, None)
    parent_row = sight.version(parent) if parent else None
    commit, dirty = captured.pipeline_at
    known = versions.recorded(
        session,
        model,
        kind,
        components,
        captured.pipeline_name,
        None if dirty else commit,
        len(captured.stored),
    )
    model = known.model or model
    same = (
        versions.same_version(session, model, kind, components, captured.pipeline_name)
        if known.alike
        else None
    )
    at, actor = clock.stamp(session), who.name
    if same is not None:
        add_copies(session, same, captured.stored, at, actor)
        watched_runs.record(session, same, watched, at, actor)
        chains.add_later(session, same, captured.chain, at, actor)
        return views.registered(session, same, created=False)
    if known.model is None:
        _add_model(session, model, at, actor)
    if components.pipeline is not None:
        # who is bound to no models shares a pipeline with one that they put on it; one that is
        # called like it needs no share, and one from which it was taken gets none back
        if sight.models is None and not (known.shares or captured.pipeline_name == model):
            sharing.record(session, captured.pipeline_name, model, shared=True, at=at, actor=actor)
        if not known.pipeline:
            pipelines.add_pipeline(
                session,
                captured.pipeline_name,
                components.pipeline,
                commit,
                dirty,
                at,
                actor,
                captured.unseen,
            )
    if components.data is not None and not known.data:
        versions.add_data(session, components.data)
    new_runs = chains.unknown(session, captured.chain)
    stores = settled_stores(session, captured.stored, at)
    with bulk.together(session) if stores is not None else nullcontext():
        row = versions.add_version(
            session,
            known,
            model,
            kind,
            components,
            captured.origin,
            captured.pipeline_name,
            parent_row.id if parent_row else None,
            run,
            at,
            actor,
            who.recorded_person,
        )
        chains.add(session, row.id or 0, captured.chain, relation, new_runs)
        if components.pipeline is not None and components.pipeline.manifest is not None:
            graph.note_code(session, row.id or 0, components.pipeline.manifest)
        registered = views.newly_registered(row, components)
        events.append(
            session,
            at=at,
            actor=actor,
            kind="registered",
            subject=registered.ref,
            payload={"kind": kind.value, "tuple": registered.tuple, **components.digests}
            | ({"run": run} if run is not None else {})
            | ({"made": captured.origin.to_json()} if captured.origin is not None else {}),
            also=[model],
        )
        add_copies(session, row, captured.stored, at, actor, first=True, stores=stores)
    chains.connect(session, row.id or 0, row.code_remote, captured.chain, new_runs)
    watched_runs.record(session, row, watched, at, actor)
    return registered


def pipeline_row(
    sight: Sight,
    pipeline: CapturedPipelineVersion | NamedPipeline,
    default_name: str | None,
    at: str,
    actor: str,
) -> tables.PipelineVersion:
    """The row of a pipeline version: the named one, or the captured one, recorded if it is new.

    Raises:
        NotPermitted: its pipeline is not open.
        NotFound: the named one is not recorded.
    """
    if isinstance(pipeline, NamedPipeline):
        return sight.pipeline_version(pipeline, default_name)
    check_name("pipeline", pipeline.name)
    return pipelines.add_pipeline(
        sight.session,
        sight.pipeline(pipeline.name),
        pipeline.version,
        pipeline.commit,
        pipeline.dirty,
        at,
        actor,
        pipeline.unseen,
    )


def recorded_pipeline(
    sight: Sight, pipeline: CapturedPipelineVersion | NamedPipeline
) -> tables.PipelineVersion | None:
    """The row of a pipeline version; None where nobody recorded what was captured.

    Raises:
        NotPermitted: its pipeline is not open.
        NotFound: the named one is not recorded.
    """
    if isinstance(pipeline, NamedPipeline):
        return sight.pipeline_version(pipeline)
    key = (sight.pipeline(pipeline.name), pipeline.version.blake3)
    return sight.session.get(tables.PipelineVersion, key)


def _require_complete(components: Components) -> None:
    """Refuse a production version that lacks what the schema demands of one.

    Raises:
        UsageError: a component is missing, the code is dirty, or the weights have no BLAKE3 or no
            name to be fetched under.
    """
    code, weights = components.code, components.weights
    lacks = list(components.missing)
    if code is not None and code.dirty:
        lacks.append("clean code")
    if weights is not None and weights.blake3 is None:
        lacks.append("the BLAKE3 of the weights")
    if lacks:
        raise UsageError(
            f"A production version needs more: {', '.join(lacks)}.",
            remedy="Give what is missing, or register it as an experiment.",
        )
    if weights is not None:
        check_weights_path(weights.path)
