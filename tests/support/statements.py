"""SQL that one engine has compiled, for all engines of a process that tests.

SQLAlchemy compiles a statement once for each engine, and each test has engines of its own: that was
a third of the time of tests of a registry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event

if TYPE_CHECKING:
    from types import ModuleType


USUAL = 2
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
