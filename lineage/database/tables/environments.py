"""Where models serve: environments, what runs there, slots, and who said that they may."""

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

from lineage.database.tables.keys import told_by_event

ENVIRONMENT_KINDS = "kind IN ('production', 'experimental')"
PROOF_CODES = "('pipeline-deployed', 'validated', 'pipeline-match')"
"""The rules that a slot's keys hold by themselves: waiving one lets the proof be absent."""

WAIVABLE_CODES = (
    "('pipeline-deployed', 'validated', 'pipeline-match', 'weights-intact', 'requirements', "
    "'promotion-path', 'approvals', 'backup-ready', 'data-like-production')"
)


class Environment(SQLModel, table=True):
    """A place where models serve."""

    __table_args__: Any = (
        *told_by_event("environment"),
        UniqueConstraint("name", "kind", name="environment_name_kind"),
        CheckConstraint(ENVIRONMENT_KINDS, name="environment_kind"),
    )

    name: str = Field(primary_key=True)
    kind: str
    created_at: str
    created_by: str
    event: int | None = None


class Waiver(SQLModel, table=True):
    """A recorded break-glass: one rule, one version, one environment, one pipeline version."""

    __table_args__: Any = (
        *told_by_event("waiver"),
        UniqueConstraint("id", "version_id", "environment", "code", name="waiver_of_rule"),
        UniqueConstraint(
            "id", "version_id", "environment", "pipeline_digest", name="waiver_on_pipeline"
        ),
        ForeignKeyConstraint(["version_id"], ["model_version.id"], name="waiver_version"),
        ForeignKeyConstraint(["environment"], ["environment.name"], name="waiver_environment"),
        ForeignKeyConstraint(
            ["pipeline", "pipeline_digest"],
            ["pipeline_version.pipeline", "pipeline_version.digest"],
            name="waiver_pipeline_version",
        ),
        CheckConstraint(f"code IN {WAIVABLE_CODES}", name="waiver_code"),
        CheckConstraint("length(trim(reason)) > 0", name="waiver_reason"),
        Index("waiver_of", "version_id", "environment"),
    )

    id: int | None = Field(default=None, primary_key=True)
    environment: str
    version_id: int
    code: str
    pipeline: str | None = None
    pipeline_blake3: str | None = Field(default=None, sa_column_kwargs={"name": "pipeline_digest"})
    reason: str = Field(sa_type=Text)
    until: str | None = None
    waived_at: str
    waived_by: str
    waived_by_person: str | None = None
    event: int | None = None


class PipelineDeployment(SQLModel, table=True):
    """Which version of a pipeline runs in an environment."""

    __tablename__ = "pipeline_deployment"
    __table_args__: Any = (
        *told_by_event("pipeline_deployment"),
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
    blake3: str = Field(sa_column_kwargs={"name": "digest"})
    revision: int
    deployed_at: str
    deployed_by: str
    event: int | None = None


def _slot_side(side: str) -> tuple[Any, ...]:
    """The keys and checks of one side of a slot: ``serving``, ``backup`` or ``staged``.

    What is staged has its proof in an experimental environment too.
    """
    version = f"{side}_version_id"
    digest, validation = f"{side}_pipeline_digest", f"{side}_validation_id"
    rest = [f"{side}_{column}" for column in ("version_kind", "promoted_at", "promoted_by")]
    proof = (f"{side}_pipeline", digest, validation, f"{side}_passed")
    waiver = ("serving_waiver_id", "serving_waiver_code") if side == "serving" else ()
    unless = "serving_waiver_id IS NOT NULL OR " if waiver else ""
    production = f"{side}_version_kind = 'production'"
    whole = " AND ".join(f"{column} IS NOT NULL" for column in proof)
    demanded = f"environment_kind = 'experimental' OR ({production} AND ({unless}{whole}))"
    if side == "staged":
        demanded = f"({whole}) AND (environment_kind = 'experimental' OR {production})"
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
            f"{version} IS NULL OR {demanded}",
            name=f"slot_{side}_proof",
        ),
        CheckConstraint(
            f"({version} IS NOT NULL AND "
            + " AND ".join(f"{column} IS NOT NULL" for column in rest)
            + f") OR ({version} IS NULL AND "
            + " AND ".join(f"{column} IS NULL" for column in (*rest, *proof, *waiver))
            + ")",
            name=f"slot_{side}_whole",
        ),
    )


