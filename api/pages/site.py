"""The site: gives routes of pages who visits, and answers them with pages, errors too."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException as StarletteHTTPException
from typing_extensions import override

from lineage.acts import typed
from lineage.errors import LineageError, NotAuthenticated, RegistryUnreachable, TooManyAttempts
from lineage.registry.access import Scope

from .. import problems
from ..dependencies import AppState, state_of
from . import addresses, visitors

if TYPE_CHECKING:
    from collections.abc import Collection

    from lineage.contract.results.environments import EnvironmentRecord
    from lineage.display import Listing
    from lineage.registry.access import Principal
    from lineage.registry.registry import Registry

    from ..known import RegistryVersion

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # with no-referrer a browser would not say where a form comes from (`Origin: null`)
    "Referrer-Policy": "same-origin",
    "Vary": "Cookie, HX-Request",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What every page is sent with."""

_log = logging.getLogger("lineage.server")

_VISITOR: Final = "lineage.visitor"
"""Where the scope of a request holds who visits, once that is known: an error's page tells too."""

_VERSION: Final = "lineage.page.version"
"""Where it holds the version that the registry was at before the page was made."""

_HTTP: Final = {
    404: ("There is no page at this address.", "Go on from the pages above."),
    405: ("This page takes no such request.", "Open it again."),
    408: ("The form did not come in time.", "Send it again."),
    413: ("The form is too large.", "Send less."),
    500: ("Something failed that nobody foresaw.", "Report it with the number below."),
    415: ("This page takes forms alone.", "Open it again, and send the form from there."),
}


@dataclass(frozen=True)
class Live:
    """What keeps an open page as it is now: a stream that tells when to ask for a page anew."""

    stream: str
    page: str


@dataclass(frozen=True)
class Visit:
    """A request for a page by somebody who may see it.

    ``form`` are the fields that were sent, none where the page was only opened.
    """

    request: Request
    state: AppState
    principal: Principal
    form: dict[str, str] = field(default_factory=dict)

    @property
    def registry(self) -> Registry:
        """The registry as it is open to them."""
        return self.state.seen_by(self.principal)

    @property
    def version(self) -> RegistryVersion:
        """The version that the registry was at before the page was made: what comes then is new."""
        version: RegistryVersion = self.request.scope[_VERSION]
        return version

    @property
    def environments(self) -> Listing[EnvironmentRecord]:
        """The environments that are open to them, with their slots.

        Those to whom all are open share what was read, as long as nothing touches it.
        """
        registry = self.registry
        if self.principal.bound:
            return registry.environments()
        return self.state.environment_cache.at(self.version, registry)

    def page(self, template: str, *, status: int = 200, **shown: Any) -> Response:  # noqa: ANN401
        """A page of a template, with what it shows."""
        return page(self.request, template, status, self.principal, **shown)

    def live(self, page: str, environment: str | None = None, model: str | None = None) -> Live:
        """What keeps a page as it is now, of which a page has the newest parts.

        It shows a slot, or all slots (of an environment) where no model is named.
        """
        newest = self.version.newest
        at = newest[0] if newest is not None else None
        stream = addresses.with_query(addresses.LIVE, environment=environment, model=model, at=at)
        return Live(stream, page)

    def go_to(self, path: str) -> Response:
        """What answers a form that was carried out: another page."""
        return redirect(path)


def page(
    request: Request,
    template: str,
    status: int = 200,
    principal: Principal | None = None,
    **shown: Any,  # noqa: ANN401 - what the template takes
) -> Response:
    """A page; ``principal`` is who is signed in, if anybody is."""
    from .templating import render  # loads Jinja2: a server starts without it

    held = visitors.carried(request)
    given = None
    if held is None and principal is not None:  # a server that asks for no tokens
        held = visitors.new_number()
        given = visitors.Held(held, visitors.LONGEST_SESSION)
    body = render(
        template,
        {
            "path": request.url.path,
            "navigation": addresses.NAVIGATION,
            "principal": principal,
            "form_token": visitors.form_token(held) if held is not None else "",
            **shown,
        },
    )
    response = HTMLResponse(body, status, headers=HEADERS)
    if given is not None:
        visitors.hold(response, request, given)
    return response


