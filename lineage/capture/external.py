"""Capturing a model from elsewhere: its weights here, its code and data by what is said of them.

What made such a model lies elsewhere, the pipeline that prepares its inputs here (decision 38). A
hub's revision is a commit of a git repository: it stands for the code, and for the data that
nobody names. A folder says nothing of either.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lineage.acts import act
from lineage.capture import hub
from lineage.capture.data import DataReader, from_here
from lineage.capture.pointers import refuse_pointers
from lineage.contract.captured import CapturedVersion
from lineage.errors import CaptureError, DirtyTree, UsageError
from lineage.hashing.files import as_one, hash_files, hash_path, total_size
from lineage.hashing.tree import tree_files
from lineage.identity.components import (
    CodeVersion,
    Components,
    DataItem,
    DataVersion,
    Kind,
    Known,
    Weights,
)
from lineage.identity.digest import Digest
from lineage.identity.external import HubAddress, is_commit, is_on_hub, stated_code
from lineage.identity.origin import OriginState, WeightsOrigin
from lineage.identity.references import check_path, check_weights_path
from lineage.masking import masked_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.capture.hub import HubSnapshot
    from lineage.capture.project import Project
    from lineage.contract.captured import CapturedPipelineVersion, ExternalRequest
    from lineage.hashing.blocks import Progress
    from lineage.hashing.files import Copies, HashedFile
    from lineage.hashing.tree import Follow


class ExternalCapture:
    """One capture of a model from elsewhere.

    Args:
        project: in which it is registered.
        model: the model's name.
        wanted: where the model is, and what is said of it.
        pipeline: the pipeline version that prepares its inputs; None where none is known.

    Raises:
        UsageError: the source, the code or an item of data cannot be read.
    """

    def __init__(
        self,
        project: Project,
        model: str,
        wanted: ExternalRequest,
        pipeline: CapturedPipelineVersion | None,
    ) -> None:
        self._project = project
        self.model = model
        self._wanted = wanted
        self._pipeline = pipeline
        self._address = _address(wanted)
        self._code = stated_code(wanted.code) if wanted.code is not None else None
        self.weights_files: list[HashedFile] = []
        """The files of the weights, once they were captured to be stored."""

    @cached_property
    def kind(self) -> Kind:
        """The kind that is asked for; else production where all that it needs is known.

        Raises:
            CaptureError: production is asked for, and something is not known.
        """
        if self._wanted.kind is not Kind.PRODUCTION:
            return self._wanted.kind or (Kind.EXPERIMENT if self.lacks else Kind.PRODUCTION)
        if self.lacks == ("commit",):
            raise DirtyTree(
                "No commit holds the pipeline's files as they are here.",
                remedy="Commit them, or name a version of the pipeline that is recorded; or "
                f"register an experiment: {self._again(kind='experiment')}",
            )
        if self.lacks:
            raise CaptureError(
                f"A production version of {self.model} needs more than is known: nothing says its "
                f"{_listed(self.lacks)}.",
                remedy=f"Say it: {self._again()}; or register an experiment: "
                f"{self._again(kind='experiment')}",
            )
        return Kind.PRODUCTION

    @cached_property
    def lacks(self) -> tuple[str, ...]:
        """What a production version needs, and is not known.

        Components; or ``commit``, where none holds the files of the pipeline as they are here.
        """
        known = {
            "code": self._code is not None or self._address is not None,
            "data": self._data is not None or self._address is not None,
            "pipeline": self._pipeline is not None,
        }
        lacking = tuple(name for name, is_known in known.items() if not is_known)
        unheld = self._pipeline is not None and self._pipeline.dirty
        return lacking or (("commit",) if unheld else ())

    @property
    def size(self) -> int:
        """About how many bytes :meth:`capture` will read, for a progress bar; a hub's are here."""
        return total_size(self._place)

    def capture(
        self, progress: Progress | None = None, copies: Copies | None = None
    ) -> CapturedVersion:
        """Capture the weights, and put together what is said of them.

        Args:
            progress: called with the number of bytes just hashed.
            copies: makes copies of weights that are to be stored, while they are hashed.

        Raises:
            CaptureError: the weights are missing, empty or stand for others, or a file of them lies
                elsewhere.
        """
        weights, pipeline = self._weights(progress, copies), self._pipeline
        version = pipeline.version if pipeline is not None else None
        components = Components(self._code_version(), self._data_version(), version, weights)
        snapshot = self._snapshot
        return CapturedVersion(
            components,
            pipeline.name if pipeline is not None else self.model,
            origin=WeightsOrigin(
                OriginState.EXTERNAL,
                commit=snapshot.commit if snapshot is not None else None,
                source=snapshot.source if snapshot is not None else weights.path,
            ),
            notes=(*(pipeline.notes if pipeline is not None else ()), *self._notes()),
            unseen=pipeline.unseen if pipeline is not None else (),
            pipeline_commit=pipeline.commit if pipeline is not None else None,
            pipeline_dirty=pipeline is not None and pipeline.dirty,
        )

    @cached_property
    def _snapshot(self) -> HubSnapshot | None:
        if self._address is None:
            return None
        return hub.look_up(self._address, self._wanted.include)

    @cached_property
    def _place(self) -> Path:
        """Where the weights are on this machine, fetched if they have to be."""
        if self._snapshot is not None:
            return hub.fetch(self._snapshot, self._wanted.include)
        return Path(check_path("weights", self._wanted.source))

    def _weights(self, progress: Progress | None, copies: Copies | None) -> Weights:
        path, project = self._place, self._project.root
        shown = self._shown(path)
        if self.kind is Kind.PRODUCTION:
            check_weights_path(shown)
        follow = within(path)
        others = _others(self._snapshot, path) if self._snapshot is not None else ()
        refuse_pointers(path, "weights", follow, project, others)
        with self._project.cache() as cache:
            if copies is None:
                hashed = hash_path(
                    path,
                    with_blake3=True,
                    cache=cache,
                    progress=progress,
                    follow=follow,
                    project=project,
                    without=others,
                )
            else:
                self.weights_files = hash_files(
                    path,
                    cache=cache,
                    progress=progress,
                    follow=follow,
                    project=project,
                    without=others,
                    copies=copies,
                )
                hashed = as_one(self.weights_files)
        if hashed.size == 0:
            raise CaptureError(
                f"The weights {os.fspath(path)} are empty.", remedy="Name those that are not."
            )
        return Weights(hashed.xxh3, hashed.blake3, shown, hashed.size, hashed.files)

    def _code_version(self) -> CodeVersion | None:
        if self._code is not None or self._snapshot is None:
            return self._code
        revision = self._snapshot.address.revision
        branch = None if is_commit(revision) else revision
        return CodeVersion(self._snapshot.commit, remote=self._snapshot.url, branch=branch)

    def _data_version(self) -> DataVersion | None:
        """The data that is named; else of a hub's model whatever went into that revision."""
        if self._data is not None or self._snapshot is None:
            return self._data
        digest = Digest(f"uri:{self._snapshot.source}")
        return DataVersion((DataItem(self._snapshot.address.place, digest, Known.ASSERTED),))

    @cached_property
    def _data(self) -> DataVersion | None:
        if not self._wanted.data:
            return None
        project = self._project
        with project.cache() as cache:
            reader = DataReader(project.dvc_here(), project.folder, cache)
            return reader.read(from_here(self._wanted.data, project.root))

    def _notes(self) -> Iterator[str]:
        """What a person should know of how the kind and the data came about."""
        if self._data is None and self._snapshot is not None:
            yield (
                "nobody says what data the model was trained on: its revision stands for that, as "
                "asserted"
            )
        if self._wanted.kind is not None or not self.lacks:
            return
        if self.lacks == ("commit",):
            yield "it is an experiment, for no commit holds the pipeline's files as they are here"
        else:
            yield f"it is an experiment, for nothing says its {_listed(self.lacks)}"

    def _again(self, kind: str | None = None) -> str:
        """The registration with what is still to be said; or of another kind."""
        lacks = self.lacks if kind is None else ()
        return act(
            "register",
            self.model,
            external=self._wanted.source,
            code="URL@COMMIT" if "code" in lacks else self._wanted.code,
            data="NAME=URI@VERSION" if "data" in lacks else next(iter(self._wanted.data), None),
            pipeline="NAME@DIGEST" if "pipeline" in lacks else self._wanted.pipeline,
            kind=kind,
        )

    def _shown(self, path: Path) -> str:
        """A path as it is recorded: relative to the project where it is inside."""
        if self._snapshot is not None:
            return self._snapshot.address.place
        full = Path(os.path.normpath(Path.cwd() / path))
        root = self._project.root
        return full.relative_to(root).as_posix() if full.is_relative_to(root) else str(full)


