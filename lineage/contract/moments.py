"""Moments that may be missing, between values and their JSON. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage import timestamps

if TYPE_CHECKING:
    import datetime as dt


def read(text: str | None) -> dt.datetime | None:
    """A moment of a document; None where it has none."""
    return timestamps.moment(text) if text is not None else None


def written(moment: dt.datetime | None) -> str | None:
    """A moment as a document has it."""
    return timestamps.written(moment) if moment is not None else None
