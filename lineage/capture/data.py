"""The data component: named items, from DVC where it tracks them, otherwise hashed here."""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lineage.capture.dvc import DvcProject, Tracked, is_outside
from lineage.capture.dvc_filesystem import clean
from lineage.capture.dvc_hash import ALGORITHMS, DvcHasher, link_policy
from lineage.capture.git_data import blocks_at, files_at, refuse_left_out, stored_in
from lineage.capture.pointers import refuse_placeholders, refuse_pointers
from lineage.capture.source import Revision, Source, WorkingTree
from lineage.errors import CaptureError, UsageError
from lineage.hashing.files import hash_path, hash_stream, hash_streams
from lineage.identity.components import DataItem, DataVersion, Known
from lineage.identity.digest import Digest
from lineage.identity.references import check_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from lineage.hashing.blocks import Progress
    from lineage.hashing.cache import StatCache

RESOLVERS: Final = "lineage.data_resolvers"
"""Entry points that turn an outside source into a digest: ``scheme = "module:function"``.

The function takes the URI and the stated version and returns a digest's text.
"""

_OUTSIDE = re.compile(r"(?P<name>[^=]+)=(?P<uri>[a-z][a-z0-9+.-]*://.+)@(?P<version>[^@/]+)")
_SECRET = re.compile(r"://[^/@]*:[^/@]*@")

_Read = tuple[list[DataItem], list[DataItem]]
"""What a person named, and what was found inside of it."""


@dataclass(frozen=True)
class DataReader:
    """Reads data items; ``folder`` is the project's, relative to the top of the repository."""

    project: DvcProject
    folder: str
    cache: StatCache | None = None
    progress: Progress | None = None

    def read(
        self,
        names: Iterable[str],
        loose: Iterable[str] = (),
        outside: Iterable[DataItem] = (),
    ) -> DataVersion | None:
        """The data version of the configured names and of the pipeline's loose inputs.

        Args:
            names: DVC-tracked paths, plain paths, or ``name=uri@version``; relative to the folder.
            loose: paths relative to the top, which join under their path.
            outside: items of inputs outside the repository, which join where no name is theirs.

        Returns:
            None where there is nothing.

        Raises:
            CaptureError: an item is missing, or does not match what DVC recorded.
        """
        read = [self._items(name) for name in names]
        items = [item for own, _ in read for item in own]
        _check_names(items)
        parts = [*outside, *(item for _, inside in read for item in inside)]
        for path in loose:
            if self._is_there(path):
                own, inside = self._path(path, _named(path, self.folder))
                parts += [*own, *inside]
        found = {item.name: item for item in [*parts, *items]}
        return DataVersion(tuple(sorted(found.values()))) if found else None

    def _items(self, text: str) -> _Read:
        if "://" in text:
            return [_outside_item(text)], []
        path = clean(posixpath.join(self.folder, text))
        if is_outside(path):
            raise CaptureError(
                f"The data path {text!r} is outside the repository.",
                remedy="Name it as an outside source: name=uri@version",
            )
        own, inside = self._path(path, posixpath.normpath(text))
        if self.project.covering(path) is None and not inside and not any(i.size for i in own):
            raise CaptureError(
                f"The data {path or '.'} is empty: nothing in it could be told from another.",
                remedy="Fetch it (dvc pull, git lfs pull), or leave it out of `data`.",
            )
        return own, inside

    def _path(self, path: str, name: str) -> _Read:
        """What is at a path, and what DVC tracks inside it: items of their own."""
        tracked = self.project.covering(path)
        if tracked is not None:
            return [self._from_dvc(path, name, tracked)], []
        parts = {posixpath.relpath(part, path or "."): part for part in self.project.below(path)}
        inside = [
            self._from_dvc(part, posixpath.normpath(posixpath.join(name, relative)), recorded)
            for relative, part in parts.items()
            if not _is_unrecorded(recorded := self.project.tracked[part])
        ]
        source = self.project.source
        if inside and not source.is_dir(path):
            return [], inside
        if isinstance(source, WorkingTree):
            item = self._from_disk(source, path, name, parts)
        else:
            item = self._from_revision(source, path, name, parts)
        return ([item] if item.size or not inside else []), inside

    def _is_there(self, path: str) -> bool:
        source = self.project.source
        return source.is_file(path) or source.is_dir(path)

    def _from_disk(
        self, source: WorkingTree, path: str, name: str, without: Collection[str] = ()
    ) -> DataItem:
        follow, project = link_policy(source.top), source.top / self.folder
        refuse_left_out(source, path)
        refuse_pointers(source.top / path, "data", follow, project, without)
        hashed = hash_path(
            source.top / path,
            cache=self.cache,
            progress=self.progress,
            follow=follow,
            project=project,
            without=without,
            stored=stored_in(source, path),
        )
        return DataItem(name, hashed.xxh3, Known.VERIFIED, hashed.size)

    def _from_revision(
        self, source: Source, path: str, name: str, without: Collection[str]
    ) -> DataItem:
        """A file or a folder that git itself holds at a revision."""
        assert isinstance(source, Revision)  # nosec B101 # noqa: S101 - the other kind of source
        if source.is_file(path):
            hashed = hash_stream(blocks_at(source, path))
        elif source.is_dir(path):
            files = list(files_at(source, path, self.folder, without))
            if not without:
                names = {posixpath.basename(relative) for relative, _ in files}
                refuse_placeholders(path or ".", "data", names)
            hashed = hash_streams((relative, blocks_at(source, file)) for relative, file in files)
        else:
            raise CaptureError(
                f"The data {path} is neither in the revision nor tracked by DVC there.",
                remedy="Name data that the revision holds, or register what is in the working "
                "tree.",
            )
        return DataItem(name, hashed.xxh3, Known.VERIFIED, hashed.size)

    def _from_dvc(self, path: str, name: str, tracked: Tracked) -> DataItem:
        """What DVC recorded, checked against the workspace where the bytes are here."""
        source = self.project.source
        here = isinstance(source, WorkingTree) and (source.top / tracked.path).exists()
        if tracked.digest is None:
            if here and isinstance(source, WorkingTree):
                return self._from_disk(source, path, name)
            raise CaptureError(
                f"DVC has recorded no digest of {tracked.path} ({tracked.file}).",
                remedy="Run the pipeline (dvc repro) or fetch the data (dvc pull).",
            )
        if here and tracked.digest.algorithm in ALGORITHMS:
            return self._verified(path, name, tracked)
        if path != tracked.path:
            raise CaptureError(
                f"{path} is a part of {tracked.path}, whose bytes are not here.",
                remedy=f"Fetch it (dvc pull {tracked.path}) or name {tracked.path} as the data.",
            )
        return DataItem(name, tracked.digest, Known.ASSERTED, tracked.size)

    def _verified(self, path: str, name: str, tracked: Tracked) -> DataItem:
        source = self.project.source
        assert isinstance(source, WorkingTree)  # nosec B101 # noqa: S101 - see _from_dvc
        assert tracked.digest is not None  # nosec B101 # noqa: S101 - see _from_dvc
        hasher = DvcHasher(source, self.project.root, self.cache, self.progress)
        algorithm = tracked.digest.algorithm
        actual, size = hasher.digest(tracked.path, algorithm)
        if actual != tracked.digest:
            raise CaptureError(
                f"{tracked.path} does not match {tracked.file}: the data changed after DVC "
                "recorded it.",
                remedy=f"Record it (dvc commit {tracked.path}), restore it (dvc checkout "
                f"{tracked.path}), or run the pipeline again (dvc repro).",
            )
        if path != tracked.path:
            actual, size = hasher.digest(path, algorithm)
        return DataItem(name, actual, Known.VERIFIED, size)


