"""The registry: one method a verb, one transaction each.

What only some verbs need is imported by them: a look-up must start quickly.

A remote registry has the same verbs: :mod:`lineage.remote.client`. :func:`lineage.connect` opens
either.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lineage import timestamps
from lineage.database import schema, versions
from lineage.database.engine import open_engine, write
from lineage.database.environments import require_environment
from lineage.database.limits import LOCK_TIMEOUT
from lineage.errors import LineageError, RegistryUnreachable
from lineage.identity.components import EnvironmentKind, Kind
from lineage.identity.references import Reference
from lineage.registry.reader import RegistryReader
from lineage.registry.slots.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlmodel import Session

    from lineage.contract.captured import Captured, CapturedPipelineVersion
    from lineage.contract.requests import (
        DeclaredEnvironment,
        Keeping,
        NewToken,
        Observed,
        WaiverRequest,
    )
    from lineage.contract.results import Moved, NamedPipeline, PlannedChange, Registered
    from lineage.guard.requirements import Outcome
    from lineage.identity.components import DataVersion
    from lineage.registry.slots.plan import MovePlan
    from lineage.weights.copies import Look, NewCopy, StoreAddress, StoredWeights


def open_registry(url: str, *, lock_timeout: float = LOCK_TIMEOUT) -> Registry:
    """Open a registry in a database; :func:`lineage.connect` opens any.

    Raises:
        RegistryUnreachable: there is none, or its schema is not this program's.
        IntegrityFailure: the file is damaged.
    """
    engine = open_engine(url, lock_timeout=lock_timeout)
    try:
        schema.require_current(engine)
    except LineageError:
        engine.dispose()
        raise
    return Registry(engine)


class Registry(RegistryReader):
    """A registry in a database; use it as a context manager, or :meth:`close` it."""

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Registry]:
        """One write transaction for several verbs of the registry that it gives: all or none."""
        with write(self._engine) as session:
            yield Registry(self._engine, session)

    @contextmanager
    def _write(self) -> Iterator[Session]:
        if self._session is None:
            with write(self._engine) as session:
                yield session
        else:
            yield self._session
            self._session.flush()

    def _with_hints(self, moved: Moved, plan: MovePlan) -> Moved:
        """The answer of a move with what is only shown, read when no writer waits for it.

        The move is made, so a registry that cannot be read any more leaves out the rest.
        """
        from lineage.registry.slots import results

        try:
            with self._read() as session:
                return results.with_hints(session, moved, plan)
        except RegistryUnreachable:
            return moved

    # environments

    def create_environment(self, name: str, kind: EnvironmentKind, *, actor: str) -> bool:
        """Create an environment; False where it was there already, of the same kind.

        Raises:
            UsageError: the name is not valid.
            Conflict: it is there, of the other kind.
        """
        from lineage.registry import environments

        with self._write() as session:
            return environments.create(session, name, kind, timestamps.now(), actor)

    def apply_environments(
        self, declared: Sequence[DeclaredEnvironment], *, dry_run: bool = False, actor: str
    ) -> tuple[PlannedChange, ...]:
        """Make environments what they are declared to be, or tell what that would change.

        Raises:
            UsageError: the declarations contradict themselves.
            NotFound: one promotes from an environment that does not exist.
            Conflict: an environment is there, of the other kind.
        """
        from lineage.registry import environments

        with self._write() as session:
            plan = environments.apply(session, declared, timestamps.now(), actor)
            if dry_run:
                session.rollback()
        return plan

    # versions

    def add_model(self, name: str, *, actor: str) -> bool:
        """Record a model without versions; False where it was there already.

        Raises:
            UsageError: the name is not valid.
        """
        from lineage.registry import records

        with self._write() as session:
            return records.add_model(session, name, timestamps.now(), actor)

    def register(
        self,
        model: str,
        captured: Captured,
        *,
        kind: Kind = Kind.PRODUCTION,
        parent: str | None = None,
        run: dict[str, Any] | None = None,
        actor: str,
    ) -> Registered:
        """Record a model version; the one that already holds this tuple, if there is one.

        Args:
            model: the model's name.
            captured: its components.
            kind: how much of it is tracked.
            parent: the version that it was made from.
            run: JSON of the training that was run for it.
            actor: who registers.

        Raises:
            UsageError: the model's name is not valid.
            NotFound: the parent does not exist.
        """
        from lineage.registry import records

        with self._write() as session:
            return records.register(session, model, captured, kind, parent, run, actor)

    def add_store(self, address: StoreAddress, *, actor: str) -> bool:
        """Record a store of weights; False where its URL was known already.

        Raises:
            Conflict: another store has this name.
        """
        from lineage.registry import weights as weights_records

        with self._write() as session:
            return weights_records.add_store(session, address, timestamps.now(), actor)

    def add_copy(self, reference: str, copy: NewCopy, *, actor: str) -> StoredWeights:
        """Record that a store holds the weights of a version; they were read back from it.

        Raises:
            NotFound: the version does not exist, or has no weights.
            Conflict: something was removed from that store a moment ago.
        """
        from lineage.database import weights as copies
        from lineage.registry import weights as weights_records

        with self._write() as session:
            version = versions.find_version(session, Reference.parse(reference))
            weights_records.add_copies(session, version, (copy,), timestamps.now(), actor)
            return copies.stored(session, version)

    def record_looks(
        self,
        reference: str,
        looks: Sequence[Look],
        *,
        backup_in: str | None = None,
        actor: str,
    ) -> StoredWeights:
        """Record what looking into stores for the weights of a version found.

        Args:
            reference: the version.
            looks: what was found, for each store.
            backup_in: the environment whose backup was checked by it.
            actor: who looked.

        Raises:
            NotFound: the version does not exist, or a store holds no copy of it.
        """
        from lineage.registry import weights as weights_records

        with self._write() as session:
            return weights_records.looks(
                session, reference, looks, backup_in, timestamps.now(), actor
            )

    def remove_copy(
        self, reference: str, store: str, keeping: Keeping, *, actor: str
    ) -> dict[str, Any]:
        """Record that the copy of a version in a store is taken away; JSON of it.

        Whoever asks takes the bytes away, within ten minutes.

        Raises:
            NotFound: there is no such copy.
            Conflict: something needs it.
        """
        from lineage.registry import retention

        with self._write() as session:
            return retention.remove(session, reference, store, keeping, timestamps.now(), actor)

    def record_weights(self, reference: str, state: str, place: str, *, actor: str) -> str:
        """Record what a look for the weights of a version found; the version's reference.

        Args:
            reference: the version.
            state: ``intact``, ``missing`` or ``changed``.
            place: where they were looked for.
            actor: who looked.

        Raises:
            NotFound: the version does not exist.
        """
        from lineage.registry import weights as weights_records

        with self._write() as session:
            return weights_records.weights(session, reference, state, place, actor)

    # verdicts

    def validate(
        self,
        reference: str,
        pipeline: CapturedPipelineVersion | NamedPipeline,
        *,
        passed: bool,
        metrics: Mapping[str, Any] | None = None,
        outcomes: Sequence[Outcome] = (),
        run: dict[str, Any] | None = None,
        data: DataVersion | None = None,
        actor: str,
    ) -> dict[str, Any]:
        """Record a verdict on a version with a pipeline version; JSON of it.

        Args:
            reference: the version.
            pipeline: the pipeline version, captured or named.
            passed: the verdict.
            metrics: what was measured.
            outcomes: what the requirements came to.
            run: JSON of the command that was run for it.
            data: the data that it was made on.
            actor: who validates.

        Raises:
            NotFound: the version or the named pipeline version does not exist.
            UsageError: the pipeline is not the one that the version was registered with.
        """
        from lineage.registry import records

        verdict = records.NewVerdict(passed, metrics, tuple(outcomes), run, data)
        with self._write() as session:
            return records.validate(session, reference, pipeline, verdict, actor)

    def carry_over(
        self,
        reference: str,
        pipeline: CapturedPipelineVersion | NamedPipeline,
        *,
        rests_on: int,
        difference: str,
        actor: str,
    ) -> dict[str, Any]:
        """Record that a passing verdict also holds for a pipeline that behaves alike; JSON of it.

        Args:
            reference: the version.
            pipeline: the pipeline version that behaves alike.
            rests_on: the validation that passed.
            difference: what differs between the two, in words.
            actor: who says so.

        Raises:
            NotFound: the version, its validation or the named pipeline version does not exist.
            Conflict: the validation is no longer a pass that counts.
        """
        from lineage.registry import records

        with self._write() as session:
            return records.carry_over(session, reference, pipeline, rests_on, difference, actor)

    def approve(self, reference: str, environment: str, *, actor: str) -> dict[str, Any]:
        """Record a person's approval of a version for an environment; JSON of it.

        Raises:
            NotFound: the version or the environment does not exist.
            NotPermitted: the person registered it, has approved it already, or may not approve.
        """
        from lineage.registry import approvals

        with self._write() as session:
            return approvals.approve(session, reference, environment, actor)

    # moves

    def promote(
        self,
        reference: str,
        environment: str,
        *,
        expect_revision: int | None = None,
        reason: str | None = None,
        waive: WaiverRequest | None = None,
        actor: str,
    ) -> Moved:
        """Move a slot to a version; what served before becomes the backup.

        Raises:
            GuardRefused: a rule fails.
            NotPermitted: the environment does not let this person waive this.
            NotFound: the version or the environment does not exist.
            Conflict: the slot's revision is not ``expect_revision``.
        """
        from lineage.registry.slots import moves, results

        parsed = Reference.parse(reference)
        with self._write() as session:
            require_environment(session, environment)
            version = versions.find_version(session, parsed)
            request = Request(environment, actor, timestamps.now(), reason, expect_revision, waive)
            plan = moves.promote(session, request, version)
            moved = results.moved(session, plan)
        return self._with_hints(moved, plan)

    def rollback(
        self,
        model: str,
        environment: str,
        *,
        reason: str | None = None,
        expect_revision: int | None = None,
        waive: WaiverRequest | None = None,
        actor: str,
    ) -> Moved:
        """Move a slot to its backup.

        Raises:
            NotFound: there is no backup.
            GuardRefused: the backup may not serve.
            NotPermitted: the environment does not let this person waive this.
            Conflict: the slot's revision is not ``expect_revision``.
        """
        from lineage.registry.slots import moves, results

        with self._write() as session:
            versions.require_model(session, model)
            request = Request(environment, actor, timestamps.now(), reason, expect_revision, waive)
            plan = moves.rollback(session, request, model)
            moved = results.moved(session, plan)
        return self._with_hints(moved, plan)

    def set_backup(
        self,
        reference: str,
        environment: str,
        *,
        expect_revision: int | None = None,
        reason: str | None = None,
        actor: str,
    ) -> Moved:
        """Let a version stand by behind what serves, if it could take over at once.

        Raises:
            NotFound: the version or the environment does not exist, or nothing serves there.
            GuardRefused: a rule fails.
            Conflict: the slot's revision is not ``expect_revision``, or the version serves there.
        """
        from lineage.registry.slots import moves, results

        parsed = Reference.parse(reference)
        with self._write() as session:
            require_environment(session, environment)
            version = versions.find_version(session, parsed)
            request = Request(environment, actor, timestamps.now(), reason, expect_revision)
            plan = moves.set_backup(session, request, version)
            moved = results.moved(session, plan)
        return self._with_hints(moved, plan)

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
        from lineage.registry.slots import moves, results

        with self._write() as session:
            versions.require_model(session, model)
            request = Request(environment, actor, timestamps.now(), reason, expect_revision)
            plan = moves.retire(session, request, model)
            moved = results.moved(session, plan)
        return self._with_hints(moved, plan)

    def release(
        self,
        environment: str,
        pipeline: CapturedPipelineVersion | NamedPipeline,
        references: Sequence[str] = (),
        *,
        reason: str | None = None,
        waive: WaiverRequest | None = None,
        seen: Mapping[str, int] | None = None,
        dry_run: bool = False,
        actor: str,
    ) -> Moved:
        """Move a pipeline and models that ride on it in one step; without models, deploy it.

        Args:
            environment: the environment's name.
            pipeline: the pipeline version, captured or named.
            references: the versions that move with it.
            reason: why; kept in the history.
            waive: rules to waive.
            seen: the revisions of the slots that the plan showed, by their model.
            dry_run: decide and tell the plan, change nothing.
            actor: who moves.

        Raises:
            NotPermitted: the environment does not let this person waive this.
            GuardRefused: a model, moved or left behind, would serve without a passing validation.
            NotFound: a version, the pipeline version or the environment does not exist.
            UsageError: a model is named twice or rides on another pipeline.
            Conflict: the slots are not those of the plan that was seen.
        """
        from lineage.registry import records
        from lineage.registry.slots import moves, results

        parsed = [Reference.parse(reference) for reference in references]
        with self._write() as session:
            require_environment(session, environment)
            promoted = [versions.find_version(session, reference) for reference in parsed]
            request = Request(environment, actor, timestamps.now(), reason, waive=waive, seen=seen)
            target = records.pipeline_row(session, pipeline, None, request.at, actor)
            plan = moves.release(session, request, target, promoted)
            moved = results.moved(session, plan)
            if dry_run:
                moved = results.with_hints(session, moved, plan)
                session.rollback()
        if dry_run:
            return moved
        return self._with_hints(moved, plan)

    # the service

    def report(
        self,
        model: str,
        environment: str,
        observed: Observed,
        *,
        actor: str,
    ) -> dict[str, Any]:
        """Record what a serving host says that it has loaded; JSON of it.

        Raises:
            NotFound: there is no such model or environment.
            UsageError: a digest cannot be read.
        """
        from lineage.registry import observations

        with self._write() as session:
            return observations.report(
                session, environment, model, observed, timestamps.now(), actor
            )

    def create_token(self, new: NewToken, *, actor: str) -> dict[str, Any]:
        """Make a bearer token; JSON of it with the ``token`` itself, which is never shown again.

        Raises:
            UsageError: a name or a scope is not valid, or the token would be over already.
        """
        from lineage.registry import tokens

        with self._write() as session:
            return tokens.create(session, new, timestamps.now(), actor)

    def revoke_token(self, identity: str, *, actor: str) -> dict[str, Any]:
        """Let a token open nothing from now on; JSON of it.

        Raises:
            NotFound: there is no such token.
        """
        from lineage.registry import tokens

        with self._write() as session:
            return tokens.revoke(session, identity, timestamps.now(), actor)

    def token_used(self, identity: str, at: str) -> None:
        """Note when a token was used last."""
        from lineage.registry import tokens

        with self._write() as session:
            tokens.used(session, identity, at)

    def kept_answer(self, principal: str, key: str, request: str) -> tuple[int, str] | None:
        """What a write under an idempotency key was answered; None where it was never made.

        Args:
            principal: who made it.
            key: the key.
            request: what tells the request from others under the same key.

        Raises:
            KeyReused: the key was used for another request.
        """
        from lineage.database import idempotency

        with self._write() as session:
            return idempotency.find(session, principal, key, request)

    def keep_answer(self, principal: str, key: str, request: str, status: int, body: str) -> None:
        """Keep what a write under an idempotency key is answered, in the write's transaction."""
        from lineage.database import idempotency

        with self._write() as session:
            idempotency.keep(session, principal, key, request, (status, body), timestamps.now())
