"""What the registry answers, in the JSON shapes of the reference (docs/reference/json.md). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lineage.guard import Decision
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

    ``contradicted`` tells that the newest verdict on what serves has become a failure.
    """

    environment: str
    model: str
    revision: int
    pipeline: dict[str, str | None]
    serving: Occupying | None
    backup: Occupying | None
    contradicted: bool = False

    def to_json(self) -> dict[str, Any]:
        """JSON of `serving`."""
        return {
            "environment": self.environment,
            "model": self.model,
            "revision": self.revision,
            "pipeline": self.pipeline,
            "serving": self.serving.to_json() if self.serving else None,
            "backup": self.backup.to_json() if self.backup else None,
            "waiver": None,
            "contradicted": self.contradicted,
        }


@dataclass(frozen=True)
class Moved:
    """What a promotion, rollback, deployment or release did."""

    environment: str
    changed: bool
    slots: tuple[Serving, ...]
    decisions: tuple[Decision, ...]
    emptied_backups: tuple[str, ...] = ()
    pipeline: dict[str, str | None] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """JSON of `release` and `pipeline deploy`."""
        return {
            "environment": self.environment,
            "changed": self.changed,
            "pipeline": self.pipeline,
            "models": [slot.to_json() for slot in self.slots],
            "emptied_backups": list(self.emptied_backups),
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
