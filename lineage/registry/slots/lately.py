"""What production saw lately of a model, held against the data of the verdict that counts.

Windows have no event, and to read them and to compare takes a while: it is done once a move, while
nobody has to wait for it, and what was found is a look, as of its moment.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from lineage import timestamps
from lineage.database import profiles, windows
from lineage.database.known import SEEN
from lineage.evidence.likeness import likeness
from lineage.evidence.parts import Part, added
from lineage.evidence.reader import LARGEST_COUNT
from lineage.guard.seen_lately import DAYS, SeenLately

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

Looks = dict[tuple[str, str, int | None], SeenLately]
"""What was seen, by the environment, the model and the verdict's key."""

MOST_WINDOWS: Final = 5_000
"""Windows that are read, at the most, the newest."""

MOST_BYTES: Final = 64 << 20
"""Bytes of JSON of their counts: seconds of work. Packed, they may be a hundredth of it."""


def seen_lately(
    session: Session, environment: str, model: str, verdict: int | None, now: str
) -> SeenLately:
    """What was seen of a model in the newest days that are over, and how the verdict's data is.

    Args:
        session: a transaction; it keeps what is found.
        environment: the environment's name.
        model: the model's name.
        verdict: the key of the verdict that counts; None where there is none.
        now: the present moment.
    """
    looks: Looks = session.info.setdefault(SEEN, {})
    key = (environment, model, verdict)
    if key not in looks:
        looks[key] = _look(session, environment, model, verdict, now)
    return looks[key]


def _look(
    session: Session, environment: str, model: str, verdict: int | None, now: str
) -> SeenLately:
    validated = profiles.of_validation(session, verdict) if verdict is not None else None
    profile = str(validated.digest) if validated is not None else None
    rows = validated.rows if validated is not None else 0
    today = timestamps.moment(now).replace(hour=0, minute=0, second=0, microsecond=0)
    slot: dict[str, Any] = {
        "environment": environment,
        "model": model,
        "since": windows.start_of(today - dt.timedelta(days=DAYS)),
        "until": windows.start_of(today),
    }
    connection = session.connection()
    scale = windows.scale_of_slot(connection, slot)
    if scale is None:
        return SeenLately(profile=profile, validated_rows=rows)
    slot |= {"profile_digest": scale}
    counts, days, numbers = _sum(windows.of_slot(connection, slot, MOST_WINDOWS + 1))
    like = profiles.by_blake3(session, scale)
    seen = Part.parse(counts, like)
    return SeenLately(
        days=(days[0], days[-1]),
        rows=seen.rows,
        versions=tuple(f"{model}@{number}" for number in numbers),
        scale=str(like.digest),
        profile=profile,
        validated_rows=rows,
        likeness=likeness(validated, seen, len(days)) if validated is not None else None,
    )


@dataclass
class _Room:
    """What is left to be read, and how many more rows can be counted."""

    windows: int
    bytes: int
    rows: int

    def takes(self, counts: Any, size: int) -> bool:  # noqa: ANN401 - JSON
        """Whether a window still has room, which it takes."""
        self.windows, self.bytes = self.windows - 1, self.bytes - size
        self.rows -= counts["rows"]
        return min(self.windows, self.bytes, self.rows) >= 0


def _sum(found: Iterable[tuple[str, int, bytes]]) -> tuple[Any, list[str], list[int]]:
    """The counts of windows, the newest first, together; their days, and whose they are.

    What there is no room for is left out with the day that it is of; of the newest day that is
    what has room.
    """
    counts, room = None, _Room(MOST_WINDOWS, MOST_BYTES, LARGEST_COUNT)
    days: list[str] = []
    numbers: set[int] = set()
    for day, of_day in groupby(found, key=lambda one: one[0][:10]):
        part, whose, is_whole = _of_day(of_day, room)
        if part is None or (days and not is_whole):
            break
        counts = part if counts is None else added(counts, part)
        days.append(day)
        numbers |= whose
        if not is_whole:
            break
    return counts, sorted(days), sorted(numbers)


def _of_day(found: Iterable[tuple[str, int, bytes]], room: _Room) -> tuple[Any, set[int], bool]:
    """The counts of a day's windows that there is room for, whose they are, and if that is all."""
    counts = None
    numbers: set[int] = set()
    for _, number, written in found:
        part = json.loads(written)
        if not room.takes(part, len(written)):
            return counts, numbers, False
        counts = part if counts is None else added(counts, part)
        numbers.add(number)
    return counts, numbers, True
