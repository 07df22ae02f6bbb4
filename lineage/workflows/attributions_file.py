"""A file of attributions, as it is kept with a verdict: its digest, and what it comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.errors import CaptureError, UsageError
from lineage.evidence.attributions import Attributions
from lineage.hashing.files import hash_path

if TYPE_CHECKING:
    from pathlib import Path

    from lineage.hashing.files import Hashed


def attributions_of(path: Path) -> Attributions:
    """Read a file of attributions.

    Args:
        path: as :func:`~lineage.evidence.reading.attributed.means_of` takes it.

    Raises:
        UsageError: it is not there, or holds something else than finite numbers.
        CaptureError: its bytes cannot be read, or changed while they were, whatever became of them.
    """
    from lineage.evidence.reading.attributed import means_of

    if not path.exists():
        raise UsageError(f"{path} does not exist.", remedy="Name a file of attributions.")
    before = hash_path(path, with_blake3=True)
    try:
        means, rows = means_of(path)
    except Exception:  # what is wrong with half a file is no fault of the whole one
        _require_unchanged(path, before)
        raise
    _require_unchanged(path, before)
    return Attributions(str(before.blake3), before.size, means, rows)


def _require_unchanged(path: Path, before: Hashed) -> None:
    try:
        unchanged = hash_path(path, with_blake3=True) == before
    except CaptureError:  # it is gone, or changes still
        unchanged = False
    if not unchanged:
        raise CaptureError(
            f"{path} changed while it was read.",
            remedy="Let nothing write there meanwhile, and try again.",
        )
