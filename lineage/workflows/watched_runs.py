"""Watched runs: what a run was observed to read, held against what the components hold.

A run that registers or validates is watched where it happens (:mod:`.recorded_runs`); one of
``lineage run`` is kept in ``.lineage/runs`` under the pipeline version that was there, and the
registration or validation that follows finds it, as long as the pipeline is that version and no
undeclared file has changed since.
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineage import strict_json
from lineage.bounded_file import Unfit
from lineage.bounded_file import read as read_bounded
from lineage.capture.watch import KnownPaths, ProgramKind, undeclared
from lineage.capture.watch.records import printable
from lineage.errors import LineageError
from lineage.hashing.files import hash_path
from lineage.identity.watched import (
    MOST_KEPT,
    MOST_UNDECLARED,
    Module,
    Role,
    WatchedRun,
    is_of,
)
from lineage.whole_file import write_whole
from lineage.workflows.own_parts import is_own, weights_here

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lineage.capture.command import Run
    from lineage.capture.dvc import DvcStage
    from lineage.capture.project import Project
    from lineage.capture.watch import Observed
    from lineage.identity.pipeline import Manifest, PipelineVersion
    from lineage.identity.watched import Undeclared

RUNS: Final = "runs"
_FORMAT: Final = 1
_LARGEST: Final = 16 << 20


def watched_run(
    project: Project,
    pipeline: str,
    version: PipelineVersion | None,
    run: Run,
    observed: Observed,
    *,
    data: Iterable[str] = (),
) -> WatchedRun:
    """What was observed of a run, held against a pipeline version and the data.

    No failure of this touches the run: it stands among the gaps.

    Args:
        project: where it ran.
        pipeline: the pipeline's name in the configuration.
        version: the pipeline version that was there.
        run: the command.
        observed: what was observed of it.
        data: further paths that the components hold, from the project's folder.
    """
    gaps = _gaps(observed)
    found: tuple[Undeclared, ...] = ()
    code: tuple[str, ...] = ()
    try:
        comparison = _Comparison(project, pipeline, version.manifest if version else None, data)
        found = comparison.undeclared(observed, run)
        code = comparison.code_read(observed)
    except (LineageError, OSError) as error:
        reason = " ".join(str(error).split())
        gaps.append(printable(f"what it read was not held against the pipeline: {reason}"[:1000]))
    if len(found) > MOST_UNDECLARED:
        gaps.append(f"{len(found) - MOST_UNDECLARED} more undeclared files are not kept")
        found = tuple(sorted(found, key=lambda file: (not counts(file), file.path)))
        found = tuple(sorted(found[:MOST_UNDECLARED], key=lambda file: file.path))
    return WatchedRun(
        run.to_json(),
        found,
        code,
        tuple(Module(one.name, _own(project, one.path)) for one in observed.modules),
        observed.distributions,
        observed.interpreters,
        tuple(gaps),
    )


def _gaps(observed: Observed) -> list[str]:
    """What may be missing; a shell is no gap, for the programs that it starts report themselves."""
    others = [one for one in observed.unobserved if one.kind is not ProgramKind.LAUNCHER]
    return list(replace(observed, unobserved=tuple(others)).gaps)


def read_by_programs(observed: Observed) -> frozenset[str]:
    """The files, relative to the top of the repository, that other programs than DVC read."""
    return frozenset(
        path
        for file in observed.inputs
        for path in (file.path, file.target or file.path)
        if not file.by or not all(map(is_dvc, file.by))
    )


def counts(file: Undeclared) -> bool:
    """Whether a pipeline version is incomplete without a file: tracked code or parameters."""
    return file.is_tracked and file.role is not Role.DATA


def notes(runs: Iterable[WatchedRun]) -> Iterator[str]:
    """What a person should hear of watched runs at once, a sentence each."""
    for run in runs:
        for gap in run.gaps:
            if gap.startswith("watching failed"):
                yield f"the run itself is not touched, but {gap}"
        missing = [file.path for file in run.undeclared if counts(file)]
        if missing:
            more = f" and {len(missing) - 5} more" if missing[5:] else ""
            yield (
                f"the run read {', '.join(missing[:5])}{more}, which the pipeline version does not "
                "hold"
            )


def keep(project: Project, version: PipelineVersion, run: WatchedRun) -> Path:
    """Keep a run for the registration or validation that follows; its file.

    Raises:
        UsageError: the project's own folder cannot be made.
        OSError: the file cannot be written.
    """
    folder = _folder(project.own_folder(), version)
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "format": _FORMAT,
        "pipeline": version.blake3,
        "files": {
            file.path: _digest(project, file.path) for file in run.undeclared if counts(file)
        },
        "weights": [[str(one.xxh3), str(one.blake3)] for one in weights_here(project).values()],
        "watched": run.to_json(),
    }
    moment = "".join(filter(str.isdigit, str(run.run["started_at"])))
    path = folder / f"{moment}.json"
    write_whole(path, strict_json.dumps(document).encode("utf-8"))
    for old in sorted(folder.glob("*.json"))[:-MOST_KEPT]:
        old.unlink(missing_ok=True)
    return path


def kept(
    project: Project, version: PipelineVersion | None, *, of: Mapping[str, Any] | None = None
) -> tuple[WatchedRun, ...]:
    """The kept runs that hold for a pipeline version as the project is now, the oldest first.

    Args:
        project: where they ran.
        version: the pipeline version.
        of: JSON of a model version: only the runs that ended with its weights in place.
    """
    if version is None:
        return ()
    folder = _folder(project.root / ".lineage", version)
    paths = sorted(folder.glob("*.json"))[-MOST_KEPT:]
    found = (_read(project, version, path, of) for path in paths)
    return tuple(run for run in found if run is not None)


def _folder(own: Path, version: PipelineVersion) -> Path:
    return own / RUNS / version.blake3.partition(":")[2][:32]


def _read(
    project: Project, version: PipelineVersion, path: Path, of: Mapping[str, Any] | None
) -> WatchedRun | None:
    """A kept run; None where it does not hold any more, or is no such file."""
    try:
        body: Any = strict_json.loads(read_bounded(path, _LARGEST))
        if body["format"] != _FORMAT or body["pipeline"] != version.blake3:
            return None
        run = WatchedRun.from_json(body["watched"])
        files: dict[str, str] = body["files"]
        same = all(_digest(project, name) == digest for name, digest in files.items())
        if of is not None and of["weights"] is not None:
            same = same and any(is_own(of, xxh3, blake3) for xxh3, blake3 in body["weights"])
    except (Unfit, OSError, ValueError, KeyError, TypeError, RecursionError, LineageError):
        return None
    return run if same else None


def _digest(project: Project, path: str) -> str:
    full = project.root / path
    return str(hash_path(full, with_blake3=True).blake3) if full.is_file() else ""


def _own(project: Project, path: str) -> str:
    """A path from the top of the repository as the manifest writes it: from the project's folder.

    A folder keeps its ``/``.
    """
    slash = "/" if path.endswith("/") else ""
    return posixpath.relpath(path, project.folder or ".") + slash


class _Comparison:
    """A project's pipeline and data, as paths from the top of the repository."""

    def __init__(
        self, project: Project, pipeline: str, manifest: Manifest | None, data: Iterable[str]
    ) -> None:
        self._project = project
        table = project.config.pipelines().get(pipeline)
        self._besides = tuple(table.besides) if table is not None else ()
        self._stages = tuple(manifest.stages.values()) if manifest is not None else ()
        self._code = frozenset(
            self._top(path) for stage in self._stages for path in stage.code
        ) | frozenset(self._top(path) for path in (manifest.files if manifest else ()))
        self._known = KnownPaths(
            code=self._code,
            parameters=[self._top(path) for stage in self._stages for path in stage.params],
            inputs=[self._top(path) for stage in self._stages for path in stage.inputs],
            outputs=[self._top(path) for stage in self._stages for path in stage.outputs],
            data=[self._top(path) for path in (*data, *_configured(project, pipeline))],
        )
        git = project.git
        self._tracked = frozenset(git.index) if git is not None else frozenset()

    def undeclared(self, observed: Observed, run: Run) -> tuple[Undeclared, ...]:
        """What was read and is in no component; see :func:`watched_run`.

        Left out is what DVC alone read, what the command itself names, what ``besides`` lists, and
        what the stages that production does not run declare, unless a stage that it runs read it.
        """
        named = self._named(run)
        left_out = self._left_out()
        found = []
        for file in undeclared(observed, self._known, self._tracked):
            path = _own(self._project, file.path)
            is_pipelines = any(self._is_own_script(script) for script in file.by)
            if (
                (file.by and all(map(is_dvc, file.by)))
                or file.path in named
                or any(fnmatchcase(path, pattern) for pattern in self._besides)
                or (not is_pipelines and not left_out.isdisjoint(_and_above(file.path)))
            ):
                continue
            found.append(type(file)(path, file.role, file.is_tracked, file.by))
        return tuple(found)

    def code_read(self, observed: Observed) -> tuple[str, ...]:
        """The pipeline's code files that were read, but for what DVC alone read."""
        return tuple(
            sorted(_own(self._project, path) for path in read_by_programs(observed) & self._code)
        )

    def _top(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self._project.folder, path))

    def _named(self, run: Run) -> frozenset[str]:
        """The files that the command names: the program of a training or of a validation."""
        command, here, top = run.command, Path(run.folder), self._project.top
        paths = [Path(os.path.normpath(here / word)) for word in command]
        words = {path.relative_to(top).as_posix() for path in paths if path.is_relative_to(top)}
        modules = [f"-m {word}" for flag, word in pairwise(command) if flag == "-m"]
        return frozenset(
            path
            for path in self._tracked
            if path in words or any(is_of(module, path) for module in modules)
        )

    def _left_out(self) -> frozenset[str]:
        """What the stages that production does not run declare, and the files they name."""
        own = {stage.cmd for stage in self._stages}
        dvc = self._project.dvc_here()
        found: set[str] = set()
        for stage in dvc.stages:
            if stage.cmd not in own:
                found |= {*stage.deps, *stage.params, *stage.outs, *self._words(stage)}
        return frozenset(found)

    def _words(self, stage: DvcStage) -> set[str]:
        words = " ".join(stage.cmd).split()
        return {posixpath.normpath(posixpath.join(stage.wdir, word)) for word in words}

    def _is_own_script(self, script: str) -> bool:
        """Whether a script, or a ``-m module``, is code of a stage that production runs."""
        return any(is_of(script, path) for path in self._code)


def is_dvc(script: str) -> bool:
    """Whether a script is DVC itself."""
    return script.rpartition("/")[2] == "dvc" or script == "-m dvc"


def _configured(project: Project, pipeline: str) -> Iterator[str]:
    """The data, weights and metrics of the models on a pipeline."""
    for name, table in project.config.models.items():
        if project.config.pipeline_of(name) == pipeline:
            yield from (item for item in (*table.data, *table.validation_data) if "://" not in item)
            yield from (path for path in (table.weights, table.metrics) if path is not None)


def _and_above(path: str) -> Iterator[str]:
    """A path and the folders that it lies in."""
    path = path.rstrip("/")
    while path:
        yield path
        path = path.rpartition("/")[0]
