"""Logging in to a server: the token is shown to it once, and kept for it alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lineage.errors import LineageError, NotAuthenticated, NotPermitted, UsageError
from lineage.registry_url import is_remote, server_of
from lineage.remote import logins
from lineage.remote.client import connect


@dataclass(frozen=True)
class Login:
    """A login: the ``server``, whom its token speaks for, and ``note`` where it did not say."""

    server: str
    name: str | None
    note: str | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON of a login."""
        return {"server": self.server, "name": self.name, "checked": self.note is None}


def server_named(url: str) -> str:
    """The server's address, if a login to it is possible.

    Raises:
        UsageError: it is no server, or cannot be read.
    """
    if not is_remote(url):
        raise UsageError(
            "A login is to a server, https://….",
            remedy="Name a database that is not the repository's choice in LINEAGE_REGISTRY.",
        )
    return server_of(url)


def log_in(url: str, token: str) -> Login:
    """Keep a token for a server; what the server says of it.

    Raises:
        UsageError: the address or the token cannot be used, or nothing can be kept.
        NotAuthenticated: the server does not know the token; nothing is kept.
    """
    server = server_named(url)
    name = note = None
    with connect(server, token) as registry:
        try:
            name = registry.principal_name
        except NotAuthenticated:
            raise
        except NotPermitted:
            name = None
        except LineageError as error:
            note = f"The token was kept, but not checked: {error}"
    logins.log_in(server, token)
    return Login(server, name, note)


def log_out(url: str) -> str | None:
    """Forget a server's token; the server, or None where there was no login.

    Raises:
        UsageError: the address cannot be read, or nothing can be kept.
    """
    server = server_named(url)
    return server if logins.log_out(server) else None
