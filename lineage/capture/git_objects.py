"""Git's objects, each held against its id, which stands for its content and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gitdb.util import make_sha

from lineage.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOB: Final = "blob"


def object_id(kind: str, data: bytes) -> str:
    """The id that git gives an object.

    >>> object_id(BLOB, b"")
    'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
    """
    digest: str = make_sha(f"{kind} {len(data)}\0".encode() + data).hexdigest()
    return digest


def check_object(kind: str, oid: str, data: bytes) -> bytes:
    """An object's bytes, which must be those that its id names.

    Raises:
        CaptureError: they are others.
    """
    if object_id(kind, data) == oid:
        return data
    raise _other_bytes(oid)


def checked_blocks(kind: str, oid: str, size: int, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """An object's bytes as they come, held against its id once they have all come.

    Raises:
        CaptureError: they are others.
    """
    hasher = make_sha(f"{kind} {size}\0".encode())
    for block in blocks:
        hasher.update(block)
        yield block
    if hasher.hexdigest() != oid:
        raise _other_bytes(oid)


def parse_batch(output: bytes) -> Iterator[bytes | None]:
    """What ``git cat-file --batch`` printed: a line with id, kind and size, the bytes, a line end.

    Yields:
        The bytes of each object; None for one that is not there.

    Raises:
        CaptureError: an object holds other bytes than its id stands for.
    """
    at = 0
    while at < len(output):
        end = output.index(b"\n", at)
        facts = output[at:end].split(b" ")
        if len(facts) != 3 or not facts[2].isdigit():
            yield None
            at = end + 1
            continue
        oid, kind, size = facts[0].decode(), facts[1].decode(), int(facts[2])
        yield check_object(kind, oid, output[end + 1 : end + 1 + size])
        at = end + size + 2


def _other_bytes(oid: str) -> CaptureError:
    return CaptureError(
        f"Object {oid} of this clone holds other bytes than its id stands for.",
        remedy="Find out who changed .git (git fsck), and work in a fresh clone.",
    )


def folders_in(tree: bytes) -> Iterator[tuple[str, str]]:
    """The folders that a tree object lists: for each its name and its object's id.

    An entry is its mode, a space, its name, a zero byte, and 20 bytes of its id.
    """
    at = 0
    while at < len(tree):
        end = tree.index(b"\0", at)
        mode, _, name = tree[at:end].partition(b" ")
        if mode == b"40000":
            yield name.decode("utf-8", "surrogateescape"), tree[end + 1 : end + 21].hex()
        at = end + 21
