"""Pipeline manifests and their digests. Pure: no I/O.

A manifest has one of two encodings (docs/reference/digests.md). What is captured today is
``lineage-pipeline/2``, whose parameters keep their types and the order of their keys; what was
recorded as ``lineage-pipeline/1`` stays that, and is equal only to its like.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lineage.errors import UsageError
from lineage.identity import parameters
from lineage.identity.digest import (
    Digest,
    blake3_of,
    canonical_bytes,
    is_of_ours,
    normalise,
    xxh3,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


class Scope(StrEnum):
    """Which code a manifest holds, where that is not clear by itself."""

    DECLARED = "declared"
    """Declared dependencies alone: ``imports = false``."""
    FOLLOWED = "followed"
    """Besides declared dependencies, files that were found by following what the stages run."""


class Encoding(StrEnum):
    """How a manifest is written; the value is the domain of its digest."""

    FIRST = "lineage-pipeline/1"
    """Parameters as JCS has them: 1 and 1.0 are one number, keys have no order."""
    SECOND = "lineage-pipeline/2"
    """Parameters with their types and the order of their keys."""


@dataclass(frozen=True)
class Stage:
    """What one stage of a pipeline is made of; paths are relative to the project's folder.

    ``params`` maps a parameter file to its parameters by their names: values as they are parsed, or
    :class:`~lineage.identity.parameters.Typed` ones. ``code`` maps a file to the BLAKE3 of its
    bytes.
    """

    cmd: tuple[str, ...] = ()
    code: Mapping[str, Digest] = field(default_factory=dict)
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    def to_json(self, encoding: Encoding = Encoding.SECOND) -> dict[str, Any]:
        """The stage as the manifest holds it: every key there, lists of paths sorted."""
        return {
            "cmd": list(self.cmd),
            "code": {path: str(digest) for path, digest in sorted(self.code.items())},
            "params": self._params(encoding),
            "inputs": sorted(self.inputs),
            "outputs": sorted(self.outputs),
        }

    @classmethod
    def from_json(cls, stage: Mapping[str, Any], encoding: Encoding = Encoding.SECOND) -> Stage:
        """Read back what :meth:`to_json` wrote.

        Raises:
            UsageError: a parameter is not written as the encoding says.
        """
        params = stage["params"]
        if encoding is Encoding.SECOND:
            params = {file: _typed(values) for file, values in params.items()}
        return cls(
            cmd=tuple(stage["cmd"]),
            code={path: Digest(digest) for path, digest in stage["code"].items()},
            params=params,
            inputs=tuple(stage["inputs"]),
            outputs=tuple(stage["outputs"]),
        )

    def _params(self, encoding: Encoding) -> dict[str, dict[str, Any]]:
        if encoding is Encoding.FIRST:
            written = normalise({file: dict(values) for file, values in self.params.items()})
            return dict(written)
        return {
            file: {name: parameters.encode(value) for name, value in sorted(values.items())}
            for file, values in sorted(self.params.items())
        }


def _typed(values: Mapping[str, Any]) -> dict[str, parameters.Typed]:
    for value in values.values():
        parameters.check(value)
    return {name: parameters.Typed(value) for name, value in values.items()}


@dataclass(frozen=True)
class Manifest:
    """The canonical description of what prepares a model's inputs.

    ``settings`` are those of DVC's own configuration that change what runs. ``code`` is None where
    nothing but declared dependencies was found to run, and in manifests from before what runs was
    followed: they hold declared dependencies alone.
    """

    stages: Mapping[str, Stage] = field(default_factory=dict)
    files: Mapping[str, Digest] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    code: Scope | None = None
    encoding: Encoding = Encoding.SECOND

    @property
    def is_declared_alone(self) -> bool:
        """Whether what the stages run was not followed: it was switched off, or not there yet."""
        before = self.encoding is Encoding.FIRST and self.code is None
        return before or self.code is Scope.DECLARED

    @cached_property
    def contents(self) -> frozenset[tuple[str, Digest]]:
        """The files that it holds, code and further ones: each path, and the digest there."""
        code = (item for stage in self.stages.values() for item in stage.code.items())
        return frozenset((*code, *self.files.items()))

    def to_json(self) -> dict[str, Any]:
        """The manifest (docs/reference/digests.md): the value whose canonical bytes are hashed."""
        stages = sorted(self.stages.items())
        written: dict[str, Any] = {
            "stages": {name: stage.to_json(self.encoding) for name, stage in stages},
            "files": {path: str(digest) for path, digest in sorted(self.files.items())},
        }
        if self.code is not None:
            written["code"] = self.code.value
        if self.encoding is Encoding.FIRST:
            return written
        settings = dict(sorted(self.settings.items()))
        return {"encoding": self.encoding.value} | written | {"settings": settings}

    @classmethod
    def from_json(cls, manifest: Mapping[str, Any]) -> Manifest:
        """Read back what :meth:`to_json` wrote; one that names no encoding has the first.

        Raises:
            UsageError: it is not of that form.
        """
        try:
            encoding = Encoding(manifest.get("encoding") or Encoding.FIRST)
            stages = manifest["stages"].items()
            return cls(
                {name: Stage.from_json(stage, encoding) for name, stage in stages},
                {path: Digest(digest) for path, digest in manifest["files"].items()},
                dict(manifest["settings"]) if encoding is Encoding.SECOND else {},
                Scope(manifest["code"]) if manifest.get("code") is not None else None,
                encoding,
            )
        except (KeyError, TypeError, AttributeError, ValueError):
            raise UsageError(
                "This is not a pipeline manifest.",
                remedy="See the page 'Digests' of the documentation.",
            ) from None


@dataclass(frozen=True)
class PipelineVersion:
    """One version of a pipeline: its manifest, or the digest that somebody states for it."""

    manifest: Manifest | None
    stated: Digest | None = None

    def __post_init__(self) -> None:
        if (self.manifest is None) == (self.stated is None):
            raise ValueError("a pipeline version is either described or stated")

    @classmethod
    def outside(cls, stated: str) -> PipelineVersion:
        """A pipeline that lives elsewhere, by the id that it has there.

        Raises:
            UsageError: it is no digest; or one of ours, which is a manifest's and is never stated.
        """
        digest = Digest(stated)
        if is_of_ours(digest):
            raise UsageError(
                f"{digest} is taken of a pipeline's manifest, and stands for none that lives "
                "elsewhere.",
                remedy="Send the manifest, or name the id that the pipeline has where it lives, "
                "such as sha256:… of an image.",
            )
        return cls(None, digest)

    @cached_property
    def xxh3(self) -> Digest:
        """``H(encoding, manifest)``, or the stated digest."""
        if self.manifest is None:
            assert self.stated is not None  # nosec B101 # noqa: S101 - see __post_init__
            return self.stated
        domain = self.manifest.encoding.value.encode("ascii")
        return xxh3(domain + b"\n" + self.canonical)  # H without writing the manifest again

    @cached_property
    def canonical(self) -> bytes:
        """The bytes that identify it: the manifest's, or the stated digest as a JSON string."""
        return canonical_bytes(self.manifest.to_json() if self.manifest else str(self.stated))

    @cached_property
    def blake3(self) -> Digest:
        """BLAKE3 of :attr:`canonical`: what the guard compares."""
        return blake3_of(self.canonical)
