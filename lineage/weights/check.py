"""Looking whether a store has the weights that were registered: nothing of it is believed.

A folder is two lists beside its files: DVC's own, which says what object holds each file, and the
encoding that the folder's BLAKE3 was taken of, which proves itself.
"""

from __future__ import annotations

import json
import random
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from lineage.acts import act
from lineage.errors import IntegrityFailure, StoreUnreachable, UsageError
from lineage.guard.facts import Sample
from lineage.identity.digest import Digest, blake3_of
from lineage.weights.copies import Copy, CopyCheck, CopyState, NewCopy
from lineage.weights.listing import Entry, inside, read_listing
from lineage.weights.parallel import SMALL, each
from lineage.weights.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineage.weights.any_store import Store
    from lineage.weights.copies import StoreAddress, StoredWeights

READ_ANYWAY: Final = 16 << 20
"""Weights up to this size are read whole by every look."""

LONGEST_LINE: Final = 8192
"""Bytes that one file takes in a list of files at the most."""

SAMPLE: Final = 200
"""Files of a folder whose sizes a cheap look asks a remote store for; that it has all is asked too.
"""


class Gone(IntegrityFailure):
    """An object that is recorded is not there."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with an object; ``read`` tells that it was read to its end to find out."""

    state: CopyState
    detail: str
    read: bool = False


def check_copy(
    store: Store, stored: StoredWeights, copy: Copy | NewCopy, *, deep: bool
) -> CopyCheck:
    """Check whether a copy is there and right.

    Args:
        store: where it is.
        stored: what was registered.
        copy: the copy in this store.
        deep: read every byte; else the sizes (and small weights whole). What was written to in a
            folder since every byte was last read is read in any case.

    Returns:
        what was found. It is deep only where every byte was read to the end: not of what is gone,
        has another size, or could not be asked.
    """
    deep = deep or stored.size <= READ_ANYWAY
    sample: Sample | None = None
    try:
        marker = store.marker() if copy.store.marker is not None else None
        if marker not in (None, copy.store.marker):
            raise _another_place(store)
        deep = deep or marker != copy.store.marker  # its bytes say what no marker does
        if copy.listing is None:
            file = Entry("", stored.size, recorded(stored))
            deep = deep or _was_touched(store, copy, copy.object)
            problem = what_is_wrong(store, copy.object, file, deep=deep)
        else:
            problem, sample = _check_folder(store, stored, copy, deep=deep)
    except (StoreUnreachable, IntegrityFailure) as error:
        return CopyCheck(store.address.name, _state_of(error), deep=False, detail=str(error))
    if problem is not None:
        read = deep and problem.read
        return CopyCheck(store.address.name, problem.state, read, problem.detail, sample)
    return CopyCheck(store.address.name, CopyState.INTACT, deep, sample=sample)


def _state_of(error: StoreUnreachable | IntegrityFailure) -> CopyState:
    """What it means for a copy that nothing of it could be read."""
    if isinstance(error, StoreUnreachable):
        return CopyState.UNREACHABLE
    return CopyState.MISSING if isinstance(error, Gone) else CopyState.CHANGED


def _was_touched(store: Store, copy: Copy | NewCopy, name: str) -> bool:
    """Whether an object in a folder was written to since every byte of the copy was last read."""
    read_at = copy.deep_at if isinstance(copy, Copy) else None
    written_at = store.written_at(name) if read_at is not None else None
    return read_at is not None and written_at is not None and written_at > read_at


def check_copies(
    stored: StoredWeights,
    *,
    deep: bool | Callable[[Copy], bool],
    opened: Callable[[StoreAddress], Store] = open_store,
) -> tuple[CopyCheck, ...]:
    """Check every store that should hold the weights of a version.

    Args:
        stored: the weights, with the copies to check.
        deep: read every byte; else the sizes. Where it depends on the copy, what says so. What was
            found to hold other bytes is read in any case.
        opened: how a store is opened.
    """
    found = []
    for copy in stored.copies:
        deeply = copy.state is CopyState.CHANGED or (deep(copy) if callable(deep) else deep)
        try:
            found.append(check_copy(opened(copy.store), stored, copy, deep=deeply))
        except (StoreUnreachable, UsageError) as error:
            found.append(
                CopyCheck(copy.store.name, CopyState.UNREACHABLE, deep=False, detail=str(error))
            )
    return tuple(found)


def _another_place(store: Store) -> IntegrityFailure:
    return IntegrityFailure(
        f"Another place is behind {store.address.url}: it is not the store that was recorded.",
        remedy="Let the URL lead to that store again; or, where it was moved on purpose, say so: "
        f"{act('store add', store.address.name, store.address.url)}",
    )


