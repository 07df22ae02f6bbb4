"""Where the modules of a stage are looked for, and the commands that a project installs."""

from __future__ import annotations

import posixpath
from functools import cached_property
from typing import TYPE_CHECKING, Final

from lineage.capture.code_graph.packaging import LARGEST, PACKAGING_FILES, Layout, read_layout
from lineage.capture.code_graph.resolve import SearchPath

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
    def layouts(self) -> Mapping[str, Layout]:
        """What the packaging files of each folder say, the highest folders first."""
        paths = [path for name in PACKAGING_FILES for path in self._tracked.named(name)]
        paths.sort(key=lambda path: (path.count("/"), path))
        found: dict[str, Layout] = {}
        for path in paths[:MOST_PROJECTS]:
            layout = self._read(path)
            if layout is not None:
                folder = posixpath.dirname(path)
                found[folder] = _merged(found[folder], layout) if folder in found else layout
        return found

    def _read(self, path: str) -> Layout | None:
        data = next((data for _, data in self._source.contents([path])), None)
        if data is None or len(data) > LARGEST:
            return None
        return read_layout(posixpath.basename(path), data)

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
