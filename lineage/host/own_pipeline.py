"""The pipeline that a service runs: as a seal proves it, or as somebody says."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lineage.acts import act
from lineage.contract.results import NamedPipeline
from lineage.errors import LineageError, NotFound, PipelineMismatch, UsageError
from lineage.host import loaded_modules, seal_file
from lineage.identity.components import Proof
from lineage.identity.digest import check_long_enough, is_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineage.identity.pipeline import PipelineVersion
    from lineage.identity.seal import Seal

    Find = Callable[[NamedPipeline], PipelineVersion]


class OwnPipeline(Protocol):
    """What a service says, or proves, that it runs."""

    @property
    def digest(self) -> str:
        """The pipeline version's digest, as reports have it."""

    @property
    def proof(self) -> Proof:
        """How it is known."""

    def xxh3(self, declared: str | None, pipeline: str | None, find: Find) -> str:
        """The version's public digest.

        Args:
            declared: that of the version which is declared.
            pipeline: the pipeline's name, where it is known.
            find: gives the recorded version that a digest names.
        """

    def check_files(self) -> None:
        """Compare the files here with what is sealed.

        Raises:
            PipelineMismatch: they differ.
        """

    def check_modules(self) -> None:
        """Compare the modules of this process with what is sealed.

        Raises:
            PipelineMismatch: one is not sealed.
        """


@dataclass(frozen=True)
class SealedPipeline:
    """A pipeline version whose files are compared: a seal, its name, and the files' folder."""

    seal: Seal
    root: Path
    name: str
    proof: Proof = Proof.SEALED

    @property
    def digest(self) -> str:
        """BLAKE3, taken anew from the manifest in the seal: what the version rests on."""
        return self.seal.version.blake3

    def xxh3(self, declared: str | None, pipeline: str | None, find: Find) -> str:
        """Taken anew from the manifest in the seal."""
        return self.seal.version.xxh3

    def check_files(self) -> None:
        """Compare every file."""
        seal_file.check(self.seal, self.root, self.name)

    def check_modules(self) -> None:
        """Compare every module that was imported from under the folder."""
        loaded_modules.check(self.seal, self.root, self.name)


class ClaimedPipeline:
    """A pipeline version that is only named, by a digest or a unique beginning of one."""

    proof = Proof.CLAIMED

    def __init__(self, text: str) -> None:
        self.digest = text
        self._xxh3 = text if is_digest(text) and text.startswith("xxh3:") else None

    def xxh3(self, declared: str | None, pipeline: str | None, find: Find) -> str:
        """As recorded; asked once, and only where it is not the declared one as it stands."""
        if self._xxh3 is None and self.digest == declared:
            self._xxh3 = self.digest
        if self._xxh3 is None:
            try:
                version = find(NamedPipeline(pipeline, self.digest))
            except NotFound:
                return self.digest
            self.digest = version.blake3 if self.digest.startswith("blake3:") else version.xxh3
            self._xxh3 = version.xxh3
        return self._xxh3

    def check_files(self) -> None:
        """Nothing is known to compare."""

    def check_modules(self) -> None:
        """Nothing is known to compare."""


def own_pipeline(
    model: str, environment: str, given: str | os.PathLike[str] | None, root: Path | None = None
) -> OwnPipeline:
    """The pipeline that runs here: given, ``LINEAGE_PIPELINE``, or captured here.

    Args:
        model: for the message.
        environment: for the message.
        given: a seal, a digest, or a unique beginning of one.
        root: the folder that a seal's paths are relative to; default: its own.

    Raises:
        PipelineMismatch: nobody says, and there is none to capture; or the seal is not valid.
        UsageError: what is given is neither, or a root without a seal.
    """
    named = os.fspath(given) if given is not None else os.environ.get("LINEAGE_PIPELINE")
    if named:
        return named_pipeline(named, root)
    _require_no(root)
    from lineage.capture.project import opened

    with opened() as project:
        try:
            name = project.config.pipeline_of(model)
            return ClaimedPipeline(project.capture_pipeline(name).version.xxh3)
        except (LineageError, ModuleNotFoundError):  # a host may have nothing to capture with
            raise PipelineMismatch(
                "Nobody says which pipeline this service runs, so nothing of "
                f"{model} in {environment} is loaded.",
                remedy="Seal it where the image is built and name the seal: pipeline=…, or "
                f"LINEAGE_PIPELINE in the service's environment ({act('pipeline seal')}).",
            ) from None


def named_pipeline(text: str, root: Path | None = None) -> OwnPipeline:
    """The pipeline that a seal's path, a digest or the beginning of one names.

    Raises:
        PipelineMismatch: the seal is not valid.
        UsageError: it is neither, or a root without a seal.
    """
    path = Path(text)
    if text.endswith(".json") and (path.is_file() or ":" not in text):
        return SealedPipeline(seal_file.read(path), (root or path.parent).absolute(), path.name)
    _require_no(root)
    return ClaimedPipeline(text if is_digest(text) else check_long_enough(text))


def _require_no(root: Path | None) -> None:
    if root is not None:
        raise UsageError(
            "A root is given, and no seal whose files are under it.",
            remedy='Name the seal: pipeline="pipeline.seal.json"',
        )
