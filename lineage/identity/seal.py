"""Seals: name the files of a pipeline version as they lie on disk. Pure.

A seal is written where a service's image is built, and compared on the host with the files there
(docs/reference/seal.md). It holds the whole manifest, so that the pipeline version's digests can be
taken anew, and is itself digested: what is changed in it afterwards is noticed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Any, Final

from lineage.acts import act
from lineage.errors import LineageError, PipelineMismatch
from lineage.identity.digest import Digest, blake3_of, canonical_bytes
from lineage.identity.pipeline import Manifest, PipelineVersion
from lineage.identity.references import check_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FORMAT: Final = "lineage-seal/1"
NAME: Final = "pipeline.seal.json"
"""The name that a seal's file has unless somebody gives another."""

LARGEST_FILE: Final = 256 << 20
"""Bytes of a file that can be sealed."""


class Tie(StrEnum):
    """How a sealed file is known to be the pipeline's."""

    BYTES = "bytes"
    """Its bytes are those that the pipeline version holds."""
    LINE_ENDS = "line-ends"
    """They are, but that lines end in CR LF on this disk."""
    NOTEBOOK = "notebook"
    """Its code cells are those that the pipeline version holds."""
    SUBMODULE = "submodule"
    """It belongs to a git submodule that is at the pipeline version's commit."""
    CARRIED = "carried"
    """Nothing but comments and formatting differs."""
    VALUES = "values"
    """It gives the pipeline version's parameters their values."""


@dataclass(frozen=True)
class SealedFile:
    """A file on disk: BLAKE3 of its bytes, and their number."""

    blake3: Digest
    size: int

    def to_json(self) -> dict[str, Any]:
        """The file as a seal holds it."""
        return {"blake3": str(self.blake3), "size": self.size}

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> SealedFile:
        """Read back what :meth:`to_json` wrote."""
        size = body["size"]
        if type(size) is not int or not 0 <= size <= LARGEST_FILE:
            raise ValueError("a size is no size")
        digest = Digest(body["blake3"])
        if digest.algorithm != "blake3":
            raise ValueError("a digest is no BLAKE3")
        return cls(digest, size)


@dataclass(frozen=True)
class TiedFile(SealedFile):
    """A file that is the pipeline's file ``of``, and how that is known."""

    of: str
    tie: Tie

    def to_json(self) -> dict[str, Any]:
        """The file as a seal holds it."""
        return super().to_json() | {"of": self.of, "tie": self.tie.value}

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> TiedFile:
        """Read back what :meth:`to_json` wrote."""
        plain, of = SealedFile.read(body), body["of"]
        if not isinstance(of, str):
            raise TypeError("a path is no text")
        return cls(plain.blake3, plain.size, of, Tie(body["tie"]))


