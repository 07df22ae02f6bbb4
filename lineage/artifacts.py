"""Weights into a store, and looking whether they are there: every byte is read back (decision 13).

>>> store = open_store(StoreAddress("local", "file:///srv/weights"))    # doctest: +SKIP
>>> copy = put(store, Path("models/model.pkl"), weights)                # doctest: +SKIP
>>> look(store, stored, deep=True).state                                # doctest: +SKIP
<CopyState.INTACT: 'intact'>
"""

from __future__ import annotations

import json
import os
import random
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from blake3 import blake3

from lineage.digest import Digest, blake3_of, tree_bytes
from lineage.errors import CaptureError, IntegrityFailure, StoreUnreachable, UsageError
from lineage.hashing import HashedFile, hash_files
from lineage.stored import CopyState, Entry, Look, NewCopy, inside, read_listing
from lineage.stores import CHUNK, SMALL, asking, each
from lineage.weights_cache import WeightsCache

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lineage.components import Weights
    from lineage.file_tree import Follow
    from lineage.hashing import Progress
    from lineage.stat_cache import StatCache
    from lineage.stored import Copy, StoredWeights
    from lineage.stores import Store

READ_ANYWAY: Final = 16 << 20
"""Weights up to this size are read whole by every look."""

LONGEST_LINE: Final = 8192
"""Bytes that one file takes in a list of files at the most."""

SAMPLE: Final = 200
"""Files of a folder that a cheap look asks a remote store about."""


class Gone(IntegrityFailure):
    """An object that is recorded is not there."""


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
    files = hash_files(path, cache=cache, follow=follow, project=project)
    _require_same(files, weights, path)
    found: set[bool] = set()

    unique = list({file.md5: file for file in files}.values())
    perhaps = store.perhaps([file.md5 for file in unique])

    def put_one(file: HashedFile) -> None:
        there = file.md5 in perhaps and _holds(store, file)
        found.add(there)
        if not there:
            _put_file(store, file)
        if progress is not None:
            progress(file.size)

    with asking(store.address, writing=True):
        each(put_one, [file for file in unique if file.size <= SMALL])
        for file in unique:
            if file.size > SMALL:
                put_one(file)
    if files[0].path == "":
        return NewCopy(
            store.address, files[0].md5, found_there=found == {True}, reused=True in found
        )
    listing = tree_bytes((file.path, file.size, file.blake3.value) for file in files)
    return NewCopy(
        store.address,
        _put_text(store, _dvc_folder(files), ".dir"),
        _put_text(store, listing),
        found_there=found == {True},
        reused=True in found,
    )


def look(store: Store, stored: StoredWeights, copy: Copy | NewCopy, *, deep: bool) -> Look:
    """Look whether a copy is there and right.

    Args:
        store: where it is.
        stored: what was registered.
        copy: the copy in this store.
        deep: read every byte; else the sizes (and small weights whole).
    """
    deep = deep or stored.size <= READ_ANYWAY
    try:
        if copy.listing is None:
            file = Entry("", stored.size, recorded(stored))
            problem = _wrong(store, copy.object, file, deep=deep)
        else:
            problem = _look_folder(store, stored, copy, deep=deep)
    except StoreUnreachable as error:
        return Look(store.address.name, CopyState.UNREACHABLE, deep, str(error))
    except Gone as error:
        return Look(store.address.name, CopyState.MISSING, deep, str(error))
    except IntegrityFailure as error:
        return Look(store.address.name, CopyState.CHANGED, deep, str(error))
    state, detail = problem or (CopyState.INTACT, None)
    return Look(store.address.name, state, deep, detail)


def copy_over(source: Store, copy: Copy, target: Store, stored: StoredWeights) -> NewCopy:
    """Bring a copy from one store to another, reading every byte back from there.

    Raises:
        IntegrityFailure: the copy in the source is missing or wrong; nothing of it is recorded.
        StoreUnreachable: one of the stores cannot be used.
    """
    if copy.listing is None:
        files = {copy.object: Entry("", stored.size, recorded(stored))}
    else:
        _, rows = folder_of(source, stored, copy)
        files = {md5: entry for entry, md5 in rows}
    found: set[bool] = set()

    def bring(item: tuple[str, Entry]) -> None:
        md5, entry = item
        there = _wrong(target, md5, entry, deep=True) is None
        found.add(there)
        if there:
            return
        with _fetched(source, md5, entry, target.incoming, stored.ref) as fetched:
            _put_and_read_back(target, md5, entry, fetched)

    with asking(target.address, writing=True):
        each(bring, [item for item in files.items() if item[1].size <= SMALL])
        for item in files.items():
            if item[1].size > SMALL:
                bring(item)
    if copy.listing is not None:
        for name in (copy.listing, copy.object):
            size = source.size(name) or 0
            target.put_bytes(name, b"".join(source.stream(name, size)))
    return NewCopy(
        target.address,
        copy.object,
        copy.listing,
        found == {True},
        copy.repository,
        copy.revision,
        reused=True in found,
    )


