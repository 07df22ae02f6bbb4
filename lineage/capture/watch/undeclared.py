"""What a run read and no component holds: code, parameters and data that nobody declared. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from lineage.capture.watch.files import CODE, PARAMETERS
from lineage.identity.watched import Role, Undeclared

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from lineage.capture.watch.observed import Observed

_TOOLS: Final = frozenset(
    (
        *("dvc.yaml", "dvc.lock", ".dvcignore", ".lineageignore", "lineage.toml"),
        *(".gitignore", ".gitattributes", ".gitmodules"),
    )
)
_TOOL_ENDINGS: Final = (".dvc", ".egg-info", ".dist-info", ".egg-link")


@dataclass(frozen=True)
class KnownPaths:
    """The paths that the components of a version hold, relative to the root of the run.

    A folder stands for all that is in it.
    """

    code: Collection[str] = field(default=())
    parameters: Collection[str] = field(default=())
    data: Collection[str] = field(default=())
    inputs: Collection[str] = field(default=())
    outputs: Collection[str] = field(default=())
    locks: Collection[str] = field(default=())

    def all(self) -> frozenset[str]:
        """All of them."""
        every = (self.code, self.parameters, self.data, self.inputs, self.outputs, self.locks)
        return frozenset(path.rstrip("/") for paths in every for path in paths)


def undeclared(
    observed: Observed, known: KnownPaths, tracked: Collection[str]
) -> tuple[Undeclared, ...]:
    """The inputs of a run that are in no component, by path.

    A file is known by its own name, by what its symlinks lead to, or by a folder that holds it.
    Files of DVC, git and this registry, and the metadata of packages, are no inputs.

    Args:
        observed: what was observed of the run.
        known: what the components hold.
        tracked: the files that git tracks.

    >>> from lineage.capture.watch.observed import File, Observed
    >>> seen = Observed(0, (File("src/scaling.py", True, False), File("src/a.py", True, False)))
    >>> [one.path for one in undeclared(seen, KnownPaths(code=["src/a.py"]), ["src/scaling.py"])]
    ['src/scaling.py']
    """
    covered = known.all()
    imported = {path for module in observed.modules for path in _and_above(module.path)}  # of a zip
    tracked = frozenset(tracked)
    found = []
    for file in observed.inputs:
        names = {file.path, file.target or file.path}
        if _is_tools(file.path) or any(_is_covered(name, covered) for name in names):
            continue
        is_tracked = not names.isdisjoint(tracked)
        is_code = not names.isdisjoint(imported)
        role = Role.CODE if is_code else role_of(file.path, is_tracked=is_tracked)
        found.append(Undeclared(file.path, role, is_tracked, file.by))
    for folder in observed.folders:
        if folder.is_input and not _is_covered(folder.path, covered):
            inside = f"{folder.path}/" if folder.path else ""
            is_tracked = any(path.startswith(inside) for path in tracked)
            found.append(Undeclared(inside or "./", Role.DATA, is_tracked))
    return tuple(sorted(found, key=lambda one: one.path))


def role_of(path: str, *, is_tracked: bool) -> Role:
    """What a file is by its name; JSON that git does not track is taken for data."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in CODE:
        return Role.CODE
    if suffix in PARAMETERS and (is_tracked or suffix != ".json"):
        return Role.PARAMETERS
    return Role.DATA


def _is_covered(path: str, covered: frozenset[str]) -> bool:
    return any(one in covered for one in _and_above(path))


def _and_above(path: str) -> Iterator[str]:
    """A path and the folders that it lies in."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def _is_tools(path: str) -> bool:
    return PurePosixPath(path).name in _TOOLS or any(
        part.endswith(_TOOL_ENDINGS) for part in path.split("/")
    )
