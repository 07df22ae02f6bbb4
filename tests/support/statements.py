"""Statements of SQL: counting them, and compiling each once for all engines of a process.

SQLAlchemy compiles a statement once for each engine, and each test has engines of its own: that was
a third of the time of tests of a registry.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from lineage.registry.registry import Registry


USUAL = 3
"""Arguments of a connection to a database that its user named."""


def share_compiled(module: ModuleType) -> None:
    """Let the engines that a module makes share their dialect, and what was compiled for it."""
    create = module.create_engine
    first: list[Engine] = []

    def sharing(*words: Any, **options: Any) -> Engine:
        engine: Engine = create(*words, **options)
        if len(options.get("connect_args", ())) > USUAL:  # it listens to its dialect
            return engine
        if first:
            engine.dialect, engine._compiled_cache = first[0].dialect, first[0]._compiled_cache
        else:  # what it connects to has told the dialect what it can
            event.listen(engine, "engine_connect", lambda _: first.append(engine), once=True)
        return engine

    module.create_engine = sharing


@contextmanager
def counted(registry: Registry) -> Iterator[list[str]]:
    """What a registry asks its database meanwhile: every statement, and each end of a transaction."""
    said: list[str] = []
    engine = registry._engine
    heard = {
        "before_cursor_execute": lambda _connection, _cursor, statement, *_: said.append(statement),
        "commit": lambda _: said.append("COMMIT"),
        "rollback": lambda _: said.append("ROLLBACK"),
    }
    for name, listener in heard.items():
        event.listen(engine, name, listener)
    yield said
    for name, listener in heard.items():
        event.remove(engine, name, listener)
