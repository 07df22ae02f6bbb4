"""Sending a message: one attempt, to an address that is open, within a bounded time.

The name is looked up once and the connection goes to what was found, so nobody can answer another
address in between. Nothing is followed, no proxy is asked, nothing is kept of the answer but its
status and the beginning of its text.
"""

from __future__ import annotations

import asyncio
import socket
import time
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Final

from lineage.errors import UsageError
from lineage.inert import inert
from lineage.masking import masked
from lineage.registry.webhooks import addresses, signing
from lineage.registry.webhooks.outbox import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from lineage.registry.webhooks.addresses import LookUp, Network, Target
    from lineage.registry.webhooks.outbox import Message

TIMEOUT: Final = 15.0
"""Seconds of an attempt in all, the look-up of the name among them."""

TRIED: Final = 3
"""Addresses of a receiver that are tried, where one takes no connection."""

EXCERPT: Final = 300
"""Bytes of an answer that are kept, where it says that a message was not taken."""


class Sender:
    """Sends messages until it is closed, in one event loop.

    Args:
        allow: networks that are open besides public addresses.
        look_up: what finds the addresses of a name.
    """

    def __init__(self, allow: Sequence[Network], look_up: LookUp = socket.getaddrinfo) -> None:
        self._allow = allow
        self._look_up = look_up
        self._client: httpx.AsyncClient | None = None
        self._agent = f"lineage-guard/{installed('lineage-guard')}"

    async def close(self) -> None:
        """Close what is open."""
        if self._client is not None:
            await self._client.aclose()

    async def send(self, message: Message) -> Outcome:
        """Make one attempt; what became of it."""
        import httpx

        try:
            async with asyncio.timeout(TIMEOUT):
                return await self._send(message)
        except TimeoutError:
            return Outcome(None, f"no answer within {TIMEOUT:.0f} seconds")
        except UsageError as error:
            return Outcome(None, str(error))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            why = f"{type(error).__name__}: {error}".removesuffix(": ")
            return Outcome(None, inert(masked(why))[:EXCERPT])

    async def _send(self, message: Message) -> Outcome:
        import httpx

        target = addresses.parse(message.url)
        found = await asyncio.to_thread(addresses.resolve, target, self._allow, self._look_up)
        *others, last = found[:TRIED]
        for address in others:
            try:
                return await self._send_to(target, address, message)
            except httpx.ConnectError:
                continue
        return await self._send_to(target, last, message)

    async def _send_to(self, target: Target, address: str, message: Message) -> Outcome:
        import httpx

        if self._client is None:
            # a connection that is kept would be taken for another name at the same address
            self._client = httpx.AsyncClient(
                verify=httpx.create_ssl_context(),
                trust_env=False,
                timeout=TIMEOUT,
                limits=httpx.Limits(max_keepalive_connections=0),
            )
        body = message.body.encode()
        signed = signing.headers(message.id, int(time.time()), body, message.keys)
        url = httpx.URL(
            scheme=target.scheme, host=address, port=target.port, raw_path=target.path.encode()
        )
        request = self._client.build_request(
            "POST",
            url,
            content=body,
            headers={
                "Host": target.authority,
                "Content-Type": "application/json",
                "User-Agent": self._agent,
                "Accept-Encoding": "identity",
                **signed,
            },
            extensions={"sni_hostname": target.host},
        )
        response = await self._client.send(request, stream=True, follow_redirects=False)
        try:
            return await _outcome(response)
        finally:
            await response.aclose()


async def _outcome(response: httpx.Response) -> Outcome:
    """What a receiver answered; of what it says besides, the beginning where it took nothing."""
    if response.is_success:
        return Outcome(response.status_code)
    excerpt = b""
    async for part in response.aiter_raw():
        excerpt += part[: EXCERPT - len(excerpt)]
        if len(excerpt) >= EXCERPT:
            break
    return Outcome(response.status_code, inert(masked(excerpt.decode(errors="replace"))) or None)
