"""A project on disk: its configuration, its repository, and the capture of its components."""

from __future__ import annotations

import os
import posixpath
from contextlib import contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lineage.config import file as config_file
from lineage.errors import CaptureError, UsageError
from lineage.identity.references import check_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from lineage.capture.dvc import DvcProject
    from lineage.capture.git import GitRepository
    from lineage.capture.here import Here
    from lineage.capture.pipeline import CapturedPipeline
    from lineage.capture.source import Source
    from lineage.config.file import ConfigFile
    from lineage.config.models import Config
    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.hashing.cache import StatCache
    from lineage.identity.components import DataVersion

CACHE: Final = ".lineage/cache/digests.db"


class Project:
    """The folder of ``lineage.toml`` (or of ``dvc.yaml``) and the repository it lies in."""

    def __init__(self, root: Path, top: Path, file: ConfigFile | None, *, in_git: bool) -> None:
        self.configured = file is not None
        self.root = root
        self.top = top
        self.file = file or config_file.ConfigFile(config_file.FILE, {})
        self.in_git = in_git
        self._once: Here | None = None
        self._names_of: Callable[[str], Sequence[str]] | None = None
        self._names: dict[str, list[str]] = {}
        self.described_as: dict[str, str] = {}
        """Models that the configuration describes by a name that they had, by the present one."""

    @classmethod
    def find(cls, start: Path | None = None) -> Project:
        """The project that a folder (by default the current one) belongs to.

        Raises:
            UsageError: its configuration cannot be read.
        """
        here = (start or _current()).resolve()
        top = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), None)
        found = config_file.find(here, top)
        if found is not None:
            root, file = found
        else:
            root, file = _nearest_with("dvc.yaml", here, top) or top or here, None
        return cls(root, top or root, file, in_git=top is not None)

    def asking(self, names_of: Callable[[str], Sequence[str]]) -> Project:
        """The same, whose configuration finds a model by the names that it has and had, too."""
        self._names_of = names_of
        return self

    def here(self) -> Project:
        """The project that a configuration in the current folder would make."""
        return Project(Path.cwd().resolve(), self.top, self.file, in_git=self.in_git)

    @property
    def folder(self) -> str:
        """The project's folder relative to the top of the repository; ``""`` at the top."""
        relative = self.root.relative_to(self.top).as_posix()
        return "" if relative == "." else relative

    @cached_property
    def config(self) -> Config:
        """What the configuration says of models.

        Raises:
            UsageError: a setting does not exist or has a wrong value.
        """
        from lineage.config.models import validate

        return validate(self.file).asking(self._other_names)

    def _other_names(self, model: str) -> list[str]:
        """The names that a model has and had, as the registry knows it; asked once for each."""
        if model not in self._names:
            found = list(self._names_of(model)) if self._names_of is not None else []
            described = next((name for name in found if name in self.config.models), None)
            if described is not None:
                self.described_as[found[0]] = described
            self._names[model] = found
        return self._names[model]

    @cached_property
    def git(self) -> GitRepository | None:
        """The repository, where the project is in one."""
        if not self.in_git:
            return None
        from lineage.capture.git import GitRepository

        return GitRepository(self.root)

    def registry_url(self, flag: str | None = None) -> str:
        """Where the registry is: see :func:`lineage.config.file.registry_url`."""
        return config_file.registry_url(self.file, self.root, flag)

    def source(self, revision: str | None = None) -> Source:
        """The project's files, in the working tree or at a revision.

        Raises:
            CaptureError: a revision is named outside git, or is unknown.
        """
        from lineage.capture.source import Revision

        if revision is not None:
            return Revision(self.repository, self.repository.resolve(revision))
        return (self._once or self._now()).source

    @contextmanager
    def read_once(self) -> Iterator[None]:
        """Ask git and DVC once of the working tree, which nothing that is run in here changes."""
        before = self._once
        self._once = before or self._now()
        try:
            yield
        finally:
            self._once = before

    def _now(self) -> Here:
        from lineage.capture.here import Here

        return Here(self.top, self.git, self.folder)

    def config_in(self, source: Source) -> Config:
        """The configuration as a revision holds it; the working tree's where it holds none.

        Raises:
            CaptureError: it is one of the files that a sparse checkout leaves out.
        """
        from lineage.capture.source import Revision

        if not isinstance(source, Revision):
            self._refuse_left_out()
            return self.config
        from lineage.config.models import validate

        for name, table in config_file.PLACES:
            path = posixpath.join(self.folder, name)
            if source.is_file(path):
                text = source.read(path, config_file.LARGEST)
                file = config_file.parse(text, name, table)
                if file is not None:
                    return validate(file).asking(self._other_names)
        return self.config

    def capture_pipeline(
        self,
        name: str | None = None,
        revision: str | None = None,
        *,
        imports: bool | None = None,
    ) -> CapturedPipelineVersion:
        """Capture a pipeline as it is here or at a revision.

        Args:
            name: the pipeline; it may be left out where the configuration describes only one.
            revision: a git revision; None for the working tree.
            imports: follow what a stage runs; None for what the configuration says.

        Raises:
            CaptureError: there is nothing valid to capture.
        """
        source = self.source(revision)
        config = self.config_in(source)
        name = self.pipeline_name(None, config) if name is None else name
        captured = self.pipeline_in(self.dvc(source), config, name, imports=imports)
        return self.pipeline_version(source, name, captured)

    def _refuse_left_out(self) -> None:
        path = posixpath.join(self.folder, config_file.FILE)
        if not self.configured and self.git is not None and path in self.git.left_out:
            raise CaptureError(
                f"This sparse checkout leaves out {path}, which describes the models.",
                remedy=f"Check it out: git sparse-checkout add {path}",
            )

    def pipeline_version(
        self, source: Source, name: str, captured: CapturedPipeline | None
    ) -> CapturedPipelineVersion:
        """A captured pipeline by its name, with the commit that it was captured at.

        Raises:
            CaptureError: it has neither stages nor files.
        """
        if captured is None:
            raise CaptureError(
                f"Pipeline {name} has neither a dvc.yaml nor files.",
                remedy=f"Describe it in dvc.yaml, or list its files under "
                f"[models.{name}.pipeline] in lineage.toml.",
            )
        from lineage.contract.captured import CapturedPipelineVersion  # a project opens quickly

        commit, dirty = self._provenance(source, captured)
        return CapturedPipelineVersion(
            name,
            captured.version,
            commit,
            dirty,
            captured.why,
            captured.unseen,
            notes=captured.notes,
        )

    def pipeline_name(self, name: str | None, config: Config | None = None) -> str:
        """The pipeline that a person means: the named one, or the only one there is.

        Raises:
            UsageError: the configuration describes others, or none is named and there are several.
        """
        config = config or self.config
        names = sorted(config.pipelines())
        if name is not None:
            check_name("pipeline", name)
            if names and name not in names and name in config.models:
                raise UsageError(
                    f"{name} is a model here; its pipeline is {config.pipeline_of(name)}.",
                    remedy=f"Name that one: {config.pipeline_of(name)}.",
                )
            if names and name not in names:
                raise UsageError(
                    f"The configuration describes no pipeline {name!r}.",
                    remedy=f"Name one of its own: {', '.join(names)}.",
                )
            return name
        if len(names) == 1:
            return names[0]
        raise UsageError(
            f"The configuration describes {len(names) or 'no'} pipelines"
            + (f": {', '.join(names)}." if names else "."),
            remedy="Name the pipeline."
            if names
            else "Name the pipeline, or add [models.NAME] to lineage.toml.",
        )

    def own_folder(self) -> Path:
        """The project's ``.lineage``, kept out of git.

        Raises:
            UsageError: it cannot be made.
        """
        folder = self.root / ".lineage"
        ignore = folder / ".gitignore"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{folder} cannot be made: {error.strerror}.", remedy="Make the folder writable."
            ) from None
        return folder

    def metrics_path(self, model: str, path: str | None = None) -> Path | None:
        """The metrics file that is named, or else configured; None where none is."""
        configured = self.config.model(model).metrics
        if path is not None:
            return Path(path)
        return self.inside(configured) if configured is not None else None

    def validation_data(
        self, model: str, named: Sequence[str] = (), dvc: DvcProject | None = None
    ) -> DataVersion | None:
        """The data that a version is validated on.

        Args:
            model: whose configured data sets to take where none is named.
            named: paths from the current folder, or ``name=uri@version``.
            dvc: what DVC knows of the project; None for what it knows now.

        Raises:
            CaptureError: a data set is missing or does not match what DVC recorded.
        """
        from lineage.capture.data import DataReader, from_here

        names = from_here(named, self.root) or self.config.model(model).validation_data
        with self.cache() as cache:
            return DataReader(dvc or self.dvc_here(), self.folder, cache).read(names)

    def _provenance(self, source: Source, captured: CapturedPipeline) -> tuple[str | None, bool]:
        from lineage.capture.source import Revision

        if isinstance(source, Revision):
            return source.commit, False
        if self.git is None:
            return None, True
        from lineage.capture.code import changed_paths

        dirty = bool(
            captured.unheld or changed_paths(self.git, captured.named, self.described(captured))
        )
        return self.git.head, dirty

    def described(self, captured: CapturedPipeline | None) -> list[str]:
        """The files that describe a version, from the top: its code, parameters, configuration."""
        own = [posixpath.join(self.folder, self.file.name)] if self.configured else []
        return [*own, *(captured.named if captured is not None else ())]

    def dvc_here(self) -> DvcProject:
        """What DVC knows of the project as it is here."""
        return (self._once or self._now()).dvc

    def dvc(self, source: Source) -> DvcProject:
        """What DVC knows of the project, as a source holds it."""
        from lineage.capture.dvc import DvcProject

        return DvcProject(source, self.folder)

    def pipeline_in(
        self, dvc: DvcProject, config: Config, name: str, *, imports: bool | None = None
    ) -> CapturedPipeline | None:
        """A pipeline as a source holds it; None where it has neither stages nor files."""
        from lineage.capture.pipeline import capture_pipeline

        table = config.pipelines().get(name)
        if table is None:
            return capture_pipeline(dvc, None, [], imports=imports is not False)
        follow = table.imports if imports is None else imports
        return capture_pipeline(dvc, table.stages, table.files, table.unordered, imports=follow)

    def cache(self) -> AbstractContextManager[StatCache | None]:
        """The digest cache, where ``lineage init`` made its folder."""
        if not (self.root / ".lineage").is_dir():
            return nullcontext()
        from lineage.hashing.cache import StatCache

        return StatCache(self.root / CACHE)

    def inside(self, path: str) -> Path:
        """A path that the configuration names, which must not leave the repository."""
        full = self.root / path
        if not Path(os.path.normpath(full)).is_relative_to(self.top):
            raise CaptureError(
                f"{path!r} in the configuration is outside the repository.",
                remedy="Name a path inside the repository, or give it as a flag.",
            )
        return full

    @property
    def repository(self) -> GitRepository:
        """The repository.

        Raises:
            CaptureError: the project is in none.
        """
        if self.git is None:
            raise CaptureError(
                f"{self.root} is not in a git repository.",
                remedy="Run it inside the repository, or make one (git init); an experiment "
                "(kind experiment) needs none.",
            )
        return self.git


def _current() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UsageError(
            "The current folder does not exist any more.", remedy="Change to one that does: cd"
        ) from None


def _nearest_with(name: str, start: Path, stop: Path | None) -> Path | None:
    for folder in (start, *start.parents):
        if (folder / name).is_file():
            return folder
        if stop is None or folder == stop:
            return None
    return None


@contextmanager
def opened(start: Path | None = None) -> Iterator[Project]:
    """A project whose helper processes end with the block."""
    project = Project.find(start)
    try:
        yield project
    finally:
        if "git" in project.__dict__ and project.git is not None:
            project.git.close()
