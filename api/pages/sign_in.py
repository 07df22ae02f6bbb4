"""Signing in and out, and the assets that every page loads."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query, Request, Response
from starlette.exceptions import HTTPException

from lineage.errors import LineageError, NotAuthenticated, TooManyAttempts
from lineage.registry.access import OF_ANY, Scope

from ..dependencies import state_of
from . import addresses, loaded, site, visitors
from .site import Visit, page, visit

router = site.router()

LONGEST_ADDRESS: Final = 4000
FOREVER: Final = "public, max-age=31536000, immutable"

Next = Annotated[str, Query(alias="next", max_length=LONGEST_ADDRESS)]


@router.get(addresses.SIGN_IN)
async def sign_in(request: Request, after: Next = "/", ended: bool = False) -> Response:
    """Where one signs in with a token."""
    said = "You were signed out: your token ended or was revoked." if ended else None
    return _asked(request, 200, visitors.local(after), said)


@router.post(addresses.SIGN_IN)
async def signed_in(request: Request) -> Response:
    """Keep a token that opens something in a cookie, and go where one wanted to."""
    form = await visitors.posted(request)
    after, token = visitors.local(form.get("next")), form.get("token", "").strip()
    if request.headers.get("origin", "").startswith("http:") and not visitors.is_loopback(request):
        said = "This connection is not encrypted: open this page over https."
        return _asked(request, 403, after, said)
    if not visitors.is_cookie_text(token):
        return _asked(request, 401, after, "That is no token. `lineage token create` makes one.")
    try:
        principal = await visitors.visitor_with(request, state_of(request), token)
    except NotAuthenticated as error:
        return _asked(request, 401, after, str(error))
    except TooManyAttempts as error:
        answer = _asked(request, 429, after, f"{error} {error.remedy}")
        answer.headers["Retry-After"] = str(error.seconds)
        return answer
    except LineageError as error:
        return site.failed(request, error)
    answer = site.redirect(after)
    visitors.hold(answer, request, visitors.signed_in(token, principal))
    return answer


@router.post(addresses.SIGN_OUT)
async def sign_out(_: Annotated[Visit, visit(Scope.READ, OF_ANY)]) -> Response:
    """Take the token out of the browser; it stays good elsewhere."""
    answer = site.redirect(addresses.SIGN_IN)
    visitors.let_go(answer)
    return answer


@router.get(addresses.ASSET)
async def asset(name: str, v: Annotated[str, Query(max_length=64)] = "") -> Response:
    """What pages load; it needs no sign-in, and is kept for as long as its digest is asked for."""
    if name not in loaded.TYPES:
        raise HTTPException(404)
    kept = FOREVER if v == loaded.DIGESTS[name] else "no-cache"
    headers = {**site.HEADERS, "Cache-Control": kept}
    headers.pop("Vary")
    media_type = f"{loaded.TYPES[name]}; charset=utf-8"
    return Response(loaded.CONTENTS[name], headers=headers, media_type=media_type)


def _asked(request: Request, status: int, after: str, said: str | None) -> Response:
    return page(request, "sign_in.html", status, after=after, said=said)