def folder_of(
    store: Store, stored: StoredWeights, copy: Copy | NewCopy
) -> tuple[bytes, list[tuple[Entry, str]]]:
    """The files of a folder with the objects that hold them, and the listing's bytes.

    Raises:
        IntegrityFailure: a list is missing or is not what was registered.
        StoreUnreachable: the store cannot be used.
    """
    listing = _whole(store, copy.listing or "", stored)
    entries = read_listing(listing, recorded(stored), stored.ref)
    objects = _objects(_whole(store, copy.object, stored), stored.ref)
    missing = next((entry.path for entry in entries if entry.path not in objects), None)
    if missing is not None:
        raise IntegrityFailure(
            f"DVC's list of the files of {stored.ref} lacks {missing!r}.",
            remedy=f"See where else it is stored: lineage verify {stored.ref}",
        )
    return listing, [(entry, objects[entry.path]) for entry in entries]


def objects_of(store: Store, stored: StoredWeights, copy: Copy) -> set[str]:
    """Every object of a copy; only what is recorded where its lists cannot be read.

    Raises:
        StoreUnreachable: the store cannot be used.
    """
    named = {copy.object, *([copy.listing] if copy.listing is not None else [])}
    if copy.listing is not None:
        with suppress(IntegrityFailure):
            named |= {md5 for _, md5 in folder_of(store, stored, copy)[1]}
    return named


def _require_same(files: list[HashedFile], weights: Weights, path: Path) -> None:
    found = files[0].blake3 if files and files[0].path == "" else None
    if found is None:
        rows = ((file.path, file.size, file.blake3.value) for file in files)
        found = blake3_of(tree_bytes(rows))
    if found != weights.blake3:
        raise _changed(path)


def _changed(path: str | Path) -> CaptureError:
    return CaptureError(
        f"The weights {os.fspath(path)} changed while they were registered.",
        remedy="Wait until nothing writes to them and register again.",
    )


def _holds(store: Store, file: HashedFile) -> bool:
    """Whether a store has a file, by reading it."""
    entry = Entry(file.path, file.size, file.blake3)
    return _wrong(store, file.md5, entry, deep=True) is None


def _put_file(store: Store, file: HashedFile) -> None:
    entry = Entry(file.path, file.size, file.blake3)
    if file.size <= SMALL:
        data = _read_small(file)
        store.put_bytes(file.md5, data)
        _read_back(store, file.md5, entry)
        return
    with _snapshot(file, store.incoming) as snapshot:
        _put_and_read_back(store, file.md5, entry, snapshot)


def _put_and_read_back(store: Store, md5: str, entry: Entry, file: Path | bytes) -> None:
    if isinstance(file, bytes):
        store.put_bytes(md5, file)
    else:
        store.put_file(md5, file)
    _read_back(store, md5, entry)


def _read_back(store: Store, md5: str, entry: Entry) -> None:
    wrong = _wrong(store, md5, entry, deep=True)
    if wrong is not None:
        raise StoreUnreachable(
            f"Store {store.address.name} did not keep what it was given: {wrong[1]}.",
            remedy="Check the store, then run the same command again.",
        )


def _read_small(file: HashedFile) -> bytes:
    try:
        data = Path(file.source).read_bytes()
    except OSError:
        data = b""
    if blake3_of(data) != file.blake3:
        raise _changed(file.source)
    return data


@contextmanager
def _snapshot(file: HashedFile, folder: Path | None) -> Iterator[Path]:
    """A copy of a file that is what was hashed, and that nobody else writes to."""
    with _own_file(folder) as own:
        hasher = blake3(max_threads=blake3.AUTO)
        with open(file.source, "rb") as source, own.open("wb") as target:  # noqa: PTH123
            while block := source.read(CHUNK):
                hasher.update(block)
                target.write(block)
        if hasher.hexdigest() != file.blake3.value:
            raise _changed(file.source)
        yield own


