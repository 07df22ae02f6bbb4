"""Windows: what production saw, counted on the scale of what a version was validated on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Make the table of windows, and that of who sent which part of them last."""
    op.create_table(
        "seen_window",
        sa.Column("environment", sa.String(), primary_key=True),
        sa.Column("version_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("pipeline_digest", sa.String(), primary_key=True),
        sa.Column("profile_digest", sa.String(), primary_key=True),
        sa.Column("kind", sa.String(), primary_key=True),
        sa.Column("start", sa.String(), primary_key=True),
        sa.Column("seconds", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("instance", sa.String(), primary_key=True),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.LargeBinary(), nullable=False),
        sa.Column("fold_at", sa.String()),
        sa.ForeignKeyConstraint(
            ["environment"], ["environment.name"], name="seen_window_environment"
        ),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], name="seen_window_version"),
        sa.ForeignKeyConstraint(["profile_digest"], ["profile.digest"], name="seen_window_profile"),
        sa.CheckConstraint("kind IN ('inputs', 'outcomes')", name="seen_window_kind"),
    )
    op.create_index("seen_window_fold", "seen_window", ["fold_at"])
    op.create_table(
        "seen_stream",
        sa.Column("environment", sa.String(), primary_key=True),
        sa.Column("model", sa.String(), primary_key=True),
        sa.Column("instance", sa.String(), primary_key=True),
        sa.Column("stream", sa.String(), primary_key=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("batch", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.String(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
    )
    op.create_index("seen_stream_over", "seen_stream", ["batch", "recorded_at"])
