"""What is registered, and what was found out about it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from lineage.database.tables.keys import told_by_event

BIG: Any = BigInteger().with_variant(Integer(), "sqlite")
"""A size in bytes: SQLite's integers have 64 bits, PostgreSQL's 32."""

KINDS = "kind IN ('production', 'experiment')"
BASES = "basis IN ('stated', 'run', 'carried')"


class Model(SQLModel, table=True):
    """A named line of versions, or a name that one had before it ``became`` the present one."""

    __table_args__: Any = (
        *told_by_event("model"),
        ForeignKeyConstraint(
            ["became"],
            ["model.name"],
            name="model_renamed",
            deferrable=True,
            initially="DEFERRED",
        ),
        Index(
            "model_became",
            "became",
            sqlite_where=text("became IS NOT NULL"),
            postgresql_where=text("became IS NOT NULL"),
        ),
    )

    name: str = Field(primary_key=True)
    created_at: str
    created_by: str
    event: int | None = None
    became: str | None = None
    description: str | None = Field(default=None, sa_type=Text)
    archived_at: str | None = None
    archived_by: str | None = None


class PipelineVersion(SQLModel, table=True):
    """One version of a pipeline; ``manifest`` is null where only a digest was stated.

    ``unseen`` is JSON of what runs in it and could not be followed; null where nobody looked.
    """

    __tablename__ = "pipeline_version"
    __table_args__: Any = (
        *told_by_event("pipeline_version"),
        Index("pipeline_version_digest", "digest"),
    )

    pipeline: str = Field(primary_key=True)
    blake3: str = Field(primary_key=True, sa_column_kwargs={"name": "digest"})
    xxh3: str = Field(index=True, sa_column_kwargs={"name": "public_digest"})
    manifest: str | None = Field(default=None, sa_type=Text)
    code_commit: str | None = None
    code_dirty: bool = Field(default=False, sa_type=Boolean)
    recorded_at: str
    recorded_by: str
    unseen: str | None = Field(default=None, sa_type=Text)
    event: int | None = None


class PipelineCommit(SQLModel, table=True):
    """The first commit that was seen to hold a pipeline version which was recorded without one."""

    __tablename__ = "pipeline_commit"
    __table_args__: Any = (
        *told_by_event("pipeline_commit"),
        ForeignKeyConstraint(
            ["pipeline", "pipeline_digest"],
            ["pipeline_version.pipeline", "pipeline_version.digest"],
            name="pipeline_commit_pipeline_version",
        ),
    )

    pipeline: str = Field(primary_key=True)
    blake3: str = Field(primary_key=True, sa_column_kwargs={"name": "pipeline_digest"})
    code_commit: str
    seen_at: str
    seen_by: str
    event: int | None = None


class ModelVersion(SQLModel, table=True):
    """One immutable registered tuple."""

    __tablename__ = "model_version"
    __table_args__: Any = (
        *told_by_event("model_version"),
        UniqueConstraint("model", "number", name="model_version_number"),
        UniqueConstraint("id", "model", "kind", name="model_version_kind"),
        UniqueConstraint("id", "pipeline", name="model_version_pipeline"),
        ForeignKeyConstraint(["model"], ["model.name"], name="model_version_model"),
        ForeignKeyConstraint(["data_digest"], ["data_version.digest"], name="model_version_data"),
        ForeignKeyConstraint(
            ["pipeline", "pipeline_digest"],
            ["pipeline_version.pipeline", "pipeline_version.digest"],
            name="model_version_pipeline_version",
        ),
        ForeignKeyConstraint(["parent_id"], ["model_version.id"], name="model_version_parent"),
        CheckConstraint(KINDS, name="model_version_kinds"),
        CheckConstraint(
            "kind = 'experiment' OR (code_digest IS NOT NULL AND code_dirty IS FALSE"
            " AND data_digest IS NOT NULL AND pipeline_digest IS NOT NULL"
            " AND weights_digest IS NOT NULL AND weights_blake3 IS NOT NULL)",
            name="model_version_complete",
        ),
        Index("model_version_tuple", "model", "kind", "tuple_digest"),
        Index("model_version_tuple_alone", "tuple_digest"),
        Index("model_version_code", "code_digest", "id"),
        Index("model_version_data_of", "data_digest", "id"),
        Index("model_version_pipeline_of", "pipeline_digest", "id"),
        Index("model_version_parent_of", "parent_id", "id"),
        Index("model_version_weights_path", "weights_path", "id"),
        Index("model_version_weights", "weights_blake3"),
        Index("model_version_weights_digest", "weights_digest"),
    )

    id: int | None = Field(default=None, primary_key=True)
    model: str
    number: int
    kind: str
    tuple_xxh3: str = Field(sa_column_kwargs={"name": "tuple_digest"})
    code_digest: str | None = None
    code_dirty: bool = Field(default=False, sa_type=Boolean)
    code_remote: str | None = None
    code_branch: str | None = None
    code_subfolder: str | None = None
    data_blake3: str | None = Field(default=None, sa_column_kwargs={"name": "data_digest"})
    data_asserted: str = Field(default="[]", sa_type=Text)
    pipeline: str | None = None
    pipeline_blake3: str | None = Field(default=None, sa_column_kwargs={"name": "pipeline_digest"})
    weights_xxh3: str | None = Field(default=None, sa_column_kwargs={"name": "weights_digest"})
    weights_blake3: str | None = None
    weights_path: str | None = None
    weights_size: int | None = Field(default=None, sa_type=BIG)
    weights_files: int | None = None
    weights_made: str | None = Field(default=None, sa_type=Text)
    parent_id: int | None = None
    registered_at: str
    registered_by: str
    run: str | None = Field(default=None, sa_type=Text)
    registered_by_person: str | None = None
    event: int | None = None


class Validation(SQLModel, table=True):
    """A validation of one model version with one pipeline version.

    ``run`` is JSON of the command that was run for it, ``data_blake3`` the data it was made on. A
    carried one names the validation that it rests on, and the difference that changes nothing.
    ``elsewhere`` tells that it was made where the version's own parts were not looked at,
    ``on_word`` that one without the scope ``validate:run`` said what was run or compared.
    """

    __table_args__: Any = (
        *told_by_event("validation"),
        UniqueConstraint(
            "version_id", "pipeline_digest", "id", "passed", name="validation_verdict"
        ),
        ForeignKeyConstraint(["version_id"], ["model_version.id"], name="validation_version"),
        ForeignKeyConstraint(
            ["pipeline", "pipeline_digest"],
            ["pipeline_version.pipeline", "pipeline_version.digest"],
            name="validation_pipeline_version",
        ),
        ForeignKeyConstraint(["rests_on"], ["validation.id"], name="validation_rests_on"),
        ForeignKeyConstraint(["data_digest"], ["data_version.digest"], name="validation_data"),
        Index("validation_data_of", "data_digest", "version_id"),
        CheckConstraint(BASES, name="validation_basis"),
        CheckConstraint("(basis = 'carried') = (rests_on IS NOT NULL)", name="validation_carried"),
    )

    id: int | None = Field(default=None, primary_key=True)
    version_id: int
    pipeline: str
    pipeline_blake3: str = Field(sa_column_kwargs={"name": "pipeline_digest"})
    passed: bool = Field(sa_type=Boolean)
    metrics: str | None = Field(default=None, sa_type=Text)
    outcomes: str = Field(default="[]", sa_type=Text)
    validated_at: str
    validated_by: str
    basis: str = Field(default="stated", sa_column_kwargs={"server_default": "stated"})
    rests_on: int | None = None
    difference: str | None = Field(default=None, sa_type=Text)
    run: str | None = Field(default=None, sa_type=Text)
    data_blake3: str | None = Field(default=None, sa_column_kwargs={"name": "data_digest"})
    elsewhere: bool | None = Field(default=None, sa_type=Boolean)
    validated_by_person: str | None = None
    on_word: bool | None = Field(default=None, sa_type=Boolean)
    event: int | None = None


class VersionMetric(SQLModel, table=True):
    """A number of a version's newest verdict, by which versions are searched and sorted.

    No state of its own: :mod:`lineage.database.version_metrics` works it out.
    """

    __tablename__ = "version_metric"
    __table_args__: Any = (
        ForeignKeyConstraint(
            ["model", "number"],
            ["model_version.model", "model_version.number"],
            name="version_metric_version",
            onupdate="CASCADE",
        ),
        Index("version_metric_value", "model", "name", "value", "number"),
        {"sqlite_with_rowid": False},
    )

    model: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: float = Field(sa_type=Double)
