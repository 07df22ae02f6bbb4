"""The base of the registry's verbs: the database, and one transaction each."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from lineage.database.engine import is_shared, read, write
from lineage.registry.sight import Sight

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine
    from sqlmodel import Session

    from lineage.registry.access import Actor, Principal
    from lineage.registry.slots.foresight import Foresight
    from lineage.registry.webhooks.outbox import Outbox


class Verbs:
    """Verbs of a registry on one database.

    Args:
        engine: the database.
        session: a write transaction that every verb takes part in; by default each has its own.
        foresight: what was found to stand by after the moves of that transaction.
        principal: who speaks; by default one who acts on the database itself.
    """

    def __init__(
        self,
        engine: Engine,
        session: Session | None = None,
        foresight: Foresight | None = None,
        principal: Principal | None = None,
    ) -> None:
        self._engine = engine
        self._session = session
        self._foresight = foresight
        self._principal = principal

    def _actor(self, name: str) -> Actor:
        """The one in whose name a verb records: who speaks, or who is called so."""
        from lineage.registry.access import claiming  # a look-up starts quickly without it

        return self._principal.actor if self._principal is not None else claiming(name)

    def _sight(self, session: Session) -> Sight:
        """What is open to who speaks: every name of a request is found through it."""
        return Sight(session, self._principal)

    @property
    def administers_all(self) -> bool:
        """Whether who speaks may do what concerns all: an ``admin`` who is bound to nothing."""
        return self._principal is None or self._principal.administers_all

    @property
    def records_stores(self) -> bool:
        """Whether who speaks may record a store."""
        return self.administers_all

    @property
    def shared(self) -> bool:
        """Whether several hosts use it: then a folder of one host is no store for the others."""
        return is_shared(self._engine)

    @property
    def outbox(self) -> Outbox:
        """The messages to webhooks: what a server makes and delivers."""
        from lineage.registry.webhooks.outbox import Outbox

        return Outbox(self._engine)

    @contextmanager
    def _read(self) -> Iterator[Session]:
        if self._session is None:
            with read(self._engine) as session:
                yield session
        else:
            yield self._session

    @contextmanager
    def _seeing(self) -> Iterator[Sight]:
        """A transaction that reads, and what is open in it: for what is worked out between some."""
        with self._read() as session:
            yield self._sight(session)

    @contextmanager
    def _write(self, *, dry_run: bool = False) -> Iterator[Session]:
        """A write transaction; what is only to be tried is taken back at its end."""
        if self._session is None:
            with write(self._engine) as session:
                yield session
                if dry_run:
                    session.flush()
                    session.rollback()
        else:
            yield self._session
            self._session.flush()
            if dry_run:
                self._session.rollback()
