"""What others signed of versions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from lineage.database.tables.keys import told_by_event


class Attestation(SQLModel, table=True):
    """A signed statement on a version, which held when it was recorded.

    ``document`` is the envelope and ``digest`` the BLAKE3 of it. ``signed_by`` is the fingerprint
    of ``public_key``, which is in PEM, or an identity, which that key signed for once. ``about``
    says what it is on; ``validation_id`` is that of a verdict. It counts for ``recorded_by`` that
    it is here, not that it is true.
    """

    __table_args__: Any = (
        *told_by_event("attestation"),
        ForeignKeyConstraint(["version_id"], ["model_version.id"], name="attestation_version"),
        ForeignKeyConstraint(["validation_id"], ["validation.id"], name="attestation_validation"),
        UniqueConstraint("version_id", "digest", "signed_by", name="attestation_once"),
        Index("attestation_of", "version_id", "signed_by"),
    )

    id: int | None = Field(default=None, primary_key=True)
    version_id: int
    about: str
    validation_id: int | None = None
    digest: str
    signed_by: str
    public_key: str = Field(sa_type=Text)
    document: str = Field(sa_type=Text)
    recorded_at: str
    recorded_by: str
    event: int | None = None