def within(path: Path) -> Follow:
    """Links may lead to what is inside the folder itself, and inside a hub's cache to its blobs.

    A model from elsewhere is somebody else's work: a link in it must not bring in other files.
    """
    top = path.resolve()
    blobs = top.parent.parent / "blobs" if top.parent.name == "snapshots" else top

    def follow(link: Path) -> None:
        real = link.resolve()
        if not (real.is_relative_to(top) or real.is_relative_to(blobs)):
            raise CaptureError(
                f"The symbolic link {link} leads out of the model's folder.",
                remedy="Put the file itself there, or take the link out.",
            )

    return follow


def _address(wanted: ExternalRequest) -> HubAddress | None:
    """The hub's address; None for a path."""
    if is_on_hub(wanted.source):
        return HubAddress.parse(wanted.source)
    if "://" in wanted.source:
        raise UsageError(
            f"No model is fetched from {masked_url(wanted.source)[:120]!r}.",
            remedy="Name one of a hub (hf://ORG/NAME@REVISION); or fetch it, and name its folder.",
        )
    if wanted.include:
        raise UsageError(
            "Patterns choose among the files of a hub, and this is a path.",
            remedy="Leave out what is no part of the model by a .lineageignore in its folder.",
        )
    return None


def _listed(names: tuple[str, ...]) -> str:
    """Names as a sentence has them: ``code, data and pipeline``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _others(snapshot: HubSnapshot, folder: Path) -> tuple[str, ...]:
    """Files in the hub's cache that are not among those of a snapshot which are meant.

    Raises:
        CaptureError: one of those that are meant is not there, or would not count.
    """
    here = {relative for relative, _, _ in tree_files(folder, within(folder))}
    left_out = sorted(set(snapshot.files) - here)
    if left_out:
        raise CaptureError(
            f"{snapshot.source} holds {left_out[0]!r}, which would not count as a part of it.",
            remedy="Name the files that are the model by patterns: "
            f"{act('register', 'MODEL', external=snapshot.source, include='PATTERN')}",
        )
    return tuple(sorted(here - set(snapshot.files)))
