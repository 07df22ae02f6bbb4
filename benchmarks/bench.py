"""One run: its sizes, and the databases and servers that its benchmarks share."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import servers
from .filled import Filled, fill
from .measure import CACHE, turns

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable

    from .sizes import Sizes

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"


@dataclass
class Bench:
    """What benchmarks have: ``stack`` closes what they opened when the run is over."""

    sizes: Sizes
    stack: contextlib.ExitStack

    @cached_property
    def folder(self) -> Path:
        """A folder for this run alone, on the disk of the cache."""
        return Path(self.stack.enter_context(tempfile.TemporaryDirectory(dir=CACHE)))

    @cached_property
    def postgresql(self) -> str:
        """The URL of a PostgreSQL server's first database."""
        return self.stack.enter_context(servers.postgresql())

    def new_folder(self) -> Path:
        """An empty folder."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    def empty(self, database: str) -> str:
        """The URL of an empty database on a kind of server."""
        if database == SQLITE:
            return f"sqlite:///{self.new_folder()}/registry.db"
        return self._created("template1")

    def slots(self, database: str) -> Filled:
        """A registry of its own with the run's number of slots, two versions behind each.

        It is filled once and copied.
        """
        made = self._filled.get(database)
        if made is None:
            made = fill(self.empty(database), self.sizes.slots)
            self._filled[database] = made
        return self.copied(made)

    def copied(self, filled: Filled) -> Filled:
        """A copy of a registry that nobody has open."""
        return replace(filled, url=self._copied(filled.url))

    @cached_property
    def _filled(self) -> dict[str, Filled]:
        return {}

    def _copied(self, url: str) -> str:
        if url.startswith("sqlite"):
            copy = self.new_folder() / "registry.db"
            shutil.copyfile(url.removeprefix("sqlite:///"), copy)
            return f"sqlite:///{copy}"
        return self._created(_name(url))

    def _created(self, template: str) -> str:
        name = f"bench_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self.postgresql.replace("/postgres?", f"/{name}?")

    @cached_property
    def _numbers(self) -> itertools.count[int]:
        return itertools.count()

    def drop(self, url: str) -> None:
        """Take away a database: the large ones make room."""
        if url.startswith("sqlite"):
            shutil.rmtree(Path(url.removeprefix("sqlite:///")).parent)
        else:
            self.sql(f"DROP DATABASE {_name(url)} WITH (FORCE)")

    def sql(self, statement: str) -> None:
        """Run a statement on the PostgreSQL server's first database."""
        import psycopg

        with psycopg.connect(self.postgresql, autocommit=True) as connection:
            connection.execute(statement)

    def turns(
        self, candidates: dict[str, Callable[[], Any]], rounds: int | None = None
    ) -> list[dict[str, float]]:
        """Each turn's times of some candidates."""
        return turns(self.sizes.turns, candidates, rounds or self.sizes.rounds)


def _name(url: str) -> str:
    """A PostgreSQL database's name."""
    return url.partition("?")[0].rpartition("/")[2]
