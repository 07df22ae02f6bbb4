"""One Python process of a stage: everything that is imported in it, from its starts on.

Modules are imported once, and one search path serves them all, so a process is walked as one graph.
Where its code adds to ``sys.path``, the walk is done again with what it added.
"""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from lineage.capture.code_graph.command.actions import RunFile, Surroundings
from lineage.capture.code_graph.command.language import Language, language_of
from lineage.capture.code_graph.python.command_calls import BESIDE
from lineage.capture.code_graph.python.literals import ITSELF
from lineage.capture.code_graph.resolve import MOST_LOOKS, Finder
from lineage.capture.code_graph.tracked import Kind
from lineage.capture.code_graph.values import Place, Unseen, UnseenKind, shown
from lineage.capture.code_graph.walked import Start, Walked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lineage.capture.code_graph.command.actions import Action
    from lineage.capture.code_graph.command.reader import CommandReader
    from lineage.capture.code_graph.facts import Command, Facts, Import, PathUse, Spot
    from lineage.capture.code_graph.resolve import Location, SearchPath
    from lineage.capture.code_graph.tracked import Found
    from lineage.capture.code_graph.walked import Library


class PythonProcess:
    """Walks a process; started again, it goes on from what it knows.

    ``passed`` are files that are not read again where an import leads to them.
    """

    def __init__(
        self,
        library: Library,
        commands: CommandReader,
        search: SearchPath,
        around: Surroundings,
        passed: frozenset[str] = frozenset(),
    ) -> None:
        self._library = library
        self._commands = commands
        self._search = search
        self._around = around
        self._passed = passed
        self._starts: list[Start] = []
        self._looks = MOST_LOOKS

    def walk(self, starts: Iterable[Start]) -> Walked:
        """Everything that is imported from these starts, and from earlier ones."""
        self._starts += starts
        self._search = replace(self._search, either=self._notebook_folders())
        last: _Round | None = None
        while True:
            finder = Finder(self._library.resolver, self._search, self._looks)
            walk = _Round(self._library, self._commands, finder, self._around, self._passed)
            walked = walk.run(self._starts)
            self._looks -= walk.looks
            added = tuple(dict.fromkeys([*self._search.added, *walked.added]))
            if added == self._search.added and not finder.is_cut:
                return walked
            if self._looks <= 0:
                ended = last if finder.is_cut and last is not None else walk
                text = f"modules are not looked for in each of the {len(added):,} folders it adds"
                ended.unseen(self._first_place(), UnseenKind.TOO_LARGE, text)
                return ended.walked
            self._search = replace(self._search, added=added)
            last = walk

    def _first_place(self) -> Place:
        """Where the process begins."""
        first = next(iter(self._starts), None)
        if first is None:
            return Place(None)
        return Place(first.path) if first.path is not None else first.place or Place(None)

    def _notebook_folders(self) -> tuple[str, ...]:
        """Where a notebook may run: Jupyter takes its own folder, papermill the command's."""
        paths = [start.path for start in self._starts if start.path is not None]
        own = [posixpath.dirname(p) for p in paths if language_of(p) is Language.NOTEBOOK]
        return tuple(dict.fromkeys([*own, self._around.folder])) if own else ()


class _Star(NamedTuple):
    """``from package import *``, to be looked at when the package has been read."""

    init: str
    end: Location
    place: Place


class _Hollow(NamedTuple):
    """``from package import name`` where no module has the name, so the package must define it."""

    init: str
    name: str
    place: Place


