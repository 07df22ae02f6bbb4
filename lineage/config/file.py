"""Finding and reading ``lineage.toml``, and where it says the registry is.

What it says of models is :mod:`lineage.config.models`'s, which is loaded only by commands that need
it: a command that looks something up must start quickly.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lineage import bounded_file
from lineage.errors import UsageError
from lineage.registry_url import RegistryUrl

FILE: Final = "lineage.toml"
PLACES: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (FILE, ()),
    ("pyproject.toml", ("tool", "lineage")),
)
"""The files that may hold the configuration, and the table of each that does."""

DEFAULT_URL: Final = "sqlite:///.lineage/registry.db"
LARGEST: Final = 1 << 20


@dataclass(frozen=True)
class ConfigFile:
    """A configuration as read: the file's name, and the table in it."""

    name: str
    table: dict[str, Any]

    @property
    def url(self) -> str | None:
        """``[registry] url``.

        Raises:
            UsageError: it is no text.
        """
        registry = self.table.get("registry", {})
        url = registry.get("url") if isinstance(registry, dict) else registry
        if url is not None and not isinstance(url, str):
            raise UsageError(
                f"[registry] url in {self.name} is not text.",
                remedy='Write it as url = "sqlite:///.lineage/registry.db"',
            )
        return url


def parse(text: bytes, name: str, table: tuple[str, ...] = ()) -> ConfigFile | None:
    """Read a configuration's text; None where the file has no such table.

    Args:
        text: the file's bytes.
        name: the file's name, for messages.
        table: the table that holds it, e.g. ``("tool", "lineage")``.

    Raises:
        UsageError: it is not TOML.
    """
    if len(text) > LARGEST:
        raise UsageError(f"{name} is larger than {LARGEST:,} bytes.", remedy="Make it smaller.")
    try:
        value: Any = tomllib.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{name} is not UTF-8 text: byte {text[error.start]:#04x} in line {line}.",
            remedy="Save it in UTF-8.",
        ) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise UsageError(f"{name} is not valid TOML: {reason}.", remedy=f"Mend {name}.") from None
    for key in table:
        value = value.get(key) if isinstance(value, dict) else None
    return ConfigFile(name, value) if isinstance(value, dict) else None


def find(start: Path, stop: Path | None) -> tuple[Path, ConfigFile] | None:
    """The configuration that holds for ``start``: the nearest one at or above it.

    Args:
        start: the folder to begin in.
        stop: the last folder to look in (the top of the repository); None for ``start`` alone.

    Returns:
        The folder it was found in, and the configuration.
    """
    for folder in (start, *start.parents):
        found = read(folder)
        if found is not None:
            return folder, found
        if stop is None or folder == stop:
            return None
    return None


def read(folder: Path) -> ConfigFile | None:
    """``lineage.toml`` of a folder, or ``[tool.lineage]`` of its ``pyproject.toml``."""
    for name, table in PLACES:
        text = read_text(folder / name)
        if text is None:
            continue
        if table and b"lineage" not in text:
            continue
        found = parse(text, name, table)
        if found is not None:
            return found
    return None


def read_text(path: Path) -> bytes | None:
    """The bytes of a configuration; None where there is none.

    Raises:
        UsageError: it is no readable file, or too large.
    """
    try:
        return bounded_file.read(path, LARGEST)
    except bounded_file.Missing:
        return None
    except bounded_file.Unfit as reason:
        raise UsageError(
            f"{path} {reason}.", remedy="Put a readable text file there, or remove it."
        ) from None


def registry_url(file: ConfigFile, root: Path, flag: str | None = None) -> str:
    """The registry's URL: the flag, else ``LINEAGE_REGISTRY``, else the file, else the default.

    A relative SQLite path in the file counts from the project's folder; in the flag or the
    variable, from the current one. What the file says is marked as its word, not the user's
    (:class:`lineage.registry_url.RegistryUrl`).
    """
    named = flag if flag is not None else os.environ.get("LINEAGE_REGISTRY") or None
    if named is not None:
        return _anchored(named, Path.cwd())
    if file.url:
        return RegistryUrl(_anchored(file.url, root), file.name)
    return _anchored(DEFAULT_URL, root)


def _anchored(url: str, folder: Path) -> str:
    prefix = "sqlite:///"
    if url.startswith(prefix) and url != f"{prefix}:memory:":
        return prefix + os.fspath((folder / url.removeprefix(prefix)).absolute())
    return url
