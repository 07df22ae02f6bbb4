"""Visitors: tells who opens a page, by a cookie that holds their token, and whose forms come.

The cookie opens pages alone: REST takes a token as ``Authorization`` and looks at no cookie, so no
page of another origin can have a browser write there. Each request authenticates the token anew:
one that was revoked, or whose time is over, ends what is signed in at once, on every server.

A form is taken only from a page of this server: the browser says where a request comes from, the
cookie is never sent from another site, and each form holds what only one who was given the cookie
can know (:func:`form_token`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote, urlsplit

from blake3 import blake3
from fastapi import HTTPException, Request

from lineage import timestamps
from lineage.errors import NotAuthenticated, NotPermitted, UsageError
from lineage.registry_url import LOOPBACK

from ..authentication import ACTOR_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from lineage.registry.access import Principal

    from ..dependencies import AppState

COOKIE: Final = "lineage-token"
SECURE_COOKIE: Final = f"__Host-{COOKIE}"
"""A browser takes a cookie of such a name only encrypted, for this host and all of its paths."""

LONGEST_SESSION: Final = 12 * 3600
"""Seconds after which somebody signs in again, if the token is good for so long."""

LARGEST_FORM: Final = 1 << 16
MOST_FIELDS: Final = 100

_FORM: Final = "application/x-www-form-urlencoded"
_FORMS: Final = "lineage-guard 2026-11 forms of pages"
"""What a form's token is derived for; nothing else of the product derives with these words."""


def carried(request: Request) -> str | None:
    """What the cookie of a visitor holds: a token; of a server that asks for none, a number.

    The plain cookie counts on loopback alone: elsewhere another host of the domain could set it.
    """
    return request.cookies.get(COOKIE if is_loopback(request) else SECURE_COOKIE) or None


def form_token(held: str) -> str:
    """What each form of one visitor holds: nobody finds the cookie by it, or it without that."""
    return blake3(held.encode("utf-8", "replace"), derive_key_context=_FORMS).hexdigest()


def new_number() -> str:
    """What stands in the cookie of a server that asks for no tokens: it opens nothing."""
    return secrets.token_urlsafe(32)


async def visitor(request: Request, state: AppState, *, name: str = "") -> Principal:
    """The one who opens a page or sends a form.

    Args:
        request: what was asked.
        state: the server's.
        name: what one says to be called, where no tokens are asked for.

    Raises:
        NotAuthenticated: nobody is signed in, or the token opens nothing any more.
    """
    return await visitor_with(request, state, carried(request), name=name)


async def visitor_with(
    request: Request, state: AppState, token: str | None, *, name: str = ""
) -> Principal:
    """The one who speaks with a token, whatever cookie there is."""
    headers = [(key, value) for key, value in request.scope["headers"] if key != b"authorization"]
    if token is not None:
        headers.append((b"authorization", b"Bearer " + token.encode("latin-1", "replace")))
    if request.method == "POST":  # its form was found to be of a page of ours
        headers.append((ACTOR_HEADER.lower().encode(), quote(name).encode()))
    asking = Request({**request.scope, "headers": headers})
    principal = await state.authenticator.authenticate(asking)
    request.scope["lineage.actor"] = principal.name
    return principal


def require_own_page(request: Request) -> None:
    """Refuse a form that a page of another origin has a browser send.

    Raises:
        NotPermitted: it is one, as the browser says.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        own = site == "same-origin"
    elif origin is not None:
        own = _place(origin) == request.headers.get("host", "").lower()
    else:
        own = False
    if not own:
        raise NotPermitted(
            "This form was not sent by a page of this server.",
            remedy="Open the page here, and send the form from there.",
        )


async def posted(request: Request) -> dict[str, str]:
    """The fields of a form of ours, each once.

    Raises:
        HTTPException: the body is too large, or no form.
        NotPermitted: it was sent from elsewhere.
        UsageError: a field stands in it twice, or it cannot be read.
    """
    require_own_page(request)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM:
        raise HTTPException(415)
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > LARGEST_FORM:
        raise HTTPException(413)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_FORM:
            raise HTTPException(413)
    try:
        fields = parse_qsl(
            body.decode(),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise UsageError(
            "The form cannot be read.", remedy="Open the page again, and send it from there."
        ) from None
    form = dict(fields)
    if len(form) != len(fields) or any("\0" in text for field in fields for text in field):
        raise UsageError(
            "The form has a field twice, or a null character.",
            remedy="Open the page again, and send it from there.",
        )
    return form


def require_token(request: Request, form: Mapping[str, str]) -> None:
    """Refuse a form without the token of the one who sends it.

    Raises:
        NotAuthenticated: nobody is signed in.
        NotPermitted: it has another one.
    """
    held = carried(request)
    if held is None:
        raise NotAuthenticated("You are not signed in.", remedy="Sign in with a token.")
    given = form.get("form_token", "")
    if not secrets.compare_digest(given.encode(), form_token(held).encode()):
        raise NotPermitted(
            "This form is of another sign-in.",
            remedy="Open the page again, and send it from there.",
        )


@dataclass(frozen=True)
class Held:
    """A cookie to be set: what it holds and for how many seconds."""

    value: str
    seconds: int


def signed_in(token: str, principal: Principal) -> Held:
    """The cookie of one who has signed in: it ends no later than the token."""
    seconds = LONGEST_SESSION
    if principal.expires_at is not None:
        left = timestamps.moment(principal.expires_at) - timestamps.moment(timestamps.now())
        seconds = max(0, min(seconds, int(left.total_seconds())))
    return Held(token, seconds)


def hold(response: Response, request: Request, held: Held) -> None:
    """Set the cookie: no script reads it, no other site has it sent, no plain connection too."""
    secure = not is_loopback(request)
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        held.value,
        max_age=held.seconds,
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def let_go(response: Response) -> None:
    """Take the cookie away."""
    for name, secure in ((COOKIE, False), (SECURE_COOKIE, True)):
        response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="strict")


def is_loopback(request: Request) -> bool:
    """Whether a page was opened on the machine of the server: there it needs no encryption.

    A proxy that names the server by its own address does not make it so: it, or the browser, says
    where the page was opened.
    """
    said = request.headers
    if any(name == "forwarded" or name.startswith("x-forwarded-") for name in said):
        return False
    places = [said.get("host", "")]
    if "origin" in said:
        places.append(said["origin"].partition("://")[2])
    return all(_hostname(place) in LOOPBACK for place in places)


def _hostname(place: str) -> str | None:
    try:
        return urlsplit(f"//{place}").hostname
    except ValueError:
        return None


def local(path: str | None) -> str:
    """Where somebody goes after signing in: a path of this server, by default the first page."""
    if path is None or not path.startswith("/") or path.startswith(("//", "/\\")):
        return "/"
    if not path.isascii() or not path.isprintable() or "\\" in path or " " in path:
        return "/"
    return path


def is_cookie_text(token: str) -> bool:
    """Whether a token may stand in a cookie as it is."""
    return (
        bool(token)
        and len(token) <= 3800
        and all("!" <= sign <= "~" for sign in token)
        and not (set(token) & set('";,\\'))
    )


def _place(origin: str) -> str | None:
    """The host and port of an origin."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None
