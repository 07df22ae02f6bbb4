"""The request of a move: naming who moves what, when and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.contract.requests import WaiverRequest


@dataclass(frozen=True)
class Request:
    """Who moves what, when and why.

    ``expect_revision`` is the slot's as the caller saw it, ``seen`` those of all the slots that a
    plan touched, by their model. ``with_pipeline`` lets a rollback move the other models of its
    pipeline too; those in ``leave`` it retires. ``person`` is whom ``actor`` counts as;
    ``models`` and ``pipelines`` are those that are open to them, None for all.
    """

    environment: str
    actor: str
    at: str
    reason: str | None = None
    expect_revision: int | None = None
    waive: WaiverRequest | None = None
    seen: Mapping[str, int] | None = None
    with_pipeline: bool = False
    leave: frozenset[str] = frozenset()
    person: str | None = None
    models: frozenset[str] | None = None
    pipelines: frozenset[str] | None = None
