"""lineage-guard: what made each model, what serves, and whether it may.

>>> import lineage
>>> version = lineage.register("churn", weights="models/model.pkl")     # doctest: +SKIP
>>> lineage.serving("churn").weights                                    # doctest: +SKIP
'xxh3:99aa06d3014798d86001c324468d497f'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lineage.connection import connect
    from lineage.errors import LineageError
    from lineage.python_api import (
        follow,
        may_serve,
        promote,
        pull,
        register,
        report,
        rollback,
        serving,
        validate,
    )
    from lineage.registry.registry import Registry

__all__ = [
    "LineageError",
    "Registry",
    "__version__",
    "connect",
    "follow",
    "may_serve",
    "promote",
    "pull",
    "register",
    "report",
    "rollback",
    "serving",
    "validate",
]

_HOMES = {
    "LineageError": "lineage.errors",
    "Registry": "lineage.registry.registry",
    "connect": "lineage.connection",
} | dict.fromkeys(
    (
        "follow",
        "may_serve",
        "promote",
        "pull",
        "register",
        "report",
        "rollback",
        "serving",
        "validate",
    ),
    "lineage.python_api",
)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute
    """Load the public names when they are first used: starting a command must be quick."""
    if name == "__version__":
        from importlib.metadata import version

        return version("lineage-guard")
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
