"""The routers of the pages, in the order in which they are looked through."""

from __future__ import annotations

from typing import Final

from . import (
    drift,
    environments,
    graph,
    guard,
    history,
    live,
    models,
    moves,
    pipeline,
    retraining,
    search,
    sign_in,
    slot,
    version,
)

PAGES: Final = (
    sign_in.router,
    environments.router,
    slot.router,
    drift.router,
    live.router,
    moves.router,
    models.router,
    retraining.router,
    version.router,
    graph.router,
    pipeline.router,
    guard.router,
    history.router,
    search.router,
)
