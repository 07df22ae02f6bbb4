"""How a table is declared, once: for statements over its columns, and for rows as objects.

A declaration is written as a SQLModel class is, and to a type checker it is one. When it is loaded
it makes a table of SQLAlchemy's Core, which is all that a question needs, and takes a third of the
time. The SQLModel class of its rows is made over that table when it is first asked for.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Column, Integer, MetaData, String, Table

METADATA: Final = MetaData()
"""The schema, as far as it is loaded."""

_TYPES: Final = {"str": String, "int": Integer}
"""The types of columns that state none."""

_ROW_CLASSES: Final[dict[Any, Any]] = {}
_MAKING: Final = Lock()

if TYPE_CHECKING:
    from sqlmodel import Field as Field
    from sqlmodel import SQLModel as SQLModel
else:

    def Field(**options: Any) -> dict[str, Any]:  # noqa: ANN401, N802 - as SQLModel calls it
        """What is said of a column beside its type, as to :func:`sqlmodel.Field`."""
        return options

    class SQLModel:
        """A declaration: each attribute is a column, and ``__table__`` has them all."""

        def __init_subclass__(cls, *, table: bool) -> None:
            """Make the table."""
            said = {name: vars(cls).get(name, {}) for name in _columns_of(cls)}
            cls.__options__ = {
                name: options if isinstance(options, dict) else {"default": options}
                for name, options in said.items()
            }
            for name, options in cls.__options__.items():
                setattr(cls, name, _column(name, cls.__annotations__[name], options))
            cls.__table__ = Table(
                vars(cls).get("__tablename__", cls.__name__.lower()),
                METADATA,
                *(getattr(cls, name) for name in cls.__options__),
                *getattr(cls, "__table_args__", ()),
            )


def row_class(declared: Any) -> Any:  # noqa: ANN401 - a class that SQLModel makes
    """The SQLModel class of a table's rows."""
    with _MAKING:
        if declared not in _ROW_CLASSES:
            _ROW_CLASSES[declared] = _made(declared)
        return _ROW_CLASSES[declared]


def _made(declared: Any) -> Any:  # noqa: ANN401 - the same
    import sqlmodel  # a question starts quickly without it

    named = ("__module__", "__qualname__", "__doc__", "__table__")
    namespace = {name: getattr(declared, name) for name in named}
    namespace["__tablename__"] = declared.__table__.name
    namespace["__annotations__"] = {
        name: declared.__annotations__[name] for name in declared.__options__
    }
    for name, options in declared.__options__.items():
        default = {"default": options["default"]} if "default" in options else {}
        namespace[name] = sqlmodel.Field(sa_column=getattr(declared, name), **default)
    make: Any = type(sqlmodel.SQLModel)
    return make(declared.__name__, (sqlmodel.SQLModel,), namespace, table=True)


def _columns_of(declared: type) -> list[str]:
    return [name for name in declared.__annotations__ if not name.startswith("__")]


def _column(name: str, annotation: str, options: dict[str, Any]) -> Column[Any]:
    plain = annotation.removesuffix(" | None")
    given = dict(options.get("sa_column_kwargs", {}))
    key = options.get("primary_key", False)
    return Column(
        given.pop("name", name),
        options.get("sa_type") or _TYPES[plain],
        primary_key=key,
        nullable=plain != annotation and not key,
        index=options.get("index", False),
        default=options.get("default"),
        **given,
    )
