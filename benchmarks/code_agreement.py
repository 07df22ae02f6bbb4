"""Hold the code that a capture finds against an independent walk of the same imports.

    python benchmarks/code_agreement.py REPOSITORY...

The other walk is the standard library's ``modulefinder``, from each script and module that a
stage's command names and each Python dependency. Every tracked file that it finds must be in the
manifest or an input of the stage: anything else is printed as missing, and counted in the exit
status. What only the capture finds is printed with the way that it came in, and counted by the
step of it that the other walk cannot take.
"""

from __future__ import annotations

import collections
import contextlib
import importlib.machinery
import io
import modulefinder
import os
import posixpath
import re
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineage.capture.code_graph.facts_cache import FactsCache
from lineage.capture.dvc import DvcProject
from lineage.capture.git import GitRepository
from lineage.capture.pipeline import _StageReader
from lineage.capture.source import WorkingTree
from lineage.errors import LineageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.capture.code_graph.values import StageCode
    from lineage.capture.dvc import DvcStage

_WORD = re.compile(r"[\s'\";|&()=]+")
_MODULE = re.compile(r"-m\s+([\w.]+)")
_IMPORT = re.compile(r"\s*(from|import)\b")
_GIVES_UP = (ImportError, SyntaxError, RecursionError, UnicodeDecodeError, ValueError)


class Finder(modulefinder.ModuleFinder):
    """modulefinder, with folders that have no ``__init__`` taken for packages."""

    def find_module(self, name: str, path: Any, parent: Any = None) -> Any:  # noqa: ANN401
        """As modulefinder does, which fails on such folders."""
        try:
            return super().find_module(name, path, parent)
        except AttributeError:
            spec = importlib.machinery.PathFinder.find_spec(name, path or self.path)
            folders = spec.submodule_search_locations if spec is not None else None
            if not folders:
                raise ImportError(name) from None
            return None, next(iter(folders)), ("", "", 5)  # 5: a package's folder

    def load_package(self, fqname: str, pathname: str) -> Any:  # noqa: ANN401
        """As modulefinder does, without an ``__init__`` that is not there."""
        try:
            return super().load_package(fqname, pathname)
        except ImportError:
            return self.modules[fqname]


class Agreement:
    """What both walks find, over all repositories."""

    def __init__(self) -> None:
        self.counts: collections.Counter[str] = collections.Counter()
        self.unseen: collections.Counter[str] = collections.Counter()
        self.steps: collections.Counter[str] = collections.Counter()

    def repository(self, path: Path) -> None:
        """Compare the stages of every DVC project in a repository."""
        git = GitRepository(path)
        source = WorkingTree(git.top, git)
        roots = {p.removesuffix(".dvc/config") for p in source.tracked if p.endswith(".dvc/config")}
        for folder in sorted(root.rstrip("/") for root in roots or {""}):
            print(f"{path.name}/{folder}")
            project = DvcProject(source, folder)
            try:
                stages = project.stages
            except LineageError as error:
                print(f"    not captured: {error}")
                continue
            with FactsCache.default() as cache:
                reader = _StageReader(project, cache, imports=True)
                for stage in stages:
                    self.stage(git.top, reader, stage)
        self.counts["repositories"] += 1

    def stage(self, top: Path, reader: _StageReader, stage: DvcStage) -> None:
        """Compare one stage."""
        tracked = reader._source.tracked
        try:
            manifest = reader.read(stage.name, stage)
        except LineageError as error:
            print(f"    {stage.name} not captured: {error}")
            return
        code = reader.followed[stage.name]
        declared = {path for path, place in code.files.items() if place is None}
        both = set(independent(top, stage, declared, set(tracked)))
        held = set(code.files) | {one.text for one in code.unseen}
        inputs = {path for path in both if reader._project.covering(path) is not None}
        for path in sorted(both - held - inputs):
            self.counts["missing"] += 1
            print(f"    MISSING {stage.name}: {path}")
        for path in sorted(set(code.files) - both - declared):
            self.counts["found by the capture alone"] += 1
            step = beyond(top, code, path, both)
            self.steps[step] += 1
            print(f"    {stage.name}: {code.why(path)} ({step})")
        self.counts["stages"] += 1
        self.counts["files held"] += len(manifest.code)
        self.counts["files that no dependency names"] += len(set(code.files) - declared)
        self.counts["files of the other walk"] += len(both)
        self.unseen.update(one.kind.value for one in code.unseen)


def independent(top: Path, stage: DvcStage, declared: set[str], tracked: set[str]) -> Iterator[str]:
    """The tracked files that modulefinder reaches from a stage."""
    folders = [top / stage.wdir, top / stage.wdir / "src", top, top / "src"]
    for entry in dict.fromkeys([*_scripts(stage, tracked), *sorted(declared)]):
        if entry.endswith(".py") and (top / entry).is_file():
            finder = Finder([os.fspath(p) for p in ((top / entry).parent, *folders)])
            yield from _walked(finder, top, tracked, entry, script=True)
    for command in stage.cmd:
        for module in _MODULE.findall(command):
            finder = Finder([os.fspath(folder) for folder in folders])
            yield from _walked(finder, top, tracked, module, script=False)


def beyond(top: Path, code: StageCode, path: str, both: set[str]) -> str:
    """The step on a file's way that modulefinder does not take."""
    step, place = path, code.files[path]
    while place is not None and place.path is not None and place.path not in both:
        step, place = place.path, code.files[place.path]
    kind = posixpath.splitext(step)[1] or posixpath.basename(step)
    if place is None:
        return f"declared: {kind}"
    if place.path is None:
        return f"named by the command: {kind}"
    lines = (top / place.path).read_text("utf-8", "replace").splitlines()
    text = lines[place.line - 1] if place.line and place.line <= len(lines) else ""
    return "import" if _IMPORT.match(text) else f"named in Python: {kind}"


def _scripts(stage: DvcStage, tracked: set[str]) -> Iterator[str]:
    for command in stage.cmd:
        for word in filter(None, _WORD.split(command)):
            path = posixpath.normpath(posixpath.join(stage.wdir, word))
            if path in tracked:
                yield path


def _walked(
    finder: Finder, top: Path, tracked: set[str], entry: str, *, script: bool
) -> Iterator[str]:
    quiet = io.StringIO()
    try:
        with contextlib.redirect_stderr(quiet), contextlib.redirect_stdout(quiet):
            if script:
                finder.run_script(os.fspath(top / entry))
            else:
                finder.import_hook(entry)
                if getattr(finder.modules.get(entry), "__path__", None):
                    finder.import_hook(f"{entry}.__main__")
    except _GIVES_UP as error:
        print(f"    the other walk gives up on {entry}: {type(error).__name__} {str(error)[:80]}")
    for module in finder.modules.values():
        if module.__file__:
            path = os.path.relpath(os.path.realpath(module.__file__), top)
            if path in tracked:
                yield path


def main(repositories: list[str]) -> int:
    """Print the agreement; the exit status counts what is missing."""
    warnings.simplefilter("ignore")
    agreement = Agreement()
    for path in repositories:
        agreement.repository(Path(path))
    print(dict(agreement.counts), dict(agreement.unseen), dict(agreement.steps))
    return agreement.counts["missing"]


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 99))
