"""Problems (RFC 9457): answer every error as ``application/problem+json``, and document them."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from lineage import strict_json
from lineage.contract.problems import NO_SUCH_ROUTE, details_of
from lineage.contract.rest_remedies import with_requests
from lineage.errors import (
    IntegrityFailure,
    LineageError,
    RegistryUnreachable,
    StoreUnreachable,
    TooManyAttempts,
)
from lineage.masking import masked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Scope

MEDIA_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final = 1

logger = logging.getLogger("lineage.server")


class Problem(BaseModel):
    """What is wrong, and what to do about it (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:lineage-guard:problem:not-found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="One sentence of what is wrong.")
    code: str = Field(
        description="Stable: programs decide by it.",
        examples=["not-found", "guard-refused", "conflict"],
    )
    remedy: str = Field(description="One sentence of what to do.")
    request_id: str | None = Field(default=None, description="Also in the server's log.")


HTTP_PROBLEMS: Final = {
    404: (NO_SUCH_ROUTE, "There is nothing at this address.", "See /openapi.json."),
    405: ("method-not-allowed", "This address does not know the method.", "See the Allow header."),
    408: (
        "request-timeout",
        "The body of the request did not come in time.",
        "Send it at once, and again.",
    ),
    413: (
        "body-too-large",
        "The body is too large.",
        "Send less, or let the server take more by its LINEAGE_MAX_BODY.",
    ),
    415: (
        "unsupported-media-type",
        "The body is not JSON.",
        "Send it as Content-Type: application/json.",
    ),
}
"""By status: the code, the sentence and the remedy of what fails before a route is reached."""

OTHER: Final = "http-error"
"""The code of a status that has none of its own."""

_FAILED: Final = {
    RegistryUnreachable.code: "The registry cannot be used now.",
    StoreUnreachable.code: "A store of weights cannot be used now.",
    IntegrityFailure.code: "What is recorded is damaged.",
}
"""What is told of a failure to those who may not know where things are."""

_DESCRIPTIONS: Final = {
    401: "Without a valid token nothing is readable.",
    403: "The token lacks the scope, the environment or the model.",
    404: "It is not recorded.",
    408: "The body did not come in time.",
    409: "The guard refuses; `decision` holds every rule's verdict. Of a look-up: no pair of the "
    "slot is on the pipeline that was asked with. Of a model or a version: it is archived, or "
    "something refers to it.",
    410: "The version was deleted.",
    412: "It moved since the caller looked, or the change contradicts what is recorded.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The request cannot be understood, or a digest is not what its manifest comes to.",
    429: "Too many invalid tokens came from this address; wait for `Retry-After` seconds.",
    500: "A defect, or recorded data that is damaged.",
    503: "The database cannot be used now; try again after `Retry-After` seconds.",
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for its documentation."""
    return {
        status: {
            "description": _DESCRIPTIONS[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


READ: Final = documented(401, 403, 404, 410, 422, 429, 500, 503)
WRITE: Final = documented(401, 403, 404, 408, 410, 412, 413, 415, 422, 429, 500, 503)
MOVE: Final = WRITE | documented(409)


def install(app: FastAPI) -> None:
    """Turn every error of the application into a problem."""
    app.add_exception_handler(LineageError, _lineage_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def problem(
    request: Request | None,
    error: LineageError,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response that an error of ours becomes."""
    log_failure(request, error)
    more = dict(headers or {})
    if isinstance(error, RegistryUnreachable):
        more["Retry-After"] = str(RETRY_SECONDS)
    if isinstance(error, TooManyAttempts):
        more["Retry-After"] = str(error.seconds)
    if error.http_status == 401:
        more["WWW-Authenticate"] = 'Bearer realm="lineage"'
    details = details_of(error)
    detail, remedy = told(request, error)
    return _response(
        request,
        error.http_status,
        error.code,
        detail,
        with_requests(remedy),
        more,
        details,
    )


def log_failure(request: Request | None, error: LineageError) -> None:
    """Tell the log what the caller is not told."""
    if error.http_status >= 500:
        logger.warning("%s %s", error, error.remedy, extra={"fields": _fields(request)})


def told(request: Request | None, error: LineageError) -> tuple[str, str]:
    """What is wrong and what to do, as the caller may know it.

    Where the database is, and who opens it, stands in many a failure of the server's own.
    """
    admin = request is not None and request.scope.get("lineage.admin", False)
    if error.http_status < 500 or admin:
        return masked(str(error)), masked(error.remedy)
    detail = error.public or _FAILED.get(error.code, "The server cannot answer now.")
    return detail, "Try again in a moment; the server's log has the rest, under the request's id."


def _fields(request: Request | None) -> dict[str, Any]:
    return {"request_id": request.scope.get("lineage.request_id")} if request is not None else {}


def _response(
    request: Request | None,
    status: int,
    code: str,
    detail: str,
    remedy: str,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Response:
    document = {
        "type": f"urn:lineage-guard:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "remedy": remedy,
        "request_id": request.scope.get("lineage.request_id") if request is not None else None,
        **(more or {}),
    }
    body = strict_json.dumps(document).encode("utf-8", "backslashreplace")
    return Response(body, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


async def _lineage_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, LineageError)  # nosec B101 # noqa: S101 - registered for it
    return problem(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # nosec B101 # noqa: S101 - registered for it
    errors = [
        {"place": ".".join(str(part) for part in wrong["loc"])[:200], "message": wrong["msg"][:200]}
        for wrong in error.errors()[:20]
    ]
    first = errors[0] if errors else {"place": "the request", "message": "it is not valid"}
    return _response(
        request,
        422,
        "invalid-request",
        f"{first['place']}: {first['message']}.",
        "See /openapi.json for what this address takes.",
        more={"errors": errors},
    )


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # nosec B101 # noqa: S101 - registered for it
    status = error.status_code
    other = (OTHER, str(error.detail), "See /openapi.json.")
    code, detail, remedy = HTTP_PROBLEMS.get(status, other)
    if status == 413:
        detail = (
            f"The body is larger than {request.app.state.most:,} bytes, the most this server takes."
        )
    headers = {"Allow": allowed(request)} if status == 405 else error.headers
    return _response(request, status, code, detail, remedy, headers)


def allowed(request: Request) -> str:
    """The methods that an address knows, over all its routes."""
    methods: set[str] = set()
    for route in request.app.state.routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            methods |= route.methods
    return ", ".join(sorted(methods))


def unexpected(scope: Scope) -> Response:
    """What is answered to a failure that nobody foresaw."""
    return _response(
        Request(scope),
        500,
        "internal-error",
        "Something failed that nobody foresaw.",
        "Report it with the request id: the server's log has the rest.",
    )
