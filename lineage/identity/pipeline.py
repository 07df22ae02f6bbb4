"""Pipeline manifests and their digests. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lineage.errors import UsageError
from lineage.identity.digest import Digest, blake3_of, canonical_bytes, hash_object, normalise

if TYPE_CHECKING:
    from collections.abc import Mapping


class Scope(StrEnum):
    """Which code a manifest holds, where that is not clear by itself."""

    DECLARED = "declared"
    """Declared dependencies alone: ``imports = false``."""
    FOLLOWED = "followed"
    """Besides declared dependencies, files that were found by following what the stages run."""


@dataclass(frozen=True)
class Stage:
    """What one stage of a pipeline is made of; paths are relative to the project's folder.

    ``params`` maps a parameter file to its parameters; ``code`` a file to the BLAKE3 of its bytes.
    """

    cmd: tuple[str, ...] = ()
    code: Mapping[str, Digest] = field(default_factory=dict)
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The stage as the manifest holds it: every key there, lists of paths sorted."""
        return {
            "cmd": list(self.cmd),
            "code": {path: str(digest) for path, digest in sorted(self.code.items())},
            "params": normalise({file: dict(values) for file, values in self.params.items()}),
            "inputs": sorted(self.inputs),
            "outputs": sorted(self.outputs),
        }

    @classmethod
    def from_json(cls, stage: Mapping[str, Any]) -> Stage:
        """Read back what :meth:`to_json` wrote."""
        return cls(
            cmd=tuple(stage["cmd"]),
            code={path: Digest(digest) for path, digest in stage["code"].items()},
            params=stage["params"],
            inputs=tuple(stage["inputs"]),
            outputs=tuple(stage["outputs"]),
        )


@dataclass(frozen=True)
class Manifest:
    """The canonical description of what prepares a model's inputs.

    ``code`` is None where nothing but declared dependencies was found to run, and in manifests from
    before what runs was followed: they hold declared dependencies alone.
    """

    stages: Mapping[str, Stage] = field(default_factory=dict)
    files: Mapping[str, Digest] = field(default_factory=dict)
    code: Scope | None = None

    def to_json(self) -> dict[str, Any]:
        """The manifest (docs/reference/digests.md): the value whose canonical bytes are hashed."""
        return {
            "stages": {name: stage.to_json() for name, stage in sorted(self.stages.items())},
            "files": {path: str(digest) for path, digest in sorted(self.files.items())},
        } | ({"code": self.code.value} if self.code is not None else {})

    @classmethod
    def from_json(cls, manifest: Mapping[str, Any]) -> Manifest:
        """Read back what :meth:`to_json` wrote.

        Raises:
            UsageError: it is not of that form.
        """
        try:
            return cls(
                {name: Stage.from_json(stage) for name, stage in manifest["stages"].items()},
                {path: Digest(digest) for path, digest in manifest["files"].items()},
                Scope(manifest["code"]) if manifest.get("code") is not None else None,
            )
        except (KeyError, TypeError, AttributeError, ValueError):
            raise UsageError(
                "This is not a pipeline manifest.", remedy="See docs/reference/digests.md."
            ) from None


@dataclass(frozen=True)
class PipelineVersion:
    """One version of a pipeline: its manifest, or the digest that somebody states for it."""

    manifest: Manifest | None
    stated: Digest | None = None

    def __post_init__(self) -> None:
        if (self.manifest is None) == (self.stated is None):
            raise ValueError("a pipeline version is either described or stated")

    @cached_property
    def xxh3(self) -> Digest:
        """``H("lineage-pipeline/1", manifest)``, or the stated digest."""
        if self.manifest is None:
            assert self.stated is not None  # noqa: S101 - see __post_init__
            return self.stated
        return hash_object("lineage-pipeline/1", self.manifest.to_json())

    @cached_property
    def canonical(self) -> bytes:
        """The bytes that identify it: the manifest's, or the stated digest as a JSON string."""
        return canonical_bytes(self.manifest.to_json() if self.manifest else str(self.stated))

    @cached_property
    def blake3(self) -> Digest:
        """BLAKE3 of :attr:`canonical`: what the guard compares."""
        return blake3_of(self.canonical)
