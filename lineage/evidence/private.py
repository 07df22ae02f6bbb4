"""Merging what few rows share, so that a profile tells of nobody alone. Pure."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from lineage.evidence.columns import (
    CategoryColumn,
    Column,
    NumberColumn,
    Score,
    TextColumn,
    TimeColumn,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.evidence.profile import Profile


def merged_below(profile: Profile, least: int) -> Profile:
    """A profile in which each bin, category, length and hour is of ``least`` rows or of none.

    Rare categories join the others, a bin its neighbour, and the range of numbers is not told.
    Where a column has fewer values than ``least``, they stay together in one bin.
    """
    return replace(
        profile,
        columns={name: _merged(column, least) for name, column in profile.columns.items()},
        score=profile.score and _merged_score(profile.score, least),
        target=profile.target and _merged(profile.target, least),
    )


def _merged(column: Column, least: int) -> Column:
    if isinstance(column, NumberColumn):
        bins = list(column.bins)
        bins[0] += column.below
        bins[-1] += column.above
        kept = _cuts(bins, least)
        return replace(
            column,
            edges=tuple(column.edges[i] for i in kept),
            bins=_summed(bins, kept),
            low=None,
            high=None,
            below=0,
            above=0,
        )
    if isinstance(column, CategoryColumn):
        few = [n for n in column.counts if n < least]
        if not few:
            return column
        frequent = [(v, n) for v, n in zip(column.values, column.counts, strict=True) if n >= least]
        return replace(
            column,
            values=tuple(value for value, _ in frequent),
            counts=tuple(n for _, n in frequent),
            other=column.other + column.new + sum(few),
            new=0,
            complete=False,
        )
    if isinstance(column, TextColumn):
        return replace(column, lengths=_folded(column.lengths, least))
    if isinstance(column, TimeColumn):
        return replace(column, hours=_folded(column.hours, least))
    return column


def _merged_score(score: Score, least: int) -> Score:
    kept = _cuts(score.bins, least)
    return replace(
        score,
        edges=tuple(score.edges[i] for i in kept),
        bins=_summed(score.bins, kept),
        positives=score.positives and _summed(score.positives, kept),
    )


def _cuts(bins: Sequence[int], least: int) -> list[int]:
    """The edges to keep: those with ``least`` rows since the last one, and behind them."""
    cuts, since, left = [], 0, sum(bins)
    for edge, number in enumerate(bins[:-1]):
        since += number
        left -= number
        if since >= least and left >= least:
            cuts.append(edge)
            since = 0
    return cuts


def _summed(bins: Sequence[int], cuts: Sequence[int]) -> tuple[int, ...]:
    ends = [0, *(cut + 1 for cut in cuts), len(bins)]
    return tuple(sum(bins[a:b]) for a, b in pairwise(ends))


def _folded(bins: Sequence[int], least: int) -> tuple[int, ...]:
    """Bins of fixed meaning: what is in too small a one is counted in the last of its run."""
    cuts = _cuts(bins, least)
    folded = [0] * len(bins)
    start = 0
    for end in [*(cut + 1 for cut in cuts), len(bins)]:
        fullest = max(range(start, end), key=bins.__getitem__)
        folded[fullest] = sum(bins[start:end])
        start = end
    return tuple(folded)
