"""A registry behind a server: the verbs of :class:`lineage.Registry` over HTTP."""

from __future__ import annotations

import os
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from typing_extensions import override

from lineage.contract import addresses
from lineage.contract.results import Head
from lineage.contract.results.environments import PipelineShares
from lineage.contract.results.service import NewTokenRecord, Principal, TokenRecord
from lineage.errors import Conflict, RegistryUnreachable
from lineage.registry_url import LOOPBACK
from lineage.remote.history import RemoteHistory
from lineage.remote.lineage import RemoteLineage
from lineage.remote.models import RemoteModels
from lineage.remote.reader import RemoteReader
from lineage.remote.seen_head import ACCEPT, SeenHead
from lineage.remote.slots import RemoteSlots
from lineage.remote.token import token_for
from lineage.remote.transport import Transport
from lineage.remote.versions import RemoteVersions
from lineage.remote.webhooks import RemoteWebhooks
from lineage.remote.windows import RemoteWindows

if TYPE_CHECKING:
    from lineage.contract.requests import NewToken


GLANCE: Final = 5.0
"""Seconds that the newest event is waited for."""


def connect(url: str, token: str | None = None) -> RemoteRegistry:
    """A registry behind a server; nothing is sent yet.

    Args:
        url: its address.
        token: a bearer token; by default the one that is bound to this server.

    Raises:
        UsageError: the address or the token cannot be used.
    """
    return RemoteRegistry(transport_to(url, token))


def transport_to(url: str, token: str | None = None) -> Transport:
    """A connection to a server, which is asked first whether its history goes on.

    Raises:
        UsageError: the address or the token cannot be used.
    """
    transport = Transport(url, token or token_for(url))
    if urlsplit(transport.url).hostname not in LOOPBACK:
        transport.before_first(lambda: _require_goes_on(transport))
    return transport


def _require_goes_on(transport: Transport) -> None:
    """Refuse a server whose history does not go on with what was seen of it here.

    What cannot be asked, the request that comes next tells better.
    """
    accept = os.environ.get(ACCEPT) == "1"
    seen = SeenHead(transport.url, accept_older=accept)

    def ask(event: int | None) -> Head:
        status, document = transport.glance(addresses.HEAD, GLANCE, seen=event)
        if status == HTTPStatus.NOT_FOUND and event is not None:
            if not accept:
                raise Conflict(
                    f"The server at {transport.url} no longer says how far its history goes.",
                    remedy="Bring it up to the version that it had, or say that it is right: "
                    f"{ACCEPT}=1 in the environment.",
                )
            seen.forget()
        with suppress(KeyError, TypeError, ValueError):
            return Head.from_json(document)
        raise RegistryUnreachable("It does not say.", remedy="Try again.")

    with suppress(RegistryUnreachable):
        seen.check(ask)


class RemoteRegistry(
    RemoteReader,
    RemoteLineage,
    RemoteHistory,
    RemoteVersions,
    RemoteModels,
    RemoteSlots,
    RemoteWebhooks,
    RemoteWindows,
):
    """A registry behind a server; use it as a context manager, or :meth:`close` it.

    Each verb does, answers and raises what that of :class:`lineage.Registry` does. Who
    acts is who the token speaks for; ``actor`` counts only on a server that asks for no tokens.
    """

    def __enter__(self) -> RemoteRegistry:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @override
    def __dir__(self) -> list[str]:
        """The verbs, as a registry in a database has them."""
        return sorted({name for name in super().__dir__() if not name.startswith("_")})

    @override
    def __repr__(self) -> str:
        return f"<RemoteRegistry {self.url}>"

    @property
    def url(self) -> str:
        """The server's address."""
        return self._http.url

    @property
    def shared(self) -> bool:
        """Whether several hosts use it, as the server says: all but one without tokens."""
        return bool(self.principal.get("shared", True))

    @property
    def principal(self) -> Principal:
        """Who the token speaks for and what is open to them, as far as the server says it."""
        document = self._http.get(addresses.PRINCIPAL)
        return Principal(document if isinstance(document, dict) else {})

    @property
    def administers_all(self) -> bool:
        """Whether the token may do what concerns all: an ``admin`` who is bound to nothing."""
        document = self.principal
        bound = any(document.get(key) is not None for key in ("environments", "models"))
        return "admin" in document.get("scopes", ()) and not bound

    @property
    def records_stores(self) -> bool:
        """Whether the token may record a store; of a server that does not say, it is tried."""
        return bool(self.principal.get("records_stores", True))

    @property
    def principal_name(self) -> str | None:
        """Whom the token speaks for, as the server says."""
        name = self.principal.get("name")
        return name if isinstance(name, str) else None

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def share_pipeline(
        self, name: str, model: str, *, withdraw: bool = False, actor: str
    ) -> PipelineShares:
        """Share a pipeline with a model, or withdraw that; JSON of all its shares."""
        path = addresses.pipeline_shares(name, model)
        method = "DELETE" if withdraw else "PUT"
        return PipelineShares(self._http.write(method, path, None, actor))

    def create_token(self, new: NewToken, *, actor: str) -> NewTokenRecord:
        """Create a bearer token; JSON of it with the ``token`` itself, which is never shown again.

        It is not repeated where no answer came: nothing is kept by which it could be answered.
        """
        body = {
            "name": new.name,
            "scopes": list(new.scopes),
            "environments": list(new.environments) if new.environments is not None else None,
            "models": list(new.models) if new.models is not None else None,
            "expires_at": new.expires_at,
        }
        if new.person is not None:
            body["person"] = new.person
        return NewTokenRecord(self._http.write("POST", addresses.TOKENS, body, actor, once=False))

    def revoke_token(self, identity: str, *, actor: str) -> TokenRecord:
        """Revoke a token; JSON of it."""
        path = addresses.TOKEN.format(id=quote(identity, safe=""))
        return TokenRecord(self._http.write("DELETE", path, None, actor))
