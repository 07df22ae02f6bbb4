"""Which installed distributions the imported packages are of, from the files that installers leave.

A package's file lies in a folder of installed packages (``site-packages``); beside it lie the
``.dist-info`` folders, whose ``RECORD`` tells which files are a distribution's. An editable
install lies elsewhere: its ``top_level.txt``, or its name, says what it provides.
"""

from __future__ import annotations

import os
import re
import sys
from collections import defaultdict
from functools import cached_property
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lineage.identity.watched import Distribution

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_INFO: Final = (".dist-info", ".egg-info")
_LISTS: Final = ("RECORD", "installed-files.txt", "SOURCES.txt")
_LARGEST_LIST: Final = 8 << 20
_LARGEST_METADATA: Final = 1 << 20
_MOST_DISTRIBUTIONS: Final = 5_000
_MOST_FOLDERS: Final = 200
_NAMED: Final = re.compile(r"[\w.+!~ -]{1,100}", re.ASCII)


class Installed:
    """The distributions that are installed in one folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def of_file(self, path: str) -> Path | None:
        """The distribution that a file in the folder is of."""
        inner = path[len(self._folder) + 1 :]
        candidates = self._tops.get(inner.partition("/")[0], ())
        if len(candidates) > 1:
            owners = [one for one in candidates if inner in _listed(one)]
            candidates = owners or candidates
        return candidates[0] if candidates else None

    def of_name(self, module: str) -> Path | None:
        """The distribution that provides a module from elsewhere, as an editable install does."""
        top = module.partition(".")[0]
        for info in self._infos:
            if top in _lines(info / "top_level.txt"):
                return info
        wanted = _normal(top)
        return next((one for one in self._infos if _normal(_name(one)) == wanted), None)

    @cached_property
    def _infos(self) -> tuple[Path, ...]:
        try:
            names = sorted(entry.name for entry in os.scandir(self._folder))
        except OSError:
            return ()
        return tuple(Path(self._folder, one) for one in names if one.endswith(_INFO))[
            :_MOST_DISTRIBUTIONS
        ]

    @cached_property
    def _tops(self) -> Mapping[str, list[Path]]:
        """For each first part of a path, the distributions that have files there."""
        found: defaultdict[str, list[Path]] = defaultdict(list)
        for info in self._infos:
            tops = {path.partition("/")[0] for path in _listed(info)}
            for line in _lines(info / "top_level.txt"):
                tops |= {line, line + ".py"}
            for top in tops:
                found[top].append(info)
        return found


def distributions(
    packages: Iterable[tuple[str, str, str]], paths: Iterable[str]
) -> tuple[tuple[Distribution, ...], tuple[str, ...]]:
    """The distributions of imported packages, and the packages that are of none.

    Args:
        packages: of each its name, its file and the script that imported it.
        paths: the folders of installed packages that the interpreters searched.
    """
    installed = {path: Installed(path) for path in sorted(set(paths))[:_MOST_FOLDERS]}
    infos: dict[tuple[str, str], Path | None] = {}
    by: defaultdict[Path, set[str]] = defaultdict(set)
    unknown = set()
    for name, file, entry in packages:
        if (name, file) not in infos:
            infos[name, file] = _info(installed, name, file)
        info = infos[name, file]
        if info is None:
            unknown.add(name)
        else:
            by[info].add(entry)
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for info, scripts in by.items():
        identity = _identity(info)
        if identity is not None:
            found[identity] |= scripts
    known = tuple(
        Distribution(*identity, by=tuple(sorted(scripts - {""}))[:8])
        for identity, scripts in sorted(found.items())
    )
    return known, tuple(sorted(unknown - sys.stdlib_module_names))


def _info(installed: Mapping[str, Installed], name: str, file: str) -> Path | None:
    for folder, one in installed.items():
        if file.startswith(folder + "/"):
            return one.of_file(file)
    return next((info for one in installed.values() if (info := one.of_name(name))), None)


def _identity(info: Path) -> tuple[str, str] | None:
    """A distribution's name and version, as its metadata say."""
    names = (info / "METADATA", info / "PKG-INFO", info)
    metadata = next((path for path in names if path.is_file()), None)
    if metadata is None or metadata.stat().st_size > _LARGEST_METADATA:
        return None
    try:
        facts = PathDistribution(info).metadata
        if "Name" not in facts or "Version" not in facts:
            return None
        name, version = str(facts["Name"]), str(facts["Version"])
    except (OSError, ValueError, KeyError):
        return None
    return (name, version) if _NAMED.fullmatch(name) and _NAMED.fullmatch(version) else None


def _listed(info: Path) -> Iterator[str]:
    """The paths that a distribution's installer has listed, seen from the folder."""
    for name in _LISTS:
        for line in _lines(info / name):
            path = line.partition(",")[0]
            if not path.startswith(("/", "..")):
                yield path
            elif path.startswith("../") and name == "installed-files.txt":
                yield path[3:]


def _lines(path: Path) -> list[str]:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_LIST:
            return []
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def _name(info: Path) -> str:
    return info.name.removesuffix(".dist-info").removesuffix(".egg-info").partition("-")[0]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
