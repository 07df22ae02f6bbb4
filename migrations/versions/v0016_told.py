"""What events tell, row by row: every row names the event that tells of it."""

from __future__ import annotations

import datetime as dt
import re
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any

import rfc8785
import sqlalchemy as sa
from alembic import op
from blake3 import blake3
from lineage.migrations import telling, triggers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

revision = "0016"
down_revision = "0015"

ACTOR, SUBJECT = "lineage", "schema:0016"
AT_ONCE = 1_000
"""Rows that one event adopts at the most."""

PROOF = (
    "version_id version_kind pipeline pipeline_digest validation_id passed promoted_at promoted_by"
)
SLOT_MOVES = [
    "revision", *(f"serving_{c}" for c in PROOF.split()), "serving_waiver_id",
    "serving_waiver_code", "waivers_after", *(f"backup_{c}" for c in PROOF.split()),
    *(f"staged_{c}" for c in PROOF.split()),
]  # fmt: skip
TOLD = {
    "model": "name created_at created_by",
    "data_version": "digest public_digest",
    "pipeline_version": "pipeline digest public_digest code_commit code_dirty recorded_at "
    "recorded_by unseen",
    "pipeline_commit": "pipeline pipeline_digest code_commit seen_at seen_by",
    "model_version": "id model number kind tuple_digest code_digest code_dirty code_remote "
    "code_branch code_subfolder data_digest data_asserted pipeline pipeline_digest weights_digest "
    "weights_blake3 weights_path weights_size weights_files weights_made parent_id registered_at "
    "registered_by run registered_by_person",
    "validation": "id version_id pipeline pipeline_digest passed metrics outcomes validated_at "
    "validated_by basis rests_on difference run data_digest elsewhere validated_by_person on_word",
    "approval": "id version_id environment pipeline pipeline_digest approved_at approved_by "
    "approved_by_person claimed",
    "environment": "name kind created_at created_by",
    "environment_policy": "environment revision document applied_at applied_by",
    "pipeline_deployment": "environment pipeline digest revision deployed_at deployed_by",
    "waiver": "id environment version_id code pipeline pipeline_digest reason until waived_at "
    "waived_by waived_by_person",
    "slot": "environment model environment_kind " + " ".join(SLOT_MOVES),
    "served_pair": "environment version_id pipeline_digest model pipeline seq",
    "rolled_back": "id environment version_id verdicts_until reason at by pipeline_digest "
    "version_left seq",
    "store": "name url config added_at added_by shared marker approved",
    "weights_copy": "id version_id store object listing size files found_there repository "
    "revision stored_at stored_by removed_at removed_by",
    "copy_check": "id copy_id state deep checked_at checked_by sample",
    "weights_check": "id version_id state place checked_at checked_by",
    "pipeline_share": "id pipeline model shared",
    "watched_run": "id version_id validation_id pipeline pipeline_digest digest recorded_at "
    "recorded_by",
    "token": "id name person fingerprint scopes environments models created_at created_by "  # nosec B105
    "expires_at revoked_at revoked_by",
}
"""The columns that events hold, by table, as lineage/database/told.py had them; parents first."""

MOVES = {
    "pipeline_deployment": ["digest", "revision", "deployed_at", "deployed_by"],
    "slot": SLOT_MOVES,
    "served_pair": ["seq"],
    "store": ["config", "shared", "marker", "approved"],
    "weights_copy": ["removed_at", "removed_by"],
    "token": ["revoked_at", "revoked_by"],
}
"""The columns that may change, each time with an event."""

UNBOUND = {"token": ["key", "digest", "last_used_at"]}
FREE = {"token": ["last_used_at"]}
FIXED = {
    "token": "a token is revoked, never changed",  # nosec B105
    "weights_copy": "a copy is removed, never changed",
}
"""What is said to one who changes what never changes; the trigger that said so holds less."""

