"""A registry with a million versions and a million events, in minutes rather than hours.

Each version is a copy of a model's second one under the next number, with a code of its own. Its
event is the one that the product itself wrote for that one, with the new values in the
places of the old: so the history holds, row by row, and `audit verify` says so.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, text

from lineage.database import triggers
from lineage.database.engine import open_engine, transaction
from lineage.identity.digest import blake3_of, canonical_bytes, xxh3

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BATCH: Final = 20_000
_FIELDS: Final = ("seq", "at", "actor", "kind", "subject", "payload", "previous")
_NUMBER, _ID, _CODE, _TUPLE, _ROWS, _PREVIOUS, _SEQ = (
    "\x01number", "\x01id", "\x01code", "\x01tuple", "\x01rows", "\x01previous", "\x01seq",
)  # fmt: skip


def grow(url: str, model: str, versions: int) -> None:
    """Fill a model up to a number of versions, each with its event."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            template = _Template(connection, model)
        while (first := template.number + 1) <= versions:
            rows = list(template.rows(min(versions, first + BATCH - 1)))
            with transaction(engine, writing=True) as connection, _unwatched(connection):
                for table, columns, position in template.tables:
                    insert(
                        connection, table, columns, [one for row in rows for one in row[position]]
                    )
    finally:
        engine.dispose()
    settle(url)


class _Template:
    """What is written for one version, with places for what differs."""

    def __init__(self, connection: Connection, model: str) -> None:
        one = f"SELECT * FROM model_version WHERE model = '{model}' AND number = 2"
        version = dict(connection.execute(text(one)).mappings().one())
        event = dict(
            connection.execute(text(f"SELECT * FROM event WHERE seq = {version['event']}"))
            .mappings()
            .one()
        )
        held = text("SELECT node, role FROM lineage_version WHERE version_id = :id")
        self._held = connection.execute(held, {"id": version["id"]}).all()
        newest = "SELECT seq, digest FROM event ORDER BY seq DESC LIMIT 1"
        self._seq, self._previous = connection.execute(text(newest)).one()
        biggest = f"SELECT max(number) FROM model_version WHERE model = '{model}'"
        self.number: int = connection.execute(text(biggest)).scalar_one()
        self._id: int = connection.execute(text("SELECT max(id) FROM model_version")).scalar_one()
        self._version, self._event, self._model = version, event, model
        payload = json.loads(event["payload"])
        told = payload["rows"]
        told["model_version"][0] |= {"id": _ID, "number": _NUMBER}
        told["event_subject"] = [{"subject": f"{model}"}, {"subject": f"{model}@{_NUMBER}"}]
        changed = {version["code_digest"]: _CODE, version["tuple_digest"]: _TUPLE}
        payload = _replaced(payload, changed)
        self._payload = _Text(payload)
        self._told = _Text(payload["rows"])
        document = {name: event[name] for name in _FIELDS} | {
            "seq": _SEQ,
            "subject": f"{model}@{_NUMBER}",
            "payload": payload | {"rows": _ROWS},
            "previous": _PREVIOUS,
        }
        self._document = _Text(document)
        self.tables: tuple[tuple[str, Sequence[str], int], ...] = (
            ("event", (*_FIELDS, "digest"), 0),
            ("event_subject", ("subject", "seq"), 1),
            ("model_version", tuple(version), 2),
            ("lineage_version", ("node", "version_id", "role"), 3),
        )

    def rows(self, until: int) -> Iterator[tuple[list[tuple[Any, ...]], ...]]:
        """The rows of each further version: of events, their subjects, versions, the graph."""
        event, version = self._event, self._version
        while self.number < until:
            self.number, self._id, self._seq = self.number + 1, self._id + 1, self._seq + 1
            subject = f"{self._model}@{self.number}"
            said = {
                _NUMBER: self.number,
                _ID: self._id,
                _SEQ: self._seq,
                _CODE: f"git:{self.number:040x}",
                _TUPLE: xxh3(subject.encode()),
                _PREVIOUS: self._previous,
            }
            said[_ROWS] = blake3_of(self._told.of(said).encode())
            digest = str(blake3_of(self._document.of(said).encode()))
            told = (
                self._seq, event["at"], event["actor"], event["kind"], subject,
                self._payload.of(said), self._previous, digest,
            )  # fmt: skip
            self._previous = digest
            row = version | {
                "id": self._id, "number": self.number, "code_digest": said[_CODE],
                "tuple_digest": str(said[_TUPLE]), "event": self._seq,
            }  # fmt: skip
            subjects = [(self._model, self._seq), (subject, self._seq)]
            held = [(node, self._id, role) for node, role in self._held]
            yield [told], subjects, [tuple(row.values())], held


class _Text:
    """Canonical JSON with places for values: a number's place loses its quotes."""

    def __init__(self, value: Any) -> None:  # noqa: ANN401 - JSON
        form = canonical_bytes(value).decode().replace("%", "%%")
        for place in (_NUMBER, _ID, _SEQ):
            form = form.replace(json.dumps(place), f"%({place})s")
        for place in (_NUMBER, _CODE, _TUPLE, _ROWS, _PREVIOUS):
            form = form.replace(json.dumps(place)[1:-1], f"%({place})s")
        self._form = form

    def of(self, said: dict[str, Any]) -> str:
        """The text with these values."""
        return self._form % said


def _replaced(value: Any, changed: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _replaced(one, changed) for key, one in value.items()}
    if isinstance(value, list):
        return [_replaced(one, changed) for one in value]
    return changed.get(value, value) if isinstance(value, str) else value


def _unwatched(connection: Connection) -> Any:  # noqa: ANN401 - a context
    """Without the triggers, which take rows one after the other as they come to be."""
    return triggers.left_out(connection, ["event", "event_subject", "model_version"])


def insert(
    connection: Connection, table: str, columns: Sequence[str], rows: list[tuple[Any, ...]]
) -> None:
    """Write many rows at once; none where there are none."""
    if not rows:
        return
    names = ", ".join(columns)
    if connection.dialect.name == "postgresql":
        cursor: Any = connection.connection.cursor()
        with cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    else:
        places = ", ".join("?" for _ in columns)
        connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({places})", rows)


def settle(url: str) -> None:
    """Do what a database does by itself as it grows slowly: statistics, and the next number."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
            file.execute("PRAGMA optimize")
        return
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute(
            "SELECT setval(pg_get_serial_sequence('model_version', 'id'),"
            " (SELECT max(id) FROM model_version))"
        )
