"""Answering with a JSON document."""

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
    body = strict_json.dumps(document)
    return Response(body, status, headers=dict(headers or {}), media_type=JSON)
