"""Which distribution is installed: the whole of lineage-guard, or what a serving host needs of it.

The host's holds the same modules without the server, and brings neither DVC nor a database's driver
(decision 39). What runs into that says so in one sentence, as does what an operating system lacks.
"""

from __future__ import annotations

from functools import cache, wraps
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from traceback import walk_tb
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from lineage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

WHOLE: Final = "lineage-guard"
HOST: Final = "lineage-guard-host"

CLOUDS: Final = ("s3", "gs", "azure")
"""The kinds of store that the host's extra ``cloud`` reaches."""

POSIX_ONLY: Final = frozenset({"fcntl", "grp", "pwd", "resource", "termios"})
"""Modules of Python's that Windows lacks."""


@cache
def distribution() -> tuple[str, str]:
    """The name of the distribution and its version.

    Raises:
        UsageError: both are installed, of two versions: they share files, so this is neither.
    """
    found = {}
    for name in (WHOLE, HOST):
        try:
            found[name] = version_of(name)
        except PackageNotFoundError:
            continue
    if len(set(found.values())) > 1:
        raise UsageError(
            f"{WHOLE} {found[WHOLE]} and {HOST} {found[HOST]} are both installed here, and share "
            "their files.",
            remedy=f"Keep one of them: pip uninstall {WHOLE} {HOST}, then install that one anew.",
        )
    if not found:
        raise PackageNotFoundError(WHOLE)
    return next(iter(found.items()))


def version() -> str:
    """The version that is installed; errors are those of :func:`distribution`."""
    return distribution()[1]


def on_host() -> bool:
    """Whether what is installed is a serving host's part; errors: :func:`distribution`."""
    return distribution()[0] == HOST


def plugin(kind: str) -> str:
    """What pip is told to install for a kind of store: ``s3``, ``gs``, ``ssh`` and so on."""
    if kind in CLOUDS and on_host():
        return f"{HOST}[cloud]"
    return f"dvc[{kind}]"


def missing(
    error: ModuleNotFoundError, what: str = "This", instead: str = "Run it elsewhere"
) -> UsageError | None:
    """The error to tell of a module that is not here.

    Args:
        error: what an import raised.
        what: what needs the module.
        instead: what to do, in the place of installing more.

    Returns:
        None where the module should be here: that is a defect.
    """
    if error.name in POSIX_ONLY:
        return UsageError(
            f"{what} needs Python's {error.name}, which this operating system lacks.",
            remedy=f"{instead}: it works on Linux and macOS.",
        )
    if distribution()[0] == WHOLE:
        return None
    return UsageError(
        f"{what} needs {error.name}, which {WHOLE} has, and {HOST}, which is installed here, "
        "has not.",
        remedy=f"{instead}, or install the whole: pip uninstall {HOST}, then pip install {WHOLE}",
    )


def telling(function: Callable[P, R]) -> Callable[P, R]:
    """A public function, which tells in one sentence of a module that is not installed here.

    What a program of the caller's lacks, such as what loads its model, stays that program's error.
    """

    @wraps(function)
    def told(*arguments: P.args, **named: P.kwargs) -> R:
        try:
            return function(*arguments, **named)
        except ModuleNotFoundError as error:
            said = missing(error, f"lineage.{function.__name__}") if _is_own(error) else None
            if said is None:
                raise
            raise said from None

    return told


def _is_own(error: ModuleNotFoundError) -> bool:
    """Whether a module of lineage-guard's is what imports the one that is missing."""
    names = [str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(error.__traceback__)]
    importing = [name for name in names if not name.startswith("importlib.")]
    return bool(importing) and importing[-1].partition(".")[0] == "lineage"
