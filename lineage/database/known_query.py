"""The one statement by which a decision learns all that it rests on.

A branch for each table, of some slots and of some versions; rows come as JSON arrays, large texts
beside them. What would be a dozen questions, each of which waits for the answer to the one before,
is one: that is what a move takes, and what others wait for where it is asked inside the lock.
"""

# ruff: noqa: S608 - all words are of this module, none of a request

from __future__ import annotations

import functools
from typing import Final

from sqlalchemy import TextClause, text

from lineage.database.slot_state import SIDES
from lineage.database.told import TOLD

MOST_VERDICTS: Final = 20
"""The newest verdicts of a version that are read, besides those on what runs or served."""
MOST_RUNS: Final = 50
"""The newest watched runs of a version that are read."""

_NAMES: Final = {
    "digest": "blake3",
    "public_digest": "xxh3",
    "tuple_digest": "tuple_xxh3",
    "weights_digest": "weights_xxh3",
    "data_digest": "data_blake3",
} | {f"{side}pipeline_digest": f"{side}pipeline_blake3" for side in ("", *(f"{s}_" for s in SIDES))}
BOOLEANS: Final = frozenset(
    {"code_dirty", "passed", "elsewhere", "on_word", "version_left", "claimed", "root_passes"}
    | {"deep", "deep_wrong", "shared"}
    | {f"{side}_passed" for side in SIDES}
)


def attribute(column: str) -> str:
    """What a row calls a column: attributes say the algorithm of a digest."""
    return _NAMES.get(column, column)


def _columns(table: str, *others: str, without: tuple[str, ...] = ()) -> tuple[str, ...]:
    return (*(c for c in TOLD[table].columns if c not in without), *others)


PARTS: Final[dict[str, tuple[str, ...]]] = {
    "head": ("seq", "digest", "at"),
    "newest_waiver": ("id",),
    "environment": _columns("environment"),
    "policy": ("document",),
    "model": ("name", "became", "archived_at"),
    "slot": _columns("slot"),
    "version": _columns("model_version", "data_xxh3"),
    "deployment": _columns("pipeline_deployment"),
    "pipeline": _columns("pipeline_version", "seen_commit"),
    "validation": _columns(
        "validation",
        *("place", "root_digest", "root_basis", "root_by", "root_person", "root_passes"),
        without=("run", "difference", "data_digest"),
    ),
    "ran": ("version_id", "pipeline_digest"),
    "watched": _columns("watched_run"),
    "weights_check": _columns("weights_check"),
    "copy": (
        *("version_id", "store", "state", "deep", "checked_at", "checked_by", "deep_wrong"),
        *("deep_at", "shared", "sample", "files", "url"),
    ),
    "rolled_back": _columns("rolled_back"),
    "served": _columns("served_pair"),
    "approval": _columns("approval"),
    "waiver": _columns("waiver"),
}
"""What is read, by part: the names of the columns as SQL has them. Bodies are no columns."""

_IDS = "(SELECT id FROM ids)"
_HERE = "environment = :environment"

_WITH = """WITH
slots AS (SELECT * FROM slot WHERE environment = :environment AND model {among}),
ids AS (
  SELECT v.id FROM {references} JOIN model_version v ON v.model = r.model AND v.number = r.number
  WHERE NOT EXISTS (SELECT 1 FROM version_note WHERE version_id = v.id AND deleted_at IS NOT NULL)
  UNION SELECT id FROM {versions} given
  UNION SELECT serving_version_id FROM slots WHERE serving_version_id IS NOT NULL
  UNION SELECT backup_version_id FROM slots WHERE backup_version_id IS NOT NULL
  UNION SELECT staged_version_id FROM slots WHERE staged_version_id IS NOT NULL),
versions AS (SELECT * FROM model_version WHERE id IN (SELECT id FROM ids)),
deployed AS (SELECT * FROM pipeline_deployment WHERE environment = :environment
  AND pipeline IN (SELECT pipeline FROM versions UNION SELECT pipeline FROM {pipelines} given)),
verdicts AS (SELECT id, version_id, pipeline, pipeline_digest, place FROM (
    SELECT max(id) AS id, version_id, min(pipeline) AS pipeline, pipeline_digest,
      row_number() OVER (PARTITION BY version_id ORDER BY max(id) DESC) AS place
    FROM validation WHERE version_id IN (SELECT id FROM ids) GROUP BY version_id, pipeline_digest) t
  WHERE place <= {most_verdicts}
    OR pipeline_digest IN (SELECT digest FROM deployed)
    OR EXISTS (SELECT 1 FROM served_pair p WHERE p.environment = :environment
      AND p.version_id = t.version_id AND p.pipeline_digest = t.pipeline_digest)),
pipelines AS (
  SELECT pipeline, pipeline_digest AS digest FROM verdicts
  UNION SELECT pipeline, pipeline_digest FROM versions WHERE pipeline_digest IS NOT NULL
  UNION SELECT pipeline, digest FROM deployed
  UNION SELECT pipeline, pipeline_digest FROM served_pair
    WHERE environment = :environment AND version_id IN (SELECT id FROM ids)
  UNION SELECT serving_pipeline, serving_pipeline_digest FROM slots
    WHERE serving_pipeline IS NOT NULL
  UNION SELECT backup_pipeline, backup_pipeline_digest FROM slots WHERE backup_pipeline IS NOT NULL
  UNION SELECT staged_pipeline, staged_pipeline_digest FROM slots WHERE staged_pipeline IS NOT NULL)
"""
"""The slots that are meant; the versions that are, and those that stand in the slots; what runs of
their pipelines; the verdicts that count; and the pipeline versions of all these."""

