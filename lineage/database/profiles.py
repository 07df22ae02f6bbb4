"""The rows of profiles: recording what the data of a validation looked like, and reading it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import or_

from lineage import strict_json
from lineage.database import tables, telling
from lineage.database.sql import col, select
from lineage.evidence.profile import Profile
from lineage.identity.digest import blake3_of

if TYPE_CHECKING:
    from sqlmodel import Session


def record(session: Session, validation: tables.Validation, profile: Profile | None) -> str | None:
    """Record what the data of a validation looked like; the event to come tells it.

    One that was carried over has the profile of the one that it rests on.

    Returns:
        The profile's XXH3; None where there is none.
    """
    if profile is not None:
        blake3, xxh3 = str(blake3_of(profile.canonical)), str(profile.digest)
        if session.get(tables.Profile, blake3) is None:
            document = profile.canonical.decode()
            telling.tell(session, tables.Profile(blake3=blake3, xxh3=xxh3, document=document))
    else:
        carried = session.get(tables.ValidationProfile, validation.rests_on or 0)
        found = carried and session.get(tables.Profile, carried.profile_blake3)
        if not found:
            return None
        blake3, xxh3 = found.blake3, found.xxh3
    link = tables.ValidationProfile(validation_id=validation.id or 0, profile_blake3=blake3)
    telling.tell(session, link)
    return xxh3


def digests(session: Session, version_id: int) -> dict[int, str]:
    """The digests of the profiles of a version's validations, by the validation's number."""
    link, table = tables.ValidationProfile, tables.Profile
    query = (
        select(link.validation_id, table.xxh3)
        .where(table.blake3 == link.profile_blake3)
        .where(tables.Validation.id == link.validation_id)
        .where(tables.Validation.version_id == version_id)
    )
    return dict(session.exec(query).all())


def newest(session: Session, version_id: int, pipeline: str | None = None) -> Profile | None:
    """The profile of the newest validation of a version that has one.

    Args:
        session: an open session.
        version_id: the version.
        pipeline: the digest of the pipeline version that it was validated with; None for any.
    """
    link, table, validation = tables.ValidationProfile, tables.Profile, tables.Validation
    query = (
        select(table.document)
        .where(table.blake3 == link.profile_blake3)
        .where(validation.id == link.validation_id)
        .where(validation.version_id == version_id)
    )
    if pipeline is not None:
        version = tables.PipelineVersion
        query = query.where(
            version.pipeline == validation.pipeline,
            version.blake3 == validation.pipeline_blake3,
            or_(col(version.xxh3) == pipeline, col(version.blake3) == pipeline),
        )
    document = session.exec(query.order_by(col(link.validation_id).desc()).limit(1)).first()
    return None if document is None else Profile.parse(strict_json.loads(document))


def of_version(session: Session, version_id: int, digest: str) -> tuple[str, Profile] | None:
    """The profile of a validation of a version, by its XXH3 or BLAKE3, with its BLAKE3.

    What was read is kept: hosts send counts on one scale each minute. None where no validation of
    the version has it.
    """
    link, table, validation = tables.ValidationProfile, tables.Profile, tables.Validation
    query = (
        select(table.blake3)
        .where(table.blake3 == link.profile_blake3)
        .where(validation.id == link.validation_id)
        .where(validation.version_id == version_id)
        .where(or_(col(table.xxh3) == digest, col(table.blake3) == digest))
    )
    blake3 = session.exec(query.limit(1)).first()
    return None if blake3 is None else (blake3, _parsed(session, blake3))


def of_validation(session: Session, validation_id: int) -> Profile | None:
    """The profile of the data of a validation, if there is one."""
    link = session.get(tables.ValidationProfile, validation_id)
    return _parsed(session, link.profile_blake3) if link is not None else None


def by_blake3(session: Session, blake3: str) -> Profile:
    """A profile that is there."""
    return _parsed(session, blake3)


def known(session: Session, digest: str) -> Profile:
    """The profile that a window names by its XXH3."""
    table = tables.Profile
    blake3 = session.exec(select(table.blake3).where(table.xxh3 == digest).limit(1)).one()
    return _parsed(session, blake3)


def _parsed(session: Session, blake3: str) -> Profile:
    if blake3 not in _read:
        table = tables.Profile
        document = session.exec(select(table.document).where(table.blake3 == blake3)).one()
        while len(_read) >= MOST_READ:
            _read.pop(next(iter(_read)), None)
        _read[blake3] = Profile.parse(strict_json.loads(document))
    return _read[blake3]


MOST_READ: Final = 32
"""Profiles that are kept as they were read."""

_read: dict[str, Profile] = {}
