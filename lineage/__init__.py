"""lineage-guard: what made each model, what serves, and whether it may.

>>> import lineage
>>> version = lineage.register("churn", weights="models/model.pkl")     # doctest: +SKIP
>>> lineage.serving("churn").weights                                    # doctest: +SKIP
'xxh3:99aa06d3014798d86001c324468d497f'
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lineage.connection import connect
    from lineage.errors import LineageError
    from lineage.guard.decision import GuardRefused
    from lineage.python_api import (
        approve,
        attest,
        diff,
        drift,
        export,
        follow,
        guard,
        impact,
        importance,
        leak,
        leakage,
        log,
        may_serve,
        measure,
        models,
        profile,
        promote,
        pull,
        register,
        release,
        report,
        retrain,
        rollback,
        serving,
        show,
        slices,
        trace,
        validate,
        versions,
    )
    from lineage.registry.registry import Registry

    __version__: str

__all__ = [
    "GuardRefused",
    "LineageError",
    "Registry",
    "__version__",
    "approve",
    "attest",
    "connect",
    "diff",
    "drift",
    "export",
    "follow",
    "guard",
    "impact",
    "importance",
    "leak",
    "leakage",
    "log",
    "may_serve",
    "measure",
    "models",
    "profile",
    "promote",
    "pull",
    "register",
    "release",
    "report",
    "retrain",
    "rollback",
    "serving",
    "show",
    "slices",
    "trace",
    "validate",
    "versions",
]

_HOMES = {
    "GuardRefused": "lineage.guard.decision",
    "LineageError": "lineage.errors",
    "Registry": "lineage.registry.registry",
    "connect": "lineage.connection",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute
    """Load the public names when they are first used: starting a command must be quick."""
    if name == "__version__":
        from lineage.installed import version

        return version()
    if name in __all__:
        from importlib import import_module

        try:
            return getattr(import_module(_HOMES.get(name, "lineage.python_api")), name)
        except ModuleNotFoundError as error:
            from lineage.installed import missing

            raise missing(error, f"lineage.{name}") or error from None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, also those that are not loaded yet."""
    return sorted(__all__)


class _Door(ModuleType):
    """This package: its functions are found before chapters of the same names, once loaded.

    The import system puts a chapter where the setter lets it go; it finds that by its whole name.
    """

    attest = property(lambda _: __getattr__("attest"), lambda _, chapter: None)
    export = property(lambda _: __getattr__("export"), lambda _, chapter: None)
    guard = property(lambda _: __getattr__("guard"), lambda _, chapter: None)


sys.modules[__name__].__class__ = _Door
