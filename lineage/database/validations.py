"""The rows of validations: finding the newest, and reading one as the guard compares it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.database import tables
from lineage.database.sql import col, func, select
from lineage.guard.evidence import Basis
from lineage.guard.facts import Root, Verdict

if TYPE_CHECKING:
    from sqlmodel import Session


def newest_validation(
    session: Session, version_id: int, pipeline_blake3: str
) -> tables.Validation | None:
    """The validation that counts for a version and a pipeline version."""
    table = tables.Validation
    return session.exec(
        select(table)
        .where(table.version_id == version_id, table.pipeline_blake3 == pipeline_blake3)
        .order_by(col(table.id).desc())
        .limit(1)
    ).first()


def newest_pass(
    session: Session, version_id: int, pipeline_blake3: str
) -> tables.Validation | None:
    """The newest validation of a version with a pipeline version that passed."""
    table = tables.Validation
    return session.exec(
        select(table)
        .where(
            table.version_id == version_id,
            table.pipeline_blake3 == pipeline_blake3,
            col(table.passed).is_(True),
        )
        .order_by(col(table.id).desc())
        .limit(1)
    ).first()


def newest_validations(
    session: Session, version_id: int, *, most: int = 1000, on: str | None = None
) -> tuple[Verdict, ...]:
    """The newest validation for each pipeline version, the newest last.

    Args:
        session: a transaction.
        version_id: the version.
        most: how many of them.
        on: the BLAKE3 of a pipeline version whose validation is among them in any case.
    """
    table = tables.Validation
    newest = (
        select(func.max(table.id), table.pipeline_blake3)
        .where(table.version_id == version_id)
        .group_by(col(table.pipeline_blake3))
        .order_by(func.max(table.id).desc())
    )
    found = session.exec(newest).all()
    chosen = [key for key, _ in found[:most]] + [key for key, blake3 in found if blake3 == on]
    rows = session.exec(
        select(table, tables.PipelineVersion)
        .where(
            col(table.id).in_(chosen),
            tables.PipelineVersion.pipeline == table.pipeline,
            tables.PipelineVersion.blake3 == table.pipeline_blake3,
        )
        .order_by(col(table.id))
    )
    return tuple(validation(session, row, pipeline) for row, pipeline in rows)


def validation(
    session: Session, row: tables.Validation, pipeline: tables.PipelineVersion
) -> Verdict:
    """The value that a row holds."""
    from lineage.database import values  # a look-up only asks for the newest, and starts quickly
    from lineage.database.pipelines import taken_from

    return values.verdict_of(
        row,
        values.pipeline_version(pipeline),
        commit=taken_from(session, pipeline).commit,
        overturned=overturned(session, row),
        root=_root(session, row),
    )


def _root(session: Session, row: tables.Validation) -> Root | None:
    """What a carried validation rests on."""
    root = session.get(tables.Validation, row.rests_on) if row.rests_on is not None else None
    if root is None:
        return None
    return Root(
        root.pipeline_blake3, Basis(root.basis), root.validated_by, root.validated_by_person
    )


def overturned(session: Session, row: tables.Validation) -> bool:
    """Whether what a carried validation rests on has been replaced by a failure."""
    root = session.get(tables.Validation, row.rests_on) if row.rests_on is not None else None
    if root is None:
        return False
    newest = newest_validation(session, root.version_id, root.pipeline_blake3)
    return newest is not None and not newest.passed
