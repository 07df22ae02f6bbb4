"""Answers that are documents: read by attributes, and by the keys of their JSON. Pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from lineage.display import Shown

if TYPE_CHECKING:
    from collections.abc import Iterator


class Document(Shown, Mapping[str, Any]):
    """An answer with all that its JSON holds: also what no attribute is named for.

    Two are equal where their documents are; one is also equal to the dict that it holds.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_document", dict(document))
        self._document: dict[str, Any]

    @override
    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"{name!r} cannot be set: an answer stays as it is.")

    @override
    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"{name!r} cannot be removed: an answer stays as it is.")

    @override
    def to_json(self) -> dict[str, Any]:
        """JSON of the answer, as the command prints it under ``--json``."""
        return copy.deepcopy(self._document)

    @override
    def __getitem__(self, key: str) -> Any:
        return copy.deepcopy(self._document[key])

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._document)

    @override
    def __len__(self) -> int:
        return len(self._document)