_RUNS: Any = ForeignKeyConstraint(
    ["environment", "serving_pipeline", "serving_pipeline_digest"],
    [
        "pipeline_deployment.environment",
        "pipeline_deployment.pipeline",
        "pipeline_deployment.digest",
    ],
    name="slot_serving_deployment",
    deferrable=True,
    initially="DEFERRED",
)
"""What serves does so on the pipeline version that runs; what stands by may be on another."""

_SLOT_WAIVER: Any = (
    ForeignKeyConstraint(
        ["serving_waiver_id", "serving_version_id", "environment", "serving_waiver_code"],
        ["waiver.id", "waiver.version_id", "waiver.environment", "waiver.code"],
        name="slot_serving_waiver",
    ),
    ForeignKeyConstraint(
        ["serving_waiver_id", "serving_version_id", "environment", "serving_pipeline_digest"],
        ["waiver.id", "waiver.version_id", "waiver.environment", "waiver.pipeline_digest"],
        name="slot_serving_waiver_pipeline",
    ),
    CheckConstraint(
        "(serving_waiver_id IS NULL) = (serving_waiver_code IS NULL)", name="slot_waiver_whole"
    ),
    CheckConstraint(
        f"serving_waiver_code IS NULL OR serving_waiver_code IN {PROOF_CODES}",
        name="slot_waiver_lifts_proof",
    ),
)
"""A waiver stands in for the proof; it is of this version, here, on this pipeline version."""


class Slot(SQLModel, table=True):
    """What serves for one model in one environment, its backup, and what is staged to serve.

    Waivers count from those behind ``waivers_after`` on: the newest when what serves came to do so
    with the pipeline version that runs.
    """

    __table_args__: Any = (
        *told_by_event("slot"),
        ForeignKeyConstraint(
            ["environment", "environment_kind"],
            ["environment.name", "environment.kind"],
            name="slot_environment",
        ),
        ForeignKeyConstraint(["model"], ["model.name"], name="slot_model"),
        *_slot_side("serving"),
        _RUNS,
        *_slot_side("backup"),
        *_slot_side("staged"),
        *_SLOT_WAIVER,
        CheckConstraint(
            "backup_version_id IS NULL OR serving_version_id IS NOT NULL", name="slot_backup_of"
        ),
        Index("slot_serving_on", "environment", "serving_pipeline"),
        Index("slot_backup_on", "environment", "backup_pipeline"),
        Index("slot_staged_on", "environment", "staged_pipeline"),
    )

    environment: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    environment_kind: str
    revision: int
    serving_version_id: int | None = None
    serving_version_kind: str | None = None
    serving_pipeline: str | None = None
    serving_pipeline_blake3: str | None = Field(
        default=None, sa_column_kwargs={"name": "serving_pipeline_digest"}
    )
    serving_validation_id: int | None = None
    serving_passed: bool | None = Field(default=None, sa_type=Boolean)
    serving_promoted_at: str | None = None
    serving_promoted_by: str | None = None
    serving_waiver_id: int | None = None
    serving_waiver_code: str | None = None
    waivers_after: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    backup_version_id: int | None = None
    backup_version_kind: str | None = None
    backup_pipeline: str | None = None
    backup_pipeline_blake3: str | None = Field(
        default=None, sa_column_kwargs={"name": "backup_pipeline_digest"}
    )
    backup_validation_id: int | None = None
    backup_passed: bool | None = Field(default=None, sa_type=Boolean)
    backup_promoted_at: str | None = None
    backup_promoted_by: str | None = None
    staged_version_id: int | None = None
    staged_version_kind: str | None = None
    staged_pipeline: str | None = None
    staged_pipeline_blake3: str | None = Field(
        default=None, sa_column_kwargs={"name": "staged_pipeline_digest"}
    )
    staged_validation_id: int | None = None
    staged_passed: bool | None = Field(default=None, sa_type=Boolean)
    staged_promoted_at: str | None = None
    staged_promoted_by: str | None = None
    event: int | None = None
