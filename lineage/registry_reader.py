"""What the registry tells: one method a question, one transaction each, nothing changed.

What only some questions need is imported by them: a look-up must start quickly.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from lineage.errors import NotFound, UsageError
from lineage.names import Reference
from lineage.store import events, reading, schema, slots, tables, versions
from lineage.store.engine import read

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from lineage.answers import FoundPipeline, NamedPipeline, Registered, Serving
    from lineage.decision import Decision, Verdict
    from lineage.pipeline import PipelineVersion


class RegistryReader:
    """A registry as one who only looks sees it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

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

    def verdicts(self, reference: str) -> tuple[Verdict, ...]:
        """The newest verdict on a version for each pipeline version, the newest of them last.

        Raises:
            NotFound: the version does not exist.
        """
        from lineage.store.verdicts import newest_verdicts

        parsed = Reference.parse(reference)
        with read(self._engine) as session:
            return newest_verdicts(session, versions.find_version(session, parsed).id or 0)

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
            supposed, unrecorded = None, None
            now = slots.Running(session, where.name).of(version.pipeline)
            moves = running is not None and (now is None or now.digest != running.identity)
            if running is not None and moves and version.pipeline is not None:
                supposed = slots.Runs(version.pipeline, running.identity, events.now())
                known = session.get(tables.PipelineVersion, (version.pipeline, running.identity))
                unrecorded = running if known is None else None
            runs = slots.Running(session, where.name, supposed)
            return decide(facts.gather(session, where, version, runs, unrecorded=unrecorded))

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
