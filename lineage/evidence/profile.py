"""A profile: what some rows look like, in counts that add. Pure.

In JSON, canonical by RFC 8785::

    {"encoding": "lineage-profile/1", "rows": 10,
     "columns": {"fare": {"kind": "number", "rows": 10, "null": 0, "wrong_type": 0,
                          "nan": 0, "infinite": 0, "edges": […31], "low": 1.5, "high": 9.0,
                          "bins": […32], "below": 0, "above": 0},
                 "port": {"kind": "category", …, "values": ["S", …], "complete": true,
                          "counts": […], "other": 0, "new": 0},
                 "name": {"kind": "text", …, "lengths": […24], "characters": {"letter": 71, …}},
                 "at":   {"kind": "time", …, "hours": […168]}},
     "score": {"kind": "score", …, "edges": […49], "bins": […50], "positives": […50] or null},
     "target": {"kind": "binary", …, "positive": 3, "negative": 7},   (or a column as above)
     "groups": {"sex=female": {"rows": 4, "columns": {…}, "score": …, "target": …}},
     "window_seconds": 86400, "windows": {"2013-01-01T00:00:00Z": {"rows": 4, …}},
     "roles": {"score": "p", "target": "survived", "time": "at", "groups": ["sex"]}}

``score``, ``target``, ``window_seconds`` and a role may be null. The parts by group and by window
repeat neither kind nor scale (edges, low, high, values, complete): those are the whole's. A row
whose group is not among the 64 most frequent, or whose time is unknown, is in the whole alone.

Two profiles merge where their scales are equal, and the profile of two sets of rows together,
counted against one reference, is the merge of their profiles.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self

from lineage import strict_json
from lineage.display import Shown, table
from lineage.errors import UsageError
from lineage.evidence.columns import COLUMNS, BinaryTarget, Score, read_column
from lineage.evidence.counts import Counts, unlike
from lineage.evidence.reader import LARGEST_COUNT, LONGEST_TEXT, WRITE, Reader, is_kept, refused

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from lineage.evidence.columns import Column
    from lineage.identity.digest import Digest

__all__ = ["ENCODING", "Counts", "Profile", "Roles"]

ENCODING: Final = "lineage-profile/1"
MOST_COLUMNS: Final = 2_000
MOST_GROUPS: Final = 640
MOST_WINDOWS: Final = 366
MOST_BYTES: Final = 32 * 1024 * 1024
"""Bytes of a profile in JSON."""

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Which columns of the data are what; None where there is none.

    The score and the target are counted apart from the columns; windows are taken of the time.
    """

    score: str | None = None
    target: str | None = None
    time: str | None = None
    groups: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The roles as JSON."""
        return {
            "score": self.score,
            "target": self.target,
            "time": self.time,
            "groups": list(self.groups),
        }

    @classmethod
    def parse(cls, body: Any) -> Self:  # noqa: ANN401 - any JSON value
        """Read roles back.

        Raises:
            UsageError: a role is no name of a column.
        """
        reader = Reader(body, "the profile.roles")
        names = {key: reader.take(key) for key in ("score", "target", "time")}
        groups = reader.take("groups")
        reader.close()
        if not isinstance(groups, list) or len(groups) > MOST_GROUPS:
            raise refused("the profile.roles.groups", "is no list of columns")
        for name in (*names.values(), *groups):
            if name is not None and not (isinstance(name, str) and is_kept(name)):
                raise refused("the profile.roles", "names what is no column")
        return cls(**names, groups=tuple(groups))


@dataclass(frozen=True, kw_only=True, repr=False)
class Profile(Counts, Shown):
    """The counts of a set of rows, and of its groups and windows on the same scales."""

    groups: Mapping[str, Counts] = field(default_factory=dict)
    """By ``column=value``."""
    window_seconds: int | None = None
    windows: Mapping[str, Counts] = field(default_factory=dict)
    """By the window's start, UTC."""
    roles: Roles = field(default_factory=Roles)

    @property
    def untimed(self) -> int:
        """Rows that are in no window, where there are windows: of no time that can be true."""
        if self.roles.time is None:
            return 0
        return self.rows - sum(part.rows for part in self.windows.values())

    def to_dict(self, *, with_scale: bool = True) -> dict[str, Any]:
        """The profile as JSON, as the module's text shows it."""
        return (
            {"encoding": ENCODING}
            | super().to_dict(with_scale=with_scale)
            | {
                "groups": {name: part.to_dict() for name, part in self.groups.items()},
                "window_seconds": self.window_seconds,
                "windows": {start: part.to_dict() for start, part in self.windows.items()},
                "roles": self.roles.to_dict(),
            }
        )

    to_json = to_dict
    __repr__ = Shown.__repr__  # not that of the counts, which is of all of them

    def _line(self) -> str:
        return f"profile of {self.rows:,} rows and {len(self.columns)} columns"

    def _repr_html_(self) -> str:
        from lineage.evidence.summary import HEADINGS, rows

        return table(self._line(), HEADINGS, rows(self))

    @cached_property
    def canonical(self) -> bytes:
        """The canonical bytes (RFC 8785) of :meth:`to_dict`."""
        from lineage.identity.digest import canonical_bytes  # hosts count without it

        return canonical_bytes(self.to_dict())

    @cached_property
    def digest(self) -> Digest:
        """``H("lineage-profile/1", profile)``."""
        from lineage.identity.digest import xxh3

        return xxh3(ENCODING.encode() + b"\n" + self.canonical)

    def merge(self, other: Counts) -> Self:
        """The profile of both sets of rows together.

        Raises:
            UsageError: their columns, scales or windows differ; which is named.
        """
        merged = super().merge(other)
        if not isinstance(other, Profile):
            return merged
        if self.roles != other.roles:
            raise unlike("their roles", "differ: score, target, time or groups")
        if self.windows and other.windows and self.window_seconds != other.window_seconds:
            raise unlike("its windows", "are longer in one than in the other")
        windows = _united(self.windows, other.windows)
        groups = _united(self.groups, other.groups)
        _refuse_too_many(windows, groups, "The profiles cannot be merged: together they have")
        seconds = self.window_seconds or other.window_seconds
        return replace(merged, groups=groups, windows=windows, window_seconds=seconds)

    def without(self, names: Collection[str]) -> Self:
        """The profile without columns: in all rows, in each group and in each window."""

        def rest(columns: Mapping[str, Column]) -> dict[str, Column]:
            return {name: column for name, column in columns.items() if name not in names}

        def parts(counts: Mapping[str, Counts]) -> dict[str, Counts]:
            return {
                name: replace(part, columns=rest(part.columns)) for name, part in counts.items()
            }

        return replace(
            self,
            columns=rest(self.columns),
            groups=parts(self.groups),
            windows=parts(self.windows),
        )

    @classmethod
    def parse(cls, body: Any) -> Self:  # noqa: ANN401 - any JSON value
        """Read a profile back from JSON.

        Raises:
            UsageError: it is none; which key, and what is wrong with it.
        """
        reader = Reader(body, "the profile")
        if (encoding := reader.take("encoding")) != ENCODING:
            raise UsageError(
                f"The profile is written as {str(encoding)[:40]!r}; this lineage reads {ENCODING}.",
                remedy="Install the version of lineage that wrote it, or profile the data anew.",
            )
        whole = read_counts(reader, None)
        groups, windows = reader.take("groups"), reader.take("windows")
        seconds, roles = reader.take("window_seconds"), Roles.parse(reader.take("roles"))
        reader.close()
        if seconds is not None and (type(seconds) is not int or not 0 < seconds <= LARGEST_COUNT):
            raise refused("window_seconds", "is no number of seconds")
        if (seconds is None) != (not windows):
            raise refused("window_seconds", "goes with windows, and only with them")
        profile = cls(
            rows=whole.rows,
            columns=whole.columns,
            score=whole.score,
            target=whole.target,
            groups=_read_parts(groups, "groups", whole),
            window_seconds=seconds,
            windows=_read_parts(windows, "windows", whole),
            roles=roles,
        )
        _refuse_too_many(profile.windows, profile.groups, "The profile is not valid: it has")
        for start in profile.windows:
            if not _is_moment(start):
                raise refused(f"windows: {start[:40]!r}", "is no moment")
        return profile

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Self:
        """Read a profile back from a file's bytes; ``where`` names the file in errors.

        Raises:
            UsageError: it is no JSON, too large, or no profile.
        """
        try:
            if len(data) > MOST_BYTES:
                raise ValueError(f"larger than {MOST_BYTES:,} bytes")
            body = strict_json.loads(data, unique_keys=True)
        except (ValueError, RecursionError) as error:
            raise UsageError(
                f"{where} is no profile: {error}.",
                remedy=f"Name a profile that was written: {WRITE}",
            ) from None
        return cls.parse(body)


