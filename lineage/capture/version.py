"""Capturing the four components of a model version (docs/design.md, "Capture")."""

from __future__ import annotations

import os
import posixpath
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lineage.acts import act
from lineage.capture.chain import ChainReader
from lineage.capture.code import capture_code, code_at
from lineage.capture.data import DataReader, from_here
from lineage.capture.dvc_hash import DvcHasher, link_policy
from lineage.capture.origin import OriginReader, OwnRun
from lineage.capture.outside import OutsideInputs, OutsideReader, splits_outside
from lineage.capture.pointers import refuse_pointers, refuse_unfetched
from lineage.capture.source import Revision, WorkingTree
from lineage.contract.captured import CapturedVersion, CaptureRequest
from lineage.errors import CaptureError, DirtyTree, UsageError
from lineage.hashing.files import as_one, hash_files, hash_path, total_size
from lineage.hashing.tree import follow_any
from lineage.identity.components import Components, Kind, Weights
from lineage.identity.pipeline import PipelineVersion
from lineage.identity.references import check_path, check_weights_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.capture.dvc import DvcProject
    from lineage.capture.pipeline import CapturedPipeline
    from lineage.capture.project import Project
    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.hashing.blocks import Progress
    from lineage.hashing.cache import StatCache
    from lineage.hashing.files import Copies, Hashed, HashedFile
    from lineage.hashing.tree import Follow
    from lineage.identity.components import CodeVersion, DataVersion
    from lineage.identity.origin import WeightsOrigin


