"""Who may speak to the registry as a service, on which pipelines, and the answers it has given."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ForeignKeyConstraint, Index, Text
from sqlmodel import Field, SQLModel

from lineage.database.tables.keys import told_by_event


class Token(SQLModel, table=True):
    """A bearer token: never the secret itself, but its BLAKE3 under a key of its own.

    ``scopes`` is a JSON list; ``environments`` and ``models`` are JSON lists or null for all.
    ``person`` is whom its bearer counts as; null, of tokens before schema 0013, for its name.
    ``fingerprint`` is the BLAKE3 of ``KEY:DIGEST``, by which the history knows both.
    """

    __table_args__: Any = told_by_event("token")

    id: str = Field(primary_key=True)
    name: str = Field(index=True)
    key: str
    blake3: str = Field(sa_column_kwargs={"name": "digest"})
    scopes: str
    environments: str | None = Field(default=None, sa_type=Text)
    models: str | None = Field(default=None, sa_type=Text)
    created_at: str
    created_by: str
    expires_at: str | None = None
    revoked_at: str | None = None
    revoked_by: str | None = None
    last_used_at: str | None = None
    person: str | None = None
    fingerprint: str | None = None
    event: int | None = None


class KeptAnswer(SQLModel, table=True):
    """What a write with an ``Idempotency-Key`` was answered; written in the write's transaction."""

    __tablename__ = "kept_answer"
    __table_args__: Any = (Index("kept_answer_age", "kept_at"),)

    principal: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request: str
    status: int
    body: str = Field(sa_type=Text)
    kept_at: str


class PipelineShare(SQLModel, table=True):
    """Whether a model that a pipeline is not called like may ride on it; the newest row counts."""

    __tablename__ = "pipeline_share"
    __table_args__: Any = (
        ForeignKeyConstraint(["model"], ["model.name"], name="pipeline_share_model"),
        Index("pipeline_share_of", "model", "pipeline"),
        *told_by_event("pipeline_share"),
    )

    id: int | None = Field(default=None, primary_key=True)
    pipeline: str
    model: str
    shared: bool = Field(sa_type=Boolean)
    event: int | None = None
