"""Inputs outside the repository: data items by what can be had of them without a network.

What lies elsewhere (a bucket, a URL, a hub, another folder of this machine) is versioned by nobody
whom a capture could ask, so that everything known of it is asserted: what DVC recorded when a stage
read it or when it was imported, or the digest of bytes that can be read here (decision 19).
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineage.capture.bounded_yaml import load_strings
from lineage.capture.dvc import is_outside, joined, mappings, recorded_digest
from lineage.capture.dvc_hash import ALGORITHMS, DvcHasher
from lineage.capture.lock import Lock
from lineage.capture.outside_address import shown_address
from lineage.capture.source import WorkingTree
from lineage.capture.stage_addresses import address
from lineage.errors import CaptureError
from lineage.hashing.files import hash_path
from lineage.hashing.tree import follow_any
from lineage.identity.components import DataItem, Known
from lineage.identity.digest import hash_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lineage.capture.dvc import DvcProject
    from lineage.hashing.cache import StatCache
    from lineage.identity.digest import Digest

MOST_FILES: Final = 100_000
"""Files of a folder outside that are hashed at the most."""

_NO_DATA: Final = ("/proc", "/sys")
"""Where files are no data, and may have no end."""

_LARGEST_SIZE: Final = 1 << 63


@dataclass(frozen=True)
class OutsideInputs:
    """The data items of inputs outside; ``unknown`` tells of others why nothing is known of them.

    ``stated`` are those that the configuration names, known or not.
    """

    items: tuple[DataItem, ...] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)
    stated: frozenset[str] = frozenset()

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence of each of which nothing is known."""
        return tuple(f"nothing is known of {name}: {why}" for name, why in self.unknown.items())


@dataclass(frozen=True)
class OutsideReader:
    """Reads inputs outside the repository, as the source and the disk tell them."""

    project: DvcProject
    cache: StatCache | None = None

    def read(self, stages: Iterable[str], configured: Sequence[str] = ()) -> OutsideInputs:
        """The inputs outside that stages read, and those that the configuration names as data.

        Args:
            stages: the stages by their addresses from the project's folder.
            configured: addresses and paths, relative to the project's folder.

        Raises:
            CaptureError: a file of DVC's cannot be read.
        """
        folder = self.project.folder
        wanted = set(stages)
        paths = {
            dep
            for stage in self.project.stages
            for dep in stage.deps
            if is_outside(dep) and dep not in self.project.made
            if address(stage, folder) in wanted
        }
        stated = {joined(folder, path) for path in configured}
        items: dict[str, list[DataItem]] = {}
        unknown = {}
        for path in sorted(paths | stated):
            name = self._name(path)
            try:
                item = self._item(path, name)
            except CaptureError as reason:
                unknown[name] = str(reason).rstrip(".")
            else:
                items.setdefault(name, []).append(item)
        named = frozenset(map(self._name, stated))
        return OutsideInputs(tuple(map(_joined, items.values())), unknown, named)

    def _item(self, path: str, name: str) -> DataItem:
        recorded = self._recorded.get(path)
        algorithm = recorded[0].algorithm if recorded is not None else None
        if "://" not in path and isinstance(self.project.source, WorkingTree):
            return self._from_disk(self.project.source, path, name, algorithm)
        if recorded is None:
            raise CaptureError(
                "it lies outside the repository, and DVC recorded nothing of it",
                remedy="Let DVC read it: dvc import-url, or dvc repro of a stage that does.",
            )
        return DataItem(name, recorded[0], Known.ASSERTED, recorded[1])

    def _from_disk(
        self, source: WorkingTree, path: str, name: str, algorithm: str | None
    ) -> DataItem:
        """What lies here: by DVC's own digest where its record has one, which then is the same."""
        full = Path(os.path.normpath(source.top / path))
        _require_bounded(full)
        if algorithm in ALGORITHMS:
            hasher = DvcHasher(source, self.project.root, self.cache, None, follow=follow_any)
            digest, size = hasher.digest(os.fspath(full), algorithm)
            return DataItem(name, digest, Known.ASSERTED, size)
        hashed = hash_path(full, cache=self.cache, follow=follow_any)
        return DataItem(name, hashed.xxh3, Known.ASSERTED, hashed.size)

    def _name(self, path: str) -> str:
        if path.startswith("../") and self.project.folder:
            path = posixpath.relpath(path, self.project.folder)
        return shown_address(path)

    @cached_property
    def _recorded(self) -> Mapping[str, tuple[Digest, int | None]]:
        """What DVC recorded of inputs outside: as imports, and as stages last read them."""
        found = {}
        for folder, dep in (*self._imports(), *self._locked()):
            path, digest = dep.get("path"), recorded_digest(_as_text(dep))
            if isinstance(path, str) and digest is not None:
                found[joined(folder, path)] = digest, _size(dep)
        return found

    def _imports(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The dependencies of `dvc import-url`, each with the folder that it is seen from."""
        for file in self.project.files:
            if not file.endswith(".dvc"):
                continue
            document = load_strings(self.project.text(file), file)
            if isinstance(document, dict):
                folder = joined(posixpath.dirname(file), document.get("wdir"))
                yield from ((folder, dep) for dep in mappings(document.get("deps")))

    def _locked(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """What the lock holds of stages that read something outside."""
        lock = Lock(self.project, None)
        for stage in self.project.stages:
            if any(map(is_outside, stage.deps)):
                entry = lock.entry(stage) or {}
                yield from ((stage.wdir, dep) for dep in mappings(entry.get("deps")))


def splits_outside(names: Iterable[str], folder: str) -> tuple[list[str], list[str]]:
    """Configured data: what lies inside or is stated as ``name=uri@version``, and what outside."""
    inside: list[str] = []
    outside: list[str] = []
    for name in names:
        stated = "=" in name.partition("://")[0] and "://" in name
        is_out = not stated and is_outside(joined(folder, name))
        (outside if is_out else inside).append(name)
    return inside, outside


def _joined(items: list[DataItem]) -> DataItem:
    """One item of those whose addresses differ only in what is not shown."""
    if len(items) == 1:
        return items[0]
    digest = hash_object("lineage-outside/1", sorted(item.digest for item in items))
    return DataItem(items[0].name, digest, Known.ASSERTED)


def _require_bounded(full: Path) -> None:
    """Refuse what is no data, or has no end."""
    real = os.path.realpath(full)
    if any(real == place or real.startswith(f"{place}/") for place in _NO_DATA):
        raise CaptureError("it is no data, but a part of the system", remedy="Name a file.")
    if real == "/":
        raise CaptureError("it is the whole disk", remedy="Name a folder of data.")
    count = 0
    for _, folders, files in os.walk(real):
        count += len(folders) + len(files)
        if count > MOST_FILES:
            raise CaptureError(f"it holds more than {MOST_FILES:,} files", remedy="Track it.")


def _as_text(dep: Mapping[str, Any]) -> dict[str, Any]:
    """Values that DVC wrote without quotes are text all the same."""
    return {key: str(value) if isinstance(value, int) else value for key, value in dep.items()}


def _size(dep: Mapping[str, Any]) -> int | None:
    size = str(dep.get("size", ""))
    known = size.isascii() and size.isdecimal() and len(size) < 20
    return int(size) if known and int(size) < _LARGEST_SIZE else None
