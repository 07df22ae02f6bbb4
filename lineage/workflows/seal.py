"""Sealing a pipeline: from a captured or recorded version to the files of a service that are it.

The version is captured here, or looked up in the registry where the service lives in a repository
of its own. Each file that its stages rest on is found on disk, at its own path or at the one that
`[models.NAME.serving] files` ties to it, and must be what the version holds.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lineage.acts import act
from lineage.bounded_file import Unfit
from lineage.capture.globs import expand
from lineage.contract.results import NamedPipeline
from lineage.errors import CaptureError, LineageError, UsageError
from lineage.explain.ties import Different, Ties
from lineage.hashing.below import read_below
from lineage.identity.digest import blake3_of, canonical_bytes
from lineage.identity.parameters import WHOLE, encode
from lineage.identity.pipeline import Encoding, PipelineVersion
from lineage.identity.seal import (
    LARGEST_FILE,
    NAME,
    Seal,
    SealedFile,
    Tie,
    TiedFile,
    held_by,
    is_inside,
)
from lineage.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from lineage.capture.dvc import DvcProject
    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.contract.results import FoundPipeline
    from lineage.identity.digest import Digest
    from lineage.identity.pipeline import Manifest

MOST_NAMED: Final = 10
"""Files that a refusal names at the most."""


@dataclass(frozen=True)
class NewSeal:
    """A seal, and the folder that its paths are relative to."""

    seal: Seal
    root: Path
    dirty: bool


def seal_here(project: Project, name: str | None, stages: Sequence[str] | None = None) -> NewSeal:
    """Seal the pipeline as captured here.

    Args:
        project: whose pipeline it is.
        name: the pipeline; None where the configuration describes only one.
        stages: those that the service runs; default: as configured, else all.

    Raises:
        CaptureError: it cannot be captured, or a file on disk is not what it holds.
        UsageError: a name or the configuration is not valid.
    """
    name = project.pipeline_name(name)
    try:
        captured = project.capture_pipeline(name)
    except CaptureError as error:
        if not project.config.serving_of(name).files:
            raise
        raise CaptureError(
            str(error),
            remedy="Seal the version that is deployed, or another recorded one: "
            f"{act('pipeline seal', name, env='ENVIRONMENT')}",
        ) from None
    return _sealed(project, captured, stages, project)


def seal_recorded(
    project: Project,
    registry: AnyRegistry,
    name: str | None,
    *,
    digest: str | None = None,
    environment: str | None = None,
    stages: Sequence[str] | None = None,
    original: Project | None = None,
) -> NewSeal:
    """Seal the files here that are those of a recorded pipeline version.

    Args:
        project: the service's, whose configuration ties its files to the pipeline's.
        registry: where the version is recorded.
        name: the pipeline; None where the configuration describes only one.
        digest: which version; None for the one that is deployed in ``environment``.
        environment: where it is deployed.
        stages: those that the service runs; default: as configured, else all.
        original: a checkout of the pipeline's own repository, for files that differ in comments
            and formatting; default: the project itself.

    Raises:
        NotFound: the version is not recorded, or none is deployed.
        CaptureError: a file on disk is not what the version holds.
        UsageError: a name or the configuration is not valid.
    """
    name = project.pipeline_name(name)
    if digest is not None:
        found = registry.pipeline(NamedPipeline(name, digest))
    else:
        found = registry.deployed_pipeline(environment or "", name)
    return _sealed(project, found, stages, original or project)


def write(made: NewSeal, out: Path | None) -> Path:
    """Write a seal, whole or not at all; the place.

    Args:
        made: the seal.
        out: its file; None for ``pipeline.seal.json`` in the folder that its paths are relative to.

    Raises:
        UsageError: it cannot be written.
    """
    place = out or made.root / NAME
    try:
        write_whole(place, made.seal.to_bytes())
    except OSError as error:
        raise UsageError(
            f"{place} cannot be written: {error.strerror}.",
            remedy="Name a file in a folder that is there.",
        ) from None
    return place


def _sealed(
    project: Project,
    found: CapturedPipelineVersion | FoundPipeline,
    stages: Sequence[str] | None,
    original: Project,
) -> NewSeal:
    manifest = found.version.manifest
    if manifest is None:
        raise CaptureError(
            f"Pipeline {found.name} {found.version.xxh3.short} is stated by its digest, so no file "
            "is known to be its own.",
            remedy="Describe the pipeline in dvc.yaml or by its files, and capture it.",
        )
    sealer = _Sealer(project, found.name, manifest, stages, Ties(original, found.commit))
    return NewSeal(sealer.seal(), sealer.root, found.dirty)


class _Sealer:
    """Finds the files of a pipeline version on disk."""

    def __init__(
        self,
        project: Project,
        name: str,
        manifest: Manifest,
        stages: Sequence[str] | None,
        ties: Ties,
    ) -> None:
        self._project = project
        self._name = name
        self._manifest = manifest
        self._table = project.config.serving_of(name)
        self._stages = self._chosen(stages if stages else self._table.stages)
        self._ties = ties
        self._source = project.source()
        self._held = held_by(manifest, self._stages)
        self._without = self._left_out()
        self._tied = dict(self._places())
        outside = any(place.startswith("../") for place in self._tied)
        self._prefix = project.folder if outside else ""
        self.root = project.top if outside else project.root

    def seal(self) -> Seal:
        """The seal.

        Raises:
            CaptureError: a file is not there, or not what the version holds.
        """
        files: dict[str, TiedFile] = {}
        wrong: list[str] = []
        unknown: list[str] = []
        for place, original in sorted(self._tied.items()):
            path = self._anchored(place)
            try:
                files |= self._tie(path, place, original, unknown)
            except Unfit as reason:
                wrong.append(f"{path} {reason}")
        self._refuse(wrong, unknown)
        own = {path: self._own(path) for path in self._own_paths() if path not in files}
        return Seal(
            self._name, self._manifest, self._stages, files, own, tuple(sorted(self._without))
        )

    def _tie(self, path: str, place: str, original: str, unknown: list[str]) -> dict[str, TiedFile]:
        """The file or, of a submodule, the files at a place."""
        digest = self._held[original]
        top_path = posixpath.normpath(posixpath.join(self._project.folder, place))
        if self._source.submodule_of(top_path) == top_path:
            return self._submodule(path, top_path, original, digest)
        data = self._read(path)
        if digest is None:
            self._require_values(top_path, original)
            tie: Tie | None = Tie.VALUES
        else:
            tie = self._tied_by(place, original, digest, data)
        if tie is None:
            unknown.append(f"{path} (for {original})")
            return {}
        return {path: TiedFile(blake3_of(data), len(data), original, tie)}

    def _tied_by(self, place: str, original: str, digest: Digest, data: bytes) -> Tie | None:
        try:
            return self._ties.tie(place, original, digest, data)
        except Different:
            raise Unfit(
                f"differs from the pipeline's {original} in more than comments and formatting"
            ) from None

    def _submodule(
        self, path: str, top_path: str, original: str, digest: Digest | None
    ) -> dict[str, TiedFile]:
        """Every file of a submodule that is at the commit, or has the changes, of the version."""
        if self._source.code_digest(top_path) != digest:
            raise Unfit(f"is another commit than the pipeline's {original}")
        files = {}
        for inner in self._source.files_of_submodule(top_path):
            inner_path = f"{path}/{inner}"
            plain = self._own(inner_path)
            files[inner_path] = TiedFile(plain.blake3, plain.size, original, Tie.SUBMODULE)
        if not files:
            raise Unfit("is a submodule that is not checked out")
        return files

    def _require_values(self, top_path: str, original: str) -> None:
        """Refuse a parameter file with other values than the version's.

        Raises:
            Unfit: a value differs, or cannot be read.
        """
        dvc = self._project.dvc(self._source)
        for name in self._stages:
            values = self._manifest.stages[name].params.get(original)
            if values is None:
                continue
            try:
                wrong = _other_values(dvc, self._manifest.encoding, top_path, values)
            except LineageError as error:
                raise Unfit(f"does not give the parameters of stage {name}: {error}") from None
            if wrong:
                raise Unfit(f"has another value of {', '.join(wrong[:3])} than stage {name}")

    def _chosen(self, names: Sequence[str] | None) -> tuple[str, ...]:
        """The stages that are sealed; a name chooses all instances of a ``foreach`` stage."""
        known = self._manifest.stages
        if not names:
            return tuple(sorted(known))
        chosen: set[str] = set()
        for name in names:
            found = {one for one in known if name in (one, one.partition("@")[0])}
            if not found:
                raise UsageError(
                    f"Pipeline {self._name} has no stage {name[:60]!r}.",
                    remedy=f"Name some of its own: {', '.join(sorted(known))[:500] or 'none'}.",
                )
            chosen |= found
        return tuple(sorted(chosen))

    def _left_out(self) -> frozenset[str]:
        """The files of the pipeline that the service is said not to run."""
        named = {self._original(path, "without") for path in self._table.without}
        return frozenset(named & set(self._held))

    def _places(self) -> Iterator[tuple[str, str]]:
        """Each place on disk, from the project's folder, and the pipeline's file that it must be.

        A file that another is tied to, or several are, is looked for there and nowhere else.
        """
        tied = {
            posixpath.normpath(place): self._original(original, "files")
            for place, original in self._table.files.items()
        }
        for place, original in tied.items():
            if original in self._without:
                raise UsageError(
                    f"{original} stands under `without`, and {place} is tied to it.",
                    remedy="Take it out of one of them, under [models.NAME.serving].",
                )
            if original in self._held:
                yield place, original
        elsewhere = set(tied.values()) | self._without
        yield from ((path, path) for path in self._held if path not in elsewhere)

    def _original(self, path: str, setting: str) -> str:
        """A file of the pipeline, by the name that the manifest has for it."""
        name = posixpath.normpath(path)
        if name not in held_by(self._manifest, self._manifest.stages):
            raise UsageError(
                f"`{setting}` names {path}, which pipeline {self._name} does not hold.",
                remedy="Name files of the pipeline version, which are listed by "
                f"{act('pipeline show', f'{self._name}@DIGEST')}",
            )
        return name

    def _own_paths(self) -> Iterator[str]:
        """The service's further files, by the paths that the seal has for them."""
        folder = self._project.folder
        for path in expand(self._source, folder, self._table.own, "own"):
            yield path if self._prefix or not folder else posixpath.relpath(path, folder)

    def _anchored(self, place: str) -> str:
        return posixpath.normpath(posixpath.join(self._prefix, place))

    def _own(self, path: str) -> SealedFile:
        try:
            data = self._read(path)
        except Unfit as reason:
            raise CaptureError(
                f"{path} {reason}, so it cannot be sealed.", remedy="Make it a plain file."
            ) from None
        return SealedFile(blake3_of(data), len(data))

    def _read(self, path: str) -> bytes:
        if not is_inside(path):
            raise Unfit("is no path that a seal can hold")
        return read_below(self.root, path, LARGEST_FILE)

    def _refuse(self, wrong: list[str], unknown: list[str]) -> None:
        """Refuse a seal that would hold less than its pipeline."""
        which = f"pipeline {self._name}"
        if wrong:
            raise CaptureError(
                f"The files here are not those of {which}: {_listed(wrong)}.",
                remedy="Check out or copy the pipeline's own files; under [models.NAME.serving], "
                "`files` ties copies to them and `without` names what the service does not run.",
            )
        if unknown:
            raise CaptureError(
                f"These files are not byte for byte those of {which}, whose own bytes are not here "
                f"to compare them with: {_listed(unknown)}.",
                remedy="Copy them as they are, or name a checkout of the pipeline's repository as "
                f"the original: {self._with_original()}",
            )

    def _with_original(self) -> str:
        pipeline = PipelineVersion(self._manifest).xxh3.short
        return act("pipeline seal", f"{self._name}@{pipeline}", original="FOLDER")


def _listed(things: list[str]) -> str:
    more = f" and {len(things) - MOST_NAMED} more" if len(things) > MOST_NAMED else ""
    return f"{'; '.join(things[:MOST_NAMED])}{more}"


def _other_values(
    dvc: DvcProject, encoding: Encoding, file: str, values: Mapping[str, Any]
) -> list[str]:
    """The parameters that a file gives another value than a stage recorded.

    Raises:
        CaptureError: the file cannot be read, or a parameter is not in it.
    """
    if encoding is Encoding.FIRST:
        names = () if set(values) == {""} else tuple(values)
        plain = dvc.parameters_as_dvc(file, names)
        return [name for name in values if name not in plain or _differ(plain[name], values[name])]
    names = () if set(values) == {WHOLE} else tuple(values)
    readings = [  # whether the order of keys counts is told by the value itself
        dvc.parameters(unordered).read(file, names, "the stage") for unordered in ((), (file,))
    ]
    return [
        name
        for name, value in values.items()
        if all(_differ(encode(read[name]), encode(value)) for read in readings)
    ]


def _differ(one: Any, other: Any) -> bool:  # noqa: ANN401 - JSON values
    return canonical_bytes(one) != canonical_bytes(other)
