"""Weights and what a registry would say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.hashing.files import hash_path
from lineage.identity.components import Weights
from lineage.weights.copies import Copy, CopyState, StoredWeights

if TYPE_CHECKING:
    from pathlib import Path

    from lineage.weights.copies import NewCopy


def weights_of(path: Path) -> Weights:
    found = hash_path(path, with_blake3=True)
    return Weights(found.xxh3, found.blake3, f"models/{path.name}", found.size, found.files)


def stored(weights: Weights, *copies: NewCopy, ref: str = "churn@1") -> StoredWeights:
    """What a registry would say of weights that were put into stores."""
    known = tuple(
        Copy(
            copy.store,
            copy.object,
            copy.listing,
            CopyState.INTACT,
            True,
            "t",
            "t",
            "t",
            "t",
            copy.found_there,
        )
        for copy in copies
    )
    return StoredWeights(
        ref, weights.xxh3, weights.blake3, weights.path, weights.size, weights.files, known
    )
