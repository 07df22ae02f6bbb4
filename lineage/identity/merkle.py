"""The Merkle tree of RFC 6962 (section 2.1): its root, and proofs about it. Pure.

SHA-256 as the RFC says, so that others' tools read what is proved here. Nothing holds the tree: a
proof names the ranges of leaves whose roots it consists of, and one pass over the leaves gives all.

>>> tree = Frontier()
>>> for entry in (b"one", b"two", b"three"):
...     tree.append(leaf_hash(entry))
>>> proof = roots_of(inclusion_ranges(1, 3), map(leaf_hash, (b"one", b"two", b"three")))
>>> included(leaf_hash(b"two"), 1, 3, proof, tree.root())
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import hashes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HASH_SIZE: Final = 32
LONGEST_PROOF: Final = 64
"""Hashes that a proof holds at the most: of a tree with 2⁶³ leaves."""

_SHA256: Final = hashes.SHA256()

Range = tuple[int, int]
"""The first leaf of a subtree, and the one behind its last."""


def sha256(data: bytes) -> bytes:
    """SHA-256 of bytes, for what other programs check; the registry's own digests are others."""
    digest = hashes.Hash(_SHA256)
    digest.update(data)
    return digest.finalize()


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\x00" + entry)


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node above two others."""
    return sha256(b"\x01" + left + right)


class Frontier:
    """A tree that grows: the roots of its perfect subtrees, the largest first.

    Args:
        roots: those of a tree that is there already.
        size: how many leaves it has.
    """

    def __init__(self, roots: Iterable[bytes] = (), size: int = 0) -> None:
        self._roots = list(roots)
        self.size = size

    def append(self, leaf: bytes) -> None:
        """Add a leaf by its hash."""
        carried, full = leaf, self.size
        while full & 1:
            carried = node_hash(self._roots.pop(), carried)
            full >>= 1
        self._roots.append(carried)
        self.size += 1

    def root(self) -> bytes:
        """The hash of the whole tree; of an empty one that of nothing."""
        if not self._roots:
            return sha256(b"")
        *others, root = self._roots
        for left in reversed(others):
            root = node_hash(left, root)
        return root

    def copy(self) -> Frontier:
        """The same tree, to go on from."""
        return Frontier(self._roots, self.size)


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The subtrees whose roots prove that a leaf is in a tree (``PATH`` of the RFC)."""
    path: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency_ranges(first: int, size: int) -> list[Range]:
    """The subtrees whose roots prove that a tree goes on with a smaller one (``PROOF``).

    Args:
        first: how many leaves the smaller one has; nothing is needed for none and for all.
        size: how many the tree has.
    """
    if first in (0, size):
        return []
    proof: list[Range] = []
    start, end, whole = 0, size, True
    while end != first:
        middle = start + _split(end - start)
        if first <= middle:
            proof.append((middle, end))
            end = middle
        else:
            proof.append((start, middle))
            start, whole = middle, False
    if not whole:
        proof.append((start, end))
    return proof[::-1]


def roots_of(ranges: Sequence[Range], leaves: Iterable[bytes]) -> list[bytes]:
    """The roots of subtrees that do not overlap, from one pass over the leaves' hashes."""
    trees = {span: Frontier() for span in ranges}
    ahead = sorted(ranges, reverse=True)
    for index, leaf in enumerate(leaves):
        while ahead and ahead[-1][1] <= index:
            ahead.pop()
        if not ahead:
            break
        if ahead[-1][0] <= index:
            trees[ahead[-1]].append(leaf)
    return [trees[span].root() for span in ranges]


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof shows that a leaf has its place in a tree (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size or len(proof) > LONGEST_PROOF:
        return False
    place, last, found = index, size - 1, leaf
    for other in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(other, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, other)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def consistent(
    first: int, first_root: bytes, size: int, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether a proof shows that a tree goes on with a smaller one (RFC 9162, section 2.1.4.2)."""
    if not 0 <= first <= size or len(proof) > LONGEST_PROOF:
        return False
    if first == size:
        return not proof and first_root == root
    if first == 0:
        return not proof and first_root == sha256(b"")
    path = list(proof) if first & (first - 1) else [first_root, *proof]
    if not path:
        return False
    place, last = first - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for other in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(other, old), node_hash(other, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, other)
        place, last = place >> 1, last >> 1
    return last == 0 and old == first_root and new == root


def _split(count: int) -> int:
    """The largest power of two below a number of leaves, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)
