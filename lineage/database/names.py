"""The names of models: the present one, and those that a model had before it was renamed.

A name is a row of ``model``. One that a model had before says what it ``became``, and no other
model ever takes it. Rows of the model have its present name: they follow it as it is renamed, by
what triggers let through. Events stay as they were written, so the history of a model is listed
under all its names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from lineage.acts import act
from lineage.database import tables
from lineage.database.sql import col, select
from lineage.database.told import TOLD
from lineage.errors import ModelArchived, NotFound
from lineage.identity.references import check_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection
    from sqlmodel import Session

_MOST_NAMES: Final = 1000
"""Names that one that is nobody's is held against: a host may ask for it again and again."""

_RENAMED: Final = text("SELECT name, became FROM model WHERE became IS NOT NULL")
_PRESENT: Final = "(SELECT coalesce(became, name) FROM model WHERE name = :name)"
_OF: Final = text(
    f"SELECT name, became FROM model WHERE name = {_PRESENT} "  # nosec B608 # noqa: S608 - our own words
    f"UNION ALL SELECT name, became FROM model WHERE became = {_PRESENT}"
)
_FOLLOWING: Final = tuple(table for table, told in TOLD.items() if told.follows)


def require_model(
    session: Session, name: str, nameable: frozenset[str] | None = frozenset()
) -> str:
    """The present name of a model.

    Args:
        session: the transaction.
        name: what it is called.
        nameable: the models that one who mistyped may be told of; None for all, by default none.

    Raises:
        UsageError: none can be called so.
        NotFound: none is called so, or ever was.
    """
    row = session.get(tables.Model, name)
    if row is None:
        check_name("model", name)
        raise NotFound(f"There is no model {name!r}.", remedy=_other_name(session, name, nameable))
    return row.became or row.name


def _other_name(session: Session, name: str, nameable: frozenset[str] | None) -> str:
    """What to do where no model is called so: take one that is spelled like it, if there is one."""
    if nameable is not None and not nameable:
        return f"See which models there are: {act('models')}"
    from difflib import get_close_matches

    names = col(tables.Model.name)
    query = select(names).where(col(tables.Model.became).is_(None)).order_by(names)
    if nameable is not None:
        query = query.where(names.in_(nameable))
    near = get_close_matches(name, session.exec(query.limit(_MOST_NAMES)))
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"Register its first version: {act('register', name)}"


def archived(model: str) -> ModelArchived:
    """What is said to who would put something new into an archived model, or move it."""
    return ModelArchived(
        f"{model} is archived: it takes no new versions, and moves nowhere.",
        remedy=f"Take it up again: {act('model archive', model, restore=True)}",
    )


def present(session: Session, name: str) -> str:
    """The present name of a model; the name itself where none is called so."""
    row = session.get(tables.Model, name)
    return row.became or name if row is not None else name


def renamed(connection: Connection) -> dict[str, str]:
    """What each name that is no longer one became."""
    return {str(name): str(now) for name, now in connection.execute(_RENAMED)}


def names_of(session: Session, name: str) -> tuple[str, ...]:
    """All names of the model that is or was called so, the present one first; none of no model."""
    rows = session.connection().execute(_OF, {"name": name}).all()
    return tuple(row.name for row in sorted(rows, key=lambda row: (row.became or "", row.name)))


def with_names(session: Session, models: Iterable[str]) -> frozenset[str]:
    """Some names, and all others of the models that are or were called so."""
    return frozenset(other for name in models for other in (name, *names_of(session, name)))


def subjects(session: Session, subject: str) -> tuple[str, ...]:
    """Under what the history of a subject is listed: that of a model under each of its names."""
    model, mark, rest = subject.partition("@")
    return tuple(f"{name}{mark}{rest}" for name in names_of(session, model)) or (subject,)


def under_present(subject: str, became: Mapping[str, str]) -> str:
    """A subject that names a model, or what belongs to one, by the model's present name."""
    model, mark, rest = subject.partition("@")
    return f"{became.get(model, model)}{mark}{rest}"


def move_rows(session: Session, old: str, new: str) -> None:
    """Let the rows of a model follow its name; the row of the old one says what it became.

    Keys between them are looked at when all are there: SQLite's at the commit, PostgreSQL's at the
    end of the statement.
    """
    connection = session.connection()
    updates = [
        f"UPDATE {table} SET model = :new WHERE model = :old"  # nosec B608 # noqa: S608 - our own names
        for table in _FOLLOWING
    ]
    values = {"old": old, "new": new}
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for update in updates:
            connection.execute(text(update), values)
    else:
        *first, last = updates
        parts = ", ".join(f"u{number} AS ({update})" for number, update in enumerate(first))
        connection.execute(text(f"WITH {parts} {last}"), values)
    session.expire_all()
