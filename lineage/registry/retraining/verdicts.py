"""What the verdicts on a model say of a metric of it, at which age.

A verdict counts where it is on data that its version, with this pipeline, was not measured on
before. One data version is of one time, whichever of its verdicts has a profile that tells it.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from lineage import timestamps
from lineage.contract.results.retraining import MetricAtAge
from lineage.database import tables
from lineage.database.sql import col, select
from lineage.evidence.ageing import LARGEST
from lineage.guard.flat_metrics import flattened, tells_no_worth
from lineage.timestamps import DAY

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Mapping, Sequence

    from sqlmodel import Session

    from lineage.evidence.profile import Profile

MOST_VERDICTS: Final = 1_000
"""Verdicts that are read, the newest."""
MOST_BYTES: Final = 32 << 20
"""Characters of metrics that are read, and of profiles, those of the newest verdicts first."""
_AT_ONCE: Final = 50
_VERDICTS: Final = text(
    "SELECT w.id, v.number, w.version_id, w.pipeline_digest, v.registered_at, w.validated_at, "
    "w.passed, w.metrics, p.profile_digest, w.data_digest FROM validation w "
    "JOIN model_version v ON v.id = w.version_id "
    "LEFT JOIN validation_profile p ON p.validation_id = w.id "
    "WHERE v.model = :model AND w.basis <> 'carried' AND w.metrics IS NOT NULL AND NOT EXISTS "
    "(SELECT 1 FROM version_note n WHERE n.version_id = v.id AND n.deleted_at IS NOT NULL) "
    "ORDER BY w.id DESC LIMIT :most"
)


@dataclass(frozen=True)
class Data:
    """When data is of, where its profile tells, and its rows."""

    rows: int
    middle: dt.datetime | None


@dataclass(frozen=True)
class Verdict:
    """A verdict that measured something; digests are those of rows (BLAKE3)."""

    id: int
    ref: str
    version: int
    pipeline: str
    registered_at: dt.datetime
    validated_at: dt.datetime
    passed: bool
    numbers: Mapping[str, float]
    profile: str | None
    data: str | None

    @property
    def evaluation(self) -> str:
        """What it is called where its data is not known: by all numbers, but what its run took."""
        told = sorted((name, n) for name, n in self.numbers.items() if not tells_no_worth(name))
        return json.dumps(told)


def read(session: Session, model: str) -> tuple[list[Verdict], bool]:
    """The newest verdicts that measured something, the oldest first; whether there are more."""
    found: list[Verdict] = []
    room = MOST_BYTES
    asked = {"model": model, "most": MOST_VERDICTS + 1}
    options = {"yield_per": _AT_ONCE}
    with closing(session.connection().execute(_VERDICTS, asked, execution_options=options)) as rows:
        for row in rows:
            room -= len(row.metrics)
            if room < 0 or len(found) == MOST_VERDICTS:
                return found[::-1], True
            metrics = json.loads(row.metrics)
            found.append(
                Verdict(
                    row.id,
                    f"{model}@{row.number}",
                    row.version_id,
                    row.pipeline_digest,
                    timestamps.moment(row.registered_at),
                    timestamps.moment(row.validated_at),
                    bool(row.passed),
                    flattened(metrics) if isinstance(metrics, dict) else {},
                    row.profile_digest,
                    row.data_digest,
                )
            )
    return found[::-1], False


def measured(
    session: Session,
    verdicts: Sequence[Verdict],
    metric: str,
    born: dict[str, dt.datetime],
    left_out: Counter[str],
) -> list[MetricAtAge]:
    """The verdicts that count, as measurements; why the others do not is counted.

    When versions were new is kept in ``born``, by their references.
    """
    telling = [one for one in verdicts if abs(one.numbers.get(metric, math.inf)) <= LARGEST]
    if len(telling) < len(verdicts):
        left_out["without the metric"] = len(verdicts) - len(telling)
    looks = _looks(session, telling)
    same = _same_data(telling, looks)
    middles = {same.get(digest, digest): look.middle for digest, look in looks.items()}
    first_named: dict[str, dt.datetime] = {}
    for one in verdicts:
        for named in filter(None, (one.profile, one.data)):
            first_named.setdefault(same.get(named, named), one.validated_at)
    digests = public(
        session,
        profiles=(one.profile for one in telling),
        data=(one.data for one in telling),
        pipelines=(one.pipeline for one in telling),
    )
    counted: dict[tuple[int, str, str], MetricAtAge] = {}
    for one in telling:
        if one.profile is not None and one.profile not in looks:
            left_out["with a profile beyond what is read at once"] += 1
            continue
        digest = one.profile or one.data
        key = same.get(digest, digest) if digest is not None else None
        windows = middles.get(key) if key is not None else None
        at = windows or (first_named[key] if key is not None else one.validated_at)
        new = born.setdefault(
            one.ref, min(one.registered_at, windows) if windows else one.registered_at
        )
        age = (at - new).total_seconds() / DAY
        if age < 0:
            left_out["on data from before the version was new"] += 1
            continue
        line = one.version, one.pipeline, key or one.evaluation
        before = counted.get(line)
        if before is not None:
            left_out["replaced by a newer verdict on the same data"] += 1
            at, age = before.at, before.age
        look = looks.get(one.profile or key or "")
        counted[line] = MetricAtAge(
            one.ref,
            digests[one.pipeline],
            "verdict",
            one.id,
            at,
            "recorded" if windows is None else "windows",
            round(age, 6),
            one.numbers[metric],
            one.passed,
            look.rows if look is not None else None,
            digests[key] if key is not None else None,
        )
    return sorted(counted.values(), key=lambda one: (one.age, one.validation or 0))


def _same_data(verdicts: Sequence[Verdict], looks: Mapping[str, Data]) -> dict[str, str]:
    """Digests of data and of profiles by the first profile of the same data.

    A digest of data tells which profiles are of it only where these are all of the same rows and
    time: what a configuration names may stand beside profiles of other data.
    """
    seen: dict[str, set[Data]] = defaultdict(set)
    both = [(one.data, one.profile) for one in verdicts if one.data and one.profile]
    both = [(data, profile) for data, profile in both if profile in looks]
    for data, profile in both:
        seen[data].add(looks[profile])
    names: dict[str, str] = {}
    for data, profile in both:
        if len(seen[data]) > 1:
            continue
        first = names.get(data) or names.get(profile, profile)
        other = names.get(profile, profile)
        if other != first:
            names = {digest: first if name == other else name for digest, name in names.items()}
        names |= {data: first, profile: first, other: first}
    return names


def _looks(session: Session, verdicts: Sequence[Verdict]) -> dict[str, Data]:
    """What profiles say of when data is of, by their digests: of the newest, as far as room is."""
    table, room = tables.Profile, MOST_BYTES
    found: dict[str, Data] = {}
    for digest in dict.fromkeys(one.profile for one in reversed(verdicts) if one.profile):
        document = session.exec(select(table.document).where(table.blake3 == digest)).one()
        room -= len(document)
        if room < 0:
            break
        found[digest] = _look(json.loads(document))
    return found


def _look(profile: Mapping[str, Any]) -> Data:
    """The rows of a profile, and the mean moment of those whose time is known."""
    rows = {start: window["rows"] for start, window in profile["windows"].items()}
    return Data(profile["rows"], middle_of(rows, profile["window_seconds"]))


def middle_of(rows: Mapping[str, int], seconds: int | None) -> dt.datetime | None:
    """The mean moment of rows, by the starts of the windows that they are in.

    Windows from before 1970 are of rows with no true time. None where none is left, or where the
    windows are so long that there is no such moment.
    """
    true = {start: n for start, n in rows.items() if start >= str(timestamps.FIRST_YEAR)}
    total = sum(true.values())
    if not total:
        return None
    half = (seconds or 0) / 2
    moments = (n * (timestamps.moment(start).timestamp() + half) for start, n in true.items())
    try:
        return dt.datetime.fromtimestamp(math.fsum(moments) / total, dt.UTC)
    except (ValueError, OverflowError):
        return None


def new_since(profile: Profile, registered_at: str) -> dt.datetime:
    """When a version was new that was first measured on the data of a profile."""
    registered = timestamps.moment(registered_at)
    rows = {start: one.rows for start, one in profile.windows.items()}
    middle = middle_of(rows, profile.window_seconds)
    return min(registered, middle) if middle is not None else registered


def public(
    session: Session,
    *,
    profiles: Iterable[str | None] = (),
    data: Iterable[str | None] = (),
    pipelines: Iterable[str | None] = (),
) -> dict[str, str]:
    """The digests (XXH3) by which profiles, data and pipelines are known, by those of rows."""
    found: dict[str, str] = {}
    for table, of in (
        (tables.Profile, profiles),
        (tables.DataVersion, data),
        (tables.PipelineVersion, pipelines),
    ):
        wanted = sorted({digest for digest in of if digest is not None})
        query = select(table.blake3, table.xxh3).where(col(table.blake3).in_(wanted))
        found |= session.exec(query).all()
    return found