class VersionCapture:
    """One capture: of a model, from a source, with the configuration that the source holds.

    Args:
        project: what is captured.
        model: the model's name.
        wanted: what to capture otherwise than the configuration says.
        dvc: what DVC knows of the project, as the source holds it; by default it is read anew.
    """

    def __init__(
        self,
        project: Project,
        model: str,
        wanted: CaptureRequest,
        dvc: DvcProject | None = None,
    ) -> None:
        self._project = project
        self.model = model
        self._wanted = wanted
        self._strict = wanted.kind is Kind.PRODUCTION
        self._dvc = dvc or project.dvc(project.source(wanted.revision))
        self._source = self._dvc.source
        self._config = project.config_in(self._source)
        self._table = self._config.model(model)
        self.weights_files: list[HashedFile] = []
        """The files of the weights, once they were captured to be stored."""

    @property
    def size(self) -> int:
        """About how many bytes :meth:`capture` will read, for a progress bar."""
        paths = [self._project.root / item for item in self._items[0] if "://" not in item]
        if self._weights_path is not None:
            paths.append(self._weights_path)
        return sum(total_size(path) for path in paths)

    def before_training(self) -> CapturedVersion:
        """Capture what is there before the weights are made; data that is not there yet is none.

        Raises:
            CaptureError: something does not match, or the tree is dirty.
        """
        found, loose = self._held_pipeline()
        with self._project.cache() as cache:
            try:
                data = self._data(cache, found, self._outside(cache, found))
            except CaptureError:
                data = None
        components = Components(self._code(found), data, self._version(found), None)
        if self._strict and components.pipeline is None:
            self._refuse_incomplete(components, ("pipeline",))
        return CapturedVersion(components, self._config.pipeline_of(self.model), loose)

    def capture(
        self,
        code: CodeVersion | None = None,
        progress: Progress | None = None,
        copies: Copies | None = None,
    ) -> CapturedVersion:
        """Capture the four components.

        Args:
            code: the code as it was captured before; None for the code as it is now.
            progress: called with the number of bytes just hashed.
            copies: makes copies of weights that are to be stored, while they are hashed.

        Raises:
            CaptureError: something is missing, does not match, or the tree is dirty.
        """
        found, loose = self._held_pipeline()
        with self._project.cache() as cache:
            weights = self._weights(cache, progress, copies)
            outside = self._outside(cache, found)
            if self._strict:
                self._refuse_unknown(outside)
            data = self._data(cache, found, outside, progress)
            chains = ChainReader(self._dvc, self._project.top, cache, check=self._strict)
            chain = chains.read(self._weights_path, self._items[0], self._project.folder)
        components = Components(code or self._code(found), data, self._version(found), weights)
        if self._strict:
            self._refuse_incomplete(components)
        return CapturedVersion(
            components,
            self._config.pipeline_of(self.model),
            loose,
            notes=(*(found.notes if found else ()), *outside.notes),
            unseen=found.unseen if found else (),
            chain=chain,
        )

    def origin(self, ran: OwnRun | None = None) -> WeightsOrigin | None:
        """What made the weights of a production version; None for an experiment.

        Args:
            ran: the command that was run for this, if one was.

        Raises:
            CaptureError: they are not what the stages that make them made of what is here.
        """
        if not self._strict:
            return None
        project = self._project
        table = self._config.pipelines().get(self._config.pipeline_of(self.model))
        path, _ = self.weights_source
        with project.cache() as cache:
            reader = OriginReader(
                self.model,
                self._dvc,
                project.git,
                DvcHasher(WorkingTree(project.top, project.git), self._dvc.root, cache, None),
                imports=table is None or table.imports,
                stale_ok=self._wanted.stale_ok,
            )
            return reader.read(path, project.top, ran=ran)

    @property
    def pipeline_version(self) -> CapturedPipelineVersion:
        """The model's pipeline as this capture found it.

        Raises:
            CaptureError: there is nothing valid to capture.
        """
        name = self._config.pipeline_of(self.model)
        return self._project.pipeline_version(self._source, name, self._pipeline)

    def validation_data(self, named: Sequence[str] = ()) -> DataVersion | None:
        """The data that the model is validated on; see :meth:`Project.validation_data`."""
        return self._project.validation_data(self.model, named, self._dvc)

    def _held_pipeline(self) -> tuple[CapturedPipeline | None, tuple[str, ...]]:
        """The pipeline and its loose inputs; of a production version, only what is held."""
        self._require_git()
        found = self._pipeline
        loose = found.loose if found else ()
        if self._strict:
            self._refuse_loose(loose)
            self._refuse_unheld(found)
        return found, loose

    @cached_property
    def _pipeline(self) -> CapturedPipeline | None:
        if self._wanted.outside_pipeline is not None:
            return None
        name = self._config.pipeline_of(self.model)
        return self._project.pipeline_in(self._dvc, self._config, name)

    def _version(self, found: CapturedPipeline | None) -> PipelineVersion | None:
        outside = self._wanted.outside_pipeline
        if outside is not None:
            return PipelineVersion.outside(outside)
        return found.version if found else None

    @property
    def _items(self) -> tuple[list[str], list[str]]:
        """The data as the project names it, and what of it lies outside the repository.

        A flag names data from the current folder, and states the version of what lies outside.
        """
        named = from_here(self._wanted.data, self._project.root)
        if named:
            return named, []
        return splits_outside(self._table.data, self._project.folder)

    @property
    def _weights_path(self) -> Path | None:
        if self._wanted.weights is not None:
            return Path(check_path("weights", self._wanted.weights))
        configured = self._table.weights
        return self._project.inside(configured) if configured is not None else None

    @property
    def weights_source(self) -> tuple[Path, Follow]:
        """Where the weights are, and what is asked before a symbolic link in them is read.

        Raises:
            UsageError: none are configured.
        """
        path = self._weights_path
        if path is None:
            raise UsageError(
                f"No weights of {self.model} are configured.",
                remedy=f"Name them under [models.{self.model}] in lineage.toml, or here: "
                + act("register", self.model, weights="PATH"),
            )
        return path, follow_any if self._wanted.weights else link_policy(self._project.top)

    @property
    def weights(self) -> Weights | None:
        """The weights alone, as they are now; None where none are configured.

        Raises:
            CaptureError: they are not here, or stand for others that were not fetched.
        """
        with self._project.cache() as cache:
            return self._weights(cache, None)

    def _weights(
        self,
        cache: StatCache | None,
        progress: Progress | None,
        copies: Copies | None = None,
    ) -> Weights | None:
        if self._weights_path is None:
            return None
        path, follow = self.weights_source
        shown = self._shown(path)
        if self._strict:
            check_weights_path(shown)
        refuse_pointers(path, "weights", follow, self._project.root)
        refuse_unfetched(path, self._dvc, self._project.top)
        hashed = self._hashed(path, follow, cache, progress, copies)
        if hashed.size == 0:
            raise CaptureError(
                f"The weights {os.fspath(path)} are empty.", remedy="Train the model first."
            )
        return Weights(hashed.xxh3, hashed.blake3, shown, hashed.size, hashed.files)

    def _hashed(
        self,
        path: Path,
        follow: Follow,
        cache: StatCache | None,
        progress: Progress | None,
        copies: Copies | None,
    ) -> Hashed:
        """The digests of the weights, and of each file where they are to be stored."""
        root = self._project.root
        if copies is None:
            strong = self._strict or self._wanted.with_blake3
            return hash_path(
                path,
                with_blake3=strong,
                cache=cache,
                progress=progress,
                follow=follow,
                project=root,
            )
        self.weights_files = hash_files(
            path, cache=cache, progress=progress, follow=follow, project=root, copies=copies
        )
        return as_one(self.weights_files)

    def _data(
        self,
        cache: StatCache | None,
        found: CapturedPipeline | None,
        outside: OutsideInputs,
        progress: Progress | None = None,
    ) -> DataVersion | None:
        reader = DataReader(self._dvc, self._project.folder, cache, progress)
        return reader.read(self._items[0], found.loose if found else (), outside.items)

    def _outside(self, cache: StatCache | None, found: CapturedPipeline | None) -> OutsideInputs:
        """What is known of the inputs that lie outside the repository."""
        manifest = found.version.manifest if found is not None else None
        reader = OutsideReader(self._dvc, cache)
        return reader.read(manifest.stages if manifest else (), self._items[1])

    def _code(self, found: CapturedPipeline | None) -> CodeVersion | None:
        project = self._project
        if isinstance(self._source, Revision):
            return code_at(self._source.git, project.folder, self._source.commit)
        if project.git is None and not self._strict:
            return None
        named = [
            posixpath.normpath(posixpath.join(project.folder, item)) for item in self._items[0]
        ]
        if found is not None:
            named += [*found.named, *found.loose]
        pointers = [
            item.file
            for path in named
            if (item := self._dvc.covering(path)) is not None
            if not item.made_by_stage
        ]
        described = [*pointers, *project.described(found)]
        return capture_code(
            project.repository, project.folder, named, described, clean=self._strict
        )

    def _require_git(self) -> None:
        """Refuse a production version that no commit can be told of, before anything is read."""
        if not self._strict or self._project.in_git:
            return
        source = self._wanted.weights or self._table.weights or "PATH"
        raise CaptureError(
            f"{self._project.root} is not in a git repository, and nothing else says which code "
            f"made {self.model}.",
            remedy="Register it inside the repository of that code. A model from elsewhere "
            f"needs none: {act('register', self.model, external=source)}",
        )

    def _refuse_loose(self, loose: Sequence[str]) -> None:
        """Production data that nothing versions must at least be listed."""
        folder = self._project.folder
        listed = {posixpath.normpath(posixpath.join(folder, item)) for item in self._items[0]}
        stray = [path for path in loose if path not in listed]
        if stray:
            raise CaptureError(
                f"The pipeline reads {', '.join(stray[:5])}, which neither git nor DVC versions.",
                remedy="Commit it to git where it is code (git add), track it with DVC where it is "
                "data (dvc add), or list it under `data` in lineage.toml.",
            )

    def _refuse_unknown(self, outside: OutsideInputs) -> None:
        """Data that the configuration names must not be left out without a digest."""
        for name, why in outside.unknown.items():
            if name in outside.stated:
                raise CaptureError(
                    f"Nothing is known of the data {name}: {why}.",
                    remedy="State its version under `data` in lineage.toml as name=uri@version, "
                    "or let DVC record it (dvc import-url).",
                )

    def _refuse_unheld(self, found: CapturedPipeline | None) -> None:
        """What runs here must be what the commit gives everywhere."""
        if found is not None and found.unheld:
            raise DirtyTree(
                f"{found.unheld[0]}.",
                remedy="Set it in .dvc/config and commit that, or take it out; "
                f"or register an experiment: {act('register', self.model, kind='experiment')}",
            )

    def _refuse_incomplete(self, components: Components, only: Sequence[str] = ()) -> None:
        """Refuse a production version that lacks a component, or ``only`` one of some."""
        missing = [name for name in components.missing if not only or name in only]
        table = f"[models.{self.model}] in lineage.toml"
        how = {
            "code": "commit the code to git",
            "data": f"list data under {table} or name it as you register",
            "pipeline": "describe the pipeline in dvc.yaml, or its files in lineage.toml",
            "weights": f"name the weights under {table} or as you register",
        }
        if missing:
            raise CaptureError(
                f"A production version of {self.model} needs its {' and '.join(missing)}.",
                remedy=f"To add what is missing, {'; '.join(how[name] for name in missing)}.",
            )

    def _shown(self, path: Path) -> str:
        """A path as it is recorded: relative to the project where it is inside."""
        full = Path(os.path.normpath(Path.cwd() / path))
        root = self._project.root
        return full.relative_to(root).as_posix() if full.is_relative_to(root) else str(full)