class _Round:
    """One walk over the graph of imports, nearest files first."""

    def __init__(
        self,
        library: Library,
        commands: CommandReader,
        finder: Finder,
        around: Surroundings,
        passed: frozenset[str],
    ) -> None:
        self._library = library
        self._passed = passed
        self._tracked = library.tracked
        self._resolver = library.resolver
        self._commands = commands
        self._finder = finder
        self._imports = 0
        self._around = around
        self._runs_in = finder.search.either or (around.folder,)
        self._next: list[str] = []
        self._stars: list[_Star] = []
        self._hollow: list[_Hollow] = []
        self.walked = Walked()

    def run(self, starts: Sequence[Start]) -> Walked:
        """Walk to the end."""
        for start in starts:
            if start.path is not None:
                self._reach(start.path, Kind.FILE, start.place)
            elif start.facts is not None and start.place is not None:
                _Source(self, None, start.facts, start.place).read()
        while self._next:
            frontier, self._next = self._next, []
            facts = self._library.facts_of(frontier)
            for path in frontier:
                said = facts[path]
                if said is None:
                    self.unseen(
                        Place(path), UnseenKind.MISSING, "git tracks it, but it is not there"
                    )
                else:
                    _Source(self, path, said).read()
            self._look_into_packages(facts)
        return self.walked

    @property
    def looks(self) -> int:
        """What the walk cost: imports, each again, and looks into the folders that are added."""
        return self._finder.looks + (self._imports if self._finder.search.added else 0)

    def unseen(self, place: Place, kind: UnseenKind, text: str) -> None:
        self.walked.unseen.setdefault(Unseen(place, kind, shown(text)))

    def reach(self, files: Iterable[tuple[str, Kind]], place: Place) -> None:
        """Take files in, and read them in turn."""
        for path, kind in files:
            if path not in self._passed:
                self._reach(path, kind, place)

    def _reach(self, path: str, kind: Kind, place: Place | None) -> None:
        if kind is Kind.OUTSIDE or kind is Kind.MADE:
            what = UnseenKind.OUTSIDE if kind is Kind.OUTSIDE else UnseenKind.MADE
            self.unseen(place or Place(path), what, path)
            return
        if path in self.walked.files:
            return
        self.walked.files[path] = place
        language = language_of(path)
        if kind is Kind.SUBMODULE:
            self.unseen(Place(path), UnseenKind.SUBMODULE, "what its code imports is not read")
        elif language in (Language.PYTHON, Language.NOTEBOOK, Language.DATA):
            self._next.append(path)
        elif language in (Language.BINARY, Language.OTHER):
            binary = language is Language.BINARY
            what = UnseenKind.BINARY if binary else UnseenKind.OTHER_LANGUAGE
            self.unseen(Place(path), what, "what it runs or imports is not read")

    def import_(self, one: Import, place: Place, path: str | None, *, broken: bool) -> None:
        """Follow an import that stands in a file (or in a text)."""
        self._imports += 1
        if one.level:
            found = self._resolver.relative(path or "", one.level, one.module) if path else None
            if found is None:
                dots = "." * one.level
                self.unseen(place, UnseenKind.MISSING, f"{dots}{one.module} is beyond the top")
                return
        else:
            found = self._finder.find(one.module)
            if broken and path is not None and not found.files:
                beside = self._resolver.relative(path, 1, one.module)  # as Python 2 had it
                found = beside if beside is not None and beside.ends else found
        self.reach(found.files, place)
        if not found.files and not found.ends:
            top = one.module.partition(".")[0]
            self.walked.unresolved.setdefault(path or "", set()).add(top)
        if found.missing is not None and not one.guarded:
            self.unseen(place, UnseenKind.MISSING, f"git tracks no module {found.missing}")
        for name in one.names if found.missing is None else ():
            self._imported_name(one, name, found.ends, place)

    def _imported_name(
        self, one: Import, name: str, ends: Sequence[Location], place: Place
    ) -> None:
        if name == "*":
            self._stars += [_Star(end.file, end, place) for end in ends if end.file and end.folders]
            return
        placed = self._finder.placed(f"{one.module}.{name}") if not one.level else []
        below = placed or self._resolver.children(ends, name)
        for end in below:
            if end.file is not None:
                compiled = [(path, Kind.FILE) for path in end.compiled]
                self.reach([(end.file, end.kind), *compiled], place)
        if below or one.guarded:
            return
        packages = [end for end in ends if end.folders]
        if packages and len(packages) == len(ends):
            self._hollow += [_Hollow(end.file, name, place) for end in packages if end.file]
            if one.level and not any(end.file for end in packages):
                self.unseen(place, UnseenKind.MISSING, f"git tracks no module {name} beside it")

    def _look_into_packages(self, facts: Mapping[str, Facts | None]) -> None:
        """What depends on what a package says itself: names that it lists, or cannot define."""
        stars, self._stars = self._stars, []
        for star in stars:
            said = facts.get(star.init)
            if said is None:
                self._stars.append(star)
            elif said.exported is None:
                text = f"from … import *: the __all__ of {star.init} is computed"
                self.unseen(star.place, UnseenKind.COMPUTED_IMPORT, text)
            else:
                for name in said.exported:
                    ends = self._resolver.children([star.end], name)
                    self.reach(((e.file, e.kind) for e in ends if e.file is not None), star.place)
        waiting, self._hollow = self._hollow, []
        for one in waiting:
            said = facts.get(one.init)
            if said is None:
                self._hollow.append(one)
            elif said.hollow:
                text = f"git tracks no module {one.name}, and {one.init} is empty"
                self.unseen(one.place, UnseenKind.MISSING, text)

    def lazy_name(self, name: str, place: Place, path: str | None) -> None:
        """Take in what a text of a module with computed imports names, where it names a module."""
        plain = name.lstrip(".")
        level = len(name) - len(plain)
        found = None
        if not level and "." in name:
            found = self._finder.find(name)
        elif path is not None and (level or posixpath.basename(path) == "__init__.py"):
            found = self._resolver.relative(path, level or 1, plain)
        if found is not None and any(end.file is not None for end in found.ends):
            self.reach(found.files, place)


