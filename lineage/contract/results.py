"""What the registry answers, in the JSON shapes of the reference (docs/reference/json.md). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lineage.identity.digest import blake3_of, canonical_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.guard.decision import Decision
    from lineage.guard.facts import HeldCopy, Waiver
    from lineage.identity.pipeline import PipelineVersion


@dataclass(frozen=True)
class Registered:
    """A model version as `register` answers it; ``created`` is false for one that was there."""

    model: str
    version: int
    kind: str
    created: bool
    tuple: str
    code: str | None
    data: str | None
    pipeline: str | None
    weights: str | None
    registered_at: str
    registered_by: str

    @property
    def ref(self) -> str:
        """The version as a person writes it."""
        return f"{self.model}@{self.version}"

    def to_json(self) -> dict[str, Any]:
        """JSON of `register`."""
        return {
            "model": self.model,
            "version": self.version,
            "ref": self.ref,
            "kind": self.kind,
            "created": self.created,
            "tuple": self.tuple,
            "code": self.code,
            "data": self.data,
            "pipeline": self.pipeline,
            "weights": self.weights,
            "registered_at": self.registered_at,
            "registered_by": self.registered_by,
        }


@dataclass(frozen=True)
class Occupying:
    """A version that serves or stands by as the backup."""

    model: str
    version: int
    tuple: str
    code: str | None
    data: str | None
    pipeline: str | None
    weights: str | None
    promoted_at: str
    promoted_by: str

    @property
    def ref(self) -> str:
        """The version as a person writes it."""
        return f"{self.model}@{self.version}"

    def to_json(self) -> dict[str, Any]:
        """The ``serving`` or ``backup`` of `serving`'s JSON."""
        return {
            "version": self.version,
            "ref": self.ref,
            "tuple": self.tuple,
            "code": self.code,
            "data": self.data,
            "pipeline": self.pipeline,
            "weights": self.weights,
            "promoted_at": self.promoted_at,
            "promoted_by": self.promoted_by,
        }


