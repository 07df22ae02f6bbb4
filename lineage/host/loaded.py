"""A version that a host has loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

T = TypeVar("T")


@dataclass(frozen=True)
class Loaded(Generic[T]):
    """A version that is loaded: where its bytes are, and what loading them gave."""

    ref: str
    weights: str
    path: Path
    value: T
    loaded_at: dt.datetime
