"""What hosts and batches send of what they saw: windows of counts, in numbered parts. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from typing_extensions import override

from lineage.contract.results.documents import Document, Key, moment, values
from lineage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

SHORTEST, LONGEST = 60, 86_400
"""Seconds of a window: a part of a day."""

WINDOW: Final = 300
"""Seconds of a host's window, if nobody says otherwise."""

MOST_WINDOWS: Final = 400
"""Windows that are recorded at once."""

EARLY: Final = dt.timedelta(minutes=10)
"""How far the clock of who sends windows may be ahead of the registry's."""

AT_ONCE: Final = 8 << 20
"""Characters of JSON of the windows that are sent at once; a server takes 16 MiB."""

Kind = Literal["inputs", "outcomes"]
"""What was counted: what was served, or what of it came true."""


def check_seconds(seconds: int) -> int:
    """The length of a window, if it can be one.

    Raises:
        UsageError: it is too short, too long, or no part of a day.
    """
    if not SHORTEST <= seconds <= LONGEST or LONGEST % seconds:
        raise UsageError(
            f"A window cannot be of {seconds} seconds.",
            remedy=f"Let it be of {SHORTEST} seconds to a day, and a part of a day.",
        )
    return seconds


@dataclass(frozen=True, kw_only=True)
class NewWindow:
    """A part of a window: what was counted of some rows that one version served on one pipeline.

    ``profile`` is the digest of the profile on whose scale they were counted, ``pipeline`` that of
    the pipeline version, ``start`` ISO 8601, ``counts`` JSON of
    :class:`lineage.evidence.parts.Part`. ``sequence`` numbers the parts of a stream, from 1.
    """

    version: int
    pipeline: str
    profile: str
    start: str
    seconds: int
    counts: Mapping[str, Any]
    sequence: int
    kind: Kind = "inputs"

    def to_json(self) -> dict[str, Any]:
        """JSON of the part, as requests hold it."""
        return {
            "version": self.version,
            "pipeline": self.pipeline,
            "profile": self.profile,
            "start": self.start,
            "seconds": self.seconds,
            "counts": dict(self.counts),
            "sequence": self.sequence,
            "kind": self.kind,
        }


@dataclass(frozen=True, kw_only=True)
class NewWindows:
    """Parts of windows that an instance sends; what it sends again is known, and changes nothing.

    ``stream`` is one run of the service on that instance, or one batch: a name that no other has.
    Its parts come in the order of their numbers. A ``batch`` may be of any time that is over.
    """

    instance: str
    stream: str
    windows: tuple[NewWindow, ...] = field(default=())
    batch: bool = False

    def to_json(self) -> dict[str, Any]:
        """JSON of the request."""
        return {
            "instance": self.instance,
            "stream": self.stream,
            "batch": self.batch,
            "windows": [window.to_json() for window in self.windows],
        }


class RecordedWindows(Document):
    """What came of parts of windows that were sent."""

    model = Key(str)
    """The model's present name."""
    environment = Key(str)
    """Where they were seen."""
    recorded = Key(int)
    """How many parts were added."""
    repeated = Key(int)
    """How many were known already, and changed nothing."""

    @override
    def _line(self) -> str:
        return f"{self.recorded} parts of windows of {self.model} in {self.environment}"


class SeenWindow(Document):
    """What production saw between two moments with one version on one pipeline."""

    model = Key(str)
    """The model's present name."""
    environment = Key(str)
    """Where it was seen."""
    version = Key(int)
    """The number of the version that served it."""
    pipeline = Key(str)
    """The digest of the pipeline version that it was served by."""
    profile = Key(str)
    """The digest of the profile on whose scale it was counted."""
    kind = Key(str)
    """``inputs``, or ``outcomes`` where labels arrived."""
    start = Key(moment)
    """When it begins."""
    seconds = Key(int)
    """How long it is."""
    rows = Key(int)
    """How many rows were seen."""
    counts = Key(values)
    """What was counted: :meth:`lineage.evidence.parts.Part.parse` reads it."""
    hosts = Key(values)
    """The counts of each instance, if that was asked for; of windows that are not merged yet."""

    @override
    def _line(self) -> str:
        return f"{self.rows:,} rows of {self.model}@{self.version} from {self['start']}"

    @override
    def _facts(self) -> dict[str, object]:
        return {
            "model": self.model,
            "environment": self.environment,
            "version": self.version,
            "kind": self.kind,
            "start": self["start"],
            "seconds": self.seconds,
            "rows": self.rows,
        }


class RealisedWindow(Document):
    """What came true of the scores of a version between two moments: its metrics then."""

    model = Key(str)
    """The model's present name."""
    environment = Key(str)
    """Where it was served."""
    version = Key(int)
    """The number of the version that served it."""
    pipeline = Key(str)
    """The digest of the pipeline version that it was served by."""
    profile = Key(str)
    """The digest of the profile that has the validation's calibration."""
    start = Key(moment)
    """When it begins."""
    seconds = Key(int)
    """How long it is."""
    metrics = Key(values)
    """What :func:`lineage.evidence.realised.realised` works out of all of its rows."""
    groups = Key(values)
    """The same of the rows of each group, by ``column=value``."""

    @override
    def _line(self) -> str:
        auc = self.metrics["auc"]
        shown = "no AUC" if auc is None else f"AUC {auc:.3f}"
        return f"{shown} of {self.model}@{self.version} from {self['start']}"
