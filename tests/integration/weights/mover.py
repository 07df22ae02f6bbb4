"""A process that moves weights: `python -m tests.integration.weights.mover push|pull STORED PATH`.

It prints a line before it begins, and one at its end; it may be killed between them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lineage.hashing.tree import follow_any
from lineage.weights import download, upload
from lineage.weights.copies import StoredWeights
from lineage.weights.store import open_store
from tests.support.weights import weights_of


def main(what: str, stored: str, path: str) -> None:
    """Push what lies there, or pull to there, what a registry says is stored."""
    there = StoredWeights.from_json(json.loads(stored))
    print("ready", flush=True)
    if what == "push":
        weights = weights_of(Path(path))
        upload.put(open_store(there.copies[0].store), Path(path), weights, follow=follow_any)
    else:
        download.pull(there, Path(path))
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
