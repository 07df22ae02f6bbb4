"""What serving hosts say of themselves."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ForeignKeyConstraint, Text

from lineage.database.tables.declared import Field, SQLModel


class Observation(SQLModel, table=True):
    """The newest report of one instance of a service.

    ``skew`` is JSON of the packages that are other ones than were validated, ``[]`` where there are
    none; null where nothing was compared. ``standby`` is the digest of the backup's weights, where
    the instance holds those, ``revision`` the slot's that it has seen. ``lagged`` is the revision
    at which the history last said that it goes on with what served before for too long. ``proven``
    tells that whoever reported may say which weights are intact.
    """

    __table_args__: Any = (
        ForeignKeyConstraint(["environment"], ["environment.name"], name="observation_environment"),
        ForeignKeyConstraint(["model"], ["model.name"], name="observation_model"),
    )

    environment: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    instance: str = Field(primary_key=True)
    weights: str
    pipeline: str | None = None
    loaded_at: str
    reported_at: str
    reported_by: str
    expires_at: str | None = None
    proof: str = Field(default="claimed", sa_column_kwargs={"server_default": "claimed"})
    skew: str | None = Field(default=None, sa_type=Text)
    standby: str | None = None
    revision: int | None = None
    lagged: int | None = None
    proven: bool = Field(
        default=False, sa_type=Boolean, sa_column_kwargs={"server_default": "false"}
    )
