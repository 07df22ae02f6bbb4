"""What was found out about weights after their registration."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlmodel import Field, SQLModel

from lineage.database.tables.keys import told_by_event

WEIGHTS_STATES = "state IN ('intact', 'missing', 'changed')"


class WeightsCheck(SQLModel, table=True):
    """What a check of the weights of a version found; the newest counts."""

    __tablename__ = "weights_check"
    __table_args__: Any = (
        *told_by_event("weights_check"),
        ForeignKeyConstraint(["version_id"], ["model_version.id"], name="weights_check_version"),
        CheckConstraint(WEIGHTS_STATES, name="weights_check_state"),
        Index("weights_check_of", "version_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    version_id: int
    state: str
    place: str
    checked_at: str
    checked_by: str
    event: int | None = None
