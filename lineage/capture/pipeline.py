"""From DVC's stages and the configured files to a pipeline manifest (docs/design.md, "Capture")."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from lineage.capture.code_graph.facts_cache import FactsCache
from lineage.capture.code_graph.graph import CodeGraph
from lineage.capture.code_graph.python.notebook import notebook_digest
from lineage.capture.code_graph.source_files import SourceFiles
from lineage.capture.code_graph.tracked import CODE_SUFFIXES, LINK_MODE, Kind
from lineage.capture.code_graph.values import StageCode, StageToFollow
from lineage.capture.dvc import DvcProject, DvcStage, is_outside
from lineage.capture.dvc_filesystem import clean
from lineage.capture.dvc_settings import DvcSettings, config_path
from lineage.capture.globs import expand
from lineage.capture.lock import Lock
from lineage.capture.made_parameters import MadeParameters
from lineage.capture.outside_address import shown_address
from lineage.capture.source import WorkingTree, is_dvc_file
from lineage.capture.stage_addresses import address, choose, relative
from lineage.errors import CaptureError
from lineage.identity.digest import blake3_of
from lineage.identity.pipeline import Manifest, PipelineVersion, Scope, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lineage.capture.source import Source
    from lineage.identity.digest import Digest
    from lineage.identity.parameters import Typed


_COMPILED: Final = "__pycache__"
"""What Python makes of code that is here anyway."""


@dataclass(frozen=True)
class CapturedPipeline:
    """A pipeline version as captured.

    ``loose`` holds the inputs that neither git nor DVC versions, ``named`` the files that a commit
    must hold; both relative to the top of the repository. ``code`` tells for each stage
    how its files came in and what could not be followed, its paths relative to the project's
    folder; it is empty where nothing was followed. ``notes`` say what a person should know of how
    it was read; those in ``unheld`` name what DVC goes by here and no commit holds.
    """

    version: PipelineVersion
    loose: tuple[str, ...]
    named: tuple[str, ...]
    code: Mapping[str, StageCode] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unheld: tuple[str, ...] = ()

    @property
    def why(self) -> dict[str, dict[str, str]]:
        """For each stage how each of its code files came in, in words."""
        stages = self.version.manifest.stages if self.version.manifest is not None else {}
        return {name: ways_of(stage, self.code.get(name)) for name, stage in stages.items()}

    @property
    def unseen(self) -> tuple[dict[str, str], ...]:
        """JSON of what runs and could not be followed."""
        return tuple(
            {"stage": name, **thing.to_json()}
            for name, code in self.code.items()
            for thing in code.unseen
        )


def ways_of(stage: Stage, code: StageCode | None = None) -> dict[str, str]:
    """How each code file of a stage came in, in words; all are declared where none was followed."""
    code = code or StageCode()
    return {path: code.why(path) for path in sorted(stage.code)}


def capture_pipeline(
    project: DvcProject,
    stages: list[str] | None,
    files: list[str],
    unordered: Iterable[str] = (),
    *,
    imports: bool = True,
) -> CapturedPipeline | None:
    """Capture a pipeline.

    Args:
        project: where to read.
        stages: names of the stages that production runs too; None for all.
        files: further files (globs, relative to the project's folder) that define the pipeline.
        unordered: parameter files in which the order of keys does not count.
        imports: follow what a stage runs; else its declared dependencies are its code.

    Returns:
        None where there are neither stages nor files.

    Raises:
        CaptureError: a stage, a file or a parameter is missing, or a DVC file cannot be read.
    """
    source, folder = project.source, project.folder
    chosen = dict(choose(project, folder, stages))
    with FactsCache.default() as cache:
        kept = [clean(posixpath.join(folder, path)) for path in unordered]
        reader = _StageReader(project, cache, kept, imports=imports)
        captured = {name: reader.read(name, stage) for name, stage in chosen.items()}
    listed = {path: source.code_digest(path) for path in expand(source, folder, files)}
    if not captured and not listed:
        return None
    named = {relative(path, folder): digest for path, digest in listed.items()}
    settings = project.settings if captured else DvcSettings()
    unheld = (*settings.unheld, *(_unheld_project(root) for root in project.own.unheld))
    scope = reader.scope if captured else None
    manifest = Manifest(captured, named, settings.changed, scope)
    described = _describing(project, chosen)
    if settings.changed:
        described.append(config_path(project.root))
    return CapturedPipeline(
        PipelineVersion(manifest),
        tuple(sorted(reader.loose | reader.strays)),
        tuple(
            sorted({*reader.code, *listed, *described, *reader.strays, *reader.locks, *reader.gone})
        ),
        {name: code.seen_from(folder) for name, code in reader.followed.items()},
        (
            *reader.parameters.notes,
            *_unknown(source, reader.loose),
            *(f"{path} is deleted here, and no commit says so" for path in reader.gone),
            *unheld,
        ),
        unheld,
    )


def _unknown(source: Source, loose: Iterable[str]) -> Iterator[str]:
    """What cannot be known of inputs that nothing versions, where no disk is looked at."""
    for path in sorted(loose):
        if not (isinstance(source, WorkingTree) or source.is_file(path) or source.is_dir(path)):
            yield (
                f"what {path} held is not known: nothing versions it, and the revision does not "
                "hold it"
            )


def code_of(
    project: DvcProject, names: Iterable[str], *, imports: bool = True
) -> dict[str, dict[str, Digest]]:
    """The code files of stages, relative to the top of the repository, by the stages' addresses.

    Stages that are not there are left out.

    Raises:
        CaptureError: a file is missing, or a DVC file cannot be read.
    """
    available = {address(stage, project.folder): stage for stage in project.stages}
    with FactsCache.default() as cache:
        reader = _StageReader(project, cache, imports=imports)
        return {
            name: {path: reader.digest(path) for path in reader.files(name, available[name])[0]}
            for name in names
            if name in available
        }


class _StageReader:
    """Turns DVC's stages into manifest stages, and keeps what it met on the way."""

    def __init__(
        self,
        project: DvcProject,
        cache: FactsCache,
        unordered: Iterable[str] = (),
        *,
        imports: bool,
    ) -> None:
        self._project = project
        self._source = project.source
        self._files = SourceFiles(project.source)
        self._graph = CodeGraph(self._files, project.made, cache)
        self._imports = imports
        self.parameters = project.parameters(unordered)
        self._lock = Lock(project, None)
        self._made = MadeParameters(self._lock, frozenset(unordered))
        self.locks: set[str] = set()
        """The locks that parameters were read from."""
        self.code: dict[str, Digest] = {}
        self.loose: set[str] = set()
        self.strays: set[str] = set()
        """Other files in folder dependencies that nothing versions: no part of the pipeline."""
        self.followed: dict[str, StageCode] = {}
        self._beyond_declared = False
        self._there: dict[str, bool] = {}
        self._gone: dict[str, bool] = {}
        self._classified: dict[str, list[tuple[str, bool]]] = {}

    @property
    def scope(self) -> Scope | None:
        """Which code the stages hold that were read."""
        if not self._imports:
            return Scope.DECLARED
        return Scope.FOLLOWED if self._beyond_declared else None

    def read(self, name: str, stage: DvcStage) -> Stage:
        """A stage as the manifest holds it."""
        folder = self._project.folder
        files, read = self.files(name, stage)
        code = {relative(path, folder): self.digest(path) for path in files}
        inputs = {shown_address(relative(path, folder)) for path in read}
        params = {}
        for file, names in stage.params.items():
            if values := self._parameters(name, stage, file, names):
                params[relative(file, folder)] = values
        outputs = tuple(sorted({relative(out, folder) for out in stage.outs}))
        return Stage(stage.cmd, code, params, tuple(sorted(inputs)), outputs)

    def _parameters(
        self, name: str, stage: DvcStage, file: str, names: tuple[str, ...]
    ) -> Mapping[str, Typed]:
        """A stage's parameters in a file."""
        if self._project.covering(file) is None:
            return self.parameters.read(file, names, f"stage {stage.name} of {stage.file}")
        values, unread = self._made.read(stage, file, names)
        self.locks.add(self._lock.file(stage))
        if unread:
            code = self.followed.get(name, StageCode())
            self.followed[name] = replace(code, unseen=(*code.unseen, *unread))
        return values

    def files(self, name: str, stage: DvcStage) -> tuple[list[str], list[str]]:
        """The code files of a stage, and the inputs that it declares."""
        classified = [found for dep in stage.deps for found in self._behind(stage, dep)]
        declared = [path for path, is_code in classified if is_code and not self._is_gone(path)]
        read = [path for path, is_code in classified if not is_code]
        if self._imports:
            self.followed[name] = self._follow(stage, declared, read)
            files = [path for path in self.followed[name].files if self._is_there(path)]
            known = {*read, *declared}
            further = [path for path in files if path not in known]
            self._beyond_declared = self._beyond_declared or bool(further)
            declared += further
        self._take_stored(declared)
        return declared, read

    def _is_gone(self, path: str) -> bool:
        """Whether a tracked file was deleted from the working tree: then it is no code any more."""
        if path not in self._gone:
            is_file = self._source.is_tracked(path)
            self._gone[path] = is_file and not self._source.is_there(path)
        return self._gone[path]

    @property
    def gone(self) -> list[str]:
        """The tracked files met that were deleted, which makes the version dirty."""
        return sorted(path for path, is_gone in self._gone.items() if is_gone)

    def _follow(self, stage: DvcStage, declared: list[str], inputs: list[str]) -> StageCode:
        """What the stage runs."""
        return self._graph.follow(
            StageToFollow(
                stage.cmd,
                "" if is_outside(stage.wdir) else stage.wdir,
                tuple(declared),
                tuple(inputs),
                tuple(stage.params),
                self._project.folder,
            )
        )

    def _is_there(self, path: str) -> bool:
        """Whether a file that is followed has bytes; one that is gone is named as unseen."""
        if path not in self._there:
            self._there[path] = (
                self._files.is_there(path)
                or self._source.is_file(path)
                or self._source.submodule_of(path) == path
            )
        return self._there[path]

    def _behind(self, stage: DvcStage, dep: str) -> list[tuple[str, bool]]:
        """The same for every stage that depends on it; looked up once."""
        if dep not in self._classified:
            self._classified[dep] = list(self._classify(stage, dep))
        return self._classified[dep]

    def _classify(self, stage: DvcStage, dep: str) -> Iterator[tuple[str, bool]]:
        """The files behind a dependency: (path, whether it is code)."""
        lies = self._graph.tracked.find(dep)
        if lies is not None and lies.kind in (Kind.FILE, Kind.FOLDER) and lies.path:
            dep = lies.path  # behind a link, where git tracks it
        if is_outside(dep) or self._project.covering(dep) is not None:
            yield dep, False
        elif (submodule := self._source.submodule_of(dep)) is not None:
            yield submodule, True
        elif self._source.is_tracked(dep):
            yield dep, True
        else:
            yield from self._folder_or_loose(stage, dep)

    def _folder_or_loose(self, stage: DvcStage, dep: str) -> Iterator[tuple[str, bool]]:
        folders = [dep]
        tracked = self._tracked(folders)
        made = [path for folder in folders for path in self._project.below(folder)]
        if not tracked and not made:
            self._check_present(stage, dep)
            self.loose.add(dep)
            yield dep, False
            return
        yield from ((path, False) for path in made)
        yield from ((path, True) for path in self._content(tracked))
        new = dict.fromkeys(path for one in folders for path in self._source.untracked_below(one))
        fresh = filter(_is_content, new)
        for path in self._content(path for path in fresh if _COMPILED not in path.split("/")):
            if path.endswith(CODE_SUFFIXES):
                yield path, True
            else:
                self.strays.add(path)

    def _tracked(self, folders: list[str]) -> list[str]:
        """What git tracks in folders; those that links in them lead to are added to the list."""
        found: dict[str, None] = {}
        for folder in folders:
            for path in filter(_is_content, self._source.tracked_below(folder)):
                lies = self._linked_folder(path, folders[0])
                if lies is None:
                    found[path] = None
                elif lies not in folders:
                    folders.append(lies)
        return list(found)

    def _linked_folder(self, path: str, above: str) -> str | None:
        """The tracked folder that a link leads to; None for anything else, and for one above it."""
        if self._source.tracked[path].mode != LINK_MODE:
            return None
        lies = self._graph.tracked.folder(path)
        if not lies or above.startswith(f"{lies}/"):
            return None
        return lies if self._source.tracked_below(lies) else None

    def _content(self, paths: Iterable[str]) -> Iterator[str]:
        """The files of a folder dependency that count, but for what DVC makes."""
        for path in self._project.own.among(paths):
            if self._project.covering(path) is None:
                yield path

    def _check_present(self, stage: DvcStage, dep: str) -> None:
        here = isinstance(self._source, WorkingTree)
        if here and not self._source.is_file(dep) and not self._source.is_dir(dep):
            raise CaptureError(
                f"Stage {stage.name} of {stage.file} depends on {dep}, which does not exist.",
                remedy=f"Create {dep}, fetch it (dvc pull), or remove it from the stage's deps.",
            )

    def _take_stored(self, paths: Iterable[str]) -> None:
        """Take the digests of what git stores all at once, which is much quicker."""
        fresh = [path for path in paths if path not in self.code]
        stored = self._files.content_ids(fresh)
        for path, data in self._files.contents(stored):
            if data is not None:
                self.code[path] = _content_digest(path, data)

    def digest(self, path: str) -> Digest:
        if path not in self.code:
            notebook = self._graph.content(path) if path.endswith(".ipynb") else None
            digest = notebook_digest(notebook) if notebook is not None else None
            self.code[path] = digest or self._source.code_digest(path)
        return self.code[path]


def _content_digest(path: str, data: bytes) -> Digest:
    """BLAKE3 of a file; of a notebook, of its code cells."""
    digest = notebook_digest(data) if path.endswith(".ipynb") else None
    return digest or blake3_of(data)


def _unheld_project(root: str) -> str:
    return f"{root}/.dvc makes {root} a DVC project of its own here and is in no commit"


def _describing(project: DvcProject, chosen: Mapping[str, DvcStage]) -> list[str]:
    """The files that say what stages are: where they are defined, and their parameters."""
    own = {file for stage in chosen.values() for file in (stage.file, *stage.params)}
    others = {file for stage in project.stages for file in stage.params} - own
    read = {path for path in project.read_texts if not is_dvc_file(path)}
    return sorted((own | (read - others)) - project.made)


def _is_content(path: str) -> bool:
    """Whether a file of a folder counts: DVC's pointers and ignore lists do not."""
    return not is_dvc_file(path) and posixpath.basename(path) not in (".gitignore", ".dvcignore")