@dataclass(frozen=True)
class Readiness:
    """Whether a backup could take over at once, as far as the registry knows.

    ``reasons`` tell why not; ``checked_at`` is when somebody last looked into a store for it,
    ``copies`` what they found in each.
    """

    ready: bool
    checked_at: str | None
    reasons: tuple[str, ...] = ()
    copies: tuple[HeldCopy, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What `serving`'s JSON says of a backup besides."""
        return {
            "ready": self.ready,
            "checked_at": self.checked_at,
            "reasons": list(self.reasons),
            "copies": [copy.to_json() for copy in self.copies],
        }


@dataclass(frozen=True)
class Serving:
    """A slot as `serving` answers it.

    ``contradicted`` tells that the newest verdict on what serves has become a failure. ``waivers``
    are those in force; ``rests_on`` is the one in place of the proof, also when its time is over.
    ``proven`` tells that a validation ties what serves to the pipeline. ``readiness`` is that of
    the backup, None for a past moment and where there is none. ``age`` is None for the registry's
    own answer; where it could not be asked, how many seconds old the last one is.
    """

    environment: str
    model: str
    revision: int
    pipeline: dict[str, str | None]
    serving: Occupying | None
    backup: Occupying | None
    contradicted: bool = False
    waivers: tuple[Waiver, ...] = ()
    rests_on: Waiver | None = None
    proven: bool = False
    readiness: Readiness | None = None
    age: float | None = None

    @property
    def version(self) -> int | None:
        """The number of the version that serves, None where none does."""
        return self.serving.version if self.serving else None

    @property
    def ref(self) -> str | None:
        """The version that serves, as a person writes it."""
        return self.serving.ref if self.serving else None

    @property
    def weights(self) -> str | None:
        """The digest of the weights that serve."""
        return self.serving.weights if self.serving else None

    @property
    def etag(self) -> str:
        """What tells this answer from any other about the slot.

        It is the revision. Where what is shown can change while the slot stays as it is (a verdict
        that contradicts, a waiver that ends, a pipeline that moves under nothing proven, a backup
        that is not ready or was looked at since), a digest of the answer follows.
        """
        settled = self.proven and not self.contradicted and self.waiver is None
        if settled and self._backup_as_moved:
            return str(self.revision)
        return f"{self.revision}-{blake3_of(canonical_bytes(self.to_json())).value[:16]}"

    @property
    def _backup_as_moved(self) -> bool:
        """Whether nothing was found out about the backup since the slot moved."""
        found = self.readiness
        if found is None or self.serving is None or self.backup is None:
            return self.backup is None
        moved = max(self.serving.promoted_at, self.backup.promoted_at)
        return found.ready and (found.checked_at or "") <= moved

    @property
    def waiver(self) -> Waiver | None:
        """The waiver to tell first: what the slot rests on, else any in force."""
        return self.rests_on or next(iter(self.waivers), None)

    @property
    def further_waivers(self) -> tuple[Waiver, ...]:
        """The others that are in force."""
        return tuple(waiver for waiver in self.waivers if waiver != self.waiver)

    @property
    def waiver_ended(self) -> bool:
        """Whether what serves rests on a waiver whose time is over."""
        return self.rests_on is not None and self.rests_on not in self.waivers

    def to_json(self) -> dict[str, Any]:
        """JSON of `serving`."""
        return {
            "environment": self.environment,
            "model": self.model,
            "revision": self.revision,
            "pipeline": self.pipeline,
            "serving": self.serving.to_json() if self.serving else None,
            "backup": self._backup_json(),
            "waiver": self._waiver_json(),
            "contradicted": self.contradicted,
        } | ({"age_seconds": round(self.age, 3)} if self.age is not None else {})

    def _backup_json(self) -> dict[str, Any] | None:
        if self.backup is None:
            return None
        unknown: dict[str, Any] = {"ready": None, "checked_at": None, "reasons": [], "copies": []}
        return self.backup.to_json() | (self.readiness.to_json() if self.readiness else unknown)

    def _waiver_json(self) -> dict[str, Any] | None:
        if self.waiver is None:
            return None
        further = [waiver.to_json() for waiver in self.further_waivers]
        return self.waiver.to_json() | {"ended": self.waiver_ended, "further": further}


@dataclass(frozen=True)
class Step:
    """What a move does to one slot: the references before and after, None where nothing stands.

    ``revision`` is the slot's before. ``passed_over`` tells what could have stood by and does not,
    with what speaks against it, by its reference.
    """

    model: str
    environment: str
    serving_before: str | None
    backup_before: str | None
    serving_after: str | None
    backup_after: str | None
    revision: int = 0
    passed_over: Mapping[str, str] = field(default_factory=dict)

    def then(self, after: Step, passed_over: Mapping[str, str]) -> Step:
        """The step from this state to a later one."""
        return replace(
            self,
            serving_after=after.serving_after,
            backup_after=after.backup_after,
            passed_over=passed_over,
        )

    def to_json(self) -> dict[str, Any]:
        """One entry of the ``plan`` in the JSON of `release`."""
        return {
            "model": self.model,
            "environment": self.environment,
            "serving": {"before": self.serving_before, "after": self.serving_after},
            "backup": {"before": self.backup_before, "after": self.backup_after},
            "passed_over": dict(self.passed_over),
        }


@dataclass(frozen=True)
class Moved:
    """What a promotion, rollback, deployment or release did, or would do.

    ``unused_waivers`` are the rules that were asked to be waived and did not fail. ``proposed`` is
    the version that would best stand by where nothing does, by the slot.
    """

    environment: str
    changed: bool
    slots: tuple[Serving, ...]
    decisions: tuple[Decision, ...]
    emptied_backups: tuple[str, ...] = ()
    pipeline: dict[str, str | None] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    unused_waivers: tuple[str, ...] = ()
    proposed: Mapping[str, str] = field(default_factory=dict)

    @property
    def revisions(self) -> dict[str, int]:
        """The revision of each slot that is touched, before it is, by the model's name."""
        return {step.model: step.revision for step in self.steps}

    def to_json(self) -> dict[str, Any]:
        """JSON of `release` and `pipeline deploy`."""
        return {
            "environment": self.environment,
            "changed": self.changed,
            "pipeline": self.pipeline,
            "models": [slot.to_json() for slot in self.slots],
            "emptied_backups": list(self.emptied_backups),
            "plan": [step.to_json() for step in self.steps],
            "proposed_backups": dict(self.proposed),
        }


@dataclass(frozen=True)
class Candidate:
    """A version that could stand by; ``reasons`` tell why it cannot, or why it is not the best.

    ``stands`` is the side of the slot where it stands already.
    """

    ref: str
    version: int
    ready: bool
    reasons: tuple[str, ...]
    stands: str | None
    served_at: str | None
    validated_at: str | None
    copies: tuple[HeldCopy, ...]
    best: bool = False

    def to_json(self) -> dict[str, Any]:
        """One of the ``candidates`` in the JSON of `backup candidates`."""
        return {
            "ref": self.ref,
            "version": self.version,
            "best": self.best,
            "ready": self.ready,
            "reasons": list(self.reasons),
            "stands": self.stands,
            "served_at": self.served_at,
            "validated_at": self.validated_at,
            "copies": [copy.to_json() for copy in self.copies],
        }


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


@dataclass(frozen=True)
class PlannedChange:
    """What applying does to one environment: ``create``, ``change`` or ``keep``, line by line."""

    environment: str
    action: str
    lines: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """One entry of the JSON of `env apply`."""
        return {
            "environment": self.environment,
            "action": self.action,
            "changes": list(self.lines),
        }


def nothing_observed(environment: str, model: str) -> dict[str, Any]:
    """JSON of what is observed of a slot, where nothing has reported."""
    return {
        "environment": environment,
        "model": model,
        "state": "unknown",
        "instances": 0,
        "in_step": 0,
        "lagging": 0,
        "unknown": 0,
        "foreign": 0,
        "lag_seconds": None,
        "last_report_at": None,
    }


@dataclass(frozen=True)
class Audit:
    """What checking the chain found: its length, the newest digest, and where it is broken."""

    events: int
    head: str | None
    problems: tuple[str, ...]


@dataclass(frozen=True)
class SchemaCheck:
    """What ``lineage db check`` found; ``problems`` is empty where all is well."""

    revision: str | None
    head: str
    problems: tuple[str, ...]