def visit(scope: Scope, also: Collection[Scope] = ()) -> Any:  # noqa: ANN401 - what FastAPI takes as a dependency
    """A visit by one who holds a scope for the environment and the model in the address.

    Any of the scopes in ``also`` does as well.
    """

    async def entered(request: Request) -> Visit:
        state = state_of(request)
        form: dict[str, str] = {}
        if request.method == "POST":
            form = await visitors.posted(request)
            visitors.require_token(request, form)
        principal = await visitors.visitor(request, state, name=form.get("name", ""))
        names = request.path_params
        model = names.get("model")
        request.scope[_VISITOR] = principal
        request.scope["lineage.admin"] = principal.administers_all
        principal.require(
            scope, also=also, environment=names.get("env"), models=[model] if model else []
        )
        request.scope[_VERSION] = await state.serving_cache.version()
        return Visit(request, state, principal, form)

    return Depends(entered)


class PageRoute(APIRoute):
    """A route whose errors are pages; one that takes a ``writing`` runs among the writers."""

    @override
    def __init__(self, path: str, endpoint: Callable[..., Any], **given: Any) -> None:
        if given.get("methods") == ["GET"]:
            given["methods"] = ["GET", "HEAD"]
        super().__init__(path, _among_writers(endpoint), **given)

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def shown(request: Request) -> Response:
            try:
                return await handle(request)
            except (LineageError, RequestValidationError, StarletteHTTPException) as error:
                return failed(request, error)
            except Exception as error:
                request_id = {"request_id": request.scope.get("lineage.request_id")}
                _log.exception("unexpected failure", extra={"fields": request_id})
                return failed(request, error)

        return shown


def _among_writers(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """An endpoint that runs in the writers' threads, if what it takes is called ``writing``."""
    if "writing" not in inspect.signature(endpoint).parameters:
        return endpoint

    @functools.wraps(endpoint)
    async def write(**given: Any) -> Any:  # noqa: ANN401 - what FastAPI gives to the endpoint
        return await given["writing"].state.writers.run(functools.partial(endpoint, **given))

    write.__signature__ = inspect.signature(endpoint, eval_str=True)  # type: ignore[attr-defined]
    return write


def router() -> APIRouter:
    """A router for pages: they are in no document of the REST interface."""
    return APIRouter(tags=["pages"], route_class=PageRoute, include_in_schema=False)


def failed(request: Request, error: Exception) -> Response:
    """The page that an error becomes; who is not signed in is asked to sign in."""
    if isinstance(error, NotAuthenticated):
        return _to_sign_in(request)
    if isinstance(error, LineageError):
        status = error.http_status
        sentence, remedy = problems.told(request, error)
        problems.log_failure(request, error)
    elif isinstance(error, RequestValidationError):
        status, sentence = 422, "The address of this page, or its form, cannot be understood."
        remedy = "Go on from the pages above."
    else:
        status = error.status_code if isinstance(error, StarletteHTTPException) else 500
        sentence, remedy = _HTTP.get(status, ("This cannot be shown.", "Open the page again."))
    response = page(
        request,
        "error.html",
        status,
        request.scope.get(_VISITOR),
        title=HTTPStatus(status).phrase,
        sentence=sentence,
        remedy=typed(remedy),
        number=request.scope.get("lineage.request_id"),
    )
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = problems.allowed(request)
    if isinstance(error, RegistryUnreachable):
        response.headers["Retry-After"] = str(problems.RETRY_SECONDS)
    if isinstance(error, TooManyAttempts):
        response.headers["Retry-After"] = str(error.seconds)
    return response


def _to_sign_in(request: Request) -> Response:
    """To where one signs in, and from there back to the page that was asked for."""
    url = urlsplit(str(request.url))
    asked = f"{url.path}?{url.query}" if url.query else url.path
    if url.path == addresses.SIGN_OUT:
        asked = addresses.HOME
    was_in = visitors.carried(request) is not None
    target = addresses.with_query(
        addresses.SIGN_IN, next=visitors.local(asked), ended=int(was_in) or None
    )
    response = redirect(target)
    if request.headers.get("hx-request") == "true":  # the whole page goes there, not a part of it
        response = Response(status_code=401, headers={**HEADERS, "HX-Redirect": target})
    visitors.let_go(response)
    return response


def redirect(path: str) -> Response:
    """On to another page, which is opened anew."""
    return RedirectResponse(path, 303, headers=HEADERS)


def install(app: FastAPI) -> None:
    """Let an address that nothing is at answer a browser with a page."""
    plain = app.exception_handlers[StarletteHTTPException]

    async def http(request: Request, error: Exception) -> Response:
        for_people = "text/html" in request.headers.get("accept", "")
        if for_people and not request.url.path.startswith("/v1/"):
            return failed(request, error)
        answered: Response = await plain(request, error)  # type: ignore[misc]
        return answered

    app.add_exception_handler(StarletteHTTPException, http)