@dataclass(frozen=True)
class Seal:
    """The files that a service runs of a pipeline version, and its own beside them.

    Paths of ``files`` and ``own`` are relative to the root that the seal is compared under, those
    of ``without`` to the pipeline's project. ``without`` are files of the pipeline that the service
    is said not to run.
    """

    pipeline: str
    manifest: Manifest
    stages: tuple[str, ...]
    files: Mapping[str, TiedFile]
    own: Mapping[str, SealedFile] = field(default_factory=dict)
    without: tuple[str, ...] = ()

    @cached_property
    def version(self) -> PipelineVersion:
        """The pipeline version that it is of."""
        return PipelineVersion(self.manifest)

    @cached_property
    def digest(self) -> Digest:
        """BLAKE3 of ``lineage-seal/1``, a line end, and the RFC 8785 bytes of all else in it."""
        return blake3_of(f"{FORMAT}\n".encode() + canonical_bytes(self._content()))

    def to_json(self) -> dict[str, Any]:
        """The document."""
        return self._content() | {"seal": str(self.digest)}

    def to_bytes(self) -> bytes:
        """The document as it is written: the same bytes for the same seal."""
        text = json.dumps(self.to_json(), indent=1, sort_keys=True, ensure_ascii=False)
        return f"{text}\n".encode()

    @classmethod
    def from_json(cls, body: Any, name: str = NAME) -> Seal:  # noqa: ANN401 - any JSON document
        """Read back what :meth:`to_json` wrote, every digest taken anew.

        Args:
            body: the document.
            name: what it is called, for messages.

        Raises:
            PipelineMismatch: it is no seal, was changed, or does not hold what its pipeline holds.
        """
        if not isinstance(body, dict) or body.get("format") != FORMAT:
            raise PipelineMismatch(
                f"{name} is no seal of the form {FORMAT}.", remedy=_seal_anew("Name a seal")
            )
        try:
            seal = cls._read(body)
            same = canonical_bytes(seal.to_json()) == canonical_bytes(body)
            wrong = seal.contradiction if same else "its digest is not that of what it holds"
        except (KeyError, TypeError, ValueError, AttributeError, LineageError):
            raise PipelineMismatch(
                f"{name} is not a whole seal.", remedy=_seal_anew("Never change it by hand")
            ) from None
        if wrong is not None:
            raise PipelineMismatch(
                f"{name} was changed after it was written: {wrong}.",
                remedy=_seal_anew("Never change it by hand"),
            )
        return seal

    @cached_property
    def held(self) -> Mapping[str, Digest | None]:
        """What it must hold or leave out: the files of its stages, see :func:`held_by`."""
        return held_by(self.manifest, self.stages)

    @property
    def contradiction(self) -> str | None:
        """What in it cannot be, in words; None where it agrees with its manifest."""
        paths = [*self.files, *self.own]
        bad = next((path for path in paths if not is_inside(path)), None)
        if bad is not None:
            return f"{bad[:80]!r} is no path below a folder"
        tied = {file.of for file in self.files.values()}
        if tied | set(self.without) != set(self.held) or tied & set(self.without):
            return "it does not hold the files that its pipeline version holds"
        if set(self.own) & set(self.files):
            return "a file stands in it twice"
        for path, file in sorted(self.files.items()):
            digest = self.held[file.of]
            if (file.tie is Tie.VALUES) != (digest is None) or (
                file.tie is Tie.BYTES and file.blake3 != digest
            ):
                return f"{path} is not the pipeline's {file.of}"
        return None

    @classmethod
    def _read(cls, body: Mapping[str, Any]) -> Seal:
        pipeline = body["pipeline"]
        manifest = Manifest.from_json(pipeline["manifest"])
        stages = tuple(body["stages"])
        if not set(stages) <= set(manifest.stages):
            raise ValueError("a stage is not the pipeline's")
        return cls(
            check_name("pipeline", pipeline["name"]),
            manifest,
            stages,
            {path: TiedFile.read(file) for path, file in body["files"].items()},
            {path: SealedFile.read(file) for path, file in body["own"].items()},
            tuple(body["without"]),
        )

    def _content(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "pipeline": {
                "name": self.pipeline,
                "digest": str(self.version.xxh3),
                "blake3": str(self.version.blake3),
                "manifest": self.manifest.to_json(),
            },
            "stages": sorted(self.stages),
            "files": {path: file.to_json() for path, file in sorted(self.files.items())},
            "own": {path: file.to_json() for path, file in sorted(self.own.items())},
            "without": sorted(self.without),
        }


def held_by(manifest: Manifest, stages: Iterable[str]) -> dict[str, Digest | None]:
    """The files that stages of a pipeline rest on, and those that define it as a whole.

    Each with the digest that the manifest has of it; None for a parameter file, of which it has the
    values.
    """
    held: dict[str, Digest | None] = {}
    for name in stages:
        stage = manifest.stages[name]
        held |= dict.fromkeys(stage.params)
    for name in stages:
        held |= manifest.stages[name].code
    return held | dict(manifest.files)


def is_inside(path: str) -> bool:
    """Whether a text is a plain path below a folder, on every platform."""
    plain = path.isprintable() and "\\" not in path and not PureWindowsPath(path).anchor
    return plain and all(part not in ("", ".", "..") for part in path.split("/"))


def _seal_anew(first: str) -> str:
    return f"{first}; it is written where the image is built: {act('pipeline seal')}"
