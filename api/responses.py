"""Answering with a JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import Response

from lineage import strict_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.export.formats import Export

JSON = "application/json"


def canonical(asked: str, model: str, address: str) -> dict[str, str]:
    """The header by which a model that was renamed names its present address (RFC 6596).

    Args:
        asked: the name that the request has.
        model: the model's present name.
        address: where what is answered stands under it.
    """
    return {"Link": f'<{address}>; rel="canonical"'} if asked != model else {}


def answer(
    document: Any,  # noqa: ANN401 - any JSON value
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A JSON response."""
    body = strict_json.dumps(document)
    return Response(body, status, headers=dict(headers or {}), media_type=JSON)


def file_of(export: Export, headers: Mapping[str, str] | None = None) -> Response:
    """A version in a format of other programs, as a file with its name."""
    told = {**(headers or {}), "Content-Disposition": f'attachment; filename="{export.name}"'}
    return Response(export.text, headers=told, media_type=export.format.media_type)