def read_counts(reader: Reader, like: Counts | None) -> Counts:
    """Read counts, on the scale of ``like`` or one of their own.

    Raises:
        UsageError: they are none; which key, and what is wrong with it.
    """
    rows = reader.count("rows")
    bodies, score, target = (reader.take(key) for key in ("columns", "score", "target"))
    if not isinstance(bodies, dict) or len(bodies) > MOST_COLUMNS:
        raise refused(f"{reader.where}.columns", f"is no object of at most {MOST_COLUMNS} columns")
    if like is not None and bodies.keys() != like.columns.keys():
        raise refused(reader.where, "has other columns than the whole")
    if like is not None and ((score is None, target is None) != _has_none(like)):
        raise refused(reader.where, "has a score or a target where the whole has none, or none")
    columns = {}
    for name, body in bodies.items():
        where = f"column {name[:80]!r} of {reader.where}"
        if not is_kept(name):
            raise refused(where, f"has a name that is no text of at most {LONGEST_TEXT} characters")
        columns[name] = read_column(body, where, None if like is None else like.columns[name])
    counts = Counts(
        rows=rows,
        columns=columns,
        score=None if score is None else _read_score(score, reader.where, like),
        target=None
        if target is None
        else read_column(
            target,
            f"the target of {reader.where}",
            None if like is None else like.target,
            (*COLUMNS.values(), BinaryTarget),
        ),
    )
    for column in (*columns.values(), counts.score, counts.target):
        if column is not None and column.rows != rows:
            raise refused(reader.where, "has a column of other rows than its own")
    return counts


