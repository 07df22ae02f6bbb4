"""Looking for leakage between training and validation data, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lineage.errors import UsageError
from lineage.evidence import near
from lineage.evidence.leakage import ALIKE, Leakage, Looking
from lineage.evidence.reading.pair import TRAIN, VALIDATION, opened, select
from lineage.evidence.reading.source import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from duckdb import DuckDBPyConnection

    from lineage.evidence.reading.pair import Pair

MOST_TEXTS: Final = 50_000
"""Validation rows whose texts are looked at for near-duplicates, the first ones."""

FEWEST: Final = 10
"""Validation rows of each outcome that a feature's rule is judged on, or it is not."""

_NAMED: Final = 5
"""Columns that a note names."""

_BATCH: Final = 1_000
_NUMBER: Final = "TRY_CAST({} AS DOUBLE)"
_MOMENTS: Final = (_NUMBER, "epoch_us(TRY_CAST({} AS TIMESTAMPTZ))")


def leakage_of(train: Any, validation: Any, looking: Looking) -> Leakage:  # noqa: ANN401 - frames
    """What of the validation data the training knew.

    Args:
        train: a path or a data frame, as :func:`.source.opened` takes it.
        validation: the same.
        looking: what is looked for.

    Raises:
        UsageError: data cannot be read, a column that is named is not there, or holds no times.
    """
    with opened(train, validation) as pair:
        pair.require(looking.named)
        content = [name for name in pair.columns if name not in looking.keys]
        notes: list[str] = []
        if not content:
            raise UsageError(
                "Every column that both have is a key, so no row has a content.",
                remedy="Name as keys what names a row, and nothing else.",
            )
        if pair.apart:
            more = f" and {len(pair.apart) - _NAMED:,} more" if len(pair.apart) > _NAMED else ""
            names = ", ".join(f"{name[:80]!r}" for name in pair.apart[:_NAMED])
            notes.append(f"columns that one side lacks were not looked at: {names}{more}")
        groups = {
            name: _values_in_both(pair, name) if _looked_at(pair, [name], "groups", notes) else None
            for name in looking.groups
        }
        near_rows, near_looked = _near_rows(pair, looking.texts, notes)
        return Leakage(
            train_rows=pair.one(select("count(*)", TRAIN)),
            validation_rows=pair.one(select("count(*)", VALIDATION)),
            rows=_rows_in_both(pair, content, together=True),
            keys=_rows_in_both(pair, looking.keys, together=True)
            if looking.keys and _looked_at(pair, looking.keys, "keys", notes)
            else None,
            groups=groups if looking.groups else None,
            group_rows=_rows_in_both(pair, looking.groups) if looking.groups else None,
            time_rows=_not_after(pair, looking.time, notes) if looking.time is not None else None,
            near_rows=near_rows,
            near_looked=near_looked,
            features=_features(pair, looking, notes),
            known_late=_known_late(pair, looking, notes) if looking.known_at else None,
            threshold=looking.threshold,
            notes=tuple(notes),
        )


def _rows_in_both(pair: Pair, names: Sequence[str], *, together: bool = False) -> int:
    """Validation rows whose values stand in the training: all in one row, or any of them.

    What has no value counts as equal where all are compared, but a row without any is no row.
    """
    if not together:
        within = [
            f"{quoted(name)} IN ({select(quoted(name), TRAIN, _there(name))})" for name in names
        ]
        return int(pair.one(select("count(*)", VALIDATION, f"WHERE {' OR '.join(within)}")))
    each = (f"coalesce(length({quoted(name)}) || ':' || {quoted(name)}, '-')" for name in names)
    value = f"concat({', '.join(each)})"  # `||` of a thousand columns takes minutes to plan
    rows = [select(f"{value} AS v", side, _filled(names)) for side in (VALIDATION, TRAIN)]
    return int(pair.one(select("count(*)", f"({rows[0]}) SEMI JOIN ({rows[1]}) USING (v)")))


def _looked_at(pair: Pair, names: Sequence[str], what: str, notes: list[str]) -> bool:
    """Whether both sides have a value of some columns: without one there is nothing to compare."""
    for side in (TRAIN, VALIDATION):
        if not pair.one(select("count(*)", side, _filled(names))):
            notes.append(f"{what} were not looked at: no {side} row has {_listed(names)}")
            return False
    return True


