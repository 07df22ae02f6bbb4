"""Leakage: what a model was told at training that its validation should have asked. Pure.

Each finding is a number, 0 where nothing leaks, and a metric: ``leakage.rows``. What was not looked
for has none, so a requirement that demands it does not hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from lineage.display import Shown
from lineage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

ALONE: Final = 0.95
"""A feature whose rule alone has this AUC on the validation data, or more, tells the target."""

ALIKE: Final = 0.8
"""Two texts are near-duplicates that share this part of their shingles, or more."""


@dataclass(frozen=True)
class Looking:
    """What is looked for, besides rows that stand in both.

    Attributes:
        target: the column that is predicted, of two values.
        groups: columns of which no value may stand on both sides (a patient, a customer).
        time: the column of when a row was predicted, or happened.
        keys: columns that name a row; they are no part of its content.
        texts: columns of text, in which near-duplicates are looked for.
        known_at: features, each with the column of when it became known.
        threshold: the AUC from which on a feature tells the target alone.
    """

    target: str | None = None
    groups: tuple[str, ...] = ()
    time: str | None = None
    keys: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    known_at: Mapping[str, str] = field(default_factory=dict)
    threshold: float = ALONE

    def __post_init__(self) -> None:
        if not 0.5 < self.threshold <= 1:
            raise UsageError(
                f"The threshold is {self.threshold}, and an AUC lies above 0.5 and up to 1.",
                remedy=f"Leave it out for {ALONE}, or give one such as 0.99.",
            )
        if self.known_at and self.time is None:
            raise UsageError(
                "When a feature became known is held against the time of the row, and no column "
                "is named that has it.",
                remedy="Name it as the time.",
            )

    @property
    def named(self) -> tuple[str, ...]:
        """Every column that is named."""
        alone = [one for one in (self.target, self.time) if one is not None]
        pairs = [one for pair in self.known_at.items() for one in pair]
        return tuple(dict.fromkeys([*alone, *self.groups, *self.keys, *self.texts, *pairs]))

    @property
    def no_features(self) -> frozenset[str]:
        """The columns that are named, and are no features."""
        besides = {self.target, self.time, *self.groups, *self.keys, *self.known_at.values()}
        return frozenset(one for one in besides if one is not None)


@dataclass(frozen=True, repr=False)
class Leakage(Shown):
    """What was found; what was not looked for is None.

    Attributes:
        train_rows: rows of the training data.
        validation_rows: rows of the validation data.
        rows: of those, how many stand in the training data too, without their keys.
        keys: validation rows whose key stands there.
        groups: by column, how many of its values stand on both sides; None of one that has no
            value on a side.
        group_rows: validation rows that have such a value.
        time_rows: validation rows that are not after all of the training.
        near_rows: validation rows with a text that is nearly one of the training's.
        near_looked: validation rows whose texts were looked at, the first ones.
        features: by feature, the AUC of its rule alone; None without a target of two values.
        known_late: by feature, the rows in which it became known after their time; None where none
            is seen to, and some do not say when.
        threshold: the AUC from which on a feature tells the target alone.
        notes: what was not looked at, and why.
    """

    train_rows: int
    validation_rows: int
    rows: int
    keys: int | None = None
    groups: Mapping[str, int | None] | None = None
    group_rows: int | None = None
    time_rows: int | None = None
    near_rows: int | None = None
    near_looked: int | None = None
    features: Mapping[str, float] | None = None
    known_late: Mapping[str, int | None] | None = None
    threshold: float = ALONE
    notes: tuple[str, ...] = ()

    @property
    def telling(self) -> dict[str, float]:
        """The features that tell the target alone, the strongest first."""
        found = (self.features or {}).items()
        strong = [(name, auc) for name, auc in found if auc >= self.threshold]
        return dict(sorted(strong, key=lambda pair: (-pair[1], pair[0])))

    def __bool__(self) -> bool:
        """Whether something leaks."""
        metrics = self.to_json()["leakage"]
        return bool(metrics["found"]) or any(metrics.get(name) for name in _COUNTS)

    @override
    def to_json(self) -> dict[str, Any]:
        """The metrics, below ``leakage``."""
        share = self.rows / self.validation_rows if self.validation_rows else 0.0
        found: dict[str, Any] = {
            "train_rows": self.train_rows,
            "validation_rows": self.validation_rows,
            "rows": self.rows,
            "rows_share": share,
        }
        if self.keys is not None:
            found["keys"] = self.keys
        groups = _all_told(self.groups)
        if groups is not None:
            found["groups"] = sum(groups)
            found["group_rows"] = self.group_rows
        if self.time_rows is not None:
            found["time_rows"] = self.time_rows
        if self.near_rows is not None:
            found["near_rows"] = self.near_rows
            if self.near_looked is not None:
                found["near_looked"] = self.near_looked
        if self.features is not None:
            found["features"] = len(self.telling)
            found["feature_auc"] = max(self.features.values(), default=0.5)
        late = _all_told(self.known_late)
        if late is not None:
            found["known_late"] = sum(1 for rows in late if rows)
        named: dict[str, Mapping[str, float]] = {
            "features": self.telling,
            "groups": {name: many for name, many in (self.groups or {}).items() if many},
            "known_late": {name: many for name, many in (self.known_late or {}).items() if many},
        }
        found["found"] = {kind: dict(names) for kind, names in named.items() if names}
        return {"leakage": found}

    @override
    def _line(self) -> str:
        metrics = self.to_json()["leakage"]
        found = [f"{name} {metrics[name]}" for name in _COUNTS if metrics.get(name)]
        return f"leakage: {', '.join(found) or 'nothing found'}"

    @override
    def _facts(self) -> dict[str, object]:
        metrics: dict[str, object] = dict(self.to_json()["leakage"])
        metrics.pop("found")
        return {name.replace("_", " "): value for name, value in metrics.items()}


def _all_told(counts: Mapping[str, int | None] | None) -> list[int] | None:
    """The counts, where each was looked for."""
    told = [one for one in (counts or {}).values() if one is not None]
    return told if counts is not None and len(told) == len(counts) else None


_COUNTS: Final = ("rows", "near_rows", "keys", "groups", "time_rows", "features", "known_late")
"""The metrics that are 0 where nothing leaks."""
