"""The verbs on versions of models and of pipelines: recording, showing and finding them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.acts import act
from lineage.contract import requests
from lineage.contract.results.environments import PipelineShare, PipelineShares
from lineage.contract.results.records import ModelRecord, VersionRecord
from lineage.database import clock, names, tables
from lineage.database.deployments import deployment
from lineage.database.sql import col, select
from lineage.display import Listing
from lineage.errors import NotFound
from lineage.identity.components import Kind
from lineage.identity.digest import with_algorithm
from lineage.registry import views
from lineage.registry.verbs.base import Verbs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lineage.contract.captured import CapturedVersion
    from lineage.contract.results import FoundPipeline, NamedPipeline, Registered
    from lineage.identity.references import Reference
    from lineage.identity.watched import WatchedRun


class VersionVerbs(Verbs):
    """Verbs on models, their versions, and the versions of pipelines."""

    def models(
        self,
        *,
        after: str = "",
        limit: int | None = None,
        among: Iterable[str] | None = None,
        archived: bool = False,
    ) -> Listing[ModelRecord]:
        """The models by name behind ``after`` (``among`` some).

        Each with its newest version, and what serves of it where. Those that are archived are
        among them only where they are asked for.
        """
        requests.check_limit(limit)
        wanted = requests.listed(among) if among is not None else None
        with self._read() as session:
            sight = self._sight(session)
            return ModelRecord.listing(
                views.models(session, sight, wanted, after=after, limit=limit, archived=archived),
                "models",
            )

    def versions(
        self,
        model: str,
        *,
        where: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
        after: str | None = None,
        columns: Sequence[str] = (),
    ) -> Listing[Registered]:
        """A model's versions, the newest first.

        Args:
            model: the model's name.
            where: which of them, in the language of requirements: ``auc > 0.8 and kind =
                'production'`` (docs/guides/finding.md has the fields).
            sort: by which field, with ``-`` in front where the greatest comes first.
            limit: how many at the most.
            after: the ``next`` of the page before.
            columns: fields that each has in its ``columns`` besides.

        Raises:
            NotFound: there is no such model.
            UsageError: what is asked for means nothing; the message points at the place.
        """
        from lineage.database.version_search import Query
        from lineage.registry import lists

        names = requests.names_of(columns)
        with self._read() as session:
            query = Query(self._sight(session).model(model), where, sort, names)
            return lists.versions(session, query, limit=limit, after=after)

    def show(self, reference: str | Reference) -> VersionRecord:
        """All that is recorded of a version, its validations with it.

        Raises:
            NotFound: it does not exist.
        """
        with self._read() as session:
            sight = self._sight(session)
            return VersionRecord(views.described(session, sight.version(reference), sight))

    def add_model(self, name: str, *, actor: str) -> bool:
        """Record a model without versions; False where it was there already.

        Raises:
            UsageError: the name is not valid.
        """
        from lineage.registry.versions import add_model

        with self._write() as session:
            self._sight(session).require_models(name)
            return add_model(session, name, clock.stamp(session), actor)

    def register(
        self,
        model: str,
        captured: CapturedVersion,
        *,
        kind: Kind = Kind.PRODUCTION,
        parent: str | None = None,
        run: dict[str, Any] | None = None,
        watched: Sequence[WatchedRun] = (),
        dry_run: bool = False,
        actor: str,
    ) -> Registered:
        """Record a model version; the one that already holds this tuple, if there is one.

        Args:
            model: the model's name.
            captured: its components.
            kind: how much of it is tracked.
            parent: the version that it was made from.
            run: JSON of the training that was run for it.
            watched: what was observed of runs that made it.
            dry_run: do all that, and take it back: whether it would be recorded.
            actor: who registers.

        Raises:
            UsageError: the model's name is not valid, or something is too large to be kept.
            NotFound: the parent does not exist.
        """
        from lineage.registry import limits
        from lineage.registry.versions import register

        limits.prepare(run, watched)
        _ = captured.components.identity, captured.components.tuple_xxh3  # once, and before
        with self._write(dry_run=dry_run) as session:
            sight = self._sight(session)
            return register(sight, model, captured, kind, parent, run, watched, self._actor(actor))

    def pipeline_of(self, reference: str | Reference) -> FoundPipeline:
        """The pipeline version that a model version was registered with.

        Raises:
            NotFound: the version does not exist, or has no pipeline.
        """
        from lineage.database import pipelines

        with self._read() as session:
            row = self._sight(session).version(reference)
            if row.pipeline is None or row.pipeline_blake3 is None:
                raise NotFound(
                    f"{row.model}@{row.number} was registered without a pipeline.",
                    remedy="Name a version that has one.",
                )
            return views.found_pipeline(
                session, pipelines.find_pipeline(session, row.pipeline, row.pipeline_blake3)
            )

    def pipeline(self, named: NamedPipeline) -> FoundPipeline:
        """A recorded pipeline version.

        Raises:
            NotFound: it is not recorded.
        """
        with self._read() as session:
            return views.found_pipeline(session, self._sight(session).pipeline_version(named))

    def pipeline_versions(self, name: str) -> Listing[FoundPipeline]:
        """Every recorded version of a pipeline, the newest first.

        Raises:
            NotFound: there is none.
        """
        table = tables.PipelineVersion
        with self._read() as session:
            self._sight(session).pipeline(name)
            rows = session.exec(
                select(table).where(table.pipeline == name).order_by(col(table.recorded_at).desc())
            ).all()
            if not rows:
                meant = with_algorithm(name)
                raise NotFound(
                    f"There is no pipeline {name!r}.",
                    remedy=f"If a digest is meant, write its algorithm in front: {meant}"
                    if meant
                    else "Registering or validating a model records its pipeline.",
                )
            return Listing(
                tuple(views.found_pipeline(session, row) for row in rows),
                f"versions of pipeline {name}",
            )

    def pipeline_shares(self, name: str) -> Listing[PipelineShare]:
        """The models that a pipeline is shared with, by name; its namesake needs no share."""
        from lineage.database import sharing

        with self._read() as session:
            sight = self._sight(session)
            rows = sharing.shares(session, sight.pipeline(name))
            return PipelineShare.listing(
                (row for row in rows if sight.sees(row["model"])), f"shares of pipeline {name}"
            )

    def share_pipeline(
        self, name: str, model: str, *, withdraw: bool = False, actor: str
    ) -> PipelineShares:
        """Share a pipeline with a model, or withdraw that; JSON of all its shares.

        Those who are bound to the model see its versions then, and may deploy them where no other
        model would move.

        Raises:
            UsageError: a name is not valid.
            NotPermitted: who speaks is bound.
        """
        from lineage.registry.sharing import share

        with self._write() as session:
            self._sight(session).require_all()
            at = clock.stamp(session)
            model = names.present(session, model)
            changed, rows = share(session, name, model, shared=not withdraw, at=at, actor=actor)
            return PipelineShares({"pipeline": name, "changed": changed, "shares": rows})

    def deployed_pipeline(self, environment: str, name: str) -> FoundPipeline:
        """The version of a pipeline that runs in an environment.

        Raises:
            NotFound: there is no such environment, or nothing of the pipeline is deployed there.
        """
        from lineage.database import pipelines

        with self._read() as session:
            sight = self._sight(session)
            sight.environment(environment)
            row = deployment(session, environment, sight.pipeline(name))
            if row is None:
                raise NotFound(
                    f"No version of pipeline {name} is deployed in {environment}.",
                    remedy=f"Record it: {act('pipeline deploy', name, env=environment)}",
                )
            return views.found_pipeline(session, pipelines.find_pipeline(session, name, row.blake3))