@contextmanager
def _fetched(
    store: Store, md5: str, entry: Entry, folder: Path | None, ref: str
) -> Iterator[Path | bytes]:
    """An object's verified bytes: in memory, or where they are many in a file of our own."""
    try:
        if entry.size <= SMALL:
            data = b"".join(store.stream(md5, entry.size))
            _require(blake3_of(data), entry, store, ref)
            yield data
            return
        with _own_file(folder) as own:
            hasher = blake3(max_threads=blake3.AUTO)
            with own.open("wb") as target:
                for block in store.stream(md5, entry.size):
                    hasher.update(block)
                    target.write(block)
            _require(Digest(f"blake3:{hasher.hexdigest()}"), entry, store, ref)
            yield own
    except FileNotFoundError:
        raise _gone(store, ref) from None


def _gone(store: Store, ref: str) -> Gone:
    return Gone(
        f"The weights of {ref} are not in store {store.address.name}.",
        remedy=f"See where else they are: lineage verify {ref}",
    )


def _require(found: Digest, entry: Entry, store: Store, ref: str) -> None:
    if found != entry.blake3:
        raise IntegrityFailure(
            f"The weights of {ref} in store {store.address.name} are not what was registered.",
            remedy=f"See where else they are: lineage verify {ref}",
        )


@contextmanager
def _own_file(folder: Path | None) -> Iterator[Path]:
    """A file of our own, gone after the block if it was not moved: beside a store or our cache."""
    place = folder or WeightsCache.default().incoming
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
    if _wrong(store, name, entry, deep=True) is not None:
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


def _objects(text: bytes, ref: str) -> dict[str, str]:
    """The object of each file, from a folder as DVC writes it down; nothing in it is believed."""
    try:
        rows: Any = json.loads(text)
        return {
            inside(str(row["relpath"]), ref): NewCopy.check_object(str(row["md5"])) for row in rows
        }
    except (ValueError, KeyError, TypeError, UsageError):
        raise IntegrityFailure(
            f"DVC's list of the files of {ref} cannot be read.",
            remedy=f"See where else they are: lineage verify {ref}",
        ) from None


def _whole(store: Store, name: str, stored: StoredWeights) -> bytes:
    """A list of files, which is not larger than its files can make it."""
    size = store.size(name)
    if size is None:
        raise _gone(store, stored.ref)
    if size > (stored.files + 1) * LONGEST_LINE:
        raise IntegrityFailure(
            f"The list of the files of {stored.ref} is too large to be one.",
            remedy=f"See where else it is stored: lineage verify {stored.ref}",
        )
    try:
        return b"".join(store.stream(name, size))
    except FileNotFoundError:
        raise _gone(store, stored.ref) from None


def recorded(stored: StoredWeights) -> Digest:
    """The digest that the bytes must have.

    Raises:
        IntegrityFailure: none was recorded, so nothing can be believed.
    """
    if stored.blake3 is None:
        raise IntegrityFailure(
            f"No BLAKE3 of the weights of {stored.ref} was recorded.",
            remedy="Register them again with --store.",
        )
    return stored.blake3


def _wrong(store: Store, name: str, entry: Entry, *, deep: bool) -> tuple[CopyState, str] | None:
    """What is wrong with an object; None for nothing."""
    what = entry.path or "the file"
    if deep and 0 < entry.size <= SMALL:
        return _wrong_small(store, name, entry, what)
    size = store.size(name)
    if size is None:
        return CopyState.MISSING, f"{what} is gone"
    if size != entry.size:
        return CopyState.CHANGED, f"{what} has {size} bytes instead of {entry.size}"
    if deep:
        hasher = blake3(max_threads=blake3.AUTO)
        try:
            for block in store.stream(name, size):
                hasher.update(block)
        except FileNotFoundError:
            return CopyState.MISSING, f"{what} is gone"
        if hasher.hexdigest() != entry.blake3.value:
            return CopyState.CHANGED, f"{what} holds other bytes"
    return None


def _wrong_small(store: Store, name: str, entry: Entry, what: str) -> tuple[CopyState, str] | None:
    """The same in one request."""
    try:
        data = store.read(name, 0, entry.size + 1)
    except FileNotFoundError:
        return CopyState.MISSING, f"{what} is gone"
    if blake3_of(data) != entry.blake3:
        return CopyState.CHANGED, f"{what} holds other bytes"
    return None


def _look_folder(
    store: Store, stored: StoredWeights, copy: Copy | NewCopy, *, deep: bool
) -> tuple[CopyState, str] | None:
    _, rows = folder_of(store, stored, copy)
    if not deep and not store.is_folder and len(rows) > SAMPLE:
        rows = random.sample(rows, SAMPLE)
    problems: list[tuple[CopyState, str]] = []

    def check(row: tuple[Entry, str]) -> None:
        problem = _wrong(store, row[1], row[0], deep=deep)
        if problem is not None:
            problems.append(problem)

    each(check, rows)
    return min(problems, default=None, key=lambda problem: problem[0] is not CopyState.MISSING)
