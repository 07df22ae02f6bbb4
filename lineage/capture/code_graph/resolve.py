"""From a module's name to its files, as Python's own finders look for them.

A package wins over a module of the same name, a module over a folder without ``__init__``; such
folders of one name are one package. Where it is certain what Python searches, the first match is
taken; among the folders that are only assumed, all matches are: too much refuses, too little lies.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from lineage.capture.code_graph.tracked import Kind, TrackedFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

INIT: Final = "__init__.py"
MOST_LOOKS: Final = 2_000_000
"""Times that one process looks for a module in the folders that its code adds, all told."""


@dataclass(frozen=True)
class SearchPath:
    """The folders that modules are looked for in.

    Attributes:
        certain: what Python searches, in its order: the script's folder, ``PYTHONPATH``.
        either: those of them of which one is the first, and nothing tells which.
        added: what the code adds to ``sys.path``; it hides nothing, for it may be added late.
        assumed: the working folder, the project, ``src``, what packaging files say.
        last: the same of other projects in the repository; asked where nothing else answers.
        packages: the folders of packages that packaging files place somewhere of their own.
    """

    certain: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    packages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Location(NamedTuple):
    """Where a module is: its file (None for a namespace), and the folders of its submodules.

    ``compiled`` are builds of the same module: which one Python takes depends on the platform.
    """

    file: str | None
    folders: tuple[str, ...] = ()
    kind: Kind = Kind.FILE
    compiled: tuple[str, ...] = ()


class Resolution(NamedTuple):
    """What a dotted name leads to.

    Attributes:
        files: the files on the way and at its end, each with what it is.
        ends: the modules at its end.
        missing: the part that is not there although its package is; None where nothing lacks.
    """

    files: tuple[tuple[str, Kind], ...] = ()
    ends: tuple[Location, ...] = ()
    missing: str | None = None


class Resolver:
    """Looks for modules among the tracked files; remembers what it looked up."""

    def __init__(self, tracked: TrackedFiles) -> None:
        self.tracked = tracked
        self._located: dict[tuple[str, str], Location | None] = {}
        self._inits: dict[str, tuple[tuple[str, Kind], ...]] = {}

    def relative(self, file: str, level: int, name: str) -> Resolution | None:
        """Resolve ``.module`` as written in a file; None beyond the top of the repository."""
        folder = posixpath.dirname(file)
        for _ in range(level - 1):
            if not folder:
                return None
            folder = posixpath.dirname(folder)
        found = self.tracked.find(folder)
        if found is None or found.kind is not Kind.FOLDER:
            return Resolution(missing=name)
        passed = self.inits(found.path)
        start = Location(self.tracked.file(posixpath.join(found.path, INIT)), (found.path,))
        if not name:
            return Resolution(passed, (start,))
        below = self.children([start], name.partition(".")[0])
        if not below:
            return Resolution(passed, missing=name)
        resolved = descend(name, below, self.children, own=True)
        return resolved._replace(files=(*passed, *resolved.files))

    def children(self, ends: Iterable[Location], name: str) -> list[Location]:
        """The submodules of a name."""
        found = [self._child(end, name) for end in ends if end.folders]
        return [location for location in found if location is not None]

    def locate(self, folder: str, name: str) -> Location | None:
        """The module of a name in a folder."""
        key = (folder, name)
        if key not in self._located:
            self._located[key] = self._look(posixpath.join(folder, name))
        return self._located[key]

    def package(self, folder: str) -> Location | None:
        """The package that a folder is, whatever its name."""
        real = self.tracked.folder(folder)
        if real is None:
            return None
        return Location(self.tracked.file(posixpath.join(real, INIT)), (real,))

    def inits(self, folder: str) -> tuple[tuple[str, Kind], ...]:
        """The ``__init__`` files of a folder and of those above it that are packages too."""
        if folder not in self._inits:
            init = self.tracked.file(posixpath.join(folder, INIT))
            above = self.inits(posixpath.dirname(folder)) if init is not None and folder else ()
            self._inits[folder] = ((init, Kind.FILE), *above) if init is not None else ()
        return self._inits[folder]

    def _child(self, parent: Location, name: str) -> Location | None:
        spaces: list[str] = []
        for folder in parent.folders:
            location = self.locate(folder, name)
            if location is not None and location.file is not None:
                return location
            spaces += location.folders if location is not None else ()
        return Location(None, tuple(spaces)) if spaces else None

    def _look(self, base: str) -> Location | None:
        found = self.tracked.find(base)
        if found is not None and found.kind in (Kind.SUBMODULE, Kind.OUTSIDE):
            return Location(found.path, (), found.kind)
        real = found.path if found is not None and found.kind is Kind.FOLDER else None
        if real is not None:
            init = self.tracked.file(posixpath.join(real, INIT))
            if init is not None:
                return Location(init, (real,))
        module = self.tracked.find(f"{base}.py")
        compiled = tuple(self.tracked.binaries.get(base, ()))
        if module is not None and module.kind is not Kind.FOLDER:
            return Location(module.path, (), module.kind, compiled)
        if compiled:
            return Location(compiled[0], compiled=compiled)
        return Location(None, (real,)) if real is not None else None


class Finder:
    """Resolves the absolute names of one process: a search path, and what was found on it.

    It looks into the folders that the code adds at most ``most`` times; ``looks`` counts them.
    """

    def __init__(self, resolver: Resolver, search: SearchPath, most: int = MOST_LOOKS) -> None:
        self.search = search
        self.looks = 0
        self._most = most
        self._resolver = resolver
        self._found: dict[str, Resolution] = {}
        self._tops: dict[str, list[Location]] = {}

    @property
    def is_cut(self) -> bool:
        """Whether a module was not looked for in the folders that the code adds."""
        return self.looks > self._most

    def find(self, name: str) -> Resolution:
        """Resolve ``package.module``."""
        if name not in self._found:
            top = name.partition(".")[0]
            if top not in self._tops:
                self._tops[top] = self._top(top)
            self._found[name] = descend(name, self._tops[top], self._resolver.children, self.placed)
        return self._found[name]

    def placed(self, dotted: str) -> list[Location]:
        """The package that a packaging file places in a folder of another name."""
        folders = self.search.packages.get(dotted, ())
        found = [self._resolver.package(folder) for folder in folders]
        return [location for location in found if location is not None]

    def _top(self, name: str) -> list[Location]:
        """The modules of a name without dots."""
        if not name or "/" in name:
            return []
        search = self.search
        found = self._all(name, search.either)
        found += self._first(name, [one for one in search.certain if one not in search.either])
        certain = any(map(_is_regular, found))
        self.looks += len(search.added)
        if not self.is_cut:
            found += self._all(name, search.added)
        searched = list(found)
        if not certain:
            found += self._all(name, search.assumed) + self.placed(name)
        if not any(map(_is_regular, found)):
            found += self._all(name, search.last)
        regular = list(dict.fromkeys(filter(_is_regular, found)))
        if certain or not found:
            return regular
        # what is only assumed, or added late, hides no mere folder of those that Python searches
        spaces = searched if regular else found
        folders = dict.fromkeys(folder for space in spaces for folder in space.folders)
        return [*regular, *([Location(None, tuple(folders))] if folders else [])]

    def _first(self, name: str, folders: Iterable[str]) -> list[Location]:
        found = []
        for location in self._all(name, folders):
            if _is_regular(location):
                return [location]
            found.append(location)
        return found

    def _all(self, name: str, folders: Iterable[str]) -> list[Location]:
        found = [self._resolver.locate(folder, name) for folder in folders]
        return [location for location in found if location is not None]


def descend(
    name: str,
    tops: Sequence[Location],
    children: Callable[[Sequence[Location], str], list[Location]],
    placed: Callable[[str], list[Location]] = lambda _: [],
    *,
    own: bool = False,
) -> Resolution:
    """Walk down a dotted name from the modules that its first part leads to.

    ``own``: that what the name leads to is the repository's own is certain.
    """
    files: dict[tuple[str, Kind], None] = {}
    here = list(tops)
    dotted = ""
    for number, part in enumerate(name.split(".")):
        dotted = f"{dotted}.{part}" if number else part
        if number:
            ours = own or any(map(_is_regular, here))
            here = placed(dotted) or children(here, part)
            if not here:
                return Resolution(tuple(files), missing=dotted if ours else None)
        for end in here:
            files.update({(path, Kind.FILE): None for path in end.compiled})
            if end.file is not None:
                files[end.file, end.kind] = None
        if not here or any(end.kind is not Kind.FILE for end in here):
            break
    return Resolution(tuple(files), tuple(here))


def _is_regular(location: Location) -> bool:
    """Whether it is a module or a package with an ``__init__``, not a mere folder."""
    return location.file is not None
