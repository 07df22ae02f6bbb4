"""The data that versions saw."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index
from sqlmodel import Field, SQLModel

from lineage.database.tables.keys import told_by_event
from lineage.database.tables.versions import BIG


class DataVersion(SQLModel, table=True):
    """A manifest of named data items."""

    __tablename__ = "data_version"
    __table_args__: Any = told_by_event("data_version")

    blake3: str = Field(primary_key=True, sa_column_kwargs={"name": "digest"})
    xxh3: str = Field(index=True, sa_column_kwargs={"name": "public_digest"})
    event: int | None = None


class DataItem(SQLModel, table=True):
    """One item of a data version, its digest of any algorithm; ``size`` in bytes if it is known.

    The items are written before their data version: none is added once that is there.
    """

    __tablename__ = "data_item"
    __table_args__: Any = (
        ForeignKeyConstraint(
            ["data_digest"],
            ["data_version.digest"],
            name="data_item_version",
            deferrable=True,
            initially="DEFERRED",
        ),
        Index("data_item_name", "name", "digest"),
    )

    data_blake3: str = Field(primary_key=True, sa_column_kwargs={"name": "data_digest"})
    name: str = Field(primary_key=True)
    digest: str = Field(index=True)
    size: int | None = Field(default=None, sa_type=BIG)
