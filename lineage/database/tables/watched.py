"""What was observed of runs: one row a run and what it is kept with."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, Text
from sqlmodel import Field, SQLModel

from lineage.database.tables.keys import told_by_event


class WatchedRun(SQLModel, table=True):
    """A watched run of a version, or of a validation of it; ``document`` is JSON of it.

    ``blake3`` is that of the document, ``pipeline_blake3`` the pipeline version that was there when
    it ran.
    """

    __tablename__ = "watched_run"
    __table_args__: Any = (
        *told_by_event("watched_run"),
        ForeignKeyConstraint(["version_id"], ["model_version.id"], name="watched_run_version"),
        ForeignKeyConstraint(["validation_id"], ["validation.id"], name="watched_run_validation"),
        ForeignKeyConstraint(
            ["pipeline", "pipeline_digest"],
            ["pipeline_version.pipeline", "pipeline_version.digest"],
            name="watched_run_pipeline_version",
        ),
        Index("watched_run_of", "version_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    version_id: int
    validation_id: int | None = None
    pipeline: str | None = None
    pipeline_blake3: str | None = Field(default=None, sa_column_kwargs={"name": "pipeline_digest"})
    blake3: str = Field(sa_column_kwargs={"name": "digest"})
    document: str = Field(sa_type=Text)
    recorded_at: str
    recorded_by: str
    event: int | None = None
