"""What serving hosts say of themselves: tables apart from the history's.

Where they stand, and how they are written, says :mod:`lineage.database.reports`.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

REPORTS: Final = sa.MetaData()
"""Tables that stand in a file of their own beside a SQLite registry, with no keys to its tables."""

OBSERVATION: Final = sa.Table(
    "observation",
    REPORTS,
    sa.Column("environment", sa.String, primary_key=True),
    sa.Column("model", sa.String, primary_key=True),
    sa.Column("instance", sa.String, primary_key=True),
    sa.Column("weights", sa.String, nullable=False),
    sa.Column("pipeline", sa.String),
    sa.Column("loaded_at", sa.String, nullable=False),
    sa.Column("reported_at", sa.String, nullable=False),
    sa.Column("reported_by", sa.String, nullable=False),
    sa.Column("expires_at", sa.String),
    sa.Column("proof", sa.String, nullable=False, server_default="claimed"),
    sa.Column("skew", sa.Text),
    sa.Column("standby", sa.String),
    sa.Column("revision", sa.Integer),
    sa.Column("lagged", sa.Integer),
    sa.Column("proven", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("telling", sa.String),
    sa.Column("telling_after", sa.Integer),
    sa.CheckConstraint("proof IN ('sealed', 'claimed')", name="observation_proof"),
    sa.Index(
        "observation_telling",
        "telling",
        sqlite_where=sa.text("telling IS NOT NULL"),
        postgresql_where=sa.text("telling IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)
"""The newest report of each instance of a service.

``skew`` is JSON of the packages that are other ones than were validated, ``[]`` where there are
none; null where nothing was compared. ``standby`` is the digest of the backup's weights, where the
instance holds those, ``revision`` the slot's that it has seen. ``lagged`` is the revision at which
the history last said that it goes on with what served before for too long. ``proven`` tells that
whoever reported may say which weights are intact. ``telling`` are the kinds of the events that the
history is still to be told, if they do not stand there behind the event ``telling_after``.
"""

OBSERVED_SLOT: Final = sa.Table(
    "observed_slot",
    REPORTS,
    sa.Column("environment", sa.String, primary_key=True),
    sa.Column("model", sa.String, primary_key=True),
    sa.Column("changed", sa.BigInteger, nullable=False),
    sa.Index("observed_slot_changed", "changed"),
    sqlite_with_rowid=False,
)
"""When what hosts hold of a slot last changed, in such a way that an answer about it may change.

``changed`` grows over all slots; a report that only renews the one before leaves it as it is.
"""
