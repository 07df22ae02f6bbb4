"""Answers about lineage: describe what they hold."""

from __future__ import annotations

from typing import Any

from .responses import Answer


class LineageAnswer(Answer):
    """Nodes, and edges from what was used to what was made."""

    digest: str
    direction: str
    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]
    next: str | None
    truncated: bool


class TraceAnswer(Answer):
    """All that made a version: nodes, and edges from what was used to what was made."""

    ref: str
    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]
    gaps: list[str]
    more: bool


class ImpactAnswer(Answer):
    """The versions that something reaches, and the slots that hold them."""

    subject: str
    meant: list[str]
    versions: list[dict[str, Any]]
    next: str | None
    more: bool


class LeakAnswer(Answer):
    """Contents on both sides: what a version was trained on, and validated on."""

    ref: str
    validations: list[int]
    leaked: list[dict[str, Any]]
    incomparable: list[str]
    gaps: list[str]
    more: bool