KEYS = {
    "model": ["rowid"],
    "data_version": ["rowid"],
    "data_item": ["rowid"],
    "pipeline_version": ["rowid"],
    "pipeline_commit": ["rowid"],
    "model_version": ["model, number"],
    "environment": ["name", "rowid"],
    "environment_policy": ["rowid"],
    "pipeline_deployment": ["environment, pipeline", "rowid"],
    "slot": ["environment, model", "rowid"],
    "served_pair": ["environment, version_id, pipeline_digest", "rowid"],
    "store": ["name", "url", "marker", "rowid"],
    "weights_copy": ["id", "version_id, store WHERE removed_at IS NULL AND NEW.removed_at IS NULL"],
    "token": ["id", "rowid"],
    "event_subject": ["rowid"],
}
"""The unique keys by which a row could be replaced, but those that triggers hold already."""

HALVES = {
    "model_version": [("pipeline", "pipeline_digest")],
    "approval": [("pipeline", "pipeline_digest")],
    "waiver": [("pipeline", "pipeline_digest")],
    "watched_run": [("pipeline", "pipeline_digest")],
    "slot": [
        (f"{side}_{one}", f"{side}_{other}")
        for side in ("serving", "backup", "staged")
        for one, other in (("pipeline", "pipeline_digest"), ("validation_id", "passed"))
    ],
}
"""Columns that are null together: a composite key is not looked at where a part of it is null."""

OTHER_WAIVER = (
    "NEW.serving_waiver_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM waiver w WHERE "
    "w.id = NEW.serving_waiver_id AND w.version_id = NEW.serving_version_id AND "
    "w.environment = NEW.environment AND w.code = NEW.serving_waiver_code AND "
    "coalesce(w.pipeline, '') = coalesce(NEW.serving_pipeline, '') AND "
    "coalesce(w.pipeline_digest, '') = coalesce(NEW.serving_pipeline_digest, ''))"
)

NO_EVENT = (
    "NOT EXISTS (SELECT 1 FROM event_subject WHERE seq = NEW.seq AND subject = NEW.subject) "
    "OR NEW.digest NOT LIKE 'blake3:%' OR length(NEW.digest) <> 71"
)
"""An event is listed at least under its subject, which is written before it."""

HISTORY = {
    "data_item": "data_digest, name",
    "event_subject": "subject, seq",
    "rolled_back": "id",
}
"""Tables that SQLite makes anew, without their triggers, and whose rows never change."""

NO_STEP_BACK = (
    "NEW.seq < OLD.seq OR NEW.environment IS NOT OLD.environment OR "
    "NEW.version_id IS NOT OLD.version_id OR NEW.pipeline_digest IS NOT OLD.pipeline_digest OR "
    "NEW.model IS NOT OLD.model OR NEW.pipeline IS NOT OLD.pipeline"
)


def upgrade() -> None:
    """Tell the rows that are there by events of their own; from now on every row has one."""
    _add_columns()
    _defer()
    _adopt()
    for table in FIXED:
        triggers.drop(f"{table}_fixed", table)
    for table, columns in TOLD.items():
        telling.tell(
            table,
            columns.split(),
            moves=MOVES.get(table, ()),
            unbound=UNBOUND.get(table, ()),
            free=FREE.get(table, ()),
            fixed=FIXED.get(table, ""),
        )
    telling.tell("event_subject", ["subject"], event="seq")
    _refuse_the_rest()


def _add_columns() -> None:
    op.add_column("token", sa.Column("fingerprint", sa.String()))
    for table in TOLD:
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN event INTEGER CONSTRAINT {table}_told "
            "REFERENCES event (seq) DEFERRABLE INITIALLY DEFERRED"
        )
        op.create_index(f"{table}_told_by", table, ["event"])


def _defer() -> None:
    """Let rows be written before the event, and items before the data version, that they name."""
    for table, name in (
        ("data_item", "data_item_version"),
        ("event_subject", "event_subject_event"),
        ("served_pair", "served_pair_event"),
        ("rolled_back", "rolled_back_event"),
    ):
        if triggers.postgresql():
            op.execute(f"ALTER TABLE {table} ALTER CONSTRAINT {name} DEFERRABLE INITIALLY DEFERRED")
        else:
            _make_anew(table, name)
    op.create_index("event_subject_told_by", "event_subject", ["seq"])
    if triggers.postgresql():
        return
    for table, primary in HISTORY.items():
        triggers.forbid_changes(table, primary)
        triggers.demand_checks(table, "INSERT")
    triggers.refuse(
        "served_pair_moves_on", "served_pair", "UPDATE", NO_STEP_BACK, "what served stays so"
    )
    triggers.refuse("served_pair_no_delete", "served_pair", "DELETE", "", "what served stays so")
    triggers.demand_checks("served_pair", "INSERT", "UPDATE")


