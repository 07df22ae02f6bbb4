"""A file of attributions, as it is kept with a verdict: its digest, and what it comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.errors import CaptureError, UsageError
from lineage.evidence.attributions import Attributions
from lineage.hashing.files import hash_path

if TYPE_CHECKING:
    from pathlib import Path


def attributions_of(path: Path) -> Attributions:
    """Read a file of attributions.

    Args:
        path: as :func:`~lineage.evidence.reading.attributed.means_of` takes it.

    Raises:
        UsageError: it is not there, or holds something else than finite numbers.
        CaptureError: its bytes cannot be read, or changed while they were.
    """
    from lineage.evidence.reading.attributed import means_of

    if not path.exists():
        raise UsageError(f"{path} does not exist.", remedy="Name a file of attributions.")
    before = hash_path(path, with_blake3=True)
    means, rows = means_of(path)
    if hash_path(path, with_blake3=True) != before:
        raise CaptureError(
            f"{path} changed while it was read.",
            remedy="Let nothing write there meanwhile, and try again.",
        )
    return Attributions(str(before.blake3), before.size, means, rows)
