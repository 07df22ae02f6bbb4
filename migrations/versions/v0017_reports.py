"""Reports of hosts: kept apart from the history, and written without its writers' lock.

Beside a SQLite registry they stand in a file of their own, which the program makes; those in the
registry's file are dropped: hosts say them again within a minute. In PostgreSQL they stay.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from lineage.migrations import triggers

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Let no key, trigger or lock of other tables stand in the way of a report."""
    if not triggers.postgresql():
        op.drop_table("observation")
        return
    for key in ("observation_environment", "observation_model"):
        op.drop_constraint(key, "observation", type_="foreignkey")
    for event in ("insert", "update"):
        triggers.drop(f"observation_proof_{event}", "observation")
    op.create_check_constraint("observation_proof", "observation", "proof IN ('sealed', 'claimed')")
    op.add_column("observation", sa.Column("telling", sa.String()))
    op.add_column("observation", sa.Column("telling_after", sa.Integer()))
    op.create_index(
        "observation_telling",
        "observation",
        ["telling"],
        postgresql_where=sa.text("telling IS NOT NULL"),
    )
    op.execute("ALTER TABLE observation SET (fillfactor = 60)")  # a row is replaced on its own page
    op.create_table(
        "observed_slot",
        sa.Column("environment", sa.String(), primary_key=True),
        sa.Column("model", sa.String(), primary_key=True),
        sa.Column("changed", sa.BigInteger(), nullable=False),
    )
    op.create_index("observed_slot_changed", "observed_slot", ["changed"])
    op.execute(_SAME_RIGHTS)


_SAME_RIGHTS = """
DO $$
DECLARE held record;
BEGIN
  FOR held IN
    SELECT DISTINCT grantee, privilege_type FROM information_schema.role_table_grants
    WHERE table_schema = current_schema() AND table_name = 'observation'
    AND privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') AND grantee <> 'PUBLIC'
  LOOP
    EXECUTE format('GRANT %s ON observed_slot TO %I', held.privilege_type, held.grantee);
  END LOOP;
END $$
"""
"""Whoever may do something with reports may do the same with what tells of their changes."""
