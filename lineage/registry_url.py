"""A registry's URL: who names it, what is behind it, and how it is written and shown."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from lineage.acts import act
from lineage.errors import UsageError
from lineage.masking import masked_url

PREFIX: Final = "sqlite:///"
"""What the URL of a registry in a SQLite file begins with; the path comes after it."""

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
"""Names of this machine."""

_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[a-z0-9_]([a-z0-9_.\-]*[a-z0-9_])?", re.ASCII)
_PATH: Final = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~\-]+)*", re.ASCII)


class RegistryUrl(str):
    """A registry's URL that a file of a repository names, and not the user.

    What a repository says decides neither where a secret goes nor what opens it: see
    :func:`named_by`, and decision 27.
    """

    __slots__ = ("file",)
    file: str

    def __new__(cls, url: str, file: str) -> Self:
        """The URL as the file named ``file`` gives it."""
        made = super().__new__(cls, url)
        made.file = file
        return made


def named_by(url: str) -> str | None:
    """The repository's file that a URL comes from; None for one that the user named."""
    return url.file if isinstance(url, RegistryUrl) else None


def is_remote(url: str) -> bool:
    """Whether a registry's URL is that of a server."""
    return url[:8].lower().startswith(("https://", "http://"))


def is_postgresql(url: str) -> bool:
    """Whether a registry's URL is that of a PostgreSQL database."""
    return url.startswith("postgresql")


def path_of(url: str) -> Path:
    """The file of a SQLite URL.

    Raises:
        UsageError: it names none.
    """
    path = url.removeprefix(PREFIX)
    if not url.startswith(PREFIX) or not path or path == ":memory:":
        raise UsageError(
            f"The registry URL {url.partition('://')[0]}://… is not supported here.",
            remedy="Use a SQLite file, sqlite:///path/to/registry.db, or PostgreSQL, "
            "postgresql+psycopg://host/database",
        )
    return Path(path)


def require_standby(registry: str, standby: str) -> None:
    """Refuse a standby of a registry that has none, or what is no database.

    Raises:
        UsageError: either is not in PostgreSQL.
    """
    if not is_postgresql(registry):
        raise UsageError(
            "A registry in a SQLite file has no standby.",
            remedy="Leave the standby out, or move the registry into PostgreSQL: "
            + act("db copy", "SRC", "DST"),
        )
    if not is_postgresql(standby):
        raise UsageError(
            "The standby is no PostgreSQL database.",
            remedy="Write it as postgresql+psycopg://user@host/database",
        )


def without_password(url: str) -> str:
    """A registry's URL as it may be shown."""
    return masked_url(url)


def may_be_away(url: str) -> bool:
    """Whether a registry is reached over a network: a file of this machine is not."""
    return not url.startswith("sqlite:")


def server_of(url: str) -> str:
    """A server's address in its one spelling: by it tokens are kept and sent.

    Scheme and host are in lower case, an international host in its ASCII form, no default port and
    no slash at the end.

    Raises:
        UsageError: it cannot be read for sure, or holds a secret.
    """
    if any(character.isspace() or not character.isprintable() for character in url):
        raise _unreadable()
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _unreadable() from None
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "A secret has no place in the registry's URL.",
            remedy="Give the token as LINEAGE_TOKEN, or log in with it, and the URL without it.",
        )
    path = parts.path.rstrip("/")
    plain = not (parts.query or parts.fragment or "?" in url or "#" in url)
    if not host or parts.scheme not in _PORTS or not plain or not _PATH.fullmatch(path):
        raise _unreadable()
    shown = _host(host)
    if port is not None and port != _PORTS[parts.scheme]:
        shown += f":{port}"
    return f"{parts.scheme}://{shown}{path}"


def _host(host: str) -> str:
    if ":" in host:
        try:
            return f"[{ipaddress.IPv6Address(host).compressed}]"
        except ValueError:
            raise _unreadable() from None
    if not host.isascii():
        host = _ascii(host)
    host = host.lower().removesuffix(".")
    if not _HOST.fullmatch(host):
        raise _unreadable()
    return host


def _ascii(host: str) -> str:
    """An international host as the name that is looked up."""
    from httpx import URL, InvalidURL

    try:
        return URL(f"https://{host}/").raw_host.decode("ascii")
    except (InvalidURL, UnicodeError):
        raise _unreadable() from None


def _unreadable() -> UsageError:
    return UsageError(
        "The registry's URL cannot be read.", remedy="Write it as https://lineage.example.com"
    )
