"""Near-duplicate texts: MinHash sketches of their shingles, and an index of them. Pure.

A text is case-folded after NFKC, and every run of what is neither letter nor digit is one space.
Its shingles are all runs of five characters (the text itself, where it is shorter). Each is hashed
by XXH3-64 with seed 0; the lowest six bits say one of 64 bins, and a bin's value is the least hash
in it. A bin that no shingle fell into takes that of the next one that has any, and what is taken is
turned by how far that was (one permutation hashing with rotation: Shrivastava and Li, 2014). The
part of bins that two texts have in common estimates the part of shingles that they share (Jaccard),
with a standard error of some 0.06 where they have a hundred shingles or more, and a greater one of
shorter texts.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from xxhash import xxh3_64_intdigest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BINS: Final = 64
SHINGLE: Final = 5
LONGEST: Final = 20_000
"""Characters of a text that are looked at."""

_BANDS: Final = 16
_WIDTH: Final = BINS // _BANDS
_TURN: Final = 0x9E3779B97F4A7C15
_MASK: Final = (1 << 64) - 1
_BESIDES: Final = re.compile(r"[\W_]+")

Sketch = tuple[int, ...]


def sketch(text: str) -> Sketch | None:
    """The sketch of a text; None where it has no letter and no digit."""
    plain = _BESIDES.sub(" ", unicodedata.normalize("NFKC", text[:LONGEST]).casefold()).strip()
    if not plain:
        return None
    encoded = plain.encode("utf-32-le", "surrogatepass")
    width = 4 * SHINGLE
    bins: list[int | None] = [None] * BINS
    for at in range(0, max(len(encoded) - width, 0) + 1, 4):
        value = xxh3_64_intdigest(encoded[at : at + width])
        place = value % BINS
        least = bins[place]
        if least is None or value < least:
            bins[place] = value
    return _filled(bins)


def _filled(bins: list[int | None]) -> Sketch:
    filled = [0] * BINS
    far, last = 0, 0
    for at in range(2 * BINS - 1, -1, -1):  # twice around, so that the last finds the first
        value = bins[at % BINS]
        far, last = (0, value) if value is not None else (far + 1, last)
        filled[at % BINS] = (last + far * _TURN) & _MASK
    return tuple(filled)


def alike(one: Sequence[int], other: Sequence[int]) -> float:
    """The part of their shingles that two texts share, as their sketches estimate it."""
    return sum(a == b for a, b in zip(one, other, strict=True)) / BINS


class Index:
    """The sketches of some texts, in which those that are like another are found."""

    def __init__(self, sketches: Iterable[Sketch]) -> None:
        self._sketches = [array("Q", one) for one in sketches]
        pairs = sorted(
            (band, number) for number, one in enumerate(self._sketches) for band in _bands(one)
        )
        self._bands = array("Q", (band for band, _ in pairs))
        self._numbers = array("Q", (number for _, number in pairs))

    def like(self, one: Sketch, least: float) -> set[int]:
        """The numbers of the texts that share at least this part of their shingles with one."""
        found = set[int]()
        for band in _bands(one):
            at = bisect_left(self._bands, band)
            while at < len(self._bands) and self._bands[at] == band:
                found.add(self._numbers[at])
                at += 1
        return {number for number in found if alike(one, self._sketches[number]) >= least}


def _bands(one: Sequence[int]) -> list[int]:
    return [
        xxh3_64_intdigest(array("Q", (at, *one[at : at + _WIDTH])).tobytes())
        for at in range(0, BINS, _WIDTH)
    ]