def _is_unrecorded(item: Tracked) -> bool:
    """Whether an output was never recorded: then it is what the pipeline makes, and no data."""
    return item.made_by_stage and item.digest is None


def _outside_item(text: str) -> DataItem:
    match = _OUTSIDE.fullmatch(text)
    if match is None:
        raise UsageError(
            f"The data source {_hidden(text)!r} cannot be read.",
            remedy="Write it as name=uri@version, for example events=s3://bucket/events@v42",
        )
    if _SECRET.search(match["uri"]):
        raise UsageError(
            f"The data source {_hidden(text)!r} holds credentials.",
            remedy="Leave them out of the address; they belong into the environment.",
        )
    return DataItem(match["name"], _resolve(match["uri"], match["version"]), Known.ASSERTED)


def _resolve(uri: str, version: str) -> Digest:
    """The digest of an outside source: an installed resolver's, or as it was said."""
    from importlib.metadata import entry_points

    for point in entry_points(group=RESOLVERS, name=uri.partition("://")[0]):
        return Digest(str(point.load()(uri, version)))
    if re.fullmatch(r"[a-z0-9-]+:[!-~]+", version):
        return Digest(version)
    return Digest(f"uri:{uri}@{version}")


def _hidden(text: str) -> str:
    return _SECRET.sub("://…@", text)[:120]


def _named(path: str, folder: str) -> str:
    return posixpath.relpath(path, folder) if folder else path


def _check_names(items: list[DataItem]) -> None:
    seen: set[str] = set()
    for item in items:
        if item.name in seen:
            raise UsageError(
                f"Two data items are both called {item.name!r}.", remedy="Name each item once."
            )
        seen.add(item.name)


def from_here(items: Sequence[str], root: Path) -> list[str]:
    """Data items that were named from the current folder, as the project's folder names them."""
    return [
        item if "://" in item else Path(os.path.relpath(check_path("data", item), root)).as_posix()
        for item in items
    ]
