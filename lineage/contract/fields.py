"""Reading values back from documents in which most fields stand under their own names. Pure."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _typeshed import DataclassInstance

    Value = TypeVar("Value", bound=DataclassInstance)


def from_fields(kind: type[Value], body: Mapping[str, Any], /, **read: Any) -> Value:  # noqa: ANN401
    """A value whose fields stand in a document; keys that are no field of it are passed over.

    Args:
        kind: the dataclass.
        body: the document.
        read: the fields that do not stand there as they are, by name.

    Raises:
        KeyError: a field is missing.
    """
    plain = {field.name: body[field.name] for field in fields(kind) if field.name not in read}
    return kind(**plain, **read)
