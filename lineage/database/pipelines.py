"""The rows of pipeline versions: recording, finding and reading one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlmodel import col, select

from lineage.acts import act
from lineage.database import tables
from lineage.errors import Conflict, NotFound
from lineage.guard.facts import UnseenCode
from lineage.identity.digest import Digest, canonical_bytes, check_beginning
from lineage.identity.pipeline import Manifest, PipelineVersion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlmodel import Session


def pipeline_version(row: tables.PipelineVersion) -> PipelineVersion:
    """The value that a row holds."""
    if row.manifest is None:
        return PipelineVersion(None, Digest(row.xxh3))
    return PipelineVersion(Manifest.from_json(json.loads(row.manifest)))


def unseen_in(row: tables.PipelineVersion | None) -> tuple[UnseenCode, ...]:
    """What runs in a pipeline version and could not be followed, as its capture said."""
    if row is None or row.unseen is None:
        return ()
    return tuple(UnseenCode.from_json(thing) for thing in json.loads(row.unseen))


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
    """Record a pipeline version unless it is there."""
    row = session.get(tables.PipelineVersion, (name, version.blake3))
    if row is None:
        manifest = version.manifest
        row = tables.PipelineVersion(
            pipeline=name,
            blake3=version.blake3,
            xxh3=version.xxh3,
            manifest=canonical_bytes(manifest.to_json()).decode() if manifest else None,
            code_commit=commit,
            code_dirty=dirty,
            recorded_at=at,
            recorded_by=actor,
            unseen=json.dumps([dict(thing) for thing in unseen]) if manifest else None,
        )
        session.add(row)
        session.flush()
    return row


def find_pipeline(session: Session, name: str | None, digest: str) -> tables.PipelineVersion:
    """The recorded pipeline version that a digest (or a unique beginning of one) names.

    Args:
        session: a transaction.
        name: the pipeline; None to look in all.
        digest: the XXH3 or the BLAKE3.

    Raises:
        NotFound: none matches.
        Conflict: several do.
        UsageError: the text is no digest.
    """
    table = tables.PipelineVersion
    check_beginning(digest)
    query = select(table).where(
        col(table.xxh3).startswith(digest, autoescape=True)
        | col(table.blake3).startswith(digest, autoescape=True)
    )
    if name is not None:
        query = query.where(table.pipeline == name)
    rows = session.exec(query.limit(3)).all()
    whole = [row for row in rows if digest in (row.xxh3, row.blake3)]
    matching = whole or list(rows)
    what = f"pipeline {name}" if name is not None else "any pipeline"
    if not matching:
        raise NotFound(
            f"No version {digest} of {what} is recorded.",
            remedy=f"{act('pipeline show', 'NAME')} shows digests; registering or validating "
            "records the captured one.",
        )
    if len({row.blake3 for row in matching}) > 1:
        raise Conflict(
            f"{digest} names several versions of {what}.",
            remedy="Write the whole digest, or the BLAKE3: "
            f"{act('pipeline show', 'NAME')} prints both.",
        )
    return matching[0]