def _make_anew(table: str, key: str) -> None:
    """Make a table of SQLite anew, with a key that is deferred, and its indexes."""
    connection = op.get_bind()
    objects = connection.execute(
        sa.text("SELECT type, sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL"),
        {"table": table},
    ).all()
    (made,) = (sql for kind, sql in objects if kind == "table")
    deferred = re.sub(
        rf"(CONSTRAINT {key} [^,]*?REFERENCES \w+ ?\(\w+\))",
        r"\1 DEFERRABLE INITIALLY DEFERRED",
        re.sub(rf"^CREATE TABLE \W?{table}\W?", f"CREATE TABLE {table}_anew", made),
        count=1,
    )
    op.execute(deferred)
    op.execute(f"INSERT INTO {table}_anew SELECT * FROM {table}")  # nosec B608
    op.execute(f"DROP TABLE {table}")
    op.execute(f"ALTER TABLE {table}_anew RENAME TO {table}")
    for kind, sql in objects:
        if kind == "index":
            op.execute(sql)


def _adopt() -> None:
    """Append the events that tell the rows which are there, and let each row name its own."""
    connection = op.get_bind()
    _know_tokens(connection)
    filled = [name for name in TOLD if _has_rows(connection, name)]
    here = sa.MetaData()
    here.reflect(connection, only=[*filled, "event", "event_subject"])
    subjects = _digest_of_subjects(connection, here.tables["event_subject"])
    for name in filled:
        table, columns = here.tables[name], TOLD[name]
        with _changeable(name):
            while (
                rows := connection.execute(
                    sa.select(*(table.c[c] for c in columns.split()))
                    .where(table.c.event.is_(None))
                    .limit(AT_ONCE)
                )
                .mappings()
                .all()
            ):
                told = [{c: row[c] for c in columns.split()} for row in rows]
                payload = {"rows": {name: told}, "subjects": subjects}
                number = _append(connection, here, payload)
                _name_event(connection, table, rows, number)
    if triggers.postgresql():  # no table is altered while a key is still to be looked at
        op.execute("SET CONSTRAINTS ALL IMMEDIATE")
        op.execute("SET CONSTRAINTS ALL DEFERRED")


def _has_rows(connection: sa.Connection, table: str) -> bool:
    return bool(connection.scalar(sa.text(f"SELECT EXISTS (SELECT 1 FROM {table})")))  # nosec B608


def _know_tokens(connection: sa.Connection) -> None:
    tokens = connection.execute(sa.text("SELECT id, key, digest FROM token")).all()
    for identity, key, digest in tokens:
        connection.execute(
            sa.text("UPDATE token SET fingerprint = :known WHERE id = :id"),
            {"known": _blake3(f"{key}:{digest}".encode()), "id": identity},
        )


def _digest_of_subjects(connection: sa.Connection, table: sa.Table) -> str:
    """BLAKE3 of the lines ``NUMBER SUBJECT`` of all events before, which do not tell their own."""
    digest = blake3()
    rows = connection.execute(sa.select(table.c.seq, table.c.subject).order_by(table.c.seq))
    for number, group in groupby(rows, key=lambda row: row[0]):
        for subject in sorted(row[1].encode() for row in group):
            digest.update(b"%d %s\n" % (number, subject))
    return f"blake3:{digest.hexdigest()}"


def _append(connection: sa.Connection, here: sa.MetaData, payload: dict[str, Any]) -> int:
    """Append an event that adopts rows; its number."""
    event, subject = here.tables["event"], here.tables["event_subject"]
    newest = connection.execute(
        sa.select(event.c.seq, event.c.digest, event.c.at).order_by(event.c.seq.desc()).limit(1)
    ).first()
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    is_time = newest and re.fullmatch(r"20\d\d-[\d-]{5}T[\d:]{8}\.\d{6}Z", newest[2])
    payload["rows"] |= {"event_subject": [{"subject": SUBJECT}]}
    number = newest[0] + 1 if newest else 1
    values = {
        "seq": number,
        "at": max(now, newest[2]) if newest and is_time else now,
        "actor": ACTOR,
        "kind": "adopted",
        "subject": SUBJECT,
        "payload": rfc8785.dumps(payload).decode(),
        "previous": newest[1] if newest else "",
    }
    shown = payload | {"rows": _blake3(rfc8785.dumps(payload["rows"]))}
    values["digest"] = _blake3(rfc8785.dumps(values | {"payload": shown}))
    connection.execute(sa.insert(subject), [{"subject": SUBJECT, "seq": number}])
    connection.execute(sa.insert(event), [values])
    return number


