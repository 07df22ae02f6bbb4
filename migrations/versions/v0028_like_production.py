"""The rule `data-like-production` may be waived."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from lineage.migrations import triggers

revision = "0028"
down_revision = "0027"

_LAST = "'backup-ready')"
_CODES = (
    "code IN ('pipeline-deployed', 'validated', 'pipeline-match', 'weights-intact', "
    "'requirements', 'promotion-path', 'approvals', 'backup-ready', 'data-like-production')"
)


def upgrade() -> None:
    """Take the rule into the check of waivers."""
    if triggers.postgresql():
        op.drop_constraint("waiver_code", "waiver", type_="check")
        op.create_check_constraint("waiver_code", "waiver", sa.text(_CODES))
        return
    _make_anew()


def _make_anew() -> None:
    """SQLite changes no check: make the table anew, with its indexes and triggers as they are.

    Slots rest on its rows. What refers to a row that goes is counted until the commit, and counted
    off when the row is there again under the same name.
    """
    connection = op.get_bind()
    made = connection.exec_driver_sql(
        "SELECT type, sql FROM sqlite_master WHERE tbl_name = 'waiver' AND sql IS NOT NULL "
        "ORDER BY rowid"
    ).all()
    table = next(sql for kind, sql in made if kind == "table")
    for statement in (
        "PRAGMA defer_foreign_keys = ON",
        "CREATE TEMP TABLE waiver_before AS SELECT * FROM waiver",
        "DROP TABLE waiver",
        table.replace(_LAST, "'backup-ready', 'data-like-production')"),
        "INSERT INTO waiver SELECT * FROM temp.waiver_before",
        "DROP TABLE temp.waiver_before",
        *(sql for kind, sql in made if kind != "table"),
    ):
        connection.exec_driver_sql(statement)
