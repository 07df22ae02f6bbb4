"""DVC's remotes as its own configuration files name them: which there are, and their settings."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from lineage.errors import StoreUnreachable, UsageError
from lineage.weights.copies import PUBLIC, StoreAddress

RUN_BY_OTHERS: Final = ("configpath", "credentialpath")
"""Settings that name files which may name programs: never taken from a repository's own config."""


def remote_of(folder: Path, name: str | None) -> StoreAddress | None:
    """A DVC remote as a store: the named one, else the default one, None where there is none.

    Args:
        folder: a folder of a DVC repository.
        name: the remote's name.

    Raises:
        UsageError: there is no remote of this name, or it cannot be a store.
        StoreUnreachable: its plugin is not installed, or what it stands on is not there.
    """
    remotes, default = _remotes(folder)
    chosen = name or default
    if chosen is None:
        return None
    if "url" not in remotes.get(chosen.lower(), {}):
        raise UsageError(
            f"DVC knows no remote {chosen[:60]!r}.",
            remedy="See them (dvc remote list), and name one: [artifacts] remote in lineage.toml.",
        )
    try:
        settings = _resolved(remotes, chosen)
    except Exception as error:
        raise StoreUnreachable(
            f"The DVC remote {chosen} cannot be used: {reason_of(error)}.",
            remedy="Install its plugin (pip install 'dvc[…]'), or mend it: dvc remote modify.",
        ) from None
    known = {key: settings[key] for key in sorted(PUBLIC & set(settings))}
    return StoreAddress(_store_name(chosen), settings["url"], known)


def settings_of(url: str) -> dict[str, Any]:
    """What DVC's configuration says of the remotes of a URL."""
    remotes, _ = _remotes(Path.cwd())
    found: dict[str, Any] = {}
    for name in remotes:
        with suppress(Exception):
            settings = _resolved(remotes, name)
            if settings.pop("url") == url.rstrip("/"):
                found |= settings
    return found


def _remotes(folder: Path) -> tuple[dict[str, dict[str, Any]], str | None]:
    """Every remote that DVC knows from a folder, and its default one; the nearest file counts."""
    remotes: dict[str, dict[str, Any]] = {}
    default = None
    for kind, level in _levels(folder):
        default = (level.get("core") or {}).get("remote", default)
        for key, remote in (level.get("remote") or {}).items():
            own = {k: v for k, v in remote.items() if kind != "repo" or k not in RUN_BY_OTHERS}
            remotes.setdefault(key.lower(), {}).update(own)
    return remotes, default


def _resolved(remotes: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    """A remote's settings, with those of the remote that it stands on, and a whole URL."""
    from dvc.fs import get_fs_config

    settings = dict(get_fs_config({"remote": remotes}, name=name))
    url = str(settings["url"]).rstrip("/")
    settings["url"] = url if "://" in url else Path(url).absolute().as_uri()
    return settings


def _levels(folder: Path) -> list[tuple[str, Any]]:
    """DVC's configuration files by their level, from the system's to the checkout's own."""
    from dvc.config import Config, ConfigError

    here = folder.resolve()
    found = (place / ".dvc" for place in (here, *here.parents))
    dvc = next((os.fspath(place) for place in found if place.is_dir()), None)
    levels = ("system", "global", *(("repo", "local") if dvc is not None else ()))
    config = Config(dvc_dir=dvc, validate=False)
    try:
        return [(level, config.load_one(level)) for level in levels]
    except (ConfigError, OSError, ValueError) as error:
        raise UsageError(
            f"DVC's configuration cannot be read: {reason_of(error)}.",
            remedy="Mend it: `dvc config --list` shows the same problem.",
        ) from None


def _store_name(remote: str) -> str:
    """A remote's name as a store may be called."""
    return re.sub(r"[^a-z0-9._-]", "-", remote.lower())[:100].lstrip("._-") or "remote"


def reason_of(error: BaseException) -> str:
    """What a library said, in one line without its own wrappings."""
    root: BaseException = error
    while not str(root) and root.__cause__ is not None:
        root = root.__cause__
    if isinstance(root, OSError) and root.strerror:
        return root.strerror.lower()
    return (" ".join(str(root).split()) or type(root).__name__)[:300].rstrip(".")
