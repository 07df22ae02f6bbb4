"""The verbs on environments: what there are, what they are to be, what runs and is seen there."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from lineage.contract.results.environments import EnvironmentRecord, SlotReports
from lineage.contract.results.reports import HostReport
from lineage.database import clock, tables
from lineage.database import reports as kept
from lineage.database.sql import select
from lineage.display import Listing
from lineage.errors import LineageError, RegistryUnreachable
from lineage.registry import views
from lineage.registry.verbs.base import Verbs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlmodel import Session

    from lineage.contract.requests import DeclaredEnvironment, Observed
    from lineage.contract.results import PlannedChange, Serving
    from lineage.database.basis import Basis
    from lineage.database.touched import Thing
    from lineage.identity.components import EnvironmentKind
    from lineage.registry.declared import Slot
    from lineage.registry.reports.batches import Report
    from lineage.registry.reports.places import Recorded


class EnvironmentVerbs(Verbs):
    """Verbs on environments, and on what serving hosts report from them."""

    def environments(self) -> Listing[EnvironmentRecord]:
        """Every environment with its slots and deployments, by name."""
        from lineage.registry.slots import shown

        with self._read() as session:
            return self._environments(session, shown.all_now)

    def environments_on_grounds(
        self, kept: Mapping[Slot, Serving], with_basis: Callable[[], bool] = lambda: False
    ) -> tuple[
        Listing[EnvironmentRecord], dict[Slot, tuple[Serving, frozenset[Thing]]], Basis | None
    ]:
        """The same with those slots as they are that are kept; the others, and what ends each.

        ``with_basis`` is asked, once they are read, whether the basis of all is to be read too.
        """
        from lineage.database.basis import of_all
        from lineage.registry.slots import grounds

        read: dict[Slot, tuple[Serving, frozenset[Thing]]] = {}

        def slots(session: Session, environment: str, models: Sequence[str]) -> list[Serving]:
            here = [(environment, model) for model in models]
            others = [model for _, model in here if (environment, model) not in kept]
            for answer, rests_on in grounds.all_now(session, environment, others):
                read[environment, answer.model] = answer, rests_on
            return [kept[slot] if slot in kept else read[slot][0] for slot in here]

        with self._read() as session:
            found = self._environments(session, slots)
            basis = of_all(session.connection()) if with_basis() else None
        return found, read, basis

    def _environments(
        self,
        session: Session,
        read: Callable[[Session, str, Sequence[str]], Iterable[Serving]],
    ) -> Listing[EnvironmentRecord]:
        rows = session.exec(select(tables.Environment).order_by(tables.Environment.name)).all()
        sight = self._sight(session)
        return EnvironmentRecord.listing(
            (
                sight.shown_environment(views.environment(session, row, read))
                for row in rows
                if sight.sees(environment=row.name)
            ),
            "environments",
        )

    def environment(self, name: str) -> EnvironmentRecord:
        """One environment: its kind, every slot and every pipeline deployment.

        Raises:
            NotFound: there is none of this name.
        """
        from lineage.registry.slots import shown

        with self._read() as session:
            sight = self._sight(session)
            row = sight.environment(name)
            return EnvironmentRecord(
                sight.shown_environment(views.environment(session, row, shown.all_now))
            )

    def create_environment(self, name: str, kind: EnvironmentKind, *, actor: str) -> bool:
        """Create an environment; False where it was there already, of the same kind.

        Raises:
            UsageError: the name is not valid.
            Conflict: it is there, of the other kind.
            NotPermitted: who speaks is bound.
        """
        from lineage.registry import environments

        with self._write() as session:
            self._sight(session).require_all()
            return environments.create(session, name, kind, clock.stamp(session), actor)

    def apply_environments(
        self, declared: Sequence[DeclaredEnvironment], *, dry_run: bool = False, actor: str
    ) -> Listing[PlannedChange]:
        """Apply declared environments, or tell what that would change.

        Raises:
            UsageError: the declarations contradict themselves.
            NotFound: one promotes from an environment that does not exist.
            Conflict: an environment is there, of the other kind.
            NotPermitted: who speaks is bound to models, or to other environments.
        """
        from lineage.registry import environments

        with self._write() as session:
            sight = self._sight(session)
            plan = environments.apply(sight, declared, clock.stamp(session), self._actor(actor))
            if dry_run:
                session.rollback()
        return Listing(plan, "environments")

    def report(
        self,
        model: str,
        environment: str,
        observed: Observed,
        *,
        actor: str,
    ) -> HostReport:
        """Record what a serving host says that it has loaded; JSON of it.

        Raises:
            NotFound: there is no such model or environment.
            UsageError: a digest cannot be read.
        """
        from lineage.registry.reports.batches import Report

        said = Report(model, environment, observed, actor, self._principal)
        (answer,) = self.record_reports([said]).answers
        if isinstance(answer, LineageError):
            raise answer
        if answer.tells:
            self.tell_reports()
        return HostReport(answer.document)

    def record_reports(self, batch: Sequence[Report]) -> Recorded:
        """Record what serving hosts say, each for itself; what is refused, or JSON of it, of each.

        Where the history is to be told something of one, :meth:`tell_reports` is to be called.

        Raises:
            RegistryUnreachable: none could be recorded.
        """
        from lineage.registry.reports import batches, places

        with self._read() as session:
            prepared = batches.prepare(session, batch)
        return kept.write(self._engine, lambda connection: places.record(connection, prepared))

    def tell_reports(self) -> None:
        """Let the history say what reports have brought about, once."""
        from lineage.registry.reports import telling

        with self._write() as session:
            notes = telling.tell(session, clock.stamp(session))
        if notes and self._session is None:  # else it is not sure yet that it stands there
            kept.write(self._engine, lambda connection: telling.told(connection, notes))

    def rename_reports(self, name: str, to: str) -> None:
        """Let what hosts reported of a model follow its name, once it was renamed.

        Where that fails, hosts say it again within a minute.
        """
        from lineage.registry.reports import places

        with suppress(RegistryUnreachable):
            kept.write(self._engine, lambda connection: places.rename(connection, name, to))

    def observations(self, model: str, environment: str) -> Listing[HostReport]:
        """What each serving host last said that it has loaded, by instance.

        Raises:
            NotFound: there is no such model or environment.
        """
        from lineage.registry import observations

        with self._read() as session:
            sight = self._sight(session)
            sight.environment(environment)
            model = sight.model(model)
            return HostReport.listing(
                observations.listed(session, environment, model, clock.now(session)),
                f"reports on {model} in {environment}",
            )

    def observed(
        self, environment: str | None = None, model: str | None = None
    ) -> Listing[SlotReports]:
        """How many instances of each slot are in step with it, lag, are unknown or foreign.

        Slots that nothing has reported of are not among them.

        Raises:
            NotFound: there is no such model or environment.
        """
        with self._read() as session:
            sight = self._sight(session)
            if environment is not None and model is not None:
                _, model = sight.slot(model, environment)
            elif environment is not None:
                sight.environment(environment)
            elif model is not None:
                model = sight.model(model)
            anything = kept.read(
                session,
                lambda here: here.exec_driver_sql("SELECT 1 FROM observation LIMIT 1").first(),
            )
            if anything is None:
                return SlotReports.listing([], "reports by slot")
            from lineage.registry import observations

            rows = observations.summarised(session, environment, model, clock.now(session))
            return SlotReports.listing(sight.shown_slots(rows), "reports by slot")
