"""What the registry tells: one method a question, one transaction each, nothing changed.

What only some questions need is imported by them: a look-up must start quickly.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from lineage import timestamps
from lineage.database import events, schema, slots, tables, versions
from lineage.database.deployments import DeployedPipeline, DeployedPipelines, deployment
from lineage.database.engine import read
from lineage.database.environments import require_environment
from lineage.errors import NotFound
from lineage.identity.references import Reference
from lineage.registry import views
from lineage.registry.slots import serving as slots_serving

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Engine
    from sqlmodel import Session

    from lineage.contract.requests import Direction, Keeping
    from lineage.contract.results import (
        Audit,
        Candidate,
        FoundPipeline,
        NamedPipeline,
        Registered,
        SchemaCheck,
        Serving,
    )
    from lineage.guard.decision import Decision
    from lineage.guard.facts import Verdict
    from lineage.identity.pipeline import PipelineVersion
    from lineage.registry.access import Principal
    from lineage.weights.copies import Copy, StoredWeights


class RegistryReader:
    """A registry as one who only looks sees it."""

    def __init__(self, engine: Engine, session: Session | None = None) -> None:
        self._engine = engine
        self._session = session

    @contextmanager
    def _read(self) -> Iterator[Session]:
        if self._session is None:
            with read(self._engine) as session:
                yield session
        else:
            yield self._session

    def environments(self) -> list[dict[str, Any]]:
        """Every environment with its slots and deployments, by name."""
        with self._read() as session:
            rows = session.exec(select(tables.Environment).order_by(tables.Environment.name)).all()
            return [views.environment(session, row, slots_serving.now) for row in rows]

    def environment(self, name: str) -> dict[str, Any]:
        """One environment: its kind, every slot and every pipeline deployment.

        Raises:
            NotFound: there is none of this name.
        """
        with self._read() as session:
            row = require_environment(session, name)
            return views.environment(session, row, slots_serving.now)

    def models(
        self, *, after: str = "", limit: int | None = None, among: Iterable[str] | None = None
    ) -> list[dict[str, Any]]:
        """The models by name (``among`` some), each with its newest version, behind ``after``."""
        table = tables.Model
        with self._read() as session:
            query = select(table).where(table.name > after).order_by(table.name).limit(limit)
            if among is not None:
                query = query.where(col(table.name).in_(list(among)))
            return [views.model(session, row) for row in session.exec(query).all()]

    def versions(
        self, model: str, *, before: int | None = None, limit: int | None = None
    ) -> list[Registered]:
        """A model's versions, the newest first; those numbered below ``before``.

        Raises:
            NotFound: there is no such model.
        """
        table = tables.ModelVersion
        with self._read() as session:
            versions.require_model(session, model)
            query = select(table).where(table.model == model)
            if before is not None:
                query = query.where(table.number < before)
            rows = session.exec(query.order_by(col(table.number).desc()).limit(limit))
            return [views.registered(session, row, created=False) for row in rows]

    def show(self, reference: str) -> dict[str, Any]:
        """All that is recorded of a version, its validations with it.

        Raises:
            NotFound: it does not exist.
        """
        parsed = Reference.parse(reference)
        with self._read() as session:
            return views.described(session, versions.find_version(session, parsed))

    def validations(self, reference: str) -> list[dict[str, Any]]:
        """Every verdict on a version, the newest first.

        Raises:
            NotFound: it does not exist.
        """
        parsed = Reference.parse(reference)
        with self._read() as session:
            return views.validations(session, versions.find_version(session, parsed))

    def approvals(self, reference: str) -> list[dict[str, Any]]:
        """Every approval of a version, the oldest first.

        Raises:
            NotFound: it does not exist.
        """
        parsed = Reference.parse(reference)
        with self._read() as session:
            return views.approvals(session, versions.find_version(session, parsed))

    def verdicts(self, reference: str) -> tuple[Verdict, ...]:
        """The newest verdict on a version for each pipeline version, the newest of them last.

        Raises:
            NotFound: the version does not exist.
        """
        from lineage.database.validations import newest_verdicts

        parsed = Reference.parse(reference)
        with self._read() as session:
            return newest_verdicts(session, versions.find_version(session, parsed).id or 0)

    def pipeline_of(self, reference: str) -> FoundPipeline:
        """The pipeline version that a model version was registered with.

        Raises:
            NotFound: the version does not exist, or has no pipeline.
        """
        from lineage.database import pipelines

        parsed = Reference.parse(reference)
        with self._read() as session:
            row = versions.find_version(session, parsed)
            if row.pipeline is None or row.pipeline_digest is None:
                raise NotFound(
                    f"{reference} was registered without a pipeline.",
                    remedy="Name a version that has one.",
                )
            return views.found_pipeline(
                pipelines.find_pipeline(session, row.pipeline, row.pipeline_digest)
            )

    def pipeline(self, named: NamedPipeline) -> FoundPipeline:
        """A recorded pipeline version.

        Raises:
            NotFound: it is not recorded.
        """
        from lineage.database import pipelines

        with self._read() as session:
            return views.found_pipeline(pipelines.find_pipeline(session, named.name, named.digest))

    def pipeline_versions(self, name: str) -> list[FoundPipeline]:
        """Every recorded version of a pipeline, the newest first.

        Raises:
            NotFound: there is none.
        """
        table = tables.PipelineVersion
        with self._read() as session:
            rows = session.exec(
                select(table).where(table.pipeline == name).order_by(col(table.recorded_at).desc())
            ).all()
        if not rows:
            raise NotFound(
                f"There is no pipeline {name!r}.",
                remedy="Registering or validating a model records its pipeline.",
            )
        return [views.found_pipeline(row) for row in rows]

    def pipelines_of(self, models: Iterable[str]) -> set[str]:
        """The pipelines that versions of some models ride on."""
        table = tables.ModelVersion
        with self._read() as session:
            query = select(table.pipeline).where(col(table.model).in_(list(models))).distinct()
            return {name for name in session.exec(query) if name is not None}

    def deployed_pipeline(self, environment: str, name: str) -> FoundPipeline:
        """The version of a pipeline that runs in an environment.

        Raises:
            NotFound: there is no such environment, or nothing of the pipeline is deployed there.
        """
        from lineage.database import pipelines

        with self._read() as session:
            require_environment(session, environment)
            row = deployment(session, environment, name)
            if row is None:
                raise NotFound(
                    f"No version of pipeline {name} is deployed in {environment}.",
                    remedy=f"Record it: lineage pipeline deploy {name} --env {environment}",
                )
            return views.found_pipeline(pipelines.find_pipeline(session, name, row.digest))

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
        from lineage.guard.evaluate import decide
        from lineage.registry.slots import gather

        parsed = Reference.parse(reference)
        with self._read() as session:
            where = require_environment(session, environment)
            version = versions.find_version(session, parsed)
            now = DeployedPipelines(session, where.name).of(version.pipeline)
            hypothetical, unrecorded = None, None
            moves = running is not None and (now is None or now.blake3 != running.identity)
            if running is not None and moves and version.pipeline is not None:
                hypothetical = DeployedPipeline(
                    version.pipeline, running.identity, timestamps.now()
                )
                known = session.get(tables.PipelineVersion, (version.pipeline, running.identity))
                unrecorded = running if known is None else None
            deployed_pipelines = DeployedPipelines(session, where.name, hypothetical)
            return decide(
                gather.entering(session, where, version, deployed_pipelines, unrecorded=unrecorded)
            )

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
        moment = timestamps.parse_time(at) if at is not None else None
        with self._read() as session:
            require_environment(session, environment)
            versions.require_model(session, model)
            if moment is None:
                return slots_serving.now(session, environment, model)
            return slots_serving.at(session, environment, model, moment)

    def all_serving(self, environment: str | None = None) -> list[Serving]:
        """Every slot (of an environment), by environment and model.

        Raises:
            NotFound: there is no such environment.
        """
        table = tables.Slot
        with self._read() as session:
            query = select(table).order_by(table.environment, table.model)
            if environment is not None:
                require_environment(session, environment)
                query = query.where(table.environment == environment)
            rows = session.exec(query).all()
            return [slots_serving.now(session, s.environment, s.model) for s in rows]

    def history(
        self, subject: str | None = None, *, limit: int = 50, before: int | None = None
    ) -> list[dict[str, Any]]:
        """The newest events (of a subject), the newest first; those numbered below ``before``."""
        with self._read() as session:
            found = events.history(session, subject, limit, before)
            return [views.event_json(event) for event in found]

    def events(
        self, *, after: int = 0, subject: str | None = None, limit: int = 100
    ) -> list[dict[str, Any]]:
        """The events (of a subject) behind a number, the oldest first."""
        with self._read() as session:
            found = events.following(session, subject, after, limit)
            return [views.event_json(event) for event in found]

    def lineage(self, digest: str, direction: Direction) -> dict[str, Any]:
        """What made a digest (``up``), or what was made from it (``down``).

        Raises:
            NotFound: nothing of this digest is recorded.
            UsageError: it is no digest.
        """
        from lineage.registry import lineage_graph

        with self._read() as session:
            return lineage_graph.lineage(session, digest, direction)

    def observations(self, model: str, environment: str) -> list[dict[str, Any]]:
        """What each serving host last said that it has loaded, by instance.

        Raises:
            NotFound: there is no such model or environment.
        """
        from lineage.registry import observations

        with self._read() as session:
            return observations.listed(session, environment, model, timestamps.now())

    def observed(
        self, environment: str | None = None, model: str | None = None
    ) -> list[dict[str, Any]]:
        """How many instances of each slot are in step with it, lag, are unknown or foreign.

        Slots that nothing has reported of are not among them.

        Raises:
            NotFound: there is no such model or environment.
        """
        with self._read() as session:
            if environment is not None:
                require_environment(session, environment)
            if model is not None:
                versions.require_model(session, model)
            anything = session.connection().exec_driver_sql("SELECT 1 FROM observation LIMIT 1")
            if anything.first() is None:
                return []
            from lineage.registry import observations

            return observations.summaries(session, environment, model, timestamps.now())

    def copies_in(self, store: str) -> tuple[StoredWeights, ...]:
        """The weights that a store holds, each with that copy alone, by version.

        Raises:
            NotFound: there is no such store.
        """
        from lineage.database import weights as copies

        with self._read() as session:
            return copies.held_by(session, store)

    def unneeded(self, keeping: Keeping) -> list[dict[str, Any]]:
        """Each copy of weights that nothing can need any more.

        Raises:
            UsageError: the policy makes no sense.
        """
        from lineage.registry import retention

        with self._read() as session:
            return retention.unneeded(session, keeping, timestamps.now())

    def stores(self) -> list[dict[str, Any]]:
        """Every store of weights, by name."""
        from lineage.database import weights as copies

        with self._read() as session:
            return copies.stores(session)

    def stored(self, reference: str) -> StoredWeights:
        """The weights of a version, and where there are copies of them.

        Raises:
            NotFound: it does not exist, or was registered without weights.
        """
        from lineage.database import weights as copies

        parsed = Reference.parse(reference)
        with self._read() as session:
            return copies.stored(session, versions.find_version(session, parsed))

    def copies_of(self, blake3: str) -> tuple[Copy, ...]:
        """The copies of weights, whichever version they were stored for; one for each store."""
        from lineage.database import weights as copies

        with self._read() as session:
            return copies.of_weights(session, blake3)

    def backup_candidates(self, model: str, environment: str) -> tuple[Candidate, ...]:
        """Every version that could stand by behind what serves, the best first.

        Raises:
            NotFound: there is no such model or environment.
        """
        from lineage.registry.slots import backup_candidates as candidates

        with self._read() as session:
            versions.require_model(session, model)
            return candidates.listed(session, environment, model)

    def tokens(self) -> list[dict[str, Any]]:
        """Every token without its secret, the newest first."""
        from lineage.registry import tokens

        with self._read() as session:
            return tokens.listed(session)

    def authenticate(self, token: str) -> Principal:
        """The one who speaks with a token.

        Raises:
            NotAuthenticated: it is none of this registry's, revoked, or over.
        """
        from lineage.registry import tokens

        with self._read() as session:
            return tokens.authenticate(session, token, timestamps.now())

    def audit(self) -> Audit:
        """Check the chain of events, and that it tells the present state."""
        with self._read() as session:
            rows = session.exec(select(tables.Slot)).all()
            return events.audit(session, slots.event_states(session, rows))

    def require_current(self) -> None:
        """Refuse a schema that this program does not know.

        Raises:
            RegistryUnreachable: the database cannot be reached, or its schema is another one.
        """
        schema.require_current(self._engine)

    def check(self) -> SchemaCheck:
        """Check the database file, its keys and its schema."""
        return schema.check(self._engine)
