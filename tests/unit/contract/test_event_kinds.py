"""Every kind of event that the registry writes is one that the history can be asked for."""

from __future__ import annotations

import ast
from pathlib import Path

from lineage.contract.event_kinds import EVENT_KINDS
from lineage.registry.reports.telling import HELD, LAGGING
from lineage.registry.slots.facts import MoveKind

LINEAGE = Path(__file__).parents[3] / "lineage"
WRITERS = ("append", "_append", "_tell")
IN_VARIABLES = {"model-archived", "model-restored", "weights-stored", "pipeline-shared"}
"""Kinds that a variable holds where they are written."""


def _written():
    """The kinds that stand where an event is appended."""
    for folder in ("registry", "database"):
        for path in (LINEAGE / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _name(node.func) in WRITERS:
                    named = [one.value for one in node.keywords if one.arg == "kind"]
                    for part in named or node.args[2:3]:
                        yield from _texts(part)


def _name(function):
    return getattr(function, "attr", getattr(function, "id", None))


def _texts(part):
    if isinstance(part, ast.IfExp):
        yield from (*_texts(part.body), *_texts(part.orelse))
    elif isinstance(part, ast.Constant):
        yield part.value


def test_the_list_of_kinds_is_whole():
    written = set(_written()) | set(MoveKind) | {HELD, LAGGING} | IN_VARIABLES
    assert {"registered", "store-approved", "webhook-added", "backup-checked"} <= written
    assert written == set(EVENT_KINDS)
