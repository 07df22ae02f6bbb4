"""Tags and descriptions, the names that models had before, what is archived, what was deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from lineage.migrations import telling, triggers

revision = "0019"
down_revision = "0018"

MODEL = ["name", "created_at", "created_by", "became", "description", "archived_at", "archived_by"]
MODEL_MOVES = MODEL[3:]

TABLES = {
    "model_tag": ("model name", "value"),
    "version_tag": ("version_id name", "value"),
    "version_note": ("version_id", "description deleted_at deleted_by"),
}
"""The new tables: the columns of the key, and those that move."""

PROOF = (
    "version_id version_kind pipeline pipeline_digest validation_id passed promoted_at promoted_by"
)
SLOT_MOVES = [
    "revision", *(f"serving_{c}" for c in PROOF.split()), "serving_waiver_id",
    "serving_waiver_code", "waivers_after", *(f"backup_{c}" for c in PROOF.split()),
    *(f"staged_{c}" for c in PROOF.split()),
]  # fmt: skip
FOLLOWING = {
    "slot": (["environment", "model", "environment_kind", *SLOT_MOVES], SLOT_MOVES),
    "served_pair": (
        ["environment", "version_id", "pipeline_digest", "model", "pipeline", "seq"],
        ["seq"],
    ),
}
"""The tables whose rows move anyway and go with their model: what is told of them, what moves."""

FIXED = {
    "model_version": "id model number kind tuple_digest code_digest code_dirty code_remote "
    "code_branch code_subfolder data_digest data_asserted pipeline pipeline_digest weights_digest "
    "weights_blake3 weights_path weights_size weights_files weights_made parent_id registered_at "
    "registered_by run registered_by_person",
    "pipeline_share": "id pipeline model shared",
}
"""The tables whose rows never change but for that."""

IN_SLOT = "(NEW.serving_version_id, NEW.backup_version_id, NEW.staged_version_id)"
HOLDS = "coalesce(serving_version_id, backup_version_id, staged_version_id) IS NOT NULL"
DELETED = "SELECT 1 FROM version_note WHERE deleted_at IS NOT NULL AND version_id"
ARCHIVED = "SELECT 1 FROM model WHERE name = NEW.model AND archived_at IS NOT NULL"

REFERRED = (
    "EXISTS (SELECT 1 FROM model_version WHERE id = NEW.version_id AND kind <> 'experiment') OR "
    "EXISTS (SELECT 1 FROM model_version WHERE parent_id = NEW.version_id) OR "
    "EXISTS (SELECT 1 FROM approval WHERE version_id = NEW.version_id) OR "
    "EXISTS (SELECT 1 FROM served_pair WHERE version_id = NEW.version_id) OR "
    "EXISTS (SELECT 1 FROM slot WHERE NEW.version_id IN "
    "(serving_version_id, backup_version_id, staged_version_id))"
)
"""That a version is no experiment, or that something refers to it."""


def upgrade() -> None:
    """Make the tables, and let the rows of a model follow its name."""
    _add_columns()
    _make_tables()
    triggers.drop("model_no_update", "model")
    telling.let_move("model", MODEL, moves=MODEL_MOVES)
    telling.retell("model", MODEL)
    triggers.demand_checks("model", "UPDATE")
    for table, (key, moves) in TABLES.items():
        columns = [*key.split(), *moves.split()]
        telling.tell(table, columns, moves=moves.split(), follows=table == "model_tag")
        triggers.refuse(f"{table}_no_delete", table, "DELETE", "", "what was said stays so")
        triggers.keep_rows(table)
        if triggers.postgresql():
            triggers.fix_search_path(f"{table}_no_truncate")
        triggers.demand_checks(table, "INSERT", "UPDATE")
        telling.refuse_replacing(table, [", ".join(key.split()), "rowid"][: len(key.split())])
    _let_rows_follow()
    _hold_what_was_said()


def _add_columns() -> None:
    op.execute(
        "ALTER TABLE model ADD COLUMN became VARCHAR CONSTRAINT model_renamed "
        "REFERENCES model (name) DEFERRABLE INITIALLY DEFERRED"
    )
    op.add_column("model", sa.Column("description", sa.Text()))
    for name in ("archived_at", "archived_by"):
        op.add_column("model", sa.Column(name, sa.String()))
    where = sa.text("became IS NOT NULL")
    op.create_index("model_became", "model", ["became"], sqlite_where=where, postgresql_where=where)


def _make_tables() -> None:
    for table, (key, moves) in TABLES.items():
        of, other = key.split()[0], "model.name" if table == "model_tag" else "model_version.id"
        name = f"{table}_{'model' if table == 'model_tag' else 'version'}"
        op.create_table(
            table,
            *(
                sa.Column(
                    column,
                    sa.Integer() if column == "version_id" else sa.String(),
                    primary_key=True,
                )
                for column in key.split()
            ),
            *(
                sa.Column(column, sa.String() if column.startswith("deleted") else sa.Text())
                for column in moves.split()
            ),
            sa.Column("event", sa.Integer()),
            sa.ForeignKeyConstraint([of], [other], name=name),
            sa.ForeignKeyConstraint(
                ["event"],
                ["event.seq"],
                name=f"{table}_told",
                deferrable=True,
                initially="DEFERRED",
            ),
            *(
                [
                    sa.CheckConstraint(
                        "(deleted_at IS NULL) = (deleted_by IS NULL)", name="version_note_deleted"
                    )
                ]
                if table == "version_note"
                else []
            ),
        )
        op.create_index(f"{table}_told_by", table, ["event"])
    op.create_index("version_tag_value", "version_tag", ["name", "value"])


def _let_rows_follow() -> None:
    """Rows of a model have its present name: they go with it, and none is added under another."""
    for table, (columns, moves) in FOLLOWING.items():
        for what in ("fixed", "update"):
            triggers.drop(f"{table}_told_{what}", table)
        telling.let_move(table, columns, moves=moves, follows=True)
    triggers.drop("served_pair_moves_on", "served_pair")
    triggers.refuse(
        "served_pair_moves_on",
        "served_pair",
        "UPDATE",
        "NEW.seq < OLD.seq",
        "what served stays so",
    )
    for table, fixed in FIXED.items():
        triggers.drop(f"{table}_no_update", table)
        telling.let_follow(table, fixed.split())
        triggers.demand_checks(table, "UPDATE")
    for table in (*FOLLOWING, *FIXED, "model_tag"):
        telling.refuse_old_names(table)


def _hold_what_was_said() -> None:
    """What is archived takes nothing new and serves nowhere; what was deleted stays so."""
    for event in ("INSERT", "UPDATE"):
        triggers.refuse(
            f"slot_archived_{event.lower()}",
            "slot",
            event,
            f"EXISTS ({ARCHIVED}) AND coalesce{IN_SLOT} IS NOT NULL",
            "an archived model serves nowhere",
        )
        triggers.refuse(
            f"slot_deleted_{event.lower()}",
            "slot",
            event,
            f"EXISTS ({DELETED} IN {IN_SLOT})",
            "a deleted version serves nowhere",
        )
        triggers.refuse(
            f"version_note_referred_{event.lower()}",
            "version_note",
            event,
            f"NEW.deleted_at IS NOT NULL AND ({REFERRED})",
            "only an experiment is deleted that nothing refers to",
        )
    triggers.refuse(
        "version_note_final",
        "version_note",
        "UPDATE",
        "OLD.deleted_at IS NOT NULL",
        "a deleted version stays so",
    )
    triggers.refuse(
        "model_serves",
        "model",
        "UPDATE",
        "NEW.archived_at IS NOT NULL AND "
        f"EXISTS (SELECT 1 FROM slot WHERE model = NEW.name AND {HOLDS})",  # nosec B608
        "an archived model serves nowhere",
    )
    triggers.refuse(
        "model_version_archived",
        "model_version",
        "INSERT",
        f"EXISTS ({ARCHIVED})",
        "an archived model takes no new versions",
    )
    triggers.refuse(
        "model_version_of_deleted",
        "model_version",
        "INSERT",
        f"EXISTS ({DELETED} = NEW.parent_id)",
        "nothing is made from a deleted version",
    )
    for table in ("validation", "approval", "waiver"):
        triggers.refuse(
            f"{table}_of_deleted",
            table,
            "INSERT",
            f"EXISTS ({DELETED} = NEW.version_id)",
            "nothing is said of a deleted version",
        )
