"""The settings of DVC's own configuration that change what runs.

Of all sections these are two: ``parsing`` says how a mapping is written out in a command, ``hydra``
what parameters are composed of. DVC merges them from four files: the system's, the user's, the
project's ``.dvc/config`` and the checkout's ``config.local``. In a working tree they count as DVC
would follow them here, at a revision as it holds them.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineage.capture.bounded_yaml import decode
from lineage.capture.source import WorkingTree
from lineage.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lineage.capture.source import Source

LARGEST: Final = 1 << 20
"""Bytes of a configuration that are read at the most."""

_DEFAULTS: Final = {
    "parsing.bool": "store_true",
    "parsing.list": "nargs",
    "hydra.enabled": "false",
    "hydra.config_dir": "conf",
    "hydra.config_name": "config",
}
_SECTIONS: Final = ("parsing", "hydra")

_Sections = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class DvcSettings:
    """``sections`` as DVC has them; ``changed`` by their dotted names, where not the defaults.

    ``unheld`` says in words which of them the project's commit does not hold, and who sets them.
    """

    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    changed: Mapping[str, str] = field(default_factory=dict)
    unheld: tuple[str, ...] = ()


def config_path(root: str) -> str:
    """The configuration of the DVC project at ``root`` that is in git."""
    return posixpath.join(root, ".dvc", "config")


def read_settings(source: Source, root: str) -> DvcSettings:
    """The settings of the DVC project at ``root``.

    Raises:
        CaptureError: a configuration cannot be read, or holds a value that DVC refuses.
    """
    path = config_path(root)
    own = {place: _read(source, place, place) for place in (path, f"{path}.local")}
    held = {place: own[place] for place in own if place == path or place in source.tracked}
    levels = (_of_the_machine() if isinstance(source, WorkingTree) else {}) | own
    sections = _merged(levels)
    changed, committed = _changed(sections), _changed(_merged(held))
    names = sorted({*changed, *committed})
    differing = [name for name in names if changed.get(name) != committed.get(name)]
    return DvcSettings(sections, changed, tuple(_told(differing, levels, held)))


def _told(
    names: Iterable[str], levels: Mapping[str, _Sections], held: Mapping[str, _Sections]
) -> Iterator[str]:
    """Which file sets each of the names that no commit holds."""
    for name in names:
        section, _, key = name.partition(".")
        setting = [path for path in levels if path not in held and key in levels[path][section]]
        if setting:
            yield f"{setting[-1]} sets {name}, which changes what DVC runs here and is in no commit"


def _of_the_machine() -> dict[str, _Sections]:
    """The system's and the user's settings, by their files."""
    from dvc.dirs import global_config_dir, system_config_dir

    found = {}
    for folder in (system_config_dir(), global_config_dir()):
        path = Path(folder) / "config"
        real = path.resolve()
        found[str(path)] = _read(WorkingTree(real.parent, None), real.name, str(path))
    return found


def _read(source: Source, path: str, shown: str) -> _Sections:
    """The sections that change what runs, as they are written."""
    found: _Sections = {name: {} for name in _SECTIONS}
    if not source.is_there(path):
        return found
    document = _parsed(decode(source.read(path, LARGEST), shown), shown)
    for name in _SECTIONS:
        section = document.get(name)
        if isinstance(section, dict):
            found[name] = {key.lower(): value for key, value in section.items()}
    return found


def _parsed(text: str, path: str) -> dict[str, Any]:
    """A configuration as DVC parses it, with the names of its sections in lower case."""
    from configobj import ConfigObj, ConfigObjError

    try:
        document = ConfigObj(text.splitlines()).dict()
    except (ConfigObjError, RecursionError, ValueError, TypeError) as error:
        said = " ".join(str(error).split())[:200].rstrip(".")
        raise _invalid(path, said or "it is nested too deeply") from None
    return {name.lower(): section for name, section in document.items()}


def _merged(levels: Mapping[str, _Sections]) -> _Sections:
    """What the files say together, the later ones before the earlier, by DVC's own schema."""
    merged: _Sections = {name: {} for name in _SECTIONS}
    for sections in levels.values():
        for name, section in sections.items():
            merged[name] |= section
    if not any(merged.values()):
        return merged
    from dvc.config_schema import SCHEMA
    from voluptuous import Invalid, Schema

    for name, section in merged.items():
        try:
            merged[name] = Schema(SCHEMA[name])(section)
        except Invalid as error:
            where = [name, *map(str, error.path)]
            paths = [path for path in levels if where[1:2] and where[1] in levels[path][name]]
            paths = paths or [path for path in levels if levels[path][name]]
            raise _invalid(paths[-1], f"{'.'.join(where)}: {error.msg}") from None
    return merged


def _changed(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What differs from DVC's defaults; how Hydra composes says nothing while it is off."""
    hydra = sections["hydra"] if sections["hydra"].get("enabled") else {}
    written = {
        f"{section}.{key}": "true" if value is True else str(value)
        for section, values in (("parsing", sections["parsing"]), ("hydra", hydra))
        for key, value in values.items()
    }
    return {name: value for name, value in written.items() if _DEFAULTS.get(name) != value}


def _invalid(path: str, reason: str) -> CaptureError:
    return CaptureError(
        f"{path} cannot be read: {reason}.", remedy=f"Mend {path}; `dvc config --list` checks it."
    )