def _is_moment(text: str) -> bool:
    try:
        return bool(_MOMENT.fullmatch(text) and dt.datetime.fromisoformat(text))
    except ValueError:
        return False


def _has_none(counts: Counts) -> tuple[bool, bool]:
    return counts.score is None, counts.target is None


def _read_score(body: Any, where: str, like: Counts | None) -> Score:  # noqa: ANN401
    where = f"the score of {where}"
    reader = Reader(body, where)
    if like is not None and like.score is not None:
        return Score.read(reader, like.score)
    if reader.take("kind") != Score.kind:
        raise refused(where, "is of an unknown kind")
    return Score.read(reader)


def _read_parts(body: Any, where: str, whole: Counts) -> dict[str, Counts]:  # noqa: ANN401
    if not isinstance(body, dict) or len(body) > max(MOST_GROUPS, MOST_WINDOWS):
        raise refused(where, "is no object of at most 640 parts")
    parts = {}
    for name, inner in body.items():
        if not is_kept(name[:LONGEST_TEXT]) or len(name) > 2 * LONGEST_TEXT + 1:
            raise refused(f"{where}: {name[:80]!r}", "is no name")
        reader = Reader(inner, f"{where}: {name[:80]!r}")
        parts[name] = read_counts(reader, whole)
        reader.close()
    return parts


def _refuse_too_many(
    windows: Mapping[str, Counts], groups: Mapping[str, Counts], beginning: str
) -> None:
    for what, number, most in (
        ("windows", len(windows), MOST_WINDOWS),
        ("groups", len(groups), MOST_GROUPS),
    ):
        if number > most:
            raise UsageError(
                f"{beginning} {number} {what}, and at most {most} are kept.",
                remedy="Profile fewer days, or fewer groups, at a time.",
            )


def _united(mine: Mapping[str, Counts], others: Mapping[str, Counts]) -> dict[str, Counts]:
    both = {name: part.merge(others[name]) for name, part in mine.items() if name in others}
    return {**mine, **others, **both}
