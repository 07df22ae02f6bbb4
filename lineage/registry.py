"""The registry: one method a verb, one transaction each.

>>> registry = connect("sqlite:///registry.db")                     # doctest: +SKIP
>>> registry.serving("churn", "production").serving.ref             # doctest: +SKIP
'churn@7'
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from lineage import moves, views
from lineage.components import Kind
from lineage.digest import canonical_bytes
from lineage.errors import Conflict, NotFound, UsageError
from lineage.guard import Decision, EnvironmentKind, decide
from lineage.names import Reference, check_environment_name, check_name
from lineage.store import events, schema, slots, tables, versions
from lineage.store.engine import LOCK_TIMEOUT, open_engine, read, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Engine
    from sqlmodel import Session

    from lineage.pipeline import PipelineVersion
    from lineage.policy import Outcome
    from lineage.project import Captured, CapturedPipelineVersion


@dataclass(frozen=True)
class NamedPipeline:
    """A recorded pipeline version by its name and a digest, or by the digest alone."""

    name: str | None
    digest: str


@dataclass(frozen=True)
class FoundPipeline:
    """A recorded pipeline version, with where it was captured first."""

    name: str
    version: PipelineVersion
    commit: str | None
    dirty: bool
    recorded_at: str
    recorded_by: str

    def to_json(self) -> dict[str, Any]:
        """JSON of `pipeline show`."""
        manifest = self.version.manifest
        return {
            "name": self.name,
            "digest": self.version.digest,
            "blake3": self.version.identity,
            "manifest": manifest.to_json() if manifest else None,
            "commit": self.commit,
            "dirty": self.dirty,
            "recorded_at": self.recorded_at,
            "recorded_by": self.recorded_by,
        }


def connect(url: str, *, lock_timeout: float = LOCK_TIMEOUT) -> Registry:
    """Open a registry.

    Args:
        url: ``sqlite:///path``.
        lock_timeout: seconds to wait for another process's write.

    Raises:
        RegistryUnreachable: there is none, or its schema is not this program's.
        IntegrityFailure: the file is damaged.

    """
    engine = open_engine(url, lock_timeout=lock_timeout)
    schema.require_current(engine)
    return Registry(engine)


class Registry:
    """A registry in a database; use it as a context manager, or :meth:`close` it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()

    # environments

    def create_environment(self, name: str, kind: EnvironmentKind, *, actor: str) -> bool:
        """Create an environment; False where it was there already, of the same kind.

        Raises:
            UsageError: the name is not valid.
            Conflict: it is there, of the other kind.

        """
        check_environment_name(name)
        with write(self._engine) as session:
            row = session.get(tables.Environment, name)
            if row is not None:
                if row.kind == kind:
                    return False
                raise Conflict(
                    f"The environment {name} exists, of kind {row.kind}.",
                    remedy="An environment's kind never changes: choose another name.",
                )
            at = events.now()
            session.add(
                tables.Environment(name=name, kind=kind.value, created_at=at, created_by=actor)
            )
            session.flush()
            events.append(
                session,
                at=at,
                actor=actor,
                kind="environment-created",
                subject=name,
                payload={"kind": kind.value},
            )
            return True

    def environments(self) -> list[dict[str, Any]]:
        """Every environment with its slots and deployments, by name."""
        with read(self._engine) as session:
            rows = session.exec(select(tables.Environment).order_by(tables.Environment.name)).all()
            return [self._environment(session, row) for row in rows]

    def environment(self, name: str) -> dict[str, Any]:
        """One environment: its kind, every slot and every pipeline deployment.

        Raises:
            NotFound: there is none of this name.

        """
        with read(self._engine) as session:
            return self._environment(session, slots.require_environment(session, name))

    # versions

    def register(
        self,
        model: str,
        captured: Captured,
        *,
        kind: Kind = Kind.PRODUCTION,
        parent: str | None = None,
        actor: str,
    ) -> views.Registered:
        """Record a model version; the one that already holds this tuple, if there is one.

        Raises:
            UsageError: the model's name is not valid.
            NotFound: the parent does not exist.

        """
        check_name("model", model)
        components = captured.components
        with write(self._engine) as session:
            parent_row = versions.find_version(session, Reference.parse(parent)) if parent else None
            same = versions.same_version(session, model, kind, components, captured.pipeline_name)
            if same is not None:
                return views.registered(session, same, created=False)
            at = events.now()
            if session.get(tables.Model, model) is None:
                session.add(tables.Model(name=model, created_at=at, created_by=actor))
                session.flush()
            if components.pipeline is not None:
                code = components.code
                versions.add_pipeline(
                    session,
                    captured.pipeline_name,
                    components.pipeline,
                    code.commit if code else None,
                    code.dirty if code else False,
                    at,
                    actor,
                )
            row = versions.add_version(
                session,
                model,
                kind,
                components,
                captured.pipeline_name,
                parent_row.id if parent_row else None,
                at,
                actor,
            )
            registered = views.registered(session, row, created=True)
            events.append(
                session,
                at=at,
                actor=actor,
                kind="registered",
                subject=registered.ref,
                payload={"kind": kind.value, "tuple": registered.tuple, **components.digests},
                also=[model],
            )
            return registered

    def versions(self, model: str) -> list[views.Registered]:
        """Every version of a model, the newest first.

        Raises:
            NotFound: there is no such model.

        """
        with read(self._engine) as session:
            versions.require_model(session, model)
            rows = session.exec(
                select(tables.ModelVersion)
                .where(tables.ModelVersion.model == model)
                .order_by(col(tables.ModelVersion.number).desc())
            )
            return [views.registered(session, row, created=False) for row in rows]

    def show(self, reference: str) -> dict[str, Any]:
        """All that is recorded of a version, its validations with it.

        Raises:
            NotFound: it does not exist.

        """
        parsed = Reference.parse(reference)
        with read(self._engine) as session:
            return views.described(session, versions.find_version(session, parsed))

    def pipeline_of(self, reference: str) -> FoundPipeline:
        """The pipeline version that a model version was registered with.

        Raises:
            NotFound: the version does not exist, or has no pipeline.

        """
        parsed = Reference.parse(reference)
        with read(self._engine) as session:
            row = versions.find_version(session, parsed)
            if row.pipeline is None or row.pipeline_digest is None:
                raise NotFound(
                    f"{reference} was registered without a pipeline.",
                    remedy="Name a version that has one.",
                )
            return _found(versions.find_pipeline(session, row.pipeline, row.pipeline_digest))

    # pipelines

    def pipeline(self, named: NamedPipeline) -> FoundPipeline:
        """A recorded pipeline version.

        Raises:
            NotFound: it is not recorded.

        """
        with read(self._engine) as session:
            return _found(versions.find_pipeline(session, named.name, named.digest))

    def pipeline_versions(self, name: str) -> list[FoundPipeline]:
        """Every recorded version of a pipeline, the newest first.

        Raises:
            NotFound: there is none.

        """
        table = tables.PipelineVersion
        with read(self._engine) as session:
            rows = session.exec(
                select(table).where(table.pipeline == name).order_by(col(table.recorded_at).desc())
            ).all()
        if not rows:
            raise NotFound(
                f"There is no pipeline {name!r}.",
                remedy="Registering or validating a model records its pipeline.",
            )
        return [_found(row) for row in rows]

    def deployed_pipeline(self, environment: str, name: str) -> FoundPipeline:
        """The version of a pipeline that runs in an environment.

        Raises:
            NotFound: there is no such environment, or nothing of the pipeline is deployed there.

        """
        with read(self._engine) as session:
            slots.require_environment(session, environment)
            row = slots.deployment(session, environment, name)
            if row is None:
                raise NotFound(
                    f"No version of pipeline {name} is deployed in {environment}.",
                    remedy=f"Record it: lineage pipeline deploy {name} --env {environment}",
                )
            return _found(versions.find_pipeline(session, name, row.digest))

    # verdicts and decisions

    def validate(
        self,
        reference: str,
        pipeline: CapturedPipelineVersion | NamedPipeline,
        *,
        passed: bool,
        metrics: Mapping[str, Any] | None = None,
        outcomes: Sequence[Outcome] = (),
        actor: str,
    ) -> dict[str, Any]:
        """Record a verdict on a version with a pipeline version.

        Returns:
            JSON of the verdict.

        Raises:
            NotFound: the version or the named pipeline version does not exist.
            UsageError: the pipeline is not the one that the version was registered with.

        """
        parsed = Reference.parse(reference)
        with write(self._engine) as session:
            version = versions.find_version(session, parsed)
            at = events.now()
            row = self._pipeline_row(session, pipeline, version.pipeline, at, actor)
            if version.pipeline not in (None, row.pipeline):
                raise UsageError(
                    f"{reference} rides on pipeline {version.pipeline}, not on {row.pipeline}.",
                    remedy=f"Validate it with a version of pipeline {version.pipeline}.",
                )
            verdict = tables.Validation(
                version_id=version.id or 0,
                pipeline=row.pipeline,
                pipeline_digest=row.digest,
                passed=passed,
                metrics=canonical_bytes(metrics).decode() if metrics is not None else None,
                outcomes=json.dumps([outcome.to_json() for outcome in outcomes]),
                validated_at=at,
                validated_by=actor,
            )
            session.add(verdict)
            session.flush()
            answer = views.validation(verdict, row.public_digest)
            ref = f"{version.model}@{version.number}"
            self._record_verdict(session, version, verdict, row, ref)
            return {"model": version.model, "version": version.number, "ref": ref} | answer

    def guard(self, reference: str, environment: str) -> Decision:
        """Decide whether a version may serve in an environment; change nothing.

        Raises:
            NotFound: the version or the environment does not exist.

        """
        parsed = Reference.parse(reference)
        with read(self._engine) as session:
            where = slots.require_environment(session, environment)
            version = versions.find_version(session, parsed)
            deployed = slots.deployment(session, environment, version.pipeline)
            return decide(moves.facts(session, where, version, deployed))

    # moves

    def promote(
        self,
        reference: str,
        environment: str,
        *,
        expect_revision: int | None = None,
        actor: str,
    ) -> views.Moved:
        """Move a slot to a version; what served before becomes the backup.

        Raises:
            GuardRefused: a rule fails.
            NotFound: the version or the environment does not exist.
            Conflict: the slot's revision is not ``expect_revision``.

        """
        parsed = Reference.parse(reference)
        with write(self._engine) as session:
            slots.require_environment(session, environment)
            version = versions.find_version(session, parsed)
            request = moves.Request(
                environment, actor, events.now(), expect_revision=expect_revision
            )
            return moves.promote(session, request, version)

    def rollback(
        self,
        model: str,
        environment: str,
        *,
        reason: str | None = None,
        expect_revision: int | None = None,
        actor: str,
    ) -> views.Moved:
        """Move a slot to its backup.

        Raises:
            NotFound: there is no backup.
            GuardRefused: the backup may not serve.
            Conflict: the slot's revision is not ``expect_revision``.

        """
        with write(self._engine) as session:
            versions.require_model(session, model)
            request = moves.Request(environment, actor, events.now(), reason, expect_revision)
            return moves.rollback(session, request, model)

    def retire(
        self,
        model: str,
        environment: str,
        *,
        reason: str | None = None,
        expect_revision: int | None = None,
        actor: str,
    ) -> views.Moved:
        """Empty a slot.

        Raises:
            NotFound: nothing serves there.
            Conflict: the slot's revision is not ``expect_revision``.

        """
        with write(self._engine) as session:
            versions.require_model(session, model)
            request = moves.Request(environment, actor, events.now(), reason, expect_revision)
            return moves.retire(session, request, model)

    def release(
        self,
        environment: str,
        pipeline: CapturedPipelineVersion | NamedPipeline,
        references: Sequence[str] = (),
        *,
        actor: str,
    ) -> views.Moved:
        """Move a pipeline and models that ride on it in one step; without models, deploy it.

        Raises:
            GuardRefused: a model, moved or left behind, would serve without a passing validation.
            NotFound: a version, the pipeline version or the environment does not exist.
            UsageError: a model is named twice or rides on another pipeline.

        """
        parsed = [Reference.parse(reference) for reference in references]
        with write(self._engine) as session:
            slots.require_environment(session, environment)
            promoted = [versions.find_version(session, reference) for reference in parsed]
            request = moves.Request(environment, actor, events.now())
            target = self._pipeline_row(session, pipeline, None, request.at, actor)
            return moves.release(session, request, target, promoted)

    # reading

    def serving(self, model: str, environment: str, *, at: str | None = None) -> views.Serving:
        """What serves for a model in an environment, now or at a past moment.

        Args:
            model: the model's name.
            environment: the environment's name.
            at: an ISO 8601 time; without a zone it is UTC.

        Raises:
            NotFound: there is no such model or environment.
            UsageError: the time cannot be read.

        """
        moment = parse_time(at) if at is not None else None
        with read(self._engine) as session:
            slots.require_environment(session, environment)
            versions.require_model(session, model)
            if moment is None:
                return views.serving(session, environment, model)
            return views.serving_at(session, environment, model, moment)

    def all_serving(self, environment: str | None = None) -> list[views.Serving]:
        """Every slot (of an environment), by environment and model.

        Raises:
            NotFound: there is no such environment.

        """
        table = tables.Slot
        with read(self._engine) as session:
            query = select(table).order_by(table.environment, table.model)
            if environment is not None:
                slots.require_environment(session, environment)
                query = query.where(table.environment == environment)
            return [views.serving(session, s.environment, s.model) for s in session.exec(query)]

    def history(self, subject: str | None = None, *, limit: int = 50) -> list[dict[str, Any]]:
        """The newest events (of a subject), the newest first."""
        with read(self._engine) as session:
            return [_event(event) for event in events.history(session, subject, limit)]

    def audit(self) -> events.Audit:
        """Check the chain of events, and that it tells the present state."""
        with read(self._engine) as session:
            rows = session.exec(select(tables.Slot)).all()
            return events.audit(session, slots.event_states(session, rows))

    def check(self) -> schema.SchemaCheck:
        """Check the database file, its keys and its schema."""
        return schema.check(self._engine)

    # helpers

    def _pipeline_row(
        self,
        session: Session,
        pipeline: CapturedPipelineVersion | NamedPipeline,
        default_name: str | None,
        at: str,
        actor: str,
    ) -> tables.PipelineVersion:
        if isinstance(pipeline, NamedPipeline):
            return versions.find_pipeline(session, pipeline.name or default_name, pipeline.digest)
        check_name("pipeline", pipeline.name)
        return versions.add_pipeline(
            session, pipeline.name, pipeline.version, pipeline.commit, pipeline.dirty, at, actor
        )

    def _record_verdict(
        self,
        session: Session,
        version: tables.ModelVersion,
        verdict: tables.Validation,
        pipeline: tables.PipelineVersion,
        ref: str,
    ) -> None:
        contradicted = [
            slots.subject(slot)
            for slot in session.exec(
                select(tables.Slot).where(tables.Slot.serving_version_id == version.id)
            )
            if not verdict.passed and slot.serving_pipeline_digest == pipeline.digest
        ]
        payload: dict[str, Any] = {
            "validation": verdict.id,
            "passed": verdict.passed,
            "pipeline": {"name": pipeline.pipeline, "digest": pipeline.public_digest},
        }
        if contradicted:
            payload["contradicted"] = contradicted
        events.append(
            session,
            at=verdict.validated_at,
            actor=verdict.validated_by,
            kind="validated",
            subject=ref,
            payload=payload,
            also=[version.model, pipeline.pipeline, *contradicted],
        )

    def _environment(self, session: Session, row: tables.Environment) -> dict[str, Any]:
        deployed = session.exec(
            select(tables.PipelineDeployment, tables.PipelineVersion.public_digest)
            .where(
                tables.PipelineDeployment.environment == row.name,
                tables.PipelineVersion.pipeline == tables.PipelineDeployment.pipeline,
                tables.PipelineVersion.digest == tables.PipelineDeployment.digest,
            )
            .order_by(tables.PipelineDeployment.pipeline)
        )
        models = session.exec(
            select(tables.Slot.model)
            .where(tables.Slot.environment == row.name)
            .order_by(tables.Slot.model)
        )
        return {
            "name": row.name,
            "kind": row.kind,
            "created_at": row.created_at,
            "created_by": row.created_by,
            "pipelines": [
                {
                    "name": deployment.pipeline,
                    "digest": public,
                    "revision": deployment.revision,
                    "deployed_at": deployment.deployed_at,
                    "deployed_by": deployment.deployed_by,
                }
                for deployment, public in deployed
            ],
            "slots": [views.serving(session, row.name, model).to_json() for model in models],
        }


def parse_time(text: str) -> str:
    """An ISO 8601 time as the registry writes its own.

    Raises:
        UsageError: the text is no such time.

    """
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text[:60]!r} is not a time.", remedy="Write it as 2026-11-21T08:00:00Z."
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _found(row: tables.PipelineVersion) -> FoundPipeline:
    return FoundPipeline(
        row.pipeline,
        versions.pipeline_version(row),
        row.code_commit,
        row.code_dirty,
        row.recorded_at,
        row.recorded_by,
    )


def _event(event: tables.Event) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "at": event.at,
        "actor": event.actor,
        "kind": event.kind,
        "subject": event.subject,
        "payload": json.loads(event.payload),
        "digest": event.digest,
    }
