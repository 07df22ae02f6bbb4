"""DVC's remotes as its own configuration files name them: which there are, and their settings."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineage.errors import StoreUnreachable, UsageError
from lineage.masking import masked
from lineage.weights import dvc_config, dvc_trust
from lineage.weights.copies import PUBLIC, StoreAddress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_Remotes = dict[str, dict[str, Any]]


def remote_of(folder: Path, name: str | None) -> StoreAddress | None:
    """A DVC remote as a store: the named one, else the default one, None where there is none.

    Args:
        folder: a folder of a DVC repository.
        name: the remote's name.

    Raises:
        UsageError: there is no remote of this name, it cannot be a store, or the repository says
            of it what only the user may.
        StoreUnreachable: its plugin is not installed, or what it stands on is not there.
    """
    remotes = Remotes.read(folder)
    chosen = name or remotes.default
    if chosen is None:
        return None
    if not remotes.knows(chosen):
        raise UsageError(
            f"DVC knows no remote {chosen[:60]!r}.",
            remedy="See them (dvc remote list), and name one: [artifacts] remote in lineage.toml.",
        )
    try:
        settings = remotes.settings(chosen)
    except UsageError:
        raise
    except Exception as error:
        raise StoreUnreachable(
            f"The DVC remote {chosen} cannot be used: {reason_of(error)}.",
            remedy="Install its plugin (pip install 'dvc[…]'), or mend it: dvc remote modify.",
        ) from None
    known = {key: settings[key] for key in sorted(PUBLIC & set(settings))}
    return StoreAddress(_store_name(chosen), settings["url"], known)


def settings_of(address: StoreAddress) -> dict[str, Any]:
    """A store's settings: as it is recorded, and what DVC's configuration here says of its URL.

    Raises:
        StoreUnreachable: another than the user says what only the user may.
    """
    remotes = Remotes.read(Path.cwd())
    url = address.url.rstrip("/")
    said = dict(address.config) | remotes.said_of(url)
    own = remotes.own_of(url)
    key = dvc_trust.refused(url, said, own)
    if key is not None:
        raise StoreUnreachable(
            f"Store {address.name} ({url}) is not opened: its {key} is not this host's own word.",
            remedy=_how_to_set(address.name, url, key),
        )
    return dvc_trust.counting(said, own)


@dataclass(frozen=True)
class Remotes:
    """The remotes that DVC knows from a folder: ``own`` are the user's, ``said`` the repository's.

    A remote of the repository's may stand on one of the user's (``remote://NAME/path``).
    """

    own: _Remotes
    said: _Remotes
    default: str | None = None

    @classmethod
    def read(cls, folder: Path | None) -> Remotes:
        """What DVC's configuration files say; of those of one trust, the nearest counts.

        Args:
            folder: a folder of a DVC repository; None for the user's and the system's files alone.

        Raises:
            UsageError: one cannot be read.
        """
        own, said, default = _Remotes(), _Remotes(), None
        for kind, level in dvc_config.levels(folder):
            default = level.get("core", {}).get("remote", default)
            for key, remote in level.get("remote", {}).items():
                (own if kind in dvc_config.OWN else said).setdefault(key.lower(), {}).update(remote)
        return cls(own, said, default)

    @classmethod
    def of(cls, merged: Mapping[str, Mapping[str, Any]]) -> Remotes:
        """Remotes as DVC merged them, each taken for the repository's, and the user's own."""
        own = cls.read(None).own
        return cls(own, {name: dict(settings) for name, settings in merged.items()})

    def knows(self, name: str) -> bool:
        """Whether there is a remote of a name, with a URL."""
        return "url" in self._merged(name.lower())

    def settings(self, name: str) -> dict[str, Any]:
        """A remote's settings, ``url`` among them.

        Raises:
            UsageError: the repository says what only the user may.
        """
        said = dvc_config.resolved(self._all, name)
        url = said["url"]
        own = self.own_of(url)
        key = dvc_trust.refused(url, said, own)
        if key is not None:
            raise UsageError(
                f"The repository sets {key} of the DVC remote {name}, in which it has no say.",
                remedy=_how_to_set(name, url, key),
            )
        return dvc_trust.counting(said, own) | {"url": url}

    def own_of(self, url: str) -> dict[str, Any]:
        """What the user says of the place of a URL, or of one that holds it; not of a name."""
        found: dict[str, Any] = {}
        for place, settings in sorted(_by_url(self.own, self.own)):
            if url == place or url.startswith(f"{place}/"):
                found |= settings
        return found

    def said_of(self, url: str) -> dict[str, Any]:
        """What the repository says of the remotes of a URL."""
        found: dict[str, Any] = {}
        for place, settings in _by_url(self._all, self.said):
            if place == url:
                found |= settings
        return found

    @property
    def _all(self) -> _Remotes:
        return {name: self._merged(name) for name in {*self.own, *self.said}}

    def _merged(self, name: str) -> dict[str, Any]:
        """A remote without what the user says of its name alone: that is found by the URL."""
        own = {key: value for key, value in self.own.get(name, {}).items() if key == "url"}
        return own | self.said.get(name, {})


def _by_url(remotes: _Remotes, of: _Remotes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each of some remotes by its whole URL; what cannot be resolved is left out."""
    for name in of:
        with suppress(Exception):
            settings = dvc_config.resolved(remotes, name)
            yield settings.pop("url"), settings


def _how_to_set(name: str, url: str, key: str) -> str:
    endpoint = " (or set AWS_ENDPOINT_URL_S3)" if key == "endpointurl" else ""
    return (
        f"If you trust it, say so in your own configuration{endpoint}: dvc remote add --global "
        f"{name} {url}, then dvc remote modify --global {name} {key} …"
    )


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
    said = masked(" ".join(str(root).split()))
    return (said or type(root).__name__)[:300].rstrip(".")
