"""Weights into a store: every byte is read back from it (decision 13).

>>> store = open_store(StoreAddress("local", "file:///srv/weights"))    # doctest: +SKIP
>>> put(store, Path("models/model.pkl"), weights, follow=follow_any)    # doctest: +SKIP
NewCopy(store=StoreAddress(name='local', …), object='9e10…', …)
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from lineage.errors import CaptureError
from lineage.hashing.blocks import blake3_through, blocks_of
from lineage.hashing.files import HashedFile, as_one, hash_files
from lineage.identity.digest import Digest, blake3_of, tree_bytes
from lineage.weights.any_store import asking
from lineage.weights.cache import WeightsCache
from lineage.weights.check import differs, folder_of, gone, recorded, what_is_wrong
from lineage.weights.copies import NewCopy
from lineage.weights.listing import Entry
from lineage.weights.parallel import SMALL, each_by_size
from lineage.weights.remote_store import CHUNK
from lineage.weights.staging import StagedCopy, Staging, kept_other, staging

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lineage.errors import LineageError
    from lineage.hashing.blocks import Progress
    from lineage.hashing.cache import StatCache
    from lineage.hashing.tree import Follow
    from lineage.identity.components import Weights
    from lineage.weights.any_store import Store
    from lineage.weights.copies import Copy, StoredWeights


def put(
    store: Store,
    path: Path,
    weights: Weights,
    *,
    cache: StatCache | None = None,
    progress: Progress | None = None,
    follow: Follow,
    project: Path | None = None,
) -> NewCopy:
    """Put weights into a store and read them back from it.

    What is there already and is right is left alone, so a run that was cut off is completed by the
    next one; what is there and is wrong is replaced.

    Args:
        store: where to.
        path: the file or folder.
        weights: what was captured of it: nothing else is put.
        cache: digests of files that have not changed.
        progress: called with the number of bytes that are done.
        follow: asked before a symbolic link is read.
        project: the project's folder, whose ``.lineageignore`` counts.

    Raises:
        CaptureError: the weights changed since they were captured.
        StoreUnreachable: the store does not take them.
    """
    with staging(store) as copies:
        files = hash_files(path, cache=cache, follow=follow, project=project, copies=copies)
        if as_one(files).blake3 != weights.blake3:
            raise _changed(path)
        return put_files(store, files, copies, progress)


def put_files(
    store: Store, files: list[HashedFile], copies: Staging, progress: Progress | None = None
) -> NewCopy:
    """Put a file, or the files of a folder, as they were hashed, and read them back.

    Args:
        store: where to.
        files: what was hashed.
        copies: where copies for this store are made, and those are that were made of them.
        progress: called with the number of bytes that are done.

    Raises:
        CaptureError: a file changed since it was hashed, and no copy was made of it then.
        StoreUnreachable: the store does not take them.
    """
    address = replace(store.address, marker=store.mark())
    with asking(store.address, writing=True):
        there = _put_files(store, files, copies, progress)
        text = _put_lists(store, files)
        store.settle()
    object_id, listing = text or (files[0].md5, None)
    return NewCopy(address, object_id, listing, found_there=there == {True}, reused=True in there)


def _put_lists(store: Store, files: list[HashedFile]) -> tuple[str, str] | None:
    """Put the lists of a folder's files; the ids of DVC's and of ours. None for a file alone."""
    if files[0].path == "":
        return None
    listing = tree_bytes((file.path, file.size, file.blake3.value) for file in files)
    return _put_text(store, _dvc_folder(files), ".dir"), _put_text(store, listing)


def _put_files(
    store: Store, files: list[HashedFile], copies: Staging, progress: Progress | None
) -> set[bool]:
    """Put each of some files; whether it was there, and right, of any."""
    unique = list({file.md5: file for file in files}.values())
    perhaps = store.perhaps([file.md5 for file in unique])
    found: set[bool] = set()

    def put_one(file: HashedFile) -> None:
        entry = Entry(file.path, file.size, file.blake3)
        there = file.md5 in perhaps and what_is_wrong(store, file.md5, entry, deep=True) is None
        found.add(there)
        if there:
            pass
        elif isinstance(file.copy, StagedCopy):
            _put_and_read_back(store, file.md5, entry, file.copy)
        elif store.takes_streams and file.size > SMALL:
            _stream_and_read_back(store, file.md5, entry, _blocks(file), _changed(file.source))
        else:
            with _snapshot(file, copies) as snapshot:
                _put_and_read_back(store, file.md5, entry, snapshot)
        if progress is not None:
            progress(file.size)

    each_by_size(put_one, unique, lambda file: file.size)
    return found


def copy_over(source: Store, copy: Copy, target: Store, stored: StoredWeights) -> NewCopy:
    """Copy weights from one store to another, reading every byte back from there.

    Raises:
        IntegrityFailure: the copy in the source is missing or wrong; nothing of it is recorded.
        StoreUnreachable: one of the stores cannot be used.
    """
    address = replace(target.address, marker=target.mark())
    if copy.listing is None:
        files = {copy.object: Entry("", stored.size, recorded(stored))}
    else:
        _, rows = folder_of(source, stored, copy)
        files = {md5: entry for entry, md5 in rows}
    found: set[bool] = set()

    def bring(item: tuple[str, Entry]) -> None:
        md5, entry = item
        there = what_is_wrong(target, md5, entry, deep=True) is None
        found.add(there)
        if there:
            return
        if target.takes_streams and entry.size > SMALL:
            blocks = source.stream(md5, entry.size)
            try:
                _stream_and_read_back(target, md5, entry, blocks, differs(source, stored.ref))
            except FileNotFoundError:
                raise gone(source, stored.ref) from None
            return
        with _fetched(source, md5, entry, copies, stored.ref) as fetched:
            _put_and_read_back(target, md5, entry, fetched)

    with asking(target.address, writing=True), staging(target) as copies:
        each_by_size(bring, files.items(), lambda item: item[1].size)
    if copy.listing is not None:
        for name in (copy.listing, copy.object):
            size = source.size(name) or 0
            target.put_bytes(name, b"".join(source.stream(name, size)))
    target.settle()
    return NewCopy(
        address,
        copy.object,
        copy.listing,
        found == {True},
        copy.repository,
        copy.revision,
        reused=True in found,
    )


def _changed(path: str | Path) -> CaptureError:
    return CaptureError(
        f"The weights {os.fspath(path)} changed while they were registered.",
        remedy="Wait until nothing writes to them and register again.",
    )


def _put_and_read_back(
    store: Store, md5: str, entry: Entry, file: StagedCopy | Path | bytes
) -> None:
    if isinstance(file, StagedCopy):  # it was read back as it was written
        store.put_file(md5, file.path)
        file.require_at(store.local(md5))
        return
    if isinstance(file, bytes):
        store.put_bytes(md5, file)
    else:
        store.put_file(md5, file)
    _read_back(store, md5, entry)


def _stream_and_read_back(
    store: Store,
    md5: str,
    entry: Entry,
    blocks: Iterable[bytes | memoryview],
    other: LineageError,
) -> None:
    """Put what comes in blocks; nothing of it, and an error, where it is not what it should be."""

    def checked() -> Iterator[bytes | memoryview]:
        hasher = blake3(max_threads=blake3.AUTO)
        for block in blocks:
            hasher.update(block)
            yield block
        if hasher.hexdigest() != entry.blake3.value:
            raise other

    store.put_stream(md5, entry.size, checked())
    _read_back(store, md5, entry)


def _blocks(file: HashedFile) -> Iterator[bytes]:
    """A file's bytes in pieces as they are sent."""
    try:
        with open(file.source, "rb", 0) as source:  # noqa: PTH123 - as it was found
            while block := source.read(CHUNK):
                yield block
    except OSError:
        raise _changed(file.source) from None


