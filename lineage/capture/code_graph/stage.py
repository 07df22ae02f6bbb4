"""The walk: from a stage to every file that it runs, and what of that could not be followed.

The way: a command's words (:mod:`.command.reader`) and the declared files are the starts; what each
says of other code (:mod:`.python.source`, :mod:`.python.notebook`) is resolved to files
(:mod:`.resolve`), and so on, nearest first. Each script is a process of its own
(:mod:`.process`), with a search path of its own.
"""

from __future__ import annotations

import posixpath
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from lineage.capture.code_graph.command.actions import RunFile, RunModule, RunText, Surroundings
from lineage.capture.code_graph.command.language import Language, language_of
from lineage.capture.code_graph.command.makefile import recipes
from lineage.capture.code_graph.command.reader import CommandReader
from lineage.capture.code_graph.hydra import read_targets
from lineage.capture.code_graph.process import PythonProcess
from lineage.capture.code_graph.python.source import read_text
from lineage.capture.code_graph.resolve import Finder
from lineage.capture.code_graph.tracked import Kind
from lineage.capture.code_graph.values import Place, StageCode, Unseen, UnseenKind, shown
from lineage.capture.code_graph.walked import Library, Start, Walked
from lineage.capture.source import is_dvc_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from lineage.capture.code_graph.command.actions import Action
    from lineage.capture.code_graph.resolve import SearchPath
    from lineage.capture.code_graph.search import Projects
    from lineage.capture.code_graph.values import StageToFollow

MOST_ACTIONS: Final = 20_000
"""Scripts and commands of one stage that are followed at the most."""

_FIRST_BYTES: Final = 256
_WHY: Final = {
    Kind.SUBMODULE: UnseenKind.SUBMODULE,
    Kind.MADE: UnseenKind.MADE,
    Kind.OUTSIDE: UnseenKind.OUTSIDE,
}


class Repository(Library, Protocol):
    """What following a stage needs of the repository."""

    projects: Projects
    made: frozenset[str]

    def content(self, path: str) -> bytes | None:
        """A file's bytes; None where it is not there."""


