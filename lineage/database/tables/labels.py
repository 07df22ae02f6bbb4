"""What people say of models and versions besides: tags, descriptions, and what was deleted."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Text
from sqlmodel import Field, SQLModel

from lineage.database.tables.keys import told_by_event


class ModelTag(SQLModel, table=True):
    """A tag of a model; one that was taken away has no value."""

    __tablename__ = "model_tag"
    __table_args__: Any = (
        *told_by_event("model_tag"),
        ForeignKeyConstraint(["model"], ["model.name"], name="model_tag_model"),
    )

    model: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: str | None = Field(default=None, sa_type=Text)
    event: int | None = None


class VersionTag(SQLModel, table=True):
    """A tag of a model version; one that was taken away has no value."""

    __tablename__ = "version_tag"
    __table_args__: Any = (
        *told_by_event("version_tag"),
        ForeignKeyConstraint(["version_id"], ["model_version.id"], name="version_tag_version"),
        Index("version_tag_value", "name", "value"),
    )

    version_id: int = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: str | None = Field(default=None, sa_type=Text)
    event: int | None = None


class VersionNote(SQLModel, table=True):
    """The description of a model version, and by whom and when it was deleted if it was."""

    __tablename__ = "version_note"
    __table_args__: Any = (
        *told_by_event("version_note"),
        ForeignKeyConstraint(["version_id"], ["model_version.id"], name="version_note_version"),
        CheckConstraint("(deleted_at IS NULL) = (deleted_by IS NULL)", name="version_note_deleted"),
    )

    version_id: int = Field(primary_key=True)
    description: str | None = Field(default=None, sa_type=Text)
    deleted_at: str | None = None
    deleted_by: str | None = None
    event: int | None = None