def _filled(names: Sequence[str]) -> str:
    """That a row has a value of any of some columns."""
    return f"WHERE coalesce({', '.join(map(quoted, names))}) IS NOT NULL"


def _listed(names: Sequence[str]) -> str:
    return " or ".join(f"{name[:80]!r}" for name in names)


def _there(name: str) -> str:
    return f"WHERE {quoted(name)} IS NOT NULL"


def _values_in_both(pair: Pair, name: str) -> int:
    sides = [select(quoted(name), side, _there(name)) for side in (VALIDATION, TRAIN)]
    return int(pair.one(select("count(*)", f"({sides[0]} INTERSECT {sides[1]})")))


def _moments(pair: Pair, *names: str) -> list[str]:
    """Columns as moments that compare with each other, in SQL: numbers, or times in UTC.

    Raises:
        UsageError: one holds what is neither, or one holds times and another numbers.
    """
    for way in _MOMENTS:
        shown = [way.format(quoted(name)) for name in names]
        if not any(_unread(pair, name, one) for name, one in zip(names, shown, strict=True)):
            return shown
    name = next(one for one in names if _unread(pair, one, _MOMENTS[1].format(quoted(one))))
    raise UsageError(
        f"The column {name[:80]!r} holds what is no time, so what is before what cannot be told.",
        remedy="Write times in ISO 8601 (2013-05-01T08:00:00Z), or numbers, in all columns of "
        "time.",
    )


def _unread(pair: Pair, name: str, way: str) -> bool:
    """Whether a column has values that cannot be read in a way."""
    unread = f"{_there(name)} AND {way} IS NULL"
    return any(pair.one(select("count(*)", side, unread)) for side in (TRAIN, VALIDATION))


def _not_after(pair: Pair, name: str, notes: list[str]) -> int | None:
    """Validation rows that are not after the last of the training; None where some have no time."""
    (moment,) = _moments(pair, name)
    for side in (TRAIN, VALIDATION):
        untimed = pair.one(select("count(*)", side, f"WHERE {quoted(name)} IS NULL"))
        if untimed:
            notes.append(
                f"whether a validation row is after the training was not looked at: {untimed:,} "
                f"{side} rows have no {name[:80]!r}"
            )
            return None
    last = select(f"max({moment})", TRAIN)
    return int(pair.one(select("count(*)", VALIDATION, f"WHERE {moment} <= ({last})")))


def _known_late(pair: Pair, looking: Looking, notes: list[str]) -> dict[str, int | None]:
    """By feature, the rows of both sides in which it became known after their time.

    None where that is seen of none, and some with the feature do not say when it became known.
    """
    late: dict[str, int | None] = {}
    for feature, column in looking.known_at.items():
        known, moment = _moments(pair, column, str(looking.time))
        found, untold = (
            sum(
                int(pair.one(select("count(*)", side, f"{_there(feature)} AND {which}")))
                for side in (TRAIN, VALIDATION)
            )
            for which in (f"{known} > {moment}", f"({known} > {moment}) IS NULL")
        )
        if untold:
            notes.append(
                f"of {untold:,} rows with {feature[:80]!r} it was not looked at when it became "
                f"known: they have no {_listed([column, str(looking.time)])}"
            )
        late[feature] = found or (None if untold else 0)
    return late


def _near_rows(pair: Pair, names: Sequence[str], notes: list[str]) -> tuple[int | None, int | None]:
    """Validation rows with a text nearly one of the training's, and how many were looked at.

    None where a column has no words on a side.
    """
    if not names:
        return None, None
    found = set[int]()
    for name in names:
        begun = f"left({quoted(name)}, {near.LONGEST})"
        texts = pair.connection.execute(
            select(begun, VALIDATION, f"ORDER BY rowid LIMIT {MOST_TEXTS}")
        )
        sketched = [
            (row, one)
            for row, (text,) in enumerate(_each(texts))
            if text is not None and (one := near.sketch(text)) is not None
        ]
        index, trained = near.Index(one for _, one in sketched), False
        others = pair.connection.execute(select(f"DISTINCT {begun}", TRAIN, _there(name)))
        for (text,) in _each(others):
            one = near.sketch(text)
            if one is not None:
                trained = True
                found |= {sketched[number][0] for number in index.like(one, ALIKE)}
        if not (sketched and trained):
            side = TRAIN if sketched else VALIDATION
            notes.append(
                f"near-duplicates were not looked for: no {side} row that was looked at has a "
                f"letter or digit in {name[:80]!r}"
            )
            return None, None
    rows = int(pair.one(select("count(*)", VALIDATION)))
    if rows > MOST_TEXTS:
        notes.append(f"near-duplicates were looked for in the first {MOST_TEXTS:,} validation rows")
    return len(found), min(rows, MOST_TEXTS)


