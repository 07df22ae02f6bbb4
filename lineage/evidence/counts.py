"""Counts of some rows: of each column, of the score, of the target. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from lineage.acts import act
from lineage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.evidence.columns import Column, Score


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What is counted of some rows: of each column, of the score, of the target."""

    rows: int
    columns: Mapping[str, Column]
    score: Score | None = None
    target: Column | None = None

    def to_dict(self, *, with_scale: bool = False) -> dict[str, Any]:
        """The counts as JSON; without kinds and scales, as parts of a profile are written."""
        return {
            "rows": self.rows,
            "columns": {
                name: column.to_dict(with_scale=with_scale) for name, column in self.columns.items()
            },
            "score": self.score and self.score.to_dict(with_scale=with_scale),
            "target": self.target and self.target.to_dict(with_scale=with_scale),
        }

    def merge(self, other: Counts) -> Self:
        """The counts of both together.

        Raises:
            UsageError: their columns or scales differ; which is named.
        """
        for name in [*self.columns, *other.columns]:
            if name not in self.columns or name not in other.columns:
                raise unlike(f"column {name!r}", "is in one alone")
        score = _merged("the score", self.score, other.score)
        return replace(
            self,
            rows=self.rows + other.rows,
            columns={
                name: _merged(f"column {name!r}", column, other.columns[name])
                for name, column in self.columns.items()
            },
            score=score,
            target=_merged("the target", self.target, other.target),
        )


def _merged(where: str, mine: Any, other: Any) -> Any:  # noqa: ANN401 - columns of one kind
    if mine is None and other is None:
        return None
    why = "is in one alone" if mine is None or other is None else mine.why_not(other)
    if why is not None:
        raise unlike(where, why)
    return mine.merge(other)


def unlike(where: str, why: str) -> UsageError:
    """The error of two that cannot be merged: where, and why."""
    return UsageError(
        f"The profiles cannot be merged: {where} {why}.",
        remedy="Count both against one reference: " + act("profile", "DATA", reference="PROFILE"),
    )
