"""The basis of what a server keeps: for each slot a number of the rows that answers are made of.

What the program writes has its event. Rows that somebody changes past the triggers have none; that
their slot's number is another one tells of them, of all slots in one query
(docs/decisions/0030-answers-end-one-by-one.md).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from lineage.database.told import TOLD

if TYPE_CHECKING:
    from sqlalchemy import Connection, TextClause

Basis = dict[tuple[str | None, str | None], int]
"""By environment and model; by environment alone what all its slots rest on, and by neither the
tokens."""

_SIDES: Final = """
SELECT environment, model, serving_version_id AS version, serving_pipeline AS pipeline,
  serving_pipeline_digest AS digest FROM slot WHERE serving_version_id IS NOT NULL
UNION SELECT environment, model, backup_version_id, backup_pipeline, backup_pipeline_digest
FROM slot WHERE backup_version_id IS NOT NULL
UNION SELECT environment, model, staged_version_id, staged_pipeline, staged_pipeline_digest
FROM slot WHERE staged_version_id IS NOT NULL
"""
_OF_VERSION: Final = "side s JOIN {table} t ON t.version_id = s.version"
_THERE: Final = f"{_OF_VERSION} AND t.environment = s.environment"
_COPIES: Final = "side s JOIN weights_copy c ON c.version_id = s.version JOIN {table} t ON "
_ON_PIPELINE: Final = "side s JOIN {table} t ON t.pipeline = s.pipeline AND "

_COUNTS: Final = """COALESCE(
(SELECT max(d.id) FROM copy_check d WHERE d.copy_id = c.id AND d.deep AND d.state = 'intact'),
(SELECT max(d.id) FROM copy_check d WHERE d.copy_id = c.id))
"""
"""The newest check that read every byte and found it right; else the newest."""

_FROM: Final = {
    "slot": "slot s JOIN slot t ON t.environment = s.environment AND t.model = s.model",
    "model": "slot s JOIN model t ON t.name = s.model",
    "version_note": _OF_VERSION,
    "model_version": "side s JOIN model_version t ON t.id = s.version",
    "validation": _OF_VERSION,
    "weights_check": _OF_VERSION,
    "weights_copy": _OF_VERSION,
    "watched_run": _OF_VERSION,
    "attestation": _OF_VERSION,
    "approval": _THERE,
    "waiver": _THERE,
    "served_pair": _THERE,
    "rolled_back": _THERE,
    "store": _COPIES + "t.name = c.store",
    "copy_check": _COPIES + "t.copy_id = c.id AND t.id >= " + _COUNTS,
    "pipeline_version": _ON_PIPELINE + "t.digest = s.digest",
    "pipeline_commit": _ON_PIPELINE + "t.pipeline_digest = s.digest",
    "pipeline_deployment": "side s JOIN model_version v ON v.id = s.version "
    "JOIN {table} t ON t.environment = s.environment AND t.pipeline = v.pipeline",
}
"""From where the rows of a table come that the slot ``s`` rests on."""

_WIDE: Final = {
    "environment_policy": "t.environment, NULL FROM {table} t WHERE t.revision = "
    "(SELECT max(p.revision) FROM environment_policy p WHERE p.environment = t.environment)",
    "token": "NULL, NULL FROM {table} t",  # nosec B105
}
"""The same for what more than one slot rests on."""

LOOKED_AT: Final = _FROM.keys() | _WIDE.keys()
"""The tables whose rows a basis is of."""


def of_all(connection: Connection) -> Basis:
    """The basis of every slot, of every environment's policy, and of the tokens."""
    found: Basis = {}
    for table, said, environment, model in connection.execute(_query(connection.dialect.name)):
        key = (environment, model)
        found[key] = (found.get(key, 0) + hash((table, said))) & 0xFFFF_FFFF_FFFF_FFFF
    return found


@cache
def _query(dialect: str) -> TextClause:
    sources = {table: f"s.environment, s.model FROM {source}" for table, source in _FROM.items()}
    parts = [
        f"SELECT '{table}', {_row(table, dialect)}, {source.format(table=table)}"
        for table, source in (sources | _WIDE).items()
    ]
    return text(f"WITH side AS ({_SIDES}) " + " UNION ALL ".join(parts))


def _row(table: str, dialect: str) -> str:
    """What is told of a row, as one text."""
    columns = ", ".join(f't."{column}"' for column in TOLD[table].columns)
    if dialect == "postgresql":
        return f"CAST(ROW({columns}) AS text)"
    return f"json_array({columns})"  # half the time of joining them one by one
