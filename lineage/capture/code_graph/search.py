"""Where the modules of a stage are looked for, and the commands that a project installs."""

from __future__ import annotations

import posixpath
from functools import cached_property
from typing import TYPE_CHECKING, Final

from lineage.capture.code_graph.packaging import LARGEST, PACKAGING_FILES, Layout, read_layout
from lineage.capture.code_graph.resolve import SearchPath
from lineage.capture.code_graph.values import Place, Unseen, UnseenKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lineage.capture.code_graph.tracked import CodeSource, TrackedFiles

MOST_PROJECTS: Final = 500
"""Packaging files of one repository that are read at the most, the highest first."""


class Projects:
    """Every project with a packaging file in a repository."""

    def __init__(self, tracked: TrackedFiles, source: CodeSource) -> None:
        self._tracked = tracked
        self._source = source

    def search_path(self, wdir: str, project: str) -> SearchPath:
        """The assumed folders of a stage, its own projects' before the others'."""
        near = [*_upward(wdir), *_upward(project)]
        own = [folder for folder in near if folder in self.layouts]
        others = [folder for folder in self.layouts if folder not in near]
        assumed = [*_with_src(wdir), *_with_src(project), *self._roots(own)]
        last = [*_with_src(""), *self._roots(others)]
        packages: dict[str, tuple[str, ...]] = {}
        for folder in (*own, *others):
            for name, target in self.layouts[folder].packages.items():
                path = _inside(folder, target)
                packages[name] = tuple(dict.fromkeys([*packages.get(name, ()), path]))
        return SearchPath(
            assumed=self._present(assumed), last=self._present(last), packages=packages
        )

    def console_scripts(self, wdir: str, project: str) -> dict[str, str]:
        """The module behind each installed command, the nearest project's first."""
        found: dict[str, str] = {}
        for folder in (*_upward(wdir), *_upward(project), *self.layouts):
            layout = self.layouts.get(folder)
            for name, module in layout.scripts.items() if layout is not None else ():
                found.setdefault(name, module)
        return found

    @cached_property
    def unseen(self) -> tuple[Unseen, ...]:
        """The packaging files that are not read: what they say of packages is not known."""
        said = f"it has more than {LARGEST:,} bytes: what it says of packages is not read"
        unread = [(path, said) for path in self._read[1]]
        for path in self._paths[MOST_PROJECTS : MOST_PROJECTS + 1]:
            said = f"only {MOST_PROJECTS} of {len(self._paths):,} packaging files are read"
            unread.append((path, said))
        return tuple(Unseen(Place(path), UnseenKind.TOO_LARGE, text) for path, text in unread)

    @property
    def layouts(self) -> Mapping[str, Layout]:
        """What the packaging files of each folder say, the highest folders first."""
        return self._read[0]

    @cached_property
    def _paths(self) -> list[str]:
        paths = [path for name in PACKAGING_FILES for path in self._tracked.named(name)]
        return sorted(paths, key=lambda path: (path.count("/"), path))

    @cached_property
    def _read(self) -> tuple[Mapping[str, Layout], list[str]]:
        """The layouts by their folder, and the files that are too large."""
        found: dict[str, Layout] = {}
        large: list[str] = []
        for path in self._paths[:MOST_PROJECTS]:
            data = next((data for _, data in self._source.contents([path])), None) or b""
            if len(data) > LARGEST:
                large.append(path)
                continue
            layout = read_layout(posixpath.basename(path), data)
            if layout is not None:
                folder = posixpath.dirname(path)
                found[folder] = _merged(found[folder], layout) if folder in found else layout
        return found, large

    def _roots(self, folders: Iterable[str]) -> Iterator[str]:
        for folder in folders:
            yield from (_inside(folder, root) for root in self.layouts[folder].roots)
            yield from _with_src(folder)

    def _present(self, folders: Iterable[str]) -> tuple[str, ...]:
        """The folders that are there, each once, where they lie."""
        real = [self._tracked.folder(folder) for folder in folders]
        return tuple(dict.fromkeys(folder for folder in real if folder is not None))


def _merged(first: Layout, second: Layout) -> Layout:
    return Layout(
        {**first.roots, **second.roots},
        {**second.packages, **first.packages},
        {**second.scripts, **first.scripts},
    )


def _with_src(folder: str) -> tuple[str, str]:
    return folder, posixpath.join(folder, "src")


def _inside(folder: str, path: str) -> str:
    joined = posixpath.normpath(posixpath.join(folder, path))
    return "" if joined == "." else joined


def _upward(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""
