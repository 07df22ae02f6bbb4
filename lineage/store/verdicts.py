"""Verdicts and pipeline versions: from rows to what the guard compares."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlmodel import col, func, select

from lineage.digest import Digest
from lineage.guard import Verdict
from lineage.pipeline import Manifest, PipelineVersion
from lineage.policy import Outcome
from lineage.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


def pipeline_version(row: tables.PipelineVersion) -> PipelineVersion:
    """The value that a row holds."""
    if row.manifest is None:
        return PipelineVersion(None, Digest(row.public_digest))
    return PipelineVersion(Manifest.from_json(json.loads(row.manifest)))


def newest_verdicts(session: Session, version_id: int) -> tuple[Verdict, ...]:
    """The newest verdict for each pipeline version, the newest last."""
    table = tables.Validation
    newest = (
        select(func.max(table.id))
        .where(table.version_id == version_id)
        .group_by(col(table.pipeline_digest))
    )
    rows = session.exec(
        select(table, tables.PipelineVersion)
        .where(
            col(table.id).in_(newest),
            tables.PipelineVersion.pipeline == table.pipeline,
            tables.PipelineVersion.digest == table.pipeline_digest,
        )
        .order_by(col(table.id))
    )
    return tuple(verdict(row, pipeline_version(pipeline)) for row, pipeline in rows)


def verdict(row: tables.Validation, pipeline: PipelineVersion) -> Verdict:
    """The value that a row holds."""
    assert row.id is not None  # noqa: S101 - it was read from the table
    return Verdict(
        row.id,
        pipeline,
        row.passed,
        row.validated_at,
        row.validated_by,
        tuple(Outcome.from_json(outcome) for outcome in json.loads(row.outcomes)),
    )
