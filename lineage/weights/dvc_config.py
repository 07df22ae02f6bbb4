"""DVC's configuration files, read as DVC does and without loading it: what they say of remotes.

A host that serves opens a store with what these say, and DVC itself takes longer to load than small
weights to fetch. Sections and keys are in lower case, paths are absolute, a remote may stand on
another (``remote://NAME/path``).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from lineage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OWN: Final = ("system", "global")
"""The levels of DVC's configuration that no repository writes."""

LARGEST: Final = 1 << 20
"""Bytes of a configuration that are read at the most."""

DEEPEST: Final = 20
"""Remotes that stand one on the other at the most."""

_PATHS: Final = frozenset(
    {
        *("url", "gdrive_user_credentials_file", "gdrive_service_account_json_file_path"),
        *("credentialpath", "configpath", "keyfile", "cert_path", "key_path"),
    }
)
"""The settings of a remote that are read from where the file is."""

_REMOTE: Final = re.compile(r'^\s*remote\s*"(.*)"\s*$')


def levels(folder: Path | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """DVC's configuration files by their level, from the system's to the checkout's own.

    Args:
        folder: a folder of a DVC repository; None for the user's and the system's files alone.

    Yields:
        the level, and ``remote`` (settings by name) and ``core`` of its file.

    Raises:
        UsageError: one cannot be read.
    """
    yield "system", _read(_system() / "config")
    yield "global", _read(_user() / "config")
    here = folder.resolve() if folder is not None else None
    found = (place / ".dvc" for place in (here, *here.parents)) if here is not None else iter(())
    dvc = next((place for place in found if place.is_dir()), None)
    if dvc is not None:
        yield "repo", _read(dvc / "config")
        yield "local", _read(dvc / "config.local")


def resolved(remotes: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, Any]:
    """A remote's settings, with those of the remotes that it stands on, and a whole URL.

    Raises:
        LookupError: there is no such remote, or it has no URL.
        ValueError: it stands on itself.
    """
    settings = _standing(remotes, name.lower(), DEEPEST)
    url = str(settings["url"]).rstrip("/")
    return settings | {"url": url if "://" in url else Path(url).absolute().as_uri()}


def _standing(remotes: Mapping[str, Mapping[str, Any]], name: str, left: int) -> dict[str, Any]:
    if name not in remotes:
        raise LookupError(f"remote '{name}' doesn't exist")
    if not left:
        raise ValueError(f"remote '{name}' stands on itself")
    settings = dict(remotes[name])
    parts = urlsplit(str(settings["url"]))
    if parts.scheme != "remote":
        return settings
    base = _standing(remotes, parts.netloc.lower(), left - 1)
    return base | settings | {"url": f"{base['url']}/{parts.path.lstrip('/')}"}


def _system() -> Path:
    from platformdirs import site_config_dir

    return Path(os.getenv("DVC_SYSTEM_CONFIG_DIR") or site_config_dir("dvc", "iterative"))


def _user() -> Path:
    from platformdirs import user_config_dir

    return Path(os.getenv("DVC_GLOBAL_CONFIG_DIR") or user_config_dir("dvc", "iterative"))


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise _unreadable(path, (error.strerror or str(error)).lower()) from None
    if len(data) > LARGEST:
        raise _unreadable(path, f"it is larger than {LARGEST} bytes")
    document = _parsed(data, path)
    said: dict[str, Any] = {"core": document.get("core"), "remote": {}}
    for name, section in document.items():
        match = _REMOTE.match(name)
        if match is not None and isinstance(section, dict):
            said["remote"][match[1]] = {k: _placed(path, k, v) for k, v in section.items()}
    said["core"] = said["core"] if isinstance(said["core"], dict) else {}
    return said


def _parsed(data: bytes, path: Path) -> dict[str, Any]:
    from configobj import ConfigObj, ConfigObjError

    try:
        return _lower(ConfigObj(data.decode().splitlines()).dict())
    except (ConfigObjError, RecursionError, ValueError, TypeError) as error:
        said = " ".join(str(error).split())[:200].rstrip(".")
        raise _unreadable(path, said or "it is nested too deeply") from None


def _lower(section: Mapping[str, Any]) -> dict[str, Any]:
    return {k.lower(): _lower(v) if isinstance(v, dict) else v for k, v in section.items()}


def _placed(path: Path, key: str, value: Any) -> Any:  # noqa: ANN401 - a setting's value
    """A setting, whose path is absolute where it is one."""
    if key not in _PATHS:
        return value
    if not isinstance(value, str):
        raise _unreadable(path, f"{key} is not one value")
    if re.match(r"\w+://", value):
        return value
    expanded = os.path.expanduser(value)  # noqa: PTH111 - nobody may be without a home
    return os.path.abspath(path.parent.absolute() / expanded)  # noqa: PTH100 - links are kept


def _unreadable(path: Path, reason: str) -> UsageError:
    return UsageError(
        f"DVC's configuration cannot be read: {path}: {reason}.",
        remedy="Mend it: `dvc config --list` shows the same problem.",
    )