def _name_event(
    connection: sa.Connection, table: sa.Table, rows: Sequence[sa.RowMapping], number: int
) -> None:
    keys = [column.name for column in table.primary_key.columns]
    same = [table.c[key] == sa.bindparam(f"of_{key}") for key in keys]
    connection.execute(
        sa.update(table).where(*same).values(event=number),
        [{f"of_{key}": row[key] for key in keys} for row in rows],
    )


@contextmanager
def _changeable(table: str) -> Iterator[None]:
    """While the rows of a table are made to name their events, its history may be changed."""
    name = f"{table}_no_update"
    fixed = table not in (*MOVES, "environment")
    if fixed:
        triggers.drop(name, table)
    yield
    if fixed:
        message = triggers.NEVER_CHANGE.format(table=table)
        triggers.refuse(name, table, "UPDATE", "", message)


def _blake3(data: bytes) -> str:
    return f"blake3:{blake3(data).hexdigest()}"


def _refuse_the_rest() -> None:
    """What was never right, and what no key holds."""
    for event in ("UPDATE", "DELETE"):
        name, message = f"environment_no_{event.lower()}", "an environment never changes"
        triggers.refuse(name, "environment", event, "", message)
    for table in ("slot", "pipeline_deployment", "store"):
        triggers.refuse(
            f"{table}_no_delete", table, "DELETE", "", f"a row of {table} is never deleted"
        )
    triggers.keep_rows("store")
    valid = "NEW.payload::jsonb IS NULL" if triggers.postgresql() else "json_valid(NEW.payload) = 0"
    triggers.refuse("event_whole", "event", "INSERT", f"{NO_EVENT} OR {valid}", "this is no event")
    telling.refuse_odd_times()
    triggers.demand_checks("token", "INSERT", "UPDATE")
    triggers.refuse(
        "data_item_closed",
        "data_item",
        "INSERT",
        "EXISTS (SELECT 1 FROM data_version WHERE digest = NEW.data_digest)",
        "a data version that is recorded gets no further items",
    )
    for event in ("INSERT", "UPDATE"):
        triggers.refuse(
            f"slot_other_waiver_{event.lower()}",
            "slot",
            event,
            OTHER_WAIVER,
            "a waiver is of one version, here, on one pipeline version",
        )
        for table, pairs in HALVES.items():
            if event == "UPDATE" and table != "slot":
                continue
            half = " OR ".join(f"(NEW.{a} IS NULL) <> (NEW.{b} IS NULL)" for a, b in pairs)
            message = (
                f"a row of {table} names a pipeline version, or a verdict, whole or not at all"
            )
            triggers.refuse(f"{table}_halves_{event.lower()}", table, event, half, message)
    _never_back()
    for table, keys in KEYS.items():
        telling.refuse_replacing(table, keys, moves=MOVES.get(table, ()))
    if triggers.postgresql():
        _fix_search_paths()


def _never_back() -> None:
    """Whoever writes by hand does not make the program take the schema for an older one."""
    for name, event, condition in (
        ("update", "UPDATE", "NEW.version_num <= OLD.version_num"),
        ("delete", "DELETE", ""),
        ("insert", "INSERT", "EXISTS (SELECT 1 FROM alembic_version)"),
    ):
        says = "the schema never goes back"
        triggers.refuse(f"schema_never_back_{name}", "alembic_version", event, condition, says)
    triggers.keep_rows("alembic_version")


def _fix_search_paths() -> None:
    """No temporary table is taken for one of the registry's by the triggers that were there."""
    names = op.get_bind().exec_driver_sql(
        "SELECT proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace "
        "AND prorettype = 'trigger'::regtype"
    )
    for (name,) in names.all():
        triggers.fix_search_path(name)
