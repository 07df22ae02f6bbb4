"""The Merkle tree against the RFC's own definitions, written as the RFC writes them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.identity import merkle
from lineage.identity.merkle import Frontier, leaf_hash, node_hash, sha256

ENTRIES = [
    bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")
] + [bytes.fromhex("606162636465666768696a6b6c6d6e6f")]
ROOTS = [  # of the first one, two, … of these, as Certificate Transparency's own tests have them
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def _power(count: int) -> int:
    return max(2**k for k in range(count) if 2**k < count)


def tree_hash(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = _power(len(leaves))
    return node_hash(tree_hash(leaves[:k]), tree_hash(leaves[k:]))


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = _power(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), tree_hash(leaves[k:])]
    return [*path(m - k, leaves[k:]), tree_hash(leaves[:k])]


def subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of section 2.1.2."""
    if m == len(leaves):
        return [] if whole else [tree_hash(leaves)]
    k = _power(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), tree_hash(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), tree_hash(leaves[:k])]


def _leaves(count: int) -> list[bytes]:
    return [leaf_hash(str(index).encode()) for index in range(count)]


def _frontier(leaves: list[bytes]) -> Frontier:
    tree = Frontier()
    for leaf in leaves:
        tree.append(leaf)
    return tree


def test_the_roots_are_those_of_certificate_transparency():
    tree = Frontier()
    assert tree.root().hex() == EMPTY
    for entry, root in zip(ENTRIES, ROOTS, strict=True):
        tree.append(leaf_hash(entry))
        assert tree.root().hex() == root


@pytest.mark.parametrize("size", range(1, 34))
def test_every_proof_of_a_small_tree_is_the_rfcs_and_holds(size):
    leaves = _leaves(size)
    root = _frontier(leaves).root()
    assert root == tree_hash(leaves)
    for index in range(size):
        proof = merkle.roots_of(merkle.inclusion_ranges(index, size), leaves)
        assert proof == path(index, leaves)
        assert merkle.included(leaves[index], index, size, proof, root)
    for first in range(1, size + 1):
        proof = merkle.roots_of(merkle.consistency_ranges(first, size), leaves)
        assert proof == subproof(first, leaves, True)
        assert merkle.consistent(first, tree_hash(leaves[:first]), size, root, proof)
    assert merkle.consistent(0, sha256(b""), size, root, [])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_other_proof_holds(data):
    """A hash changed, taken away or added, another place, another size, another leaf."""
    size = data.draw(st.integers(2, 200))
    index = data.draw(st.integers(0, size - 1))
    first = data.draw(st.integers(1, size - 1))
    leaves = _leaves(size)
    root, first_root = tree_hash(leaves), tree_hash(leaves[:first])
    other = leaf_hash(b"another")
    proof = merkle.roots_of(merkle.inclusion_ranges(index, size), leaves)
    goes_on = merkle.roots_of(merkle.consistency_ranges(first, size), leaves)
    assert merkle.included(leaves[index], index, size, proof, root)
    assert merkle.consistent(first, first_root, size, root, goes_on)
    for wrong in _mangled(data, proof):
        assert not merkle.included(leaves[index], index, size, wrong, root)
    for wrong in _mangled(data, goes_on):
        assert not merkle.consistent(first, first_root, size, root, wrong)
    assert not merkle.included(other, index, size, proof, root)
    assert not merkle.included(leaves[index], (index + 1) % size, size, proof, root)
    assert not merkle.included(leaves[index], index, size, proof, other)
    assert not merkle.included(leaves[index], size, size, proof, root)
    assert not merkle.consistent(first, other, size, root, goes_on)
    assert not merkle.consistent(first, first_root, size, other, goes_on)
    assert not merkle.consistent(size + 1, root, size, root, [])


def _mangled(data, proof):
    other = leaf_hash(b"another")
    yield [*proof, other]
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        yield [*proof[:place], *proof[place + 1 :]]
        yield [*proof[:place], other, *proof[place + 1 :]]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 300), st.integers(0, 300))
def test_a_tree_goes_on_from_where_it_was(before, more):
    leaves = _leaves(before + more)
    tree = _frontier(leaves[:before])
    copy = tree.copy()
    for leaf in leaves[before:]:
        copy.append(leaf)
    assert (tree.size, tree.root()) == (before, tree_hash(leaves[:before]))
    assert (copy.size, copy.root()) == (before + more, tree_hash(leaves))
