"""A read transaction, which loads the ORM only for what asks for rows as objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlmodel import Session


class Reading:
    """The session of a transaction that only reads; all but its connection is made when used.

    A command that asks one question in plain SQL over ``connection()`` ends before the ORM would be
    loaded, and the classes of rows made.
    """

    def __init__(self, connection: Connection) -> None:
        self.info: dict[Any, Any] = {}
        self._connection = connection
        self._session: Session | None = None

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_: object) -> None:
        if self._session is not None:
            self._session.close()

    def connection(self) -> Connection:
        """The connection of the transaction."""
        return self._connection

    get_bind = connection

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a part of the session
        if self._session is None:
            from lineage.database.unit_of_work import UnitOfWork

            self._session = UnitOfWork(self._connection, info=self.info)
            self.info = self._session.info
        return getattr(self._session, name)
