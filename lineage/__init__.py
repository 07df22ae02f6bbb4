"""lineage-guard: what made each model, what serves, and whether it may.

>>> import lineage
>>> registry = lineage.connect("sqlite:///registry.db")             # doctest: +SKIP
>>> registry.serving("churn", "production").serving.weights         # doctest: +SKIP
'xxh3:99aa06d3014798d86001c324468d497f'
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lineage.connecting import connect
    from lineage.errors import LineageError
    from lineage.registry import Registry

__all__ = ["LineageError", "Registry", "__version__", "connect"]

_HOMES = {
    "LineageError": "lineage.errors",
    "Registry": "lineage.registry",
    "connect": "lineage.connecting",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute
    """Load the public names when they are first used: starting a command must be quick."""
    if name == "__version__":
        return version("lineage-guard")
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
