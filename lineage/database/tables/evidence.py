"""What data looked like: profiles, and the validations that were made on them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKeyConstraint, Text
from sqlmodel import Field, SQLModel

from lineage.database.tables.keys import told_by_event


class Profile(SQLModel, table=True):
    """A profile; ``document`` is its canonical JSON, ``blake3`` that of the document."""

    __tablename__ = "profile"
    __table_args__: Any = told_by_event("profile")

    blake3: str = Field(primary_key=True, sa_column_kwargs={"name": "digest"})
    xxh3: str = Field(sa_column_kwargs={"name": "public_digest"})
    document: str = Field(sa_type=Text)
    event: int | None = None


class ValidationProfile(SQLModel, table=True):
    """The profile of the data that a validation was made on."""

    __tablename__ = "validation_profile"
    __table_args__: Any = (
        *told_by_event("validation_profile"),
        ForeignKeyConstraint(
            ["validation_id"], ["validation.id"], name="validation_profile_validation"
        ),
        ForeignKeyConstraint(
            ["profile_digest"], ["profile.digest"], name="validation_profile_profile"
        ),
    )

    validation_id: int = Field(primary_key=True)
    profile_blake3: str = Field(sa_column_kwargs={"name": "profile_digest"})
    event: int | None = None