def require_place(store: Store) -> None:
    """Refuse to take anything out of another place than was recorded.

    Raises:
        IntegrityFailure: its marker is another.
        StoreUnreachable: the store does not say.
    """
    if store.address.marker is not None and store.marker() not in (None, store.address.marker):
        raise _another_place(store)


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
            remedy=f"See where else it is stored: {act('verify', stored.ref)}",
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


def recorded(stored: StoredWeights) -> Digest:
    """The digest that the bytes must have.

    Raises:
        IntegrityFailure: none was recorded, so nothing can be believed.
    """
    if stored.blake3 is None:
        raise IntegrityFailure(
            f"No BLAKE3 of the weights of {stored.ref} was recorded.",
            remedy="Register them again, and store them: "
            + act("register", stored.ref.partition("@")[0], store=True),
        )
    return stored.blake3


def gone(store: Store, ref: str) -> Gone:
    """The error of an object that is recorded and not there."""
    return Gone(
        f"The weights of {ref} are not in store {store.address.name}.",
        remedy=f"See where else they are: {act('verify', ref)}",
    )


def differs(store: Store, ref: str) -> IntegrityFailure:
    """The error of an object that is not what its record says."""
    return IntegrityFailure(
        f"The weights of {ref} in store {store.address.name} are not what was registered.",
        remedy=f"See where else they are: {act('verify', ref)}",
    )


def what_is_wrong(store: Store, name: str, entry: Entry, *, deep: bool) -> Problem | None:
    """What is wrong with an object; None for nothing."""
    what = entry.path or "the file"
    if deep and 0 < entry.size <= SMALL:
        return _wrong_small(store, name, entry, what)
    size = store.size(name)
    if size is None:
        return Problem(CopyState.MISSING, f"{what} is gone")
    if size != entry.size:
        return Problem(CopyState.CHANGED, f"{what} has {size} bytes instead of {entry.size}")
    if deep:
        try:
            found = store.blake3(name, size)
        except FileNotFoundError:
            return Problem(CopyState.MISSING, f"{what} is gone")
        if found != entry.blake3:
            return Problem(CopyState.CHANGED, f"{what} holds other bytes", read=True)
    return None


def _wrong_small(store: Store, name: str, entry: Entry, what: str) -> Problem | None:
    """The same in one request."""
    try:
        data = store.read(name, 0, entry.size + 1)
    except FileNotFoundError:
        return Problem(CopyState.MISSING, f"{what} is gone")
    if blake3_of(data) != entry.blake3:
        whole = len(data) <= entry.size
        return Problem(CopyState.CHANGED, f"{what} holds other bytes", read=whole)
    return None


def _check_folder(
    store: Store, stored: StoredWeights, copy: Copy | NewCopy, *, deep: bool
) -> tuple[Problem | None, Sample | None]:
    """What is wrong with a folder; and how many files were asked about, if not all of them."""
    _, rows = folder_of(store, stored, copy)
    sample = None
    if not deep and not store.is_folder and len(rows) > SAMPLE:
        there = store.perhaps([name for _, name in rows])
        gone = next((entry for entry, name in rows if name not in there), None)
        if gone is not None:
            return Problem(CopyState.MISSING, f"{gone.path} is gone"), None
        sample = Sample(SAMPLE, len(rows))
        rows = random.sample(rows, SAMPLE)  # nosec B311 # no secret
    problems: list[Problem] = []

    def check(row: tuple[Entry, str]) -> None:
        entry, name = row
        problem = what_is_wrong(store, name, entry, deep=deep or _was_touched(store, copy, name))
        if problem is not None:
            problems.append(problem)

    each(check, rows)
    missing = (problem for problem in problems if problem.state is CopyState.MISSING)
    worst = next(missing, None) or next(iter(problems), None)
    if worst is not None and not all(problem.read for problem in problems):
        worst = replace(worst, read=False)
    return worst, sample


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
            remedy=f"See where else they are: {act('verify', ref)}",
        ) from None


def _whole(store: Store, name: str, stored: StoredWeights) -> bytes:
    """A list of files, which is not larger than its files can make it."""
    size = store.size(name)
    if size is None:
        raise gone(store, stored.ref)
    if size > (stored.files + 1) * LONGEST_LINE:
        raise IntegrityFailure(
            f"The list of the files of {stored.ref} is too large to be one.",
            remedy=f"See where else it is stored: {act('verify', stored.ref)}",
        )
    try:
        return b"".join(store.stream(name, size))
    except FileNotFoundError:
        raise gone(store, stored.ref) from None
