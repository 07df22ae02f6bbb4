"""The rows of pipeline versions: recording, finding and reading one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from lineage.acts import act
from lineage.database import graph, tables, telling
from lineage.database.digests import MOST_CANDIDATES, ambiguous, whole_digest
from lineage.database.sql import col, select
from lineage.database.values import TakenFrom, pipeline_version
from lineage.errors import NotFound, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlmodel import Session

    from lineage.identity.pipeline import PipelineVersion

__all__ = ["TakenFrom", "add_pipeline", "find_pipeline", "pipeline_version", "taken_from"]

LARGEST_MANIFEST: Final = 2 << 20
"""Bytes of a manifest, which decisions read while others wait: 1,000 files take 0.15 MB."""


def add_pipeline(
    session: Session,
    name: str,
    version: PipelineVersion,
    commit: str | None,
    dirty: bool,
    at: str,
    actor: str,
    unseen: Sequence[Mapping[str, str]] = (),
) -> tables.PipelineVersion:
    """Record a pipeline version unless it is there, and the first commit seen to hold it.

    Raises:
        UsageError: it is too large.
    """
    row = session.get(tables.PipelineVersion, (name, version.blake3))
    if row is None:
        manifest = version.manifest
        if manifest is not None and len(version.canonical) > LARGEST_MANIFEST:
            raise UsageError(
                f"The pipeline's manifest takes {len(version.canonical):,} bytes, and "
                f"{LARGEST_MANIFEST:,} are kept.",
                remedy="Declare folders of data as data, and leave generated code out.",
            )
        row = tables.PipelineVersion(
            pipeline=name,
            blake3=version.blake3,
            xxh3=version.xxh3,
            manifest=version.canonical.decode() if manifest else None,
            code_commit=commit,
            code_dirty=dirty,
            recorded_at=at,
            recorded_by=actor,
            unseen=json.dumps([dict(thing) for thing in unseen]) if manifest else None,
        )
        telling.tell(session, row)
        if manifest is not None:
            graph.note_pipeline(session, manifest)
    elif commit is not None and not dirty and taken_from(session, row).commit_holds is not True:
        seen = tables.PipelineCommit(
            pipeline=name, blake3=version.blake3, code_commit=commit, seen_at=at, seen_by=actor
        )
        telling.tell(session, seen)
    return row


def taken_from(session: Session, row: tables.PipelineVersion) -> TakenFrom:
    """The commit that is known to hold a pipeline version; else where it was captured first."""
    if row.code_commit is None or row.code_dirty:
        seen = session.get(tables.PipelineCommit, (row.pipeline, row.blake3))
        if seen is not None:
            return TakenFrom(seen.code_commit, dirty=False)
    return TakenFrom(row.code_commit, row.code_dirty)


def find_pipeline(
    session: Session, name: str | None, digest: str, *, among: Collection[str] | None = None
) -> tables.PipelineVersion:
    """The recorded pipeline version that a digest (or a unique beginning of one) names.

    Args:
        session: a transaction.
        name: the pipeline; None to look in all.
        digest: the XXH3 or the BLAKE3.
        among: the pipelines to look in; None for all.

    Raises:
        NotFound: none matches.
        Conflict: several do.
        UsageError: the text is no digest, or too short for the beginning of one.
    """
    table = tables.PipelineVersion
    xxh3, blake3 = col(table.xxh3), col(table.blake3)
    of_name = [col(table.pipeline) == name] if name is not None else []
    if among is not None:
        of_name.append(col(table.pipeline).in_(sorted(among)))
    whole = whole_digest(session, digest, (xxh3, blake3), *of_name)
    what = f"pipeline {name}" if name is not None else "any pipeline"
    if whole is None:
        raise NotFound(
            f"No version {digest[:80]} of {what} is recorded.",
            remedy=f"{act('pipeline show', 'NAME')} shows digests; registering or validating "
            "records the captured one.",
        )
    query = select(table).where((xxh3 == whole) | (blake3 == whole), *of_name)
    rows = session.exec(query.limit(MOST_CANDIDATES + 1)).all()
    if len({row.blake3 for row in rows}) > 1:
        raise ambiguous(digest, sorted({row.blake3 for row in rows}))
    return rows[0]
