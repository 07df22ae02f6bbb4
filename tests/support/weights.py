"""Weights and what a registry would say of them."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lineage.hashing.files import hash_path
from lineage.hashing.tree import follow_any
from lineage.identity.components import Kind, Weights
from lineage.weights import upload
from lineage.weights.copies import Copy, CopyState, StoredWeights
from lineage.weights.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from lineage.weights.copies import NewCopy, StoreAddress


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


def write_weights(folder: Path) -> None:
    """A folder of weights: a small file, and one that comes in pieces."""
    folder.mkdir(parents=True)
    (folder / "small").write_bytes(b"small")
    (folder / "large.bin").write_bytes(os.urandom(5 << 20))


def serve_weights(registry: Any, place: StoreAddress, source: Path) -> NewCopy:
    """Let churn@1 serve in production, its weights in a store; where they are there."""
    # what else moves weights starts without all that the tests load
    from tests.conftest import captured, captured_pipeline

    weights = weights_of(source)
    copy = upload.put(open_store(place), source, weights, follow=follow_any)
    version = captured("1", "old")
    version = replace(
        version, components=replace(version.components, weights=weights), stored=(copy,)
    )
    registry.register("churn", version, kind=Kind.PRODUCTION, actor="t")
    registry.validate("churn@1", captured_pipeline("old"), passed=True, actor="t")
    registry.release("production", captured_pipeline("old"), ["churn@1"], actor="t")
    return copy
