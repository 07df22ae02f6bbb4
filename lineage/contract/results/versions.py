"""What is answered about model versions and pipeline versions. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from lineage import timestamps
from lineage.contract.decisions import pipeline_version_from_json
from lineage.contract.fields import from_fields
from lineage.display import Shown
from lineage.identity.components import Kind
from lineage.identity.digest import check_beginning
from lineage.identity.references import pipeline_named

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from lineage.identity.pipeline import PipelineVersion


@dataclass(frozen=True, repr=False)
class Registered(Shown):
    """A model version as `register` answers it; ``created`` is false for one that was there.

    ``columns`` are the fields that a list was asked for besides, None where none was.
    """

    model: str
    version: int
    kind: Kind
    created: bool
    tuple: str
    code: str | None
    data: str | None
    pipeline: str | None
    weights: str | None
    registered_at: dt.datetime
    registered_by: str
    columns: Mapping[str, Any] | None = field(default=None, hash=False)

    @property
    def ref(self) -> str:
        """The version as a person writes it."""
        return f"{self.model}@{self.version}"

    def to_json(self) -> dict[str, Any]:
        """JSON of `register`."""
        document = {
            "model": self.model,
            "version": self.version,
            "ref": self.ref,
            "kind": self.kind.value,
            "created": self.created,
            "tuple": self.tuple,
            "code": self.code,
            "data": self.data,
            "pipeline": self.pipeline,
            "weights": self.weights,
            "registered_at": timestamps.written(self.registered_at),
            "registered_by": self.registered_by,
        }
        return document if self.columns is None else document | {"columns": dict(self.columns)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Registered:
        """Read back what :meth:`to_json` wrote."""
        at = timestamps.moment(body["registered_at"])
        kind, columns = Kind(body["kind"]), body.get("columns")
        return from_fields(cls, body, kind=kind, registered_at=at, columns=columns)

    @override
    def _line(self) -> str:
        return f"{self.ref} ({self.kind.value}), registered by {self.registered_by}"

    @override
    def _facts(self) -> dict[str, object]:
        return {
            "version": self.ref,
            "kind": self.kind.value,
            "code": self.code,
            "data": self.data,
            "pipeline": self.pipeline,
            "weights": self.weights,
            "registered": self.registered_at,
            "by": self.registered_by,
            **(self.columns or {}),
        }


@dataclass(frozen=True)
class NamedPipeline:
    """A recorded pipeline version by its name and a digest, or by the digest alone.

    Raises:
        UsageError: the text is not ``algorithm:value``.
    """

    name: str | None
    digest: str

    def __post_init__(self) -> None:
        check_beginning(self.digest)

    @classmethod
    def parse(cls, text: str) -> NamedPipeline:
        """Read ``NAME@DIGEST``, or a digest alone.

        Raises:
            UsageError: the text is neither.
        """
        name, at, _ = text.partition("@")
        if not at or ":" in name:
            return cls(None, text)
        named, digest = pipeline_named(text)
        return cls(named, digest or "")


@dataclass(frozen=True, repr=False)
class FoundPipeline(Shown):
    """A recorded pipeline version: with the commit that holds it, else where it was captured."""

    name: str
    version: PipelineVersion
    commit: str | None
    dirty: bool
    recorded_at: dt.datetime
    recorded_by: str

    def to_json(self) -> dict[str, Any]:
        """JSON of `pipeline show`."""
        manifest = self.version.manifest
        return {
            "name": self.name,
            "digest": self.version.xxh3,
            "blake3": self.version.blake3,
            "manifest": manifest.to_json() if manifest else None,
            "commit": self.commit,
            "dirty": self.dirty,
            "recorded_at": timestamps.written(self.recorded_at),
            "recorded_by": self.recorded_by,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> FoundPipeline:
        """Read back what :meth:`to_json` wrote."""
        version, at = pipeline_version_from_json(body), timestamps.moment(body["recorded_at"])
        return from_fields(cls, body, version=version, recorded_at=at)

    @override
    def _line(self) -> str:
        return f"pipeline {self.name}@{self.version.xxh3}"

    @override
    def _facts(self) -> dict[str, object]:
        manifest = self.version.manifest
        return {
            "pipeline": self.name,
            "digest": self.version.xxh3,
            "stages": list(manifest.stages) if manifest is not None else None,
            "commit": self.commit,
            "dirty": self.dirty,
            "recorded": self.recorded_at,
            "by": self.recorded_by,
        }
