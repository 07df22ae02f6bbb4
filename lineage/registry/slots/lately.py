"""What production saw lately of a model, held against the data of the verdict that counts.

Windows have no event, and to read them and to compare takes a while: it is done once a move, while
nobody has to wait for it, and what was found is a look, as of its moment.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from lineage import timestamps
from lineage.database import profiles, windows
from lineage.database.known import SEEN
from lineage.evidence.likeness import likeness
from lineage.evidence.parts import Part, added
from lineage.evidence.reader import LARGEST_COUNT
from lineage.guard.seen_lately import DAYS, SeenLately

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

Looks = dict[tuple[str, str, int | None], SeenLately]
"""What was seen, by the environment, the model and the verdict's key."""

MOST_WINDOWS: Final = 5_000
"""Windows that are read, at the most, the newest."""


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
    found = windows.of_slot(connection, slot | {"profile_digest": scale}, MOST_WINDOWS)
    if len(found) == MOST_WINDOWS:  # the oldest day may not be whole
        oldest = found[-1][0][:10]
        found = [one for one in found if one[0][:10] != oldest] or found
    counts, days, numbers = _sum(found)
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


def _sum(found: Sequence[tuple[str, int, bytes]]) -> tuple[Any, list[str], list[int]]:
    """The counts of windows, the newest first, together; their days, and whose they are.

    Those that would be more than can be counted are left out.
    """
    counts, days, numbers = None, set(), set()
    for start, number, packed in found:
        part = windows.unpacked(packed)
        if counts is not None and counts["rows"] + part["rows"] > LARGEST_COUNT:
            break
        counts = part if counts is None else added(counts, part)
        days.add(start[:10])
        numbers.add(number)
    return counts, sorted(days), sorted(numbers)
