"""Attributions: what each feature adds to a model's predictions, summed up as metrics. Pure.

They stand below ``attributions``: the digest of their file, and of the features that matter most
the mean distance from zero, and its share of that of all. So a requirement can bound them, and two
verdicts compare: what does the new version rely on that the old did not?
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from typing_extensions import override

from lineage.display import Shown
from lineage.strict_json import finite

if TYPE_CHECKING:
    from collections.abc import Mapping

ATTRIBUTIONS: Final = "attributions"
IMPORTANCE: Final = "importance"
"""Under which a verdict's metrics have what :mod:`.importance` measured."""

MOST: Final = 100
"""Features of a summary, those that matter most."""

RELIED: Final = 0.02
"""A version relies on a feature that has this share, or more."""

IGNORED: Final = 0.01
"""It does not on one that has less than this: a hundred features have a hundredth each."""


@dataclass(frozen=True, repr=False)
class Attributions(Shown):
    """What a file of attributions comes to.

    Attributes:
        blake3: the digest of the file.
        size: its bytes.
        means: by feature, the mean distance of its attributions from zero.
        rows: of how many predictions; None where the file has one value for each feature.
    """

    blake3: str
    size: int
    means: Mapping[str, float]
    rows: int | None = None

    @property
    def shares(self) -> dict[str, float]:
        """By feature, its part of the sum of all, the greatest first; 0 where all of them are."""
        return _parts(self.means)

    @override
    def to_json(self) -> dict[str, Any]:
        """The metrics, below ``attributions``: six digits of each number, of the first features."""
        first = dict(list(self.shares.items())[:MOST])
        found: dict[str, Any] = {
            "blake3": self.blake3,
            "size": self.size,
            "features": len(self.means),
            "mean": {name: _six(self.means[name]) for name in first},
            "share": {name: _six(share) for name, share in first.items()},
        }
        return {ATTRIBUTIONS: found | ({} if self.rows is None else {"rows": self.rows})}

    @override
    def _line(self) -> str:
        return f"attributions of {len(self.means):,} features: {in_words(self.shares)}"

    @override
    def _facts(self) -> dict[str, object]:
        return {name: f"{share:.1%}" for name, share in list(self.shares.items())[:MOST]}


def in_words(shares: Mapping[str, float], most: int = 5) -> str:
    """The first features with their shares, on a line."""
    first = [f"{name} {share:.1%}" for name, share in list(shares.items())[:most]]
    more = f" and {len(shares) - most:,} more" if len(shares) > most else ""
    return ", ".join(first) + more


def is_of_attributions(name: str) -> bool:
    """Whether a metric is one of a summary of attributions."""
    return name.startswith(f"{ATTRIBUTIONS}.")


class Reliance(NamedTuple):
    """What a verdict says that its version relies on.

    ``measure`` is ``attributions``, or ``importance``: what the metric loses without a feature, as
    a part of all such losses. ``shares`` are by feature, the greatest first; ``blake3`` is the
    digest of the file of attributions, where it is told.
    """

    measure: str
    shares: dict[str, float]
    blake3: str | None = None


def relied_on(metrics: Mapping[str, Any] | None) -> Reliance | None:
    """What a verdict's metrics say of the features; None where they have no such numbers."""
    told = (metrics or {}).get(ATTRIBUTIONS)
    if isinstance(told, dict) and (shares := _numbers(told.get("share"))):
        digest = told.get("blake3")
        return Reliance(ATTRIBUTIONS, _ordered(shares), digest if isinstance(digest, str) else None)
    losses = _numbers((metrics or {}).get(IMPORTANCE))
    return Reliance(IMPORTANCE, _parts(losses)) if losses else None


def compared(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> dict[str, Any]:
    """JSON of what differs between what two verdicts rely on, as far as one measure is of both.

    ``new`` are the features that the second relies on (a share of :data:`RELIED` or more) and the
    first did not (less than :data:`IGNORED`, or none), ``gone`` the other way round; each with both
    shares, the greatest first.
    """
    first, second = relied_on(old), relied_on(new)
    found: dict[str, Any] = {
        "measure": None,
        "first": first.shares if first is not None else None,
        "second": second.shares if second is not None else None,
        "new": [],
        "gone": [],
    }
    if first is None or second is None or first.measure != second.measure:
        return found
    lost = _gained(second.shares, first.shares)
    return found | {
        "measure": first.measure,
        "new": _gained(first.shares, second.shares),
        "gone": [row | {"first": row["second"], "second": row["first"]} for row in lost],
    }


def _gained(old: Mapping[str, float], new: Mapping[str, float]) -> list[dict[str, Any]]:
    return [
        {"feature": name, "first": old.get(name), "second": share}
        for name, share in new.items()
        if share >= RELIED and old.get(name, 0.0) < IGNORED
    ]


def _numbers(values: Any) -> dict[str, float]:  # noqa: ANN401 - any JSON value
    """The numbers of an object that are not below zero; those that are count as zero."""
    if not isinstance(values, dict):
        return {}
    read = ((name, finite(value)) for name, value in values.items())
    return {name: max(number, 0.0) for name, number in read if number is not None}


def _parts(numbers: Mapping[str, float]) -> dict[str, float]:
    """Each number's part of all, the greatest first: by the greatest, so that no sum is too great.

    0 where all of them are.
    """
    greatest = max(numbers.values(), default=0.0) or 1.0
    total = math.fsum(one / greatest for one in numbers.values()) or 1.0
    return _ordered({name: one / greatest / total for name, one in numbers.items()})


def _ordered(shares: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(shares.items(), key=lambda pair: (-pair[1], pair[0])))


def _six(number: float) -> float:
    return float(f"{number:.6g}")
