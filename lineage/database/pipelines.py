"""The rows of pipeline versions: recording, finding and reading one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from sqlmodel import col, select

from lineage.acts import act
from lineage.database import tables, telling
from lineage.database.digests import MOST_CANDIDATES, ambiguous, whole_digest
from lineage.errors import NotFound, UsageError
from lineage.guard.facts import UnseenCode
from lineage.identity.digest import Digest
from lineage.identity.pipeline import Manifest, PipelineVersion

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlmodel import Session


LARGEST_MANIFEST: Final = 2 << 20
"""Bytes of a manifest, which decisions read while others wait: 1,000 files take 0.15 MB."""


class RecordedVersion(PipelineVersion):
    """A recorded pipeline version: its digests are the row's, its manifest is read on demand."""

    def __init__(self, xxh3: str, blake3: str, manifest: str) -> None:
        known = {"xxh3": Digest(xxh3), "blake3": Digest(blake3), "canonical": manifest.encode()}
        self.__dict__.update(known, stated=None)

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest, parsed."""
        return Manifest.from_json(json.loads(self.canonical))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PipelineVersion) and self.canonical == other.canonical

    def __hash__(self) -> int:
        return hash(self.canonical)


def pipeline_version(row: tables.PipelineVersion) -> PipelineVersion:
    """The value that a row holds."""
    if row.manifest is None:
        return PipelineVersion(None, Digest(row.xxh3))
    return RecordedVersion(row.xxh3, row.blake3, row.manifest)


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
    elif commit is not None and not dirty and taken_from(session, row).commit_holds is not True:
        seen = tables.PipelineCommit(
            pipeline=name, blake3=version.blake3, code_commit=commit, seen_at=at, seen_by=actor
        )
        telling.tell(session, seen)
    return row


@dataclass(frozen=True)
class TakenFrom:
    """Where a pipeline version was captured: at a commit, perhaps with changes beside it."""

    commit: str | None
    dirty: bool

    @property
    def commit_holds(self) -> bool | None:
        """Whether the commit holds the version; None where nobody said what was captured."""
        if self.commit is None and not self.dirty:
            return None
        return not self.dirty


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
