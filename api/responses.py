"""Responses: answer with a document, or with JSON that is written already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import Response

from lineage import strict_json

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON = "application/json"


def answer(
    document: Any,  # noqa: ANN401 - any JSON value
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A JSON response."""
    return raw(strict_json.dumps(document), status, headers)


def raw(body: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response whose JSON is written already."""
    return Response(body, status, headers=dict(headers or {}), media_type=JSON)
