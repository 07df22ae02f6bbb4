"""What was counted of some rows on a profile's scale: the counts alone, as windows hold them. Pure.

In JSON, without kinds and scales, which are the profile's::

    {"rows": 4, "columns": {"fare": {"rows": 4, "null": 0, …, "bins": […32]}, …},
     "score": {"rows": 4, …, "bins": […50], "positives": null} or null,
     "target": {"rows": 4, …, "positive": 1, "negative": 3} or null,
     "groups": {"sex=female": {"rows": 2, "columns": {}, "score": …, "target": …}}}

Of inputs ``columns`` are all of the profile's, and there is a score where the profile has one; of
outcomes there are no columns, and the target besides. Counts add: :func:`added` adds two such
documents without reading them, to what merging them gives.

Nothing beyond the standard library is loaded here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Self

from lineage.errors import UsageError
from lineage.evidence.counts import Counts
from lineage.evidence.profile import MOST_GROUPS, read_counts
from lineage.evidence.reader import LARGEST_COUNT, LONGEST_TEXT, Reader, is_kept, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

_WHERE: Final = "the window"


@dataclass(frozen=True, kw_only=True)
class Part(Counts):
    """The counts of some rows, and of their groups, on the scale of a profile."""

    groups: Mapping[str, Counts] = field(default_factory=dict)
    """By ``column=value``."""

    def to_dict(self, *, with_scale: bool = False) -> dict[str, Any]:
        """The counts as JSON, as the module's text shows them."""
        groups = {name: one.to_dict(with_scale=with_scale) for name, one in self.groups.items()}
        return super().to_dict(with_scale=with_scale) | {"groups": groups}

    def merge(self, other: Counts) -> Self:
        """The counts of both together.

        Raises:
            UsageError: their columns or scales differ; which is named.
        """
        merged = super().merge(other)
        groups = dict(self.groups)
        for name, one in (other.groups if isinstance(other, Part) else {}).items():
            groups[name] = groups[name].merge(one) if name in groups else one
        return replace(merged, groups=groups)

    @classmethod
    def parse(cls, body: Any, like: Counts) -> Self:  # noqa: ANN401 - any JSON value
        """Read counts on the scale of a profile.

        Args:
            body: the JSON.
            like: the profile.

        Raises:
            UsageError: they are none, or not on its scale; which key, and what is wrong with it.
        """
        try:
            return cls._parsed(body, like)
        except UsageError as error:
            said = str(error).removeprefix("The profile is not valid: ")
            raise UsageError(
                f"The counts are not valid: {said}",
                remedy="Count on the validation's profile, and send what was counted as it is.",
            ) from None

    @classmethod
    def _parsed(cls, body: Any, like: Counts) -> Self:  # noqa: ANN401 - any JSON value
        reader = Reader(body, _WHERE)
        whole = read_counts(reader, _asked(body, like))
        groups = reader.take("groups")
        reader.close()
        if not isinstance(groups, dict) or len(groups) > MOST_GROUPS:
            raise refused(f"{_WHERE}.groups", f"is no object of at most {MOST_GROUPS} groups")
        parts = {}
        for name, inner in groups.items():
            where = f"{_WHERE}.groups: {name[:80]!r}"
            if not is_kept(name[:LONGEST_TEXT]) or len(name) > 2 * LONGEST_TEXT + 1:
                raise refused(where, "is no name")
            group = Reader(inner, where)
            parts[name] = read_counts(group, _asked(inner, like))
            group.close()
            if parts[name].rows > whole.rows:
                raise refused(where, "has more rows than the whole")
        return cls(
            rows=whole.rows,
            columns=whole.columns,
            score=whole.score,
            target=whole.target,
            groups=parts,
        )


def _asked(body: Any, like: Counts) -> Counts:  # noqa: ANN401 - any JSON value
    """The profile's scale of what a part has: its columns or none, its score, its target."""
    has = body if isinstance(body, dict) else {}
    return Counts(
        rows=0,
        columns=like.columns if has.get("columns") else {},
        score=like.score if has.get("score") is not None else None,
        target=like.target if has.get("target") is not None else None,
    )


def added(one: Any, other: Any) -> Any:  # noqa: ANN401 - JSON of parts
    """The JSON of two parts on one scale together; unknown where one of two counts is unknown.

    What would be more than can be counted is the most that can: characters may be, where rows are
    few, and who sends such counts makes no sum of others one that nobody can read.

    >>> added({"rows": 1, "groups": {}}, {"rows": 2, "groups": {"a=b": {"rows": 2}}})
    {'rows': 3, 'groups': {'a=b': {'rows': 2}}}
    >>> added({"bins": [1, 0], "positives": None}, {"bins": [2, 5], "positives": [1, 1]})
    {'bins': [3, 5], 'positives': None}
    """
    if isinstance(one, dict) and isinstance(other, dict):
        both = {key: added(one[key], value) for key, value in other.items() if key in one}
        return {**one, **other, **both}
    if isinstance(one, list) and isinstance(other, list):
        return [min(a + b, LARGEST_COUNT) for a, b in zip(one, other, strict=True)]
    return None if one is None or other is None else min(one + other, LARGEST_COUNT)