class StageWalk:
    """Follows one stage."""

    def __init__(self, graph: Repository, stage: StageToFollow) -> None:
        self._graph = graph
        self._stage = stage
        scripts = graph.projects.console_scripts(stage.wdir, stage.project)
        self._commands = CommandReader(graph.tracked, scripts)
        self._search = graph.projects.search_path(stage.wdir, stage.project)
        self._pending: deque[Action] = deque()
        self._seen: set[Action] = set()
        self._ran: set[tuple[str, Surroundings, tuple[str, ...], Language]] = set()
        self._processes: dict[tuple[tuple[str, ...], str], PythonProcess] = {}
        self._starts: dict[tuple[tuple[str, ...], Surroundings], list[Start]] = {}
        self._script_folders: dict[str, None] = {}
        self._files: dict[str, Place | None] = {}
        self._unseen: dict[Unseen, None] = dict.fromkeys(graph.projects.unseen)
        self._unresolved: dict[str, set[str]] = {}

    def code(self) -> StageCode:
        """Follow it to the end."""
        around = Surroundings(self._stage.wdir)
        for path in self._stage.declared:
            self._files.setdefault(path, None)
        for number, text in enumerate(self._stage.cmd, 1):
            place = Place(None, number if len(self._stage.cmd) > 1 else None)
            self._act(self._commands.read(text, place, around))
        self._drain()
        self._follow_declared(around)
        unseen = sorted(self._unseen, key=lambda one: (str(one.place), one.kind, one.text))
        return StageCode(self._files, tuple(unseen))

    def _drain(self) -> None:
        """Follow what is pending, until nothing is."""
        while self._pending or self._starts:
            while self._pending:
                self._follow(self._pending.popleft())
            starts, self._starts = self._starts, {}
            for (certain, around), begun in starts.items():
                self._walk(certain, around, begun, self._search)

    def _act(self, actions: Iterable[Action]) -> None:
        for action in actions:
            if action in self._seen:
                continue
            if len(self._seen) >= MOST_ACTIONS:
                text = f"it runs more than {MOST_ACTIONS:,} scripts and commands"
                self._unseen.setdefault(Unseen(Place(None), UnseenKind.TOO_LARGE, text))
                return
            self._seen.add(action)
            self._pending.append(action)

    def _follow(self, action: Action) -> None:
        match action:
            case Unseen():
                self._unseen.setdefault(action)
            case RunFile():
                self._run_file(action)
            case RunModule():
                self._run_module(action)
            case RunText():
                certain = (action.around.folder, *action.around.python_path)
                start = Start(None, action.place, read_text(action.text))
                self._start(certain, action.around, start)

    def _run_file(self, action: RunFile) -> None:
        path = action.path
        found = self._graph.tracked.find(path)
        described = path in self._stage.parameters or is_dvc_file(path)
        if found is None or described or self._is_made(path):
            return
        first = b""
        language = language_of(path)
        if language is Language.DATA and action.program and found.kind is Kind.FILE:
            first = self._content(path)[:_FIRST_BYTES]
            language = action.language or language_of(path, first)
        self._files.setdefault(path, action.place)
        if found.kind is Kind.SUBMODULE:
            self._name(Place(path), UnseenKind.SUBMODULE, "what its code imports is not read")
        elif (path, action.around, action.targets, language) not in self._ran:
            self._ran.add((path, action.around, action.targets, language))
            self._run_as(language, action)

    def _run_as(self, language: Language, action: RunFile) -> None:
        path, around = action.path, action.around
        folder = posixpath.dirname(path)
        match language:
            case Language.PYTHON:
                self._start((folder, *around.python_path), around, Start(path, action.place))
            case Language.NOTEBOOK:
                certain = (folder, around.folder, *around.python_path)
                self._start(certain, around, Start(path, action.place))
            case Language.SHELL:
                text = self._text(path)
                self._act(self._commands.read(text, Place(path, 1), around, own_folder=folder))
            case Language.MAKEFILE if action.program:
                self._make(action)
            case Language.OTHER:
                self._name(Place(path), UnseenKind.OTHER_LANGUAGE, "what else it runs is not read")
            case Language.BINARY:
                self._name(Place(path), UnseenKind.BINARY, "what it runs is not read")
            case Language.DATA:
                self._configuration(path)

    def _make(self, action: RunFile) -> None:
        path = action.path
        found = recipes(self._text(path), list(action.targets))
        around = action.around
        for line in found.files:
            self._act(self._commands.words([line.text], Place(path, line.number), around))
        for line in found.commands:
            self._act(self._commands.read(line.text, Place(path, line.number), around))
        for line in found.unknown:
            self._name(Place(path, line.number or None), UnseenKind.COMMAND, line.text)
        for line in found.too_large:
            self._name(Place(path, line.number or None), UnseenKind.TOO_LARGE, line.text)

    def _run_module(self, action: RunModule) -> None:
        around = action.around
        certain = (around.folder, *around.python_path) if action.main else around.python_path
        search = self._with(certain, self._search)
        found = Finder(self._graph.resolver, search).find(action.name)
        files = [*found.files]
        if action.main:
            mains = self._graph.resolver.children(found.ends, "__main__")
            files += [(end.file, end.kind) for end in mains if end.file is not None]
        if found.missing is not None:
            text = f"git tracks no module {found.missing}"
            self._name(action.place, UnseenKind.MISSING, text)
        for path, kind in files:
            if kind is Kind.FILE:
                self._start(tuple(certain), around, Start(path, action.place))
            else:
                self._name(action.place, _WHY[kind], path)

    def _follow_declared(self, around: Surroundings) -> None:
        """What the declared files import: they may be imported by, or run beside, any script."""
        folders = tuple(dict.fromkeys([*self._script_folders, *self._search.assumed]))
        sources: list[str] = []
        for path in self._stage.declared:
            if language_of(path) in (Language.PYTHON, Language.NOTEBOOK):
                sources.append(path)
            else:
                self._act([RunFile(path, Place(None), around, program=False)])
        starts = [Start(path, None) for path in sources]
        self._walk((), around, starts, replace(self._search, assumed=folders))
        self._drain()
        self._follow_as_scripts(sources, around)

    def _follow_as_scripts(self, sources: Iterable[str], around: Surroundings) -> None:
        """A declared file may be run by something unseen: its folder is searched last of all.

        What lacks there is no finding: that the file is run so is only a guess.
        """
        beside: dict[str, list[str]] = {}
        for path in sources:
            folder = posixpath.dirname(path)
            names = self._unresolved.get(path, set()) if folder not in self._script_folders else ()
            located = (self._graph.resolver.locate(folder, name) for name in names)
            if any(location is not None and location.file for location in located):
                beside.setdefault(folder, []).append(path)
        for folder, paths in sorted(beside.items()):
            own = replace(self._search, last=(*self._search.last, folder))
            passed = frozenset(self._files)
            process = PythonProcess(self._graph, self._commands, own, around, passed)
            walked = process.walk([Start(path, None) for path in paths])
            for unseen in [one for one in walked.unseen if one.kind is UnseenKind.MISSING]:
                del walked.unseen[unseen]
            self._take(walked)
            self._drain()

    def _start(self, certain: tuple[str, ...], around: Surroundings, start: Start) -> None:
        self._script_folders.update(dict.fromkeys(certain))
        self._starts.setdefault((certain, around), []).append(start)

    def _walk(
        self,
        certain: tuple[str, ...],
        around: Surroundings,
        starts: list[Start],
        search: SearchPath,
    ) -> None:
        key = (certain, around.folder)
        if key not in self._processes:
            own = self._with(certain, search)
            self._processes[key] = PythonProcess(self._graph, self._commands, own, around)
        self._take(self._processes[key].walk(starts))

    def _take(self, walked: Walked) -> None:
        """Keep what a process imports."""
        for path, place in walked.files.items():
            if not self._is_made(path):
                self._files.setdefault(path, place)
            elif not self._is_declared_input(path):
                self._name(place or Place(path), UnseenKind.MADE, path)
        self._unseen.update(walked.unseen)
        self._unresolved.update(walked.unresolved)
        self._act(walked.actions)

    def _with(self, certain: Iterable[str], search: SearchPath) -> SearchPath:
        """A search path that begins with some folders, as far as they are there."""
        folders = []
        for folder in certain:
            found = self._graph.tracked.find(folder)
            if found is not None and found.kind is Kind.FOLDER:
                folders.append(found.path)
            elif found is not None and found.kind is Kind.SUBMODULE:
                self._files.setdefault(found.path, Place(None))
            elif found is not None and found.kind is Kind.OUTSIDE:
                self._name(Place(None), UnseenKind.OUTSIDE, f"PYTHONPATH {folder}")
        return replace(search, certain=tuple(dict.fromkeys(folders)))

    def _configuration(self, path: str) -> None:
        """The classes that a configuration names for Hydra to make."""
        if not path.endswith((".yaml", ".yml")):
            return
        start = Start(None, Place(path), read_targets(self._text(path)))
        if start.facts is not None:
            self._start((), Surroundings(self._stage.wdir), start)

    def _text(self, path: str) -> str:
        return self._content(path).decode("utf-8", "replace")

    def _content(self, path: str) -> bytes:
        """A file's bytes; none of one that is named because it cannot be had."""
        data = self._graph.content(path)
        if data is None:
            text = "git tracks it, but it is not there, or is too large to be read"
            self._name(Place(path), UnseenKind.MISSING, text)
        return data or b""

    def _name(self, place: Place, kind: UnseenKind, text: str) -> None:
        self._unseen.setdefault(Unseen(place, kind, shown(text)))

    def _is_made(self, path: str) -> bool:
        """Whether a stage or DVC makes a file."""
        return _covered(path, self._graph.made)

    def _is_declared_input(self, path: str) -> bool:
        return _covered(path, self._stage.inputs)


def _covered(path: str, paths: Collection[str]) -> bool:
    """Whether a path or a folder that it lies in is among some."""
    while path:
        if path in paths:
            return True
        path = posixpath.dirname(path)
    return False