_VERDICT = "FROM {source} LEFT JOIN validation root ON root.id = t.rests_on"
"""A verdict; ``root`` is what it rests on where it was carried over."""
_ROOT: Final = {
    "root_digest": "root.pipeline_digest",
    "root_basis": "root.basis",
    "root_by": "root.validated_by",
    "root_person": "root.validated_by_person",
    "root_passes": "(SELECT w.passed FROM validation w WHERE w.version_id = root.version_id AND "
    "w.pipeline_digest = root.pipeline_digest ORDER BY w.id DESC LIMIT 1)",
}
_FOUND_WRONG = (
    "CASE WHEN EXISTS (SELECT 1 FROM copy_check w WHERE w.copy_id = t.id AND w.id > deep.id "
    "AND w.state IN ('missing', 'changed')) THEN {true} ELSE {false} END"
)
_SOURCES: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "head": ("FROM (SELECT * FROM event ORDER BY seq DESC LIMIT 1) t", {}),
    "newest_waiver": ("FROM (SELECT max(id) AS id FROM waiver) t", {}),
    "environment": ("FROM environment t WHERE t.name = :environment", {}),
    "policy": (
        f"FROM (SELECT * FROM environment_policy WHERE {_HERE} ORDER BY revision DESC LIMIT 1) t",  # nosec B608
        {},
    ),
    "model": (
        (
            "FROM (SELECT * FROM model WHERE name {among} "
            "UNION ALL SELECT * FROM model WHERE became IS NOT NULL) t"
        ),
        {},
    ),
    "slot": ("FROM slots t", {}),
    "version": (
        "FROM versions t LEFT JOIN data_version data ON data.digest = t.data_digest",
        {"data_xxh3": "data.public_digest"},
    ),
    "deployment": ("FROM deployed t", {}),
    "pipeline": (
        (
            "FROM pipelines p JOIN pipeline_version t "
            "ON t.pipeline = p.pipeline AND t.digest = p.digest "
            "LEFT JOIN pipeline_commit seen ON seen.pipeline = t.pipeline "
            "AND seen.pipeline_digest = t.digest"
        ),
        {"seen_commit": "seen.code_commit", "body": "t.manifest"},
    ),
    "validation": (
        _VERDICT.format(source="verdicts n JOIN validation t ON t.id = n.id"),
        _ROOT | {"place": "n.place"},
    ),
    "ran": (
        (
            "FROM (SELECT w.version_id, w.pipeline_digest FROM watched_run w "
            "LEFT JOIN validation told ON told.id = w.validation_id "  # nosec B608
            f"WHERE w.version_id IN {_IDS} AND told.on_word IS NOT TRUE "
            "AND told.elsewhere IS NOT TRUE UNION SELECT version_id, pipeline_digest "
            f"FROM validation WHERE version_id IN {_IDS} AND basis = 'run') t"
        ),
        {},
    ),
    "watched": (
        (
            "FROM (SELECT w.*, row_number() OVER (PARTITION BY version_id ORDER BY id DESC) "
            "AS place "  # nosec B608
            f"FROM watched_run w WHERE version_id IN {_IDS}) t WHERE t.place <= {MOST_RUNS}"
        ),
        {"body": "t.document"},
    ),
    "weights_check": (
        (
            "FROM weights_check t WHERE t.id IN (SELECT max(id) FROM weights_check "
            f"WHERE version_id IN {_IDS} GROUP BY version_id)"  # nosec B608
        ),
        {},
    ),
    "copy": (
        (
            "FROM weights_copy t JOIN store ON store.name = t.store "
            "JOIN copy_check c ON c.id = (SELECT max(id) FROM copy_check WHERE copy_id = t.id) "
            "LEFT JOIN copy_check deep ON deep.id = (SELECT id FROM copy_check "
            "WHERE copy_id = t.id AND deep AND state = 'intact' ORDER BY id DESC LIMIT 1) "
            f"WHERE t.version_id IN {_IDS} AND t.removed_at IS NULL"  # nosec B608
        ),
        {
            "state": "c.state",
            "deep": "c.deep",
            "checked_at": "c.checked_at",
            "checked_by": "c.checked_by",
            "sample": "c.sample",
            "deep_at": "deep.checked_at",
            "deep_wrong": _FOUND_WRONG,
            "shared": "store.shared",
            "url": "CASE WHEN store.marker IS NULL THEN NULL ELSE store.url END",
        },
    ),
    "rolled_back": (f"FROM rolled_back t WHERE t.version_id IN {_IDS} AND t.{_HERE}", {}),
    "served": (f"FROM served_pair t WHERE t.{_HERE} AND t.version_id IN {_IDS}", {}),
    "approval": (f"FROM approval t WHERE t.version_id IN {_IDS} AND t.{_HERE}", {}),
    "waiver": (
        f"FROM waiver t WHERE t.{_HERE} AND t.version_id IN (SELECT serving_version_id FROM slots)",  # nosec B608
        {},
    ),
}
_PROOF = _VERDICT.format(source="validation t") + (
    " WHERE t.id IN (SELECT serving_validation_id FROM slots)"
)  # nosec B608

