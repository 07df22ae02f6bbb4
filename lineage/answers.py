"""What the registry answers, in the JSON shapes of the reference (docs/reference/json.md). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lineage.digest import blake3_of, canonical_bytes

if TYPE_CHECKING:
    from lineage.decision import Decision, Waiver
    from lineage.pipeline import PipelineVersion


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
class Serving:
    """A slot as `serving` answers it.

    ``contradicted`` tells that the newest verdict on what serves has become a failure. ``waivers``
    are those in force; ``rests_on`` is the one in place of the proof, also when its time is over.
    ``proven`` tells that a validation ties what serves to the pipeline. ``age`` is None for the
    registry's own answer; where it could not be asked, how many seconds old the last one is.
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
        that contradicts, a waiver that ends, a pipeline that moves under nothing proven), a digest
        of the answer follows.
        """
        if self.proven and not self.contradicted and self.waiver is None:
            return str(self.revision)
        return f"{self.revision}-{blake3_of(canonical_bytes(self.to_json())).value[:16]}"

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
            "backup": self.backup.to_json() if self.backup else None,
            "waiver": self._waiver_json(),
            "contradicted": self.contradicted,
        } | ({"age_seconds": round(self.age, 3)} if self.age is not None else {})

    def _waiver_json(self) -> dict[str, Any] | None:
        if self.waiver is None:
            return None
        further = [waiver.to_json() for waiver in self.further_waivers]
        return self.waiver.to_json() | {"ended": self.waiver_ended, "further": further}


@dataclass(frozen=True)
class Step:
    """What a move does to one slot: the references before and after, None where nothing stands.

    ``revision`` is the slot's before.
    """

    model: str
    environment: str
    serving_before: str | None
    backup_before: str | None
    serving_after: str | None
    backup_after: str | None
    revision: int = 0

    @property
    def falls_back_to_nothing(self) -> str | None:
        """What could have stood by and does not: it has not passed with the pipeline that runs."""
        if self.backup_after is not None:
            return None
        moved_out = self.serving_before if self.serving_before != self.serving_after else None
        return self.backup_before or moved_out

    def then(self, after: Step) -> Step:
        """The step from this state to a later one."""
        return replace(self, serving_after=after.serving_after, backup_after=after.backup_after)

    def to_json(self) -> dict[str, Any]:
        """One entry of the ``plan`` in the JSON of `release`."""
        return {
            "model": self.model,
            "environment": self.environment,
            "serving": {"before": self.serving_before, "after": self.serving_after},
            "backup": {"before": self.backup_before, "after": self.backup_after},
        }


@dataclass(frozen=True)
class Moved:
    """What a promotion, rollback, deployment or release did, or would do.

    ``unused_waivers`` are the rules that were asked to be waived and did not fail.
    """

    environment: str
    changed: bool
    slots: tuple[Serving, ...]
    decisions: tuple[Decision, ...]
    emptied_backups: tuple[str, ...] = ()
    pipeline: dict[str, str | None] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    unused_waivers: tuple[str, ...] = ()

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
