"""The registry: one method a verb, one transaction each.

What only some verbs need is imported by them: a look-up must start quickly.

>>> registry = connect("sqlite:///registry.db")                     # doctest: +SKIP
>>> registry.serving("churn", "production").serving.ref             # doctest: +SKIP
'churn@7'
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from lineage.components import EnvironmentKind, Kind
from lineage.errors import Conflict, NotFound, UsageError
from lineage.names import Reference, check_environment_name
from lineage.store import events, reading, schema, slots, tables, versions
from lineage.store.engine import LOCK_TIMEOUT, open_engine, read, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Engine

    from lineage.answers import FoundPipeline, Moved, NamedPipeline, Registered, Serving
    from lineage.guard import Decision
    from lineage.pipeline import PipelineVersion
    from lineage.policy import Outcome
    from lineage.project import Captured, CapturedPipelineVersion


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
            return [reading.environment(session, row) for row in rows]

    def environment(self, name: str) -> dict[str, Any]:
        """One environment: its kind, every slot and every pipeline deployment.

        Raises:
            NotFound: there is none of this name.
        """
        with read(self._engine) as session:
            return reading.environment(session, slots.require_environment(session, name))

    # versions

    def register(
        self,
        model: str,
        captured: Captured,
        *,
        kind: Kind = Kind.PRODUCTION,
        parent: str | None = None,
        actor: str,
    ) -> Registered:
        """Record a model version; the one that already holds this tuple, if there is one.

        Raises:
            UsageError: the model's name is not valid.
            NotFound: the parent does not exist.
        """
        from lineage import records

        with write(self._engine) as session:
            return records.register(session, model, captured, kind, parent, actor)

    def versions(self, model: str) -> list[Registered]:
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
            return [reading.registered(session, row, created=False) for row in rows]

    def show(self, reference: str) -> dict[str, Any]:
        """All that is recorded of a version, its validations with it.

        Raises:
            NotFound: it does not exist.
        """
        parsed = Reference.parse(reference)
        with read(self._engine) as session:
            return reading.described(session, versions.find_version(session, parsed))

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
            return reading.found_pipeline(
                versions.find_pipeline(session, row.pipeline, row.pipeline_digest)
            )

    # pipelines

    def pipeline(self, named: NamedPipeline) -> FoundPipeline:
        """A recorded pipeline version.

        Raises:
            NotFound: it is not recorded.
        """
        with read(self._engine) as session:
            return reading.found_pipeline(versions.find_pipeline(session, named.name, named.digest))

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
        return [reading.found_pipeline(row) for row in rows]

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
            return reading.found_pipeline(versions.find_pipeline(session, name, row.digest))

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
        from lineage import records

        with write(self._engine) as session:
            verdict = records.Verdict(passed, metrics, tuple(outcomes))
            return records.validate(session, reference, pipeline, verdict, actor)

    def guard(
        self, reference: str, environment: str, *, running: PipelineVersion | None = None
    ) -> Decision:
        """Decide whether a version may serve in an environment; change nothing.

        Args:
            reference: the version.
            environment: the environment's name.
            running: decide as if this pipeline version ran there, instead of what is deployed.

        Raises:
            NotFound: the version or the environment does not exist.
        """
        from lineage import facts
        from lineage.guard import decide

        parsed = Reference.parse(reference)
        with read(self._engine) as session:
            where = slots.require_environment(session, environment)
            version = versions.find_version(session, parsed)
            deployed = slots.deployment(session, environment, version.pipeline)
            return decide(facts.gather(session, where, version, deployed, running=running))

    # moves

    def promote(
        self,
        reference: str,
        environment: str,
        *,
        expect_revision: int | None = None,
        actor: str,
    ) -> Moved:
        """Move a slot to a version; what served before becomes the backup.

        Raises:
            GuardRefused: a rule fails.
            NotFound: the version or the environment does not exist.
            Conflict: the slot's revision is not ``expect_revision``.
        """
        from lineage import moves

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
    ) -> Moved:
        """Move a slot to its backup.

        Raises:
            NotFound: there is no backup.
            GuardRefused: the backup may not serve.
            Conflict: the slot's revision is not ``expect_revision``.
        """
        from lineage import moves

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
    ) -> Moved:
        """Empty a slot.

        Raises:
            NotFound: nothing serves there.
            Conflict: the slot's revision is not ``expect_revision``.
        """
        from lineage import moves

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
    ) -> Moved:
        """Move a pipeline and models that ride on it in one step; without models, deploy it.

        Raises:
            GuardRefused: a model, moved or left behind, would serve without a passing validation.
            NotFound: a version, the pipeline version or the environment does not exist.
            UsageError: a model is named twice or rides on another pipeline.
        """
        from lineage import moves, records

        parsed = [Reference.parse(reference) for reference in references]
        with write(self._engine) as session:
            slots.require_environment(session, environment)
            promoted = [versions.find_version(session, reference) for reference in parsed]
            request = moves.Request(environment, actor, events.now())
            target = records.pipeline_row(session, pipeline, None, request.at, actor)
            return moves.release(session, request, target, promoted)

    # reading

    def serving(self, model: str, environment: str, *, at: str | None = None) -> Serving:
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
                return reading.serving(session, environment, model)
            return reading.serving_at(session, environment, model, moment)

    def all_serving(self, environment: str | None = None) -> list[Serving]:
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
            return [reading.serving(session, s.environment, s.model) for s in session.exec(query)]

    def history(self, subject: str | None = None, *, limit: int = 50) -> list[dict[str, Any]]:
        """The newest events (of a subject), the newest first."""
        with read(self._engine) as session:
            return [reading.event_json(event) for event in events.history(session, subject, limit)]

    def audit(self) -> events.Audit:
        """Check the chain of events, and that it tells the present state."""
        with read(self._engine) as session:
            rows = session.exec(select(tables.Slot)).all()
            return events.audit(session, slots.event_states(session, rows))

    def check(self) -> schema.SchemaCheck:
        """Check the database file, its keys and its schema."""
        return schema.check(self._engine)


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
