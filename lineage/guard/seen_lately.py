"""What production saw lately of a model, beside the data of the verdict that counts: plain values.

Windows of counts have no event: what was seen is a look, as of its moment (decision 51).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lineage.evidence.likeness import Likeness

DAYS: Final = 28
"""The newest days that are over, in UTC, that count: four whole weeks."""

MOST_TOLD: Final = 20
"""Columns that are told by themselves, at the most."""


@dataclass(frozen=True)
class SeenLately:
    """What was recorded of a slot in the newest days, on one scale, and how it compares.

    ``days`` are the first and the last on which something was, ``versions`` those that saw it, and
    ``scale`` the profile on whose cells it was counted; ``profile`` is that of the data of the
    verdict that counts. ``likeness`` is None where one of them is not there.
    """

    days: tuple[str, str] | None = None
    rows: int = 0
    versions: tuple[str, ...] = ()
    scale: str | None = None
    profile: str | None = None
    validated_rows: int = 0
    likeness: Likeness | None = None

    def to_json(self) -> dict[str, Any]:
        """The details of `data-like-production`."""
        found = self.likeness
        return {
            "profile": self.profile,
            "validated_rows": self.validated_rows,
            "scale": self.scale,
            "days": list(self.days) if self.days is not None else None,
            "rows": self.rows,
            "versions": list(self.versions),
            "compared": len(found.compared) if found is not None else 0,
            "columns": [one.to_json() for one in found.compared[:MOST_TOLD]] if found else [],
            "moved": [one.column for one in found.moved[:MOST_TOLD]] if found else [],
            "unlike": list(found.unlike[:MOST_TOLD]) if found else [],
            "unseen": list(found.unseen[:MOST_TOLD]) if found else [],
            "chance": round(found.chance, 6) if found is not None else None,
        }
