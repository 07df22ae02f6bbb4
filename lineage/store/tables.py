"""The tables (design §5): the schema itself refuses a state that breaks the invariant.

Where a column is called ``digest`` and keys point to it, it holds the BLAKE3 of canonical bytes;
``public_digest`` is the one that people and JSON show. Times are ISO 8601 text in UTC. Triggers
stand in the migrations: they keep history immutable and the newest verdict decisive.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
)
from sqlmodel import Field, SQLModel

KINDS = "kind IN ('production', 'experiment')"
ENVIRONMENT_KINDS = "kind IN ('production', 'experimental')"


def _deferred(columns: list[str], target: list[str], name: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(columns, target, name=name, deferrable=True, initially="DEFERRED")


class Environment(SQLModel, table=True):
    """A place where models serve."""

    __table_args__: Any = (
        UniqueConstraint("name", "kind", name="environment_name_kind"),
        CheckConstraint(ENVIRONMENT_KINDS, name="environment_kind"),
    )

    name: str = Field(primary_key=True)
    kind: str
    created_at: str
    created_by: str


class Model(SQLModel, table=True):
    """A named line of versions."""

    name: str = Field(primary_key=True)
    created_at: str
    created_by: str


class DataVersion(SQLModel, table=True):
    """A manifest of named data items."""

    __tablename__ = "data_version"

    digest: str = Field(primary_key=True)
    public_digest: str = Field(index=True)


class DataItem(SQLModel, table=True):
    """One item of a data version; ``size`` in bytes where it is known."""

    __tablename__ = "data_item"
    __table_args__: Any = (
        ForeignKeyConstraint(["data_digest"], ["data_version.digest"], name="data_item_version"),
    )

    data_digest: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    digest: str = Field(index=True)
    size: int | None = None


class PipelineVersion(SQLModel, table=True):
    """One version of a pipeline; ``manifest`` is null where only a digest was stated."""

    __tablename__ = "pipeline_version"

    pipeline: str = Field(primary_key=True)
    digest: str = Field(primary_key=True)
    public_digest: str = Field(index=True)
    manifest: str | None = Field(default=None, sa_type=Text)
    code_commit: str | None = None
    code_dirty: bool = Field(default=False, sa_type=Boolean)
    recorded_at: str
    recorded_by: str


class ModelVersion(SQLModel, table=True):
    """One immutable registered tuple."""

    __tablename__ = "model_version"
    __table_args__: Any = (
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
    )

    id: int | None = Field(default=None, primary_key=True)
    model: str
    number: int
    kind: str
    tuple_digest: str
    code_digest: str | None = None
    code_dirty: bool = Field(default=False, sa_type=Boolean)
    code_remote: str | None = None
    code_branch: str | None = None
    code_subfolder: str | None = None
    data_digest: str | None = None
    data_asserted: str = Field(default="[]", sa_type=Text)
    pipeline: str | None = None
    pipeline_digest: str | None = None
    weights_digest: str | None = None
    weights_blake3: str | None = None
    weights_path: str | None = None
    weights_size: int | None = None
    weights_files: int | None = None
    parent_id: int | None = None
    registered_at: str
    registered_by: str


class Validation(SQLModel, table=True):
    """A verdict on one model version with one pipeline version."""

    __table_args__: Any = (
        UniqueConstraint(
            "version_id", "pipeline_digest", "id", "passed", name="validation_verdict"
        ),
        ForeignKeyConstraint(["version_id"], ["model_version.id"], name="validation_version"),
        ForeignKeyConstraint(
            ["pipeline", "pipeline_digest"],
            ["pipeline_version.pipeline", "pipeline_version.digest"],
            name="validation_pipeline_version",
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    version_id: int
    pipeline: str
    pipeline_digest: str
    passed: bool = Field(sa_type=Boolean)
    metrics: str | None = Field(default=None, sa_type=Text)
    outcomes: str = Field(default="[]", sa_type=Text)
    validated_at: str
    validated_by: str


class PipelineDeployment(SQLModel, table=True):
    """Which version of a pipeline runs in an environment."""

    __tablename__ = "pipeline_deployment"
    __table_args__: Any = (
        UniqueConstraint("environment", "pipeline", "digest", name="pipeline_deployment_digest"),
        ForeignKeyConstraint(
            ["environment"], ["environment.name"], name="pipeline_deployment_environment"
        ),
        ForeignKeyConstraint(
            ["pipeline", "digest"],
            ["pipeline_version.pipeline", "pipeline_version.digest"],
            name="pipeline_deployment_version",
        ),
    )

    environment: str = Field(primary_key=True)
    pipeline: str = Field(primary_key=True)
    digest: str
    revision: int
    deployed_at: str
    deployed_by: str


def _slot_side(side: str) -> tuple[Any, ...]:
    """The keys and checks of one side of a slot, ``serving`` or ``backup``."""
    version = f"{side}_version_id"
    digest, validation = f"{side}_pipeline_digest", f"{side}_validation_id"
    rest = [f"{side}_{column}" for column in ("version_kind", "promoted_at", "promoted_by")]
    proof = (f"{side}_pipeline", digest, validation, f"{side}_passed")
    return (
        ForeignKeyConstraint(
            [version, "model", f"{side}_version_kind"],
            ["model_version.id", "model_version.model", "model_version.kind"],
            name=f"slot_{side}_version",
        ),
        ForeignKeyConstraint(
            [version, f"{side}_pipeline"],
            ["model_version.id", "model_version.pipeline"],
            name=f"slot_{side}_pipeline",
        ),
        _deferred(
            ["environment", f"{side}_pipeline", digest],
            [
                "pipeline_deployment.environment",
                "pipeline_deployment.pipeline",
                "pipeline_deployment.digest",
            ],
            f"slot_{side}_deployment",
        ),
        ForeignKeyConstraint(
            [version, digest, validation, f"{side}_passed"],
            [
                "validation.version_id",
                "validation.pipeline_digest",
                "validation.id",
                "validation.passed",
            ],
            name=f"slot_{side}_validation",
        ),
        CheckConstraint(
            f"{side}_passed IS NULL OR {side}_passed IS TRUE", name=f"slot_{side}_passed"
        ),
        CheckConstraint(
            f"{version} IS NULL OR environment_kind = 'experimental' OR ("
            + " AND ".join(f"{column} IS NOT NULL" for column in proof)
            + f" AND {side}_version_kind = 'production')",
            name=f"slot_{side}_proof",
        ),
        CheckConstraint(
            f"({version} IS NOT NULL AND "
            + " AND ".join(f"{column} IS NOT NULL" for column in rest)
            + f") OR ({version} IS NULL AND "
            + " AND ".join(f"{column} IS NULL" for column in (*rest, *proof))
            + ")",
            name=f"slot_{side}_whole",
        ),
    )


class Slot(SQLModel, table=True):
    """What serves for one model in one environment, and its backup."""

    __table_args__: Any = (
        ForeignKeyConstraint(
            ["environment", "environment_kind"],
            ["environment.name", "environment.kind"],
            name="slot_environment",
        ),
        ForeignKeyConstraint(["model"], ["model.name"], name="slot_model"),
        *_slot_side("serving"),
        *_slot_side("backup"),
        CheckConstraint(
            "backup_version_id IS NULL OR serving_version_id IS NOT NULL", name="slot_backup_of"
        ),
        Index("slot_serving_on", "environment", "serving_pipeline"),
        Index("slot_backup_on", "environment", "backup_pipeline"),
    )

    environment: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    environment_kind: str
    revision: int
    serving_version_id: int | None = None
    serving_version_kind: str | None = None
    serving_pipeline: str | None = None
    serving_pipeline_digest: str | None = None
    serving_validation_id: int | None = None
    serving_passed: bool | None = Field(default=None, sa_type=Boolean)
    serving_promoted_at: str | None = None
    serving_promoted_by: str | None = None
    backup_version_id: int | None = None
    backup_version_kind: str | None = None
    backup_pipeline: str | None = None
    backup_pipeline_digest: str | None = None
    backup_validation_id: int | None = None
    backup_passed: bool | None = Field(default=None, sa_type=Boolean)
    backup_promoted_at: str | None = None
    backup_promoted_by: str | None = None


class Event(SQLModel, table=True):
    """One entry of the append-only, hash-chained history."""

    seq: int = Field(primary_key=True)
    at: str = Field(index=True)
    actor: str
    kind: str
    subject: str
    payload: str = Field(sa_type=Text)
    previous: str
    digest: str


class EventSubject(SQLModel, table=True):
    """Which events concern a model, a version, a slot, a pipeline or an environment."""

    __tablename__ = "event_subject"
    __table_args__: Any = (
        ForeignKeyConstraint(["seq"], ["event.seq"], name="event_subject_event"),
    )

    subject: str = Field(primary_key=True)
    seq: int = Field(primary_key=True)
