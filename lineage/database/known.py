"""What is known of an environment's slots and of versions: read at once, then asked in memory.

All of it has its event (decision 25), so what was read while event N was the newest holds for as
long as N is: a move uses inside the lock what was read before it, if no event came in between
(decision 31). What is written ends it (:mod:`lineage.database.telling`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final

from lineage.database import clock, copy_status, known_query
from lineage.database import head as history
from lineage.database.known_rows import KnownRows, PipelineRow, Row
from lineage.database.slot_state import SIDES, SlotSide, SlotState, columns_of, side_columns
from lineage.database.telling import KNOWN
from lineage.guard.evidence import Basis
from lineage.identity.run_environment import RunEnvironment
from lineage.identity.watched import MOST_KEPT, WatchedRun

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

    from lineage.database import tables
    from lineage.database.deployments import DeployedPipeline
    from lineage.guard.facts import HeldCopy, RolledBack
    from lineage.guard.policy import EnvironmentPolicy


SEEN: Final = "seen-lately"
"""Where a session keeps its looks at what production saw: what is written does not end them."""


@dataclass
class Known(KnownRows):
    """What is known in one environment, at one event."""

    _served_in: dict[tuple[str, int | None], bool] = field(default_factory=dict)
    _held: dict[str, dict[str, str]] = field(default_factory=dict)
    _demands: EnvironmentPolicy | None = None

    @classmethod
    def of(cls, session: Session, environment: str) -> Known:
        """What a session knows of an environment; little at first."""
        kept: dict[str, Known] = session.info.setdefault(KNOWN, {})
        if environment not in kept:
            kept[environment] = cls(environment)
        return kept[environment]

    @staticmethod
    def adopt(session: Session, known: Known | None) -> None:
        """Take over what was known before, if nothing has happened since.

        Else all of it that is asked for is read anew, at once.
        """
        if known is not None:
            holds = history.newest(session) == known.head
            anew = Known(known.name, _again={*known._versions})
            session.info.setdefault(KNOWN, {})[known.name] = known if holds else anew

    def slot(self, session: Session, model: str) -> tables.Slot | None:
        """The row of a model's slot; None where nothing ever stood."""
        if model not in self._asked:
            self.load(session, models=[model])
        return self._slots.get(model)

    def slot_state(self, session: Session, model: str) -> SlotState:
        """A model's slot, empty where nothing ever stood."""
        row = self.slot(session, model)
        assert self.environment is not None  # nosec B101 # noqa: S101 - who asks has found it
        if row is None:
            return SlotState(self.name, self.environment.kind, model)
        serving, backup, staged = (self._side(session, row, side) for side in SIDES)
        return SlotState(
            row.environment,
            row.environment_kind,
            row.model,
            row.revision,
            serving,
            backup,
            row.waivers_after,
            staged,
        )

    def find(self, session: Session, model: str, number: int) -> tables.ModelVersion | None:
        """The version of a model with a number, if there is one."""
        self.load(session, models=[model], references=[(model, number)])
        key = self._numbers[model, number]
        return self._versions[key] if key is not None else None

    def version(self, session: Session, key: int) -> tables.ModelVersion:
        """A version that is there: its key was read."""
        if key not in self._versions:
            self.load(session, versions=[key])
        row: tables.ModelVersion = self._versions[key]
        return row

    @staticmethod
    def data_of(version: Row) -> str | None:
        """The digest of a version's data as people and JSON see it."""
        digest: str | None = version.data_xxh3
        return digest

    def policy(self, session: Session) -> EnvironmentPolicy:
        """What the environment demands; nothing where no policy was ever applied."""
        from lineage.guard.policy import EnvironmentPolicy

        self.load(session)
        if self._demands is None:
            written = self._policy
            self._demands = (
                EnvironmentPolicy.from_json(json.loads(written)).renamed(self.became)
                if written is not None
                else EnvironmentPolicy()
            )
        return self._demands

    def deployment(
        self, session: Session, pipeline: str | None
    ) -> tables.PipelineDeployment | None:
        """What runs of a pipeline."""
        if pipeline is None:
            return None
        if pipeline not in self._asked_pipelines:
            self.load(session, pipelines=[pipeline])
        return self._deployments.get(pipeline)

    def pipeline(self, session: Session, name: str, blake3: str) -> PipelineRow | None:
        """A recorded pipeline version; ``seen_commit`` is a commit that was seen to hold it."""
        if (name, blake3) not in self._pipelines:
            from lineage.database import tables

            row = session.get(tables.PipelineVersion, (name, blake3))
            if row is None:
                return None
            seen = session.get(tables.PipelineCommit, (name, blake3))
            values = {c: getattr(row, c) for c in map(known_query.attribute, _PIPELINE)}
            commit = seen.code_commit if seen is not None else None
            known = PipelineRow(**values, manifest=row.manifest, seen_commit=commit)
            self._pipelines[name, blake3] = known
        return self._pipelines[name, blake3]

    def validations(self, session: Session, version_id: int, on: str | None) -> list[Row]:
        """The newest verdicts of a version, one a pipeline version, the newest last.

        Those of the newest pipeline versions, and the one on ``on`` in any case.
        """
        rows = self._rows(session, "validation", version_id)
        known = {row.pipeline_blake3 for row in rows}
        if on is not None and on not in known and len(rows) >= known_query.MOST_VERDICTS:
            from lineage.database.validations import newest_validation

            row = newest_validation(session, version_id, on)
            if row is not None:
                rows = [self._read_alone(session, row), *rows]
        most = known_query.MOST_VERDICTS
        found = [row for row in rows if row.place <= most or row.pipeline_blake3 == on]
        return sorted(found, key=lambda row: row.id)

    def newest_validation(self, session: Session, version_id: int, blake3: str) -> Row | None:
        """The verdict that counts for a version and a pipeline version."""
        found = (
            row
            for row in self.validations(session, version_id, blake3)
            if row.pipeline_blake3 == blake3
        )
        return next(found, None)

    def validation(self, key: int | None) -> Row | None:
        """A verdict by its key: one of those that are known, or that a slot rests on."""
        return self._validations.get(key) if key is not None else None

    def ran_with(self, session: Session, version_id: int) -> frozenset[str]:
        """The pipeline versions that runs of a version, and verdicts by a run, were made with."""
        rows = self._rows(session, "ran", version_id)
        return frozenset(row.pipeline_blake3 for row in rows if row.pipeline_blake3 is not None)

    def watched(self, session: Session, version_id: int) -> list[tables.WatchedRun]:
        """The newest watched runs of a version and of its validations, the newest first."""
        return sorted(self._rows(session, "watched", version_id), key=lambda row: -row.id)

    def environment_of(self, session: Session, verdict: Row) -> RunEnvironment | None:
        """The environment that a verdict was reached in; None where no run of it was watched.

        A verdict that was carried over was reached where the one was that it rests on. One that was
        stated was reached nowhere: what runs that are kept with it saw is where something was made.
        """
        reached = verdict.rests_on or verdict.id
        basis = verdict.basis if verdict.rests_on is None else verdict.root_basis
        if basis in (None, Basis.STATED):
            return None
        runs = self.watched(session, verdict.version_id)
        documents = [run.document for run in runs if run.validation_id == reached]
        if len(documents) < MOST_KEPT and len(runs) >= known_query.MOST_RUNS:
            from lineage.database import watched_runs

            documents = watched_runs.documents_of(session, verdict.version_id, reached)
        return RunEnvironment.of_runs(
            WatchedRun.from_json(json.loads(text)) for text in documents[:MOST_KEPT]
        )

    def served_in(self, session: Session, environment: str, version: tables.ModelVersion) -> bool:
        """Whether a version ever came to serve in another environment, by the history."""
        key = environment, version.id
        if key not in self._served_in:
            from lineage.database import policies

            self._served_in[key] = policies.served_in(session, environment, version)
        return self._served_in[key]

    def weights_check(self, session: Session, version_id: int) -> tables.WeightsCheck | None:
        """The newest check of a version's weights where they were made."""
        return next(iter(self._rows(session, "weights_check", version_id)), None)

    def copies(self, session: Session, version_id: int, now: str) -> tuple[HeldCopy, ...]:
        """The copies of a version with what the newest check of each found, by the store's name."""
        rows = self._rows(session, "copy", version_id)
        return copy_status.held_copies(rows, now, here=self.here)

    def held_until(self, session: Session, model: str, weights: str | None, now: str) -> str | None:
        """Until when a host's word counts that it holds weights; None where none does."""
        if model not in self._held:  # of all that were asked for, at once
            models = {model, *self._asked} - self._held.keys()
            self._held |= copy_status.held(session, self.name, models, now)
        until = self._held[model].get(weights or "")
        return until if until is not None and until > now else None

    def rolled_back(
        self, session: Session, version_id: int, blake3: str | None
    ) -> RolledBack | None:
        """The newest rollback of a version, or of its pair with this pipeline version alone."""
        from lineage.guard.facts import RolledBack

        rows = [
            row
            for row in self._rows(session, "rolled_back", version_id)
            if row.version_left or row.pipeline_blake3 == blake3
        ]
        if not rows:
            return None
        row = max(rows, key=lambda row: row.id)
        return RolledBack(row.verdicts_until, row.reason, row.at, row.by)

    def returns(self, session: Session, version_id: int, blake3: str | None) -> bool:
        """Whether a pair served here, proven, and was not rolled back since.

        What was rolled back and validated anew enters again.
        """
        seq = self.served(session, version_id, blake3)
        return seq is not None and not any(
            row.seq is None or row.seq > seq
            for row in self._rows(session, "rolled_back", version_id)
            if row.version_left or row.pipeline_blake3 == blake3
        )

    def served(self, session: Session, version_id: int, blake3: str | None) -> int | None:
        """The newest event that says of a pair that it serves here; None where it never did."""
        rows = self._rows(session, "served", version_id)
        found = (row.seq for row in rows if blake3 is not None and row.pipeline_blake3 == blake3)
        return next(found, None)

    def approvals(self, session: Session, version_id: int) -> list[tables.Approval]:
        """Every approval of a version here, the oldest first."""
        return sorted(self._rows(session, "approval", version_id), key=lambda row: row.id)

    def waivers(
        self, session: Session, model: str, version_id: int, runs: DeployedPipeline | None
    ) -> list[tables.Waiver]:
        """The waivers of a version since it serves in its slot with what runs, the oldest first."""
        slot = self.slot(session, model)
        if slot is None or slot.serving_version_id != version_id:
            return []
        blake3 = runs.blake3 if runs is not None else None
        rows = sorted(self._rows(session, "waiver", version_id), key=lambda row: row.id)
        return [
            row for row in rows if row.id > slot.waivers_after and row.pipeline_blake3 == blake3
        ]

    def moved(
        self,
        session: Session,
        states: Iterable[SlotState],
        deployed: tables.PipelineDeployment | None,
        rolled_back: Iterable[tables.RolledBack],
    ) -> None:
        """Go on with what a move has changed, after its event."""
        self.head = history.newest(session)
        for state in states:
            self._slots[state.model] = SimpleNamespace(**columns_of(state))
            served = state.serving
            if served is not None and served.proven:
                self._serves(served, self.head.seq)
        if deployed is not None:
            self._deployments[deployed.pipeline] = deployed
        for row in rolled_back:
            self._of_version.setdefault("rolled_back", {}).setdefault(row.version_id, []).append(
                row
            )
        session.info.setdefault(KNOWN, {})[self.name] = self

    def _serves(self, side: SlotSide, seq: int) -> None:
        rows = self._of_version.setdefault("served", {}).setdefault(side.version_id, [])
        for row in rows:
            if row.pipeline_blake3 == side.pipeline_blake3:
                row.seq = seq
                return
        rows.append(SimpleNamespace(pipeline_blake3=side.pipeline_blake3, seq=seq))

    def _side(self, session: Session, row: tables.Slot, name: str) -> SlotSide | None:
        key = getattr(row, f"{name}_version_id")
        if key is None:
            return None
        version = self.version(session, key)
        return SlotSide(version.model, version.number, **side_columns(row, name))

    def _read_alone(self, session: Session, row: tables.Validation) -> Row:
        """A verdict that many newer ones hide, with what it rests on."""
        from lineage.database import tables, validations

        root = session.get(tables.Validation, row.rests_on) if row.rests_on is not None else None
        values = {name: getattr(row, name) for name in map(known_query.attribute, _VERDICT)}
        found = SimpleNamespace(
            **values,
            place=known_query.MOST_VERDICTS + 1,
            root_digest=root.pipeline_blake3 if root is not None else None,
            root_basis=root.basis if root is not None else None,
            root_by=root.validated_by if root is not None else None,
            root_person=root.validated_by_person if root is not None else None,
            root_passes=not validations.overturned(session, row),
        )
        self._validations[found.id] = found
        self._of_version.setdefault("validation", {}).setdefault(found.version_id, []).append(found)
        return found


class NotKnown(Exception):
    """Something is asked that is not known, where nothing more is read."""


class Offline:
    """Stands in the place of a session where nothing more is to be read."""

    def __init__(self, known: Known, now: str) -> None:
        self.info = {KNOWN: {known.name: known}, clock.NOW: now}
        self.session: Session = self  # type: ignore[assignment]

    def __getattr__(self, name: str) -> None:
        raise NotKnown(name)


_PIPELINE: Final = tuple(c for c in known_query.PARTS["pipeline"] if c != "seen_commit")
_VERDICT: Final = tuple(
    c for c in known_query.PARTS["validation"] if c != "place" and not c.startswith("root_")
)
