"""Where the bytes of weights are, and what checks of them found."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, CheckConstraint, ForeignKeyConstraint, Index, Text, text
from sqlmodel import Field, SQLModel

from lineage.database.tables.keys import told_by_event
from lineage.database.tables.versions import BIG

COPY_STATES = "state IN ('intact', 'missing', 'changed', 'unreachable')"
_LIVE = text("removed_at IS NULL")


class Store(SQLModel, table=True):
    """A DVC remote that holds weights; ``config`` is JSON of what is no secret of it.

    ``shared`` tells that every host reaches it: not a folder of one. ``marker`` is the id that lies
    in the place itself, None where nobody could put or read one. ``approved`` tells that somebody
    who administers the registry said where it is; before schema 0015 others could.
    """

    __table_args__: Any = (
        *told_by_event("store"),
        Index("store_url", "url", unique=True),
        Index("store_marker", "marker", unique=True),
    )

    name: str = Field(primary_key=True)
    url: str
    config: str = Field(sa_type=Text)
    added_at: str
    added_by: str
    shared: bool = Field(default=True, sa_type=Boolean, sa_column_kwargs={"server_default": "true"})
    marker: str | None = None
    approved: bool = Field(
        default=True, sa_type=Boolean, sa_column_kwargs={"server_default": "true"}
    )
    event: int | None = None


class WeightsCopy(SQLModel, table=True):
    """The weights of a version in a store, by the ids that DVC gives to objects.

    ``listing`` is the object that lists a folder's files with their BLAKE3. ``found_there`` tells
    that the objects were in the store before: somebody else may need them.
    """

    __tablename__ = "weights_copy"
    __table_args__: Any = (
        *told_by_event("weights_copy"),
        ForeignKeyConstraint(["version_id"], ["model_version.id"], name="weights_copy_version"),
        ForeignKeyConstraint(["store"], ["store.name"], name="weights_copy_store"),
        CheckConstraint("(removed_at IS NULL) = (removed_by IS NULL)", name="weights_copy_removal"),
        Index(
            "weights_copy_of",
            "version_id",
            "store",
            unique=True,
            sqlite_where=_LIVE,
            postgresql_where=_LIVE,
        ),
        Index("weights_copy_in", "store", "removed_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    version_id: int
    store: str
    object: str
    listing: str | None = None
    size: int = Field(sa_type=BIG)
    files: int
    found_there: bool = Field(default=False, sa_type=Boolean)
    repository: str | None = None
    revision: str | None = None
    stored_at: str
    stored_by: str
    removed_at: str | None = None
    removed_by: str | None = None
    event: int | None = None


class CopyCheck(SQLModel, table=True):
    """What a check of a copy found; the newest counts.

    ``deep`` tells that every byte was read, ``sample`` of how many files alone it was asked where
    that is not all of them.
    """

    __tablename__ = "copy_check"
    __table_args__: Any = (
        *told_by_event("copy_check"),
        ForeignKeyConstraint(["copy_id"], ["weights_copy.id"], name="copy_check_copy"),
        CheckConstraint(COPY_STATES, name="copy_check_state"),
        Index("copy_check_of", "copy_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    copy_id: int
    state: str
    deep: bool = Field(sa_type=Boolean)
    checked_at: str
    checked_by: str
    sample: int | None = None
    event: int | None = None
