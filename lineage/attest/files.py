"""The files of weights, each by its digest: as they are recorded, in a store, or on this disk.

BLAKE3 of each file is recorded when weights are stored, so nothing is read again for it. SHA-256 is
taken of the bytes, in one read with the BLAKE3 that they are held against.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from lineage.acts import act
from lineage.attest.statements import Signed, SignedFile
from lineage.errors import CaptureError, IntegrityFailure, NotFound, StoreUnreachable
from lineage.hashing.blocks import hash_blocks
from lineage.hashing.files import hash_file
from lineage.hashing.tree import require_utf8, tree_files, unreadable
from lineage.identity.digest import Digest, blake3_of, tree_bytes
from lineage.weights.check import folder_of, recorded, require_place
from lineage.weights.listing import Entry
from lineage.weights.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lineage.weights.any_store import Store
    from lineage.weights.copies import Copy, StoredWeights

ALGORITHMS: Final = ("blake3", "sha256")

_BOTH: Final = ("sha256", "blake3")


def stored_files(stored: StoredWeights, algorithm: str) -> Signed:
    """The files of a version's weights, out of its record and its stores.

    Args:
        stored: what is recorded.
        algorithm: ``blake3``, for which no bytes are read, or ``sha256``.

    Raises:
        IntegrityFailure: no BLAKE3 is recorded, or no store has what is.
        NotFound: the weights are in no store.
        StoreUnreachable: no store that has them can be used.
    """
    whole = recorded(stored)
    failed: list[IntegrityFailure | StoreUnreachable] = []
    for copy in stored.copies:
        if copy.listing is None and algorithm == "blake3":
            return Signed(stored.name, algorithm, (SignedFile("", whole.value),))
        try:
            return _in_store(open_store(copy.store), stored, copy, algorithm)
        except (IntegrityFailure, StoreUnreachable) as error:
            failed.append(error)
    if failed:
        raise failed[0]
    raise NotFound(
        f"The weights of {stored.ref} are in no store.",
        remedy=f"Say where they are: {act('attest', stored.ref, path='PATH')}",
    )


def _in_store(store: Store, stored: StoredWeights, copy: Copy, algorithm: str) -> Signed:
    require_place(store)
    if copy.listing is None:
        rows = [(Entry("", stored.size, recorded(stored)), copy.object)]
    else:
        rows = folder_of(store, stored, copy)[1]
    if algorithm == "blake3":
        files = tuple(SignedFile(entry.path, entry.blake3.value) for entry, _ in rows)
    else:
        files = tuple(_read_object(store, entry, name, stored.ref) for entry, name in rows)
    return Signed(stored.name, algorithm, files)


def _read_object(store: Store, entry: Entry, name: str, ref: str) -> SignedFile:
    """SHA-256 of a file in a store, whose bytes are what was recorded."""
    try:
        blocks = (bytes(block) for block in store.stream(name, entry.size))
        (sha256, blake3), _ = hash_blocks(blocks, _BOTH)
    except FileNotFoundError:
        blake3 = sha256 = ""
    if blake3 != entry.blake3.value:
        raise IntegrityFailure(
            f"Store {store.address.name} has other bytes of {ref} than were registered.",
            remedy=f"See where else they are: {act('verify', ref)}",
        )
    return SignedFile(entry.path, sha256)


def files_here(stored: StoredWeights, path: Path, project: Path, algorithm: str) -> Signed:
    """The files of a version's weights, which lie on this disk; read once.

    Args:
        stored: what is recorded.
        path: the file or folder.
        project: the project's folder, whose ``.lineageignore`` counts too.
        algorithm: ``blake3`` or ``sha256``.

    Raises:
        CaptureError: it cannot be read.
        IntegrityFailure: it is not what was registered.
    """
    files = {"": os.fspath(path)}
    if path.is_dir():
        files = {name: full for name, full, _ in tree_files(path, project=project)}
    rows = list(_read(files))
    if _digest_of(rows) != recorded(stored):
        raise IntegrityFailure(
            f"{path} is not what was registered as the weights of {stored.ref}.",
            remedy=f"See what was: {act('show', stored.ref)}",
        )
    return _signed(stored.name, algorithm, rows)


def files_at(path: Path, without: Sequence[Path] = ()) -> tuple[Digest, dict[str, Signed]]:
    """All that lies at a path, hidden or not: BLAKE3 of it, and its files by each algorithm.

    No ``.lineageignore`` counts: who verifies what came from elsewhere wants to know of every file.

    Args:
        path: a file or a folder.
        without: files that are no part of it, such as its signature; a link to one is.

    Raises:
        CaptureError: it cannot be read.
    """
    files = {"": os.fspath(path)}
    if path.is_dir():
        skipped = {_place(one) for one in without}
        files = dict(_every_file(path, skipped))
        if not files:
            raise CaptureError(f"{path} holds no file.", remedy="Name what was signed.")
    rows = list(_read(files))
    return _digest_of(rows), {name: _signed(path.name, name, rows) for name in ALGORITHMS}


def _every_file(top: Path, skipped: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    pending = [(os.fspath(top), "")]
    while pending:
        folder, prefix = pending.pop()
        try:
            with os.scandir(folder) as entries:
                found = list(entries)
        except OSError as error:
            raise unreadable(folder, error) from None
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                pending.append((entry.path, f"{prefix}{entry.name}/"))
            elif not skipped or _place(entry.path) not in skipped:
                require_utf8(prefix + entry.name)
                yield prefix + entry.name, entry.path


def _place(path: str | Path) -> tuple[str, str]:
    """Where a file stands, links on the way to it followed, it itself not."""
    folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100 - links are kept
    return os.path.realpath(folder), name


_Row = tuple[str, int, str, str]
"""A file's path, its size, its SHA-256 and its BLAKE3 in hex."""


def _read(files: dict[str, str]) -> Iterator[_Row]:
    for name, full in files.items():
        (sha256, blake3), size = hash_file(full, _BOTH)
        yield name, size, sha256, blake3


def _digest_of(rows: Sequence[_Row]) -> Digest:
    """BLAKE3 of the file, or of the folder, as the registry records it."""
    if len(rows) == 1 and not rows[0][0]:
        return Digest(f"blake3:{rows[0][3]}")
    return blake3_of(tree_bytes((name, size, blake3) for name, size, _, blake3 in rows))


def _signed(name: str, algorithm: str, rows: Sequence[_Row]) -> Signed:
    digests = {"sha256": 2, "blake3": 3}[algorithm]
    files = tuple(SignedFile(row[0], str(row[digests])) for row in rows)
    return Signed(name, algorithm, files)
