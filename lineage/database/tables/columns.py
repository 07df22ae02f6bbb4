"""The tables as statements of SQLAlchemy's Core name them: ``columns.Slot.revision`` is a column.

Nothing of SQLModel and of SQLAlchemy's ORM is loaded for them, which a command that asks one
question would wait for longer than for its answer.
"""

from typing import TYPE_CHECKING

from lineage.database.tables import declaration

if TYPE_CHECKING:
    from lineage.database.tables import *  # noqa: F403 - to a type checker they are the same


def __getattr__(name: str) -> object:
    declared = globals()[name] = declaration(name)
    return declared
