"""The rows of environments: finding one by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.acts import act
from lineage.database import tables
from lineage.errors import NotFound

if TYPE_CHECKING:
    from sqlmodel import Session


def require_environment(session: Session, name: str) -> tables.Environment:
    """The environment's row.

    Raises:
        NotFound: there is none of this name.
    """
    row = session.get(tables.Environment, name)
    if row is None:
        raise NotFound(
            f"There is no environment {name!r}.",
            remedy=f"See them: {act('env list')}, or create it: {act('env create', 'NAME')}",
        )
    return row
