"""What environments demand, and who approved what."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ForeignKeyConstraint, Index, Text
from sqlmodel import Field, SQLModel

from lineage.database.tables.keys import told_by_event


class EnvironmentPolicy(SQLModel, table=True):
    """What an environment demands, as JSON; the newest revision counts."""

    __tablename__ = "environment_policy"
    __table_args__: Any = (
        *told_by_event("environment_policy"),
        ForeignKeyConstraint(
            ["environment"], ["environment.name"], name="environment_policy_environment"
        ),
    )

    environment: str = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    document: str = Field(sa_type=Text)
    applied_at: str
    applied_by: str
    event: int | None = None


class Approval(SQLModel, table=True):
    """A person's word that a version may serve in an environment.

    It is bound to the pipeline version that was deployed at that time, null where none was. It
    counts for ``approved_by_person`` (null: for ``approved_by``); ``claimed`` tells that no token
    proved the name. Neither was noted before schema 0013.
    """

    __table_args__: Any = (
        *told_by_event("approval"),
        ForeignKeyConstraint(["version_id"], ["model_version.id"], name="approval_version"),
        ForeignKeyConstraint(["environment"], ["environment.name"], name="approval_environment"),
        ForeignKeyConstraint(
            ["pipeline", "pipeline_digest"],
            ["pipeline_version.pipeline", "pipeline_version.digest"],
            name="approval_pipeline_version",
        ),
        Index("approval_of", "version_id", "environment"),
    )

    id: int | None = Field(default=None, primary_key=True)
    version_id: int
    environment: str
    pipeline: str | None = None
    pipeline_blake3: str | None = Field(default=None, sa_column_kwargs={"name": "pipeline_digest"})
    approved_at: str
    approved_by: str
    approved_by_person: str | None = None
    claimed: bool | None = Field(default=None, sa_type=Boolean)
    event: int | None = None
