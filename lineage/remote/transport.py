"""A connection to a registry's server: bounded in time and size, retrying what does no harm.

A request is repeated when the server could not be reached, or said that it cannot work now. Reads
may always be; writes carry an ``Idempotency-Key``, by which the server makes them once.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import socket
import time
import uuid
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, urlsplit
from urllib.request import getproxies

import httpx

from lineage import installed, strict_json
from lineage.contract import problems
from lineage.errors import LineageError, RegistryUnreachable, UsageError
from lineage.masking import hide, masked
from lineage.patience import NameLookup, Patience
from lineage.registry_url import LOOPBACK, server_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LARGEST: Final = 256 << 20
"""Bytes of an answer that are read at the most."""

ANSWERED_WITHIN: Final = 10.0
"""Seconds that an answer may take once the time is over that a request was to wait."""

_TRY_AGAIN: Final = (502, 503, 504)
_NOT_REACHED: Final = (httpx.ConnectError, httpx.ConnectTimeout)


class _Answer(NamedTuple):
    """What came of one attempt; ``wait`` are the seconds until another makes sense."""

    status: int
    media_type: str
    body: bytes
    wait: float
    etag: str | None
    date: str | None


class Transport:
    """A connection to a server.

    Args:
        url: its address, ``https://…``; plain ``http://`` only on this machine, or where
            ``LINEAGE_ALLOW_HTTP=1`` says that the network between is trusted.
        token: a bearer token.

    Raises:
        UsageError: the address or the token cannot be used.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self.url = _checked(url, token)
        self._patience = Patience.here()
        self._reach_by = time.monotonic() + self._patience.reach
        self._first: Callable[[], None] | None = None
        self._lookup: NameLookup | None = None
        self._extensions: dict[str, Any] = {}
        self._sockets: list[socket.socket] = []
        self._interrupted = False
        self.answers = 0
        hide(token)
        headers = {"User-Agent": f"lineage-guard/{installed.version()}"}
        headers |= {"Authorization": f"Bearer {token}"} if token is not None else {}
        self._client = httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=self._patience.whole,
            follow_redirects=False,
            verify=httpx.create_ssl_context() if self.url.startswith("https:") else False,
            trust_env=urlsplit(self.url).hostname not in LOOPBACK,  # proxies
        )

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def before_first(self, action: Callable[[], None]) -> None:
        """Do something before the first request that is sent."""
        self._first = action

    def get(self, path: str, **query: Any) -> Any:  # noqa: ANN401 - any JSON value
        """Read.

        Raises:
            LineageError: what the server said, or that it cannot be reached.
        """
        return self._send("GET", path, {}, params=_given(query))

    def glance(self, path: str, seconds: float, **query: Any) -> tuple[int, Any]:  # noqa: ANN401
        """Read once, without trying again: the status, and the answer where it is one.

        Raises:
            RegistryUnreachable: there is no answer so soon.
        """
        answer = self._soon(path, seconds, query)
        return answer.status, self._understood(answer) if answer.status == 200 else None

    def clock(self, path: str, seconds: float) -> dt.datetime | None:
        """What the server's clock says, to the second; None where it says nothing.

        Raises:
            RegistryUnreachable: there is no answer so soon.
        """
        date = self._soon(path, seconds, {}).date
        try:
            return parsedate_to_datetime(date or "").astimezone(dt.UTC)
        except ValueError:
            return None

    def _soon(self, path: str, seconds: float, query: dict[str, Any]) -> _Answer:
        """What a server answers at once, without trying again."""
        end = time.monotonic() + min(seconds, self._patience.whole)
        try:
            return self._once("GET", path, _given(query), {}, None, end)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from None

    def news(
        self,
        path: str,
        etag: str | None,
        wait: int,
        **query: Any,  # noqa: ANN401
    ) -> tuple[str | None, Any] | None:
        """Read once what is not known yet; the server may wait for it.

        Args:
            path: the address.
            etag: of the answer that is known.
            wait: seconds that the server may wait for another one.
            query: the rest of the query.

        Returns:
            The ETag and the answer; None where it is the known one.

        Raises:
            LineageError: what the server said, or that it cannot be reached.
        """
        self._reach_by = time.monotonic() + self._patience.reach
        self._before_first()
        headers = {"If-None-Match": etag.encode()} if etag is not None else {}
        within = wait + ANSWERED_WITHIN if wait else self._patience.whole
        given = _given(query | {"wait": wait or None})
        try:
            answer = self._once("GET", path, given, headers, None, time.monotonic() + within)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from None
        if answer.status == HTTPStatus.NOT_MODIFIED and etag is not None:
            return None
        return answer.etag, self._understood(answer)

    def allow_interrupt(self) -> None:
        """Let :meth:`interrupt` end requests from now on."""
        self._extensions = {"trace": self._note_socket}

    def interrupt(self) -> None:
        """End a request that another thread waits for, and all that come: none is reached."""
        self._interrupted = True
        for one in self._sockets:
            with suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)  # below TLS, which is not asked

    def _note_socket(self, event: str, info: Mapping[str, Any]) -> None:
        """Keep the socket of a connection that was made."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            made = info["return_value"].get_extra_info("socket")
            self._sockets = [one for one in self._sockets if one.fileno() >= 0] + [made]
            if self._interrupted:
                self.interrupt()

    def _before_first(self) -> None:
        if self._first is not None:
            first, self._first = self._first, None
            first()

    def ask(self, path: str, body: Mapping[str, Any], actor: str) -> Any:  # noqa: ANN401
        """Send a body that changes nothing, or the same if it is sent twice."""
        return self._send("POST", path, _acting(actor), body=body)

    def pages(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
        """Every item of a list, page by page."""
        cursor = None
        while True:
            page = self.get(path, cursor=cursor, **({"limit": 500} | query))
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def write(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        actor: str,
        *,
        revision: int | None = None,
        once: bool = True,
        key: str | None = None,
    ) -> Any:  # noqa: ANN401 - any JSON value
        """Write; repeated under one key, so that it is made once.

        Args:
            method: ``POST``, ``PUT`` or ``DELETE``.
            path: the address.
            body: what to send.
            actor: who acts; a server that asks for tokens goes by the token instead.
            revision: the slot's as the caller saw it.
            once: False where a repeat would do it again: then nothing is repeated.
            key: the key, where this may be sent again by another process; by default a new one.

        Raises:
            LineageError: what the server said, or that it cannot be reached.
        """
        headers = _acting(actor)
        if once:
            headers["Idempotency-Key"] = (key or uuid.uuid4().hex).encode()
        if revision is not None:
            headers["If-Match"] = f'"{revision}"'.encode()
        return self._send(method, path, headers, body=body, repeat=once)

    def _send(
        self,
        method: str,
        path: str,
        headers: dict[str, bytes],
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        repeat: bool = True,
    ) -> Any:  # noqa: ANN401 - any JSON value
        self._reach_by = time.monotonic() + self._patience.reach
        self._before_first()
        end = time.monotonic() + self._patience.whole
        content = strict_json.dumps(body).encode() if body is not None else None
        if content is not None:
            headers = headers | {"Content-Type": b"application/json"}
        pause = 0.1
        failure: LineageError
        while True:
            until = min(self._reach_by, end)
            try:
                answer = self._once(method, path, dict(params or {}), headers, content, end)
            except (httpx.TransportError, httpx.InvalidURL) as error:
                failure, wait = self._unreachable(error), 0.0
                until = until if isinstance(error, _NOT_REACHED) else end
            else:
                if answer.status not in _TRY_AGAIN:
                    return self._understood(answer)
                failure, wait = self._failed(answer), answer.wait
            pause = max(pause * 2 * random.uniform(0.75, 1.25), wait)  # nosec B311 # noqa: S311 - no secret
            if not repeat or time.monotonic() + pause >= until:
                raise failure
            time.sleep(pause)

    def _once(
        self,
        method: str,
        path: str,
        params: dict[str, Any],
        headers: dict[str, bytes],
        content: bytes | None,
        end: float,
    ) -> _Answer:
        """One attempt."""
        now = time.monotonic()
        left = max(0.05, end - now)
        connect = max(0.05, min(self._patience.connect, self._reach_by - now, left))
        self._require_name(connect)
        request = self._client.build_request(
            method,
            path,
            params=params,
            headers=[(name.encode(), value) for name, value in headers.items()],
            content=content,
            timeout=httpx.Timeout(left, connect=connect),
            extensions=self._extensions,
        )
        response = self._client.send(request, stream=True)
        try:
            body = bytearray()
            for part in response.iter_bytes():
                body += part
                if len(body) > LARGEST:
                    raise httpx.ReadError("the answer is too large")
                if time.monotonic() > end:
                    raise httpx.ReadTimeout("the answer takes too long")
        finally:
            response.close()
        media_type = response.headers.get("content-type", "").partition(";")[0].strip()
        after = response.headers.get("retry-after", "")
        wait = float(after) if after.isdigit() and len(after) < 5 else 0.0
        etag = response.headers.get("etag")
        date = response.headers.get("date")
        return _Answer(response.status_code, media_type, bytes(body), wait, etag, date)

    def _require_name(self, seconds: float) -> None:
        """Wait for the server's name to be looked up; where a proxy is asked, that looks it up.

        Raises:
            httpx.ConnectTimeout: nobody says in time where it is.
        """
        if self._lookup is None:
            proxied = bool({"http", "https", "all"} & getproxies().keys())
            host = urlsplit(self.url).hostname
            self._lookup = NameLookup(None if proxied else host)
        try:
            self._lookup.require(seconds)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(str(error)) from None

    def _understood(self, answer: _Answer) -> Any:  # noqa: ANN401
        if 200 <= answer.status < 300 and answer.media_type == "application/json":
            self.answers += 1
            with suppress(ValueError, RecursionError):
                return strict_json.loads(answer.body)
            raise self.foreign()
        raise self._failed(answer)

    def _failed(self, answer: _Answer) -> LineageError:
        """The error that a problem stands for."""
        if answer.media_type != "application/problem+json":
            return self.foreign(answer.status)
        try:
            problem = strict_json.loads(answer.body)
            if problem["code"] == problems.NO_SUCH_ROUTE:
                return self.foreign(answer.status)
            return problems.error_from_json(problem)
        except (ValueError, KeyError, TypeError, RecursionError):
            return self.foreign(answer.status)

    def foreign(self, status: int | None = None) -> RegistryUnreachable:
        """That what answers is no registry, or none of this version."""
        said = f" (HTTP {status})" if status is not None else ""
        return RegistryUnreachable(
            f"What answers at {self.url} is not a registry of this version{said}.",
            remedy="Check the address: [registry] url in lineage.toml, or LINEAGE_REGISTRY.",
        )

    def _unreachable(self, error: Exception) -> RegistryUnreachable:
        said = " ".join(masked(str(error)).split())[:200].rstrip(".") or type(error).__name__
        return RegistryUnreachable(
            f"The registry at {self.url} cannot be reached: {said}.",
            remedy="Check that it runs and that the address is right: LINEAGE_REGISTRY or "
            "[registry] url in lineage.toml.",
        )


def _checked(url: str, token: str | None) -> str:
    server = server_of(url)
    host = urlsplit(server).hostname
    plain = not server.startswith("https:") and host not in LOOPBACK
    if plain and token is not None and os.environ.get("LINEAGE_ALLOW_HTTP") != "1":
        raise UsageError(
            f"The token would go to {host} unencrypted.",
            remedy="Use https://, or set LINEAGE_ALLOW_HTTP=1 where the network is trusted.",
        )
    if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
        raise UsageError("The token cannot be one.", remedy="Check LINEAGE_TOKEN.")
    return server


def _given(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def _acting(actor: str) -> dict[str, bytes]:
    return {"Lineage-Actor": quote(actor).encode()}