def _read_back(store: Store, md5: str, entry: Entry) -> None:
    wrong = what_is_wrong(store, md5, entry, deep=True)
    if wrong is not None:
        raise kept_other(store.address, wrong.detail)


@contextmanager
def _snapshot(file: HashedFile, copies: Staging) -> Iterator[StagedCopy | Path | bytes]:
    """A copy of a file that is what was hashed, and that nobody else writes to."""
    try:
        source = open(file.source, "rb")  # noqa: PTH123, SIM115 - closed below
    except OSError:
        raise _changed(file.source) from None
    with source, _verified(blocks_of(source), file.size, file.blake3, copies) as copy:
        if copy is None:
            raise _changed(file.source)
        yield copy


@contextmanager
def _fetched(
    store: Store, md5: str, entry: Entry, copies: Staging, ref: str
) -> Iterator[StagedCopy | Path | bytes]:
    """An object's verified bytes."""
    try:
        blocks = store.stream(md5, entry.size)
        with _verified(blocks, entry.size, entry.blake3, copies) as copy:
            if copy is None:
                raise differs(store, ref)
            yield copy
    except FileNotFoundError:
        raise gone(store, ref) from None


@contextmanager
def _verified(
    blocks: Iterable[bytes | memoryview], size: int, wanted: Digest, copies: Staging
) -> Iterator[StagedCopy | Path | bytes | None]:
    """Bytes in memory, or where they are many in a file of our own; None where they are others."""
    if size <= SMALL:
        data = b"".join(blocks)
        yield data if blake3_of(data) == wanted else None
        return
    with copies.copy() as copy:
        found = blake3_through(blocks, copy.write) if copy is not None else None
    if copy is not None:
        yield copy if found == wanted else None
        return
    with _own_file() as own:
        with own.open("wb") as target:
            found = blake3_through(blocks, target.write)
        yield own if found == wanted else None


@contextmanager
def _own_file() -> Iterator[Path]:
    """A file of our own, gone after the block."""
    place = WeightsCache.default().incoming
    place.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=place)
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _put_text(store: Store, text: bytes, ending: str = "") -> str:
    """Put a list of files; the id of the object."""
    from dvc_data.hashfile.hash import get_hasher

    hasher = get_hasher("md5")
    hasher.update(text)
    name = str(hasher.hexdigest()) + ending
    entry = Entry(name, len(text), blake3_of(text))
    if what_is_wrong(store, name, entry, deep=True) is not None:
        _put_and_read_back(store, name, entry, text)
    return name


def _dvc_folder(files: Iterable[HashedFile]) -> bytes:
    """A folder as DVC writes it down."""
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree

    tree = Tree()
    for file in files:
        tree.add(tuple(file.path.split("/")), None, HashInfo("md5", file.md5))
    return bytes(tree.as_bytes())
