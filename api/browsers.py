"""Requests that a browser makes for a page of another origin: told by their headers, and refused.

A server that asks for no tokens answers whoever reaches it from this machine, and so does every
page that somebody opens on it, on behalf of whoever wrote the page. A browser says where a request
comes from (``Origin``, ``Sec-Fetch-Site``), and it sends a header that it does not know only after
asking whether it may, which this server never allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from lineage.errors import NotPermitted
from lineage.registry_url import LOOPBACK

if TYPE_CHECKING:
    from starlette.requests import Request

READS: Final = frozenset({"GET", "HEAD"})

OURS: Final = ("lineage-actor", "idempotency-key", "if-match")
"""Headers that no page of another origin can send; a body of JSON is said by one more."""

BROWSERS: Final = ("origin", "referer", "cookie", "sec-fetch-site", "sec-fetch-mode")
"""Headers that browsers send by themselves."""

_SAME: Final = ("same-origin", "none")
"""What a browser says of a page of this server, and of an address that a person typed."""


def require_own(request: Request) -> None:
    """Refuse a request from another machine, or for a page of another origin.

    Raises:
        NotPermitted: it is one, or a write that does not show that it is none.
    """
    near = request.client is None or request.client.host in LOOPBACK
    hosts = request.headers.getlist("host")
    if not near or _is_passed_on(request) or len(hosts) != 1 or _hostname(hosts[0]) not in LOOPBACK:
        raise NotPermitted(
            "This server asks for no tokens, so it answers to this machine alone.",
            remedy="Ask there, or have it started with tokens.",
        )
    own = f"{request.url.scheme}://{hosts[0]}".lower()
    origins = {origin.lower() for origin in request.headers.getlist("origin")}
    sites = request.headers.getlist("sec-fetch-site")
    if origins - {own} or (set(sites) - set(_SAME) and not _opens_a_page(request)):
        raise NotPermitted(
            "This server asks for no tokens, so it answers to no page of another origin.",
            remedy="Ask with the command, with curl, or have it started with tokens.",
        )
    writes = request.method not in READS
    if writes and _may_be_a_browsers(request) and not _shows_that_it_is_ours(request):
        raise NotPermitted(
            "This server asks for no tokens, so a write needs a header that no page can forge.",
            remedy="Send Lineage-Actor with your name: curl -X POST -H 'Lineage-Actor: ana' …",
        )


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _is_passed_on(request: Request) -> bool:
    """Whether a proxy says that it passes on what another machine asks."""
    through = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    return "forwarded" in request.headers or not {"", *LOOPBACK}.issuperset(map(str.strip, through))


def _opens_a_page(request: Request) -> bool:
    """Whether somebody follows a link to here: the page with the link sees nothing of it."""
    said = request.headers.get
    modes = said("sec-fetch-mode"), said("sec-fetch-dest")
    return request.method in READS and modes == ("navigate", "document")


def _may_be_a_browsers(request: Request) -> bool:
    """Whether a browser may have sent it: each names itself, and cannot be kept from it unasked."""
    named = "mozilla/" in request.headers.get("user-agent", "").lower()
    return named or any(name in request.headers for name in BROWSERS)


def _shows_that_it_is_ours(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or any(name in request.headers for name in OURS)