class _Source:
    """One source of a process: its facts, seen from where it lies and where it runs."""

    def __init__(
        self, walk: _Round, path: str | None, facts: Facts, place: Place | None = None
    ) -> None:
        self._walk = walk
        self._path = path
        self._facts = facts
        self._place = place
        self._tracked = walk._tracked
        self._runs_in = walk._runs_in
        self._folder = posixpath.dirname(path) if path is not None else self._runs_in[0]

    def read(self) -> None:
        """Follow everything that the source says."""
        facts, walk = self._facts, self._walk
        for one in facts.imports:
            walk.import_(one, self._at(one.spot), self._path, broken=facts.broken)
        for name in facts.lazy:
            walk.lazy_name(name, self._at_first_blind(), self._path)
        for use in facts.searched:
            self._search(use)
        for use in (*facts.runs, *facts.loads):
            self._file(use, runs=use in facts.runs)
        for command in facts.commands:
            self._command(command)
        for blind in facts.blind:
            walk.unseen(self._at(blind.spot), blind.kind, blind.text)

    def _at(self, spot: Spot) -> Place:
        if self._place is not None:
            whole_file = self._place.path is not None and self._place.line is None
            return replace(self._place, line=spot.line or None) if whole_file else self._place
        return Place(self._path, spot.line or None, spot.cell or None)

    def _at_first_blind(self) -> Place:
        blind = self._facts.blind
        return self._at(blind[0].spot) if blind else self._place or Place(self._path)

    def _candidates(self, path: str, *, beside: bool) -> list[str]:
        """The places in the repository that a path may mean, the likeliest first."""
        if self._path is not None:
            path = path.replace(ITSELF, posixpath.basename(self._path))
        folders = [self._folder] if beside else [*self._runs_in, self._folder]
        joined = [posixpath.normpath(posixpath.join(folder, path)) for folder in folders]
        if path.startswith("~"):
            joined = [f"/{path}"]
        return ["" if one == "." else one for one in dict.fromkeys(joined)]

    def _found(self, use: PathUse) -> list[Found]:
        """What is at a path: of several folders that the source may run in, seen from each."""
        candidates = self._candidates(use.path, beside=use.beside)
        found = [one for one in map(self._tracked.find, candidates) if one is not None]
        inside = [one for one in found if one.kind is not Kind.OUTSIDE]
        return (inside or found)[: len(self._runs_in)]

    def _search(self, use: PathUse) -> None:
        """A folder that the source adds to ``sys.path``."""
        place = self._at(use.spot)
        found = self._found(use)
        folders = [one.path for one in found if one.kind is Kind.FOLDER]
        if folders:
            self._walk.walked.added.update(dict.fromkeys(folders))
        elif not found:
            self._walk.unseen(place, UnseenKind.SEARCH_PATH, f"git tracks no folder {use.path}")
        elif found[0].kind is Kind.OUTSIDE:
            self._walk.unseen(place, UnseenKind.OUTSIDE, use.path)
        else:
            self._walk.reach([(found[0].path, found[0].kind)], place)

    def _file(self, use: PathUse, *, runs: bool) -> None:
        """A file that the source runs or loads."""
        place = self._at(use.spot)
        found = self._found(use)
        if not found:
            self._walk.unseen(place, UnseenKind.MISSING, f"git tracks no {use.path}")
        for known in found:
            if runs and known.kind is Kind.FILE:
                around = self._walk._around
                self._walk.walked.actions.append(RunFile(known.path, place, around, program=True))
            else:
                self._walk.reach([(known.path, known.kind)], place)

    def _command(self, command: Command) -> None:
        """A command that the source runs; what lacks in one folder may be there in another."""
        readings = [self._read(command, folder) for folder in self._command_folders(command)]
        for actions in readings:
            self._walk.walked.actions += [
                action
                for action in actions
                if not isinstance(action, Unseen)
                or action.kind is not UnseenKind.MISSING
                or all(action in other for other in readings)
            ]

    def _read(self, command: Command, folder: str) -> list[Action]:
        around = replace(self._walk._around, folder=folder)
        place = self._at(command.spot)
        if command.shell:
            return self._walk._commands.read(command.words[0] or "", place, around)
        words = [self._word(word, folder) for word in command.words]
        return self._walk._commands.words(words, place, around)

    def _command_folders(self, command: Command) -> list[str]:
        """Where a command may run that the source starts."""
        if command.folder == "." and not command.beside:
            return list(self._runs_in)
        candidates = self._candidates(command.folder, beside=command.beside)
        found = [folder for one in candidates if (folder := self._tracked.folder(one)) is not None]
        return found[: len(self._runs_in)] or [self._runs_in[0]]

    def _word(self, word: str | None, folder: str) -> str | None:
        """A word that is a path beside the source, as seen from where its command runs."""
        if word is None or not word.startswith(BESIDE):
            return word
        path = self._candidates(word.removeprefix(BESIDE), beside=True)[0]
        return posixpath.relpath(path or ".", folder or ".")
