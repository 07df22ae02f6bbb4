"""The numbers of the newest verdict on each version, kept where a search finds them quickly.

The verdict's own metrics are the truth: these rows are worked out from them, written with each
verdict and anew by an upgrade, and `audit verify` works them out again.
"""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from lineage.guard.flat_metrics import flattened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection
    from sqlmodel import Session

    from lineage.database import tables

TABLE: Final = "version_metric"
BATCH: Final = 1000
"""Versions that are read, or written, at once."""

_FORGET: Final = text("DELETE FROM version_metric WHERE model = :model AND number = :number")
_ADD: Final = text(
    "INSERT INTO version_metric (model, number, name, value) VALUES "
    "(:model, :number, :name, :value)"
)
_NEWEST: Final = text(
    "SELECT v.model, v.number, w.metrics FROM model_version v JOIN validation w ON w.id = "
    "(SELECT max(id) FROM validation WHERE version_id = v.id) "
    "WHERE w.metrics IS NOT NULL AND v.id > :after AND v.id <= :until ORDER BY v.id"
)
_LAST: Final = text("SELECT coalesce(max(id), 0) FROM model_version")
_THERE: Final = text(
    "SELECT v.model, v.number, m.name, m.value FROM model_version v JOIN version_metric m "
    "ON m.model = v.model AND m.number = v.number "
    "WHERE v.id > :after AND v.id <= :until ORDER BY v.id"
)


def note(session: Session, version: tables.ModelVersion, metrics: str | None) -> None:
    """A verdict is the newest on a version: its numbers are those that are found."""
    connection = session.connection()
    connection.execute(_FORGET, {"model": version.model, "number": version.number})
    _add(connection, [(version.model, version.number, metrics)])


def rebuild(connection: Connection) -> None:
    """Work all rows out again, as after an upgrade from a schema that had none."""
    connection.execute(text("DELETE FROM version_metric"))
    for span in _spans(connection):
        _add(connection, connection.execute(_NEWEST, span))


def problems(session: Session) -> Iterator[str]:
    """The versions whose rows are not the numbers of their newest verdict."""
    connection = session.connection()
    for span in _spans(connection):
        expected = {
            (model, number): found
            for model, number, metrics in connection.execute(_NEWEST, span)
            if (found := _numbers(metrics))
        }
        rows = connection.execute(_THERE, span)
        there = {
            key: {name: value for _, _, name, value in group}
            for key, group in groupby(rows, key=lambda row: (row[0], row[1]))
        }
        for key in sorted(expected.keys() | there.keys()):
            if expected.get(key) != there.get(key):
                model, number = key
                yield (
                    f"{TABLE} (model={model}, number={number}) was changed: "
                    "it has other numbers than the newest verdict"
                )


def _add(connection: Connection, verdicts: Iterable[Sequence[Any]]) -> None:
    """Write the numbers of verdicts: the model, the version's number, the metrics of each."""
    rows = [
        {"model": model, "number": number, "name": name, "value": value}
        for model, number, metrics in verdicts
        for name, value in _numbers(metrics).items()
    ]
    if rows:
        connection.execute(_ADD, rows)


def _spans(connection: Connection) -> Iterator[dict[str, int]]:
    """The keys of all versions, in batches."""
    last = connection.execute(_LAST).scalar_one()
    for after in range(0, last, BATCH):
        yield {"after": after, "until": after + BATCH}


def _numbers(metrics: str | None) -> dict[str, float]:
    """The numbers that can be searched; none where somebody put there what no verdict has."""
    try:
        read = json.loads(metrics) if metrics is not None else None
    except (ValueError, TypeError, RecursionError):
        return {}
    return flattened(read) if isinstance(read, dict) else {}