def _each(rows: DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    """The rows of an answer, of which few are in memory."""
    while batch := rows.fetchmany(_BATCH):
        yield from batch


def _features(pair: Pair, looking: Looking, notes: list[str]) -> dict[str, float] | None:
    """By feature, the AUC of its rule alone; None where the target does not allow it."""
    if looking.target is None:
        return None
    target = quoted(looking.target)
    grouped = f"{_there(looking.target)} GROUP BY {target} LIMIT 3"
    counts = pair.connection.execute(select(f"{target}, count(*)", VALIDATION, grouped)).fetchall()
    if len(counts) != 2:
        many = "three or more" if len(counts) > 2 else len(counts)
        what = f"{looking.target} has {many} values in the validation data, not two"
    elif min(many for _, many in counts) < FEWEST:
        what = f"fewer than {FEWEST} validation rows have one of the values of {looking.target}"
    else:
        positive = max((value for value, _ in counts), key=_rank)
        names = [name for name in pair.columns if name not in looking.no_features]
        if names:
            return {name: _alone(pair, name, looking.target, positive) for name in names}
        what = "there is no column besides those that are named"
    notes.append(f"whether a feature tells the target alone was not looked at: {what}")
    return None


def _rank(value: str) -> tuple[bool, float, str]:
    try:
        return False, float(value), value
    except ValueError:
        return True, 0.0, value


def _alone(pair: Pair, name: str, target: str, positive: str) -> float:
    """The AUC on the validation data of the best rule that looks at one feature.

    The rules are the number or time itself (what is none below or above all), rising or falling,
    and the target's rate by value as the training has it, smoothed by one row of the rate of all.
    """
    labelled = f"{quoted(name)} AS x, {quoted(target)} = {literal(positive)} AS y"
    train, rows = (f"({select(labelled, side, _there(target))})" for side in (TRAIN, VALIDATION))
    rate = f"({select('avg(y::INT) AS r', train)})"
    smoothed = "x, (sum(y::INT) + any_value(r)) / (count(*) + 1) AS s"
    by_value = f"({select(smoothed, f'{train}, {rate}', 'GROUP BY x')})"
    joined = f"{rows} v CROSS JOIN {rate} r LEFT JOIN {by_value} s ON v.x IS NOT DISTINCT FROM s.x"
    best = _auc(pair, select("coalesce(s.s, r.r, 0) AS x, y", joined))
    for way in _MOMENTS:
        number = f"{way.format('x')}::DOUBLE"
        if pair.one(select(f"count({number})", rows)):
            for missing in ("-inf", "inf"):
                filled = f"coalesce({number}, '{missing}'::DOUBLE) AS x, y"
                rising = _auc(pair, select(filled, rows))
                best = max(best, rising, 1 - rising)
            break
    return best


def _auc(pair: Pair, rows: str) -> float:
    """The area under the ROC curve of ``x`` for ``y``: ties count half; 0.5 for one class."""
    counted = select(
        "x, count(*) FILTER (y) AS p, count(*) FILTER (NOT y) AS n", f"({rows})", "GROUP BY x"
    )
    before = "sum(n) OVER (ORDER BY x ROWS UNBOUNDED PRECEDING) - n"
    ranked = select(f"p, n, {before} AS below", f"({counted})")
    totals = "sum(p * (below + n / 2.0)), sum(p), sum(n)"
    wins, positives, negatives = pair.connection.execute(select(totals, f"({ranked})")).fetchall()[
        0
    ]
    return float(wins / (positives * negatives)) if positives and negatives else 0.5