_DIALECTS: Final = {
    "sqlite": {
        "among": "IN (SELECT value FROM json_each(:models))",
        "pipelines": "(SELECT value AS pipeline FROM json_each(:pipelines))",
        "references": "(SELECT json_extract(value, '$[0]') AS model, "
        "json_extract(value, '$[1]') AS number FROM json_each(:references)) r",
        "versions": "(SELECT value AS id FROM json_each(:versions))",
        "row": "json_array({})",
        "true": "1",
        "false": "0",
    },
    "postgresql": {
        "among": (  # read once: PostgreSQL would read a subquery after IN for each row
            "= ANY(ARRAY(SELECT jsonb_array_elements_text(CAST(:models AS jsonb))))"
        ),
        "pipelines": (
            "(SELECT value AS pipeline "
            "FROM jsonb_array_elements_text(CAST(:pipelines AS jsonb)) AS named(value))"
        ),
        "references": "(SELECT value ->> 0 AS model, CAST(value ->> 1 AS integer) AS number "
        "FROM jsonb_array_elements(CAST(:references AS jsonb)) AS given(value)) r",
        "versions": "(SELECT CAST(value AS integer) AS id "
        "FROM jsonb_array_elements_text(CAST(:versions AS jsonb)) AS given(value))",
        "row": "CAST(json_build_array({}) AS text)",
        "true": "true",
        "false": "false",
    },
}


@functools.cache
def statement(dialect: str) -> TextClause:
    """The statement: of an environment, its slots of some models, and some versions.

    Its parameters are the environment's name, and JSON: names of models, ``[model, number]``, and
    keys of versions. Each row is a part, its columns as a JSON array, and a body.
    """
    words = _DIALECTS[dialect] | {"most_verdicts": str(MOST_VERDICTS)}
    branches = [_branch(words, part, source, named) for part, (source, named) in _SOURCES.items()]
    branches.append(_branch(words, "validation", _PROOF, _ROOT | {"place": "0"}))
    written = _WITH + "\nUNION ALL ".join(branches)
    for word in words.keys() - {"row"}:
        written = written.replace("{" + word + "}", words[word])
    return text(written)


def _branch(words: dict[str, str], part: str, source: str, named: dict[str, str]) -> str:
    columns = (named.get(column, f't."{column}"') for column in PARTS[part])
    body = named.get("body", "CAST(NULL AS text)")
    row = words["row"].replace("{}", ", ".join(columns))
    return f"SELECT '{part}', {row}, {body} {source}"
