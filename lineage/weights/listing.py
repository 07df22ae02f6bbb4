"""The list of a folder's files, as it is stored beside them: it proves itself by its BLAKE3."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lineage.acts import act
from lineage.errors import IntegrityFailure
from lineage.identity.digest import TREE_HEADER, Digest, blake3_of

_LINE: Final = re.compile(rb"(0|[1-9][0-9]{0,18}) ", re.ASCII)


_ENTRY_END: Final = re.compile(rb" (0|[1-9][0-9]{0,18}) ([0-9a-f]{64})\n", re.ASCII)


@dataclass(frozen=True)
class Entry:
    """A file of a folder of weights: its path in it, its size in bytes, and its BLAKE3."""

    path: str
    size: int
    blake3: Digest


def read_listing(text: bytes, blake3: Digest, ref: str) -> tuple[Entry, ...]:
    """The files of a folder, from the encoding of its BLAKE3 (docs/reference/digests.md).

    Args:
        text: the listing's bytes, from wherever.
        blake3: the recorded digest: nothing of a listing that has another is believed.
        ref: the version, for messages.

    Raises:
        IntegrityFailure: it is another listing, or one of its paths would leave the folder.
    """
    if blake3_of(text) != blake3 or not text.startswith(TREE_HEADER):
        raise IntegrityFailure(
            f"The list of the files of {ref} is not the one that was registered.",
            remedy=f"See where else it is stored: {act('verify', ref)}",
        )
    entries, position = [], len(TREE_HEADER)
    while position < len(text):
        length = _LINE.match(text, position)
        end = length.end() + int(length[1]) if length else len(text)
        rest = _ENTRY_END.match(text, end)
        if length is None or rest is None:
            raise IntegrityFailure(
                f"The list of the files of {ref} cannot be read.", remedy="Register it again."
            )
        path = inside(text[length.end() : end].decode("utf-8", "surrogateescape"), ref)
        entries.append(Entry(path, int(rest[1]), Digest(f"blake3:{rest[2].decode()}")))
        position = rest.end()
    return tuple(entries)


def inside(path: str, ref: str) -> str:
    """A file's path in a folder, if it stays in it.

    Raises:
        IntegrityFailure: it is absolute, climbs out, or cannot be a file's name.
    """
    parts = path.split("/")
    if "\0" in path or "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise IntegrityFailure(
            f"The weights of {ref} hold a file that would leave their folder: {path[:60]!r}.",
            remedy="Do not use them; whoever registered them should do so again.",
        )
    return path
