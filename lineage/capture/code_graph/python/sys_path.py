"""What a Python source adds to ``sys.path``."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from lineage.capture.code_graph.facts import PathUse
from lineage.capture.code_graph.python.known_calls import HOOKS
from lineage.capture.code_graph.python.literals import MOST_STEPS
from lineage.capture.code_graph.values import UnseenKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lineage.capture.code_graph.python.facts_builder import FactsBuilder
    from lineage.capture.code_graph.python.scope import Scope


class SysPath:
    """Reads the calls and the assignments that change the search path."""

    def __init__(self, builder: FactsBuilder, scope: Scope) -> None:
        self._builder = builder
        self._scope = scope
        self._left = MOST_STEPS

    def method(self, node: ast.Call, function: ast.Attribute) -> None:
        """Read ``sys.path.insert(…)`` and the like."""
        self._left = MOST_STEPS
        arguments = node.args
        if function.attr == "insert":
            added = arguments[1:2]
        elif function.attr == "append":
            added = arguments[:1]
        elif function.attr == "extend":
            added = [entry for one in arguments[:1] for entry in self._entries(one)]
        else:
            return
        target = self._scope.qualified(function.value)
        if target == "sys.path":
            self.search(added)
        elif target in HOOKS:
            self._builder.blind(node, UnseenKind.COMPUTED_IMPORT)
        elif isinstance(function.value, ast.Name) and function.value.id == "__path__":
            self._builder.blind(node, UnseenKind.SEARCH_PATH)

    def assignment(self, node: ast.Assign | ast.AugAssign | ast.AnnAssign) -> None:
        """Read ``sys.path[:0] = […]``, ``sys.path += […]`` and assignments to ``__path__``."""
        self._left = MOST_STEPS
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            inner = target.value if isinstance(target, ast.Subscript) else target
            if self._scope.qualified(inner) == "sys.path" and node.value is not None:
                self.search(self._entries(node.value))
            elif isinstance(inner, ast.Name) and inner.id == "__path__":
                self._builder.blind(node, UnseenKind.SEARCH_PATH)

    def search(self, nodes: Iterable[ast.expr]) -> None:
        """Keep the folders that some expressions say."""
        for node in nodes:
            path = self._scope.literals.path(node)
            if path is None:
                self._builder.blind(node, UnseenKind.SEARCH_PATH)
            else:
                self._builder.searched.append(PathUse(self._builder.spot(node), *path))

    def _entries(self, value: ast.expr) -> list[ast.expr]:
        """The entries in ``[a, b] + sys.path`` and ``[a, *sys.path]``; a computed one as it is."""
        self._left -= 1
        if self._left < 0:
            return [value]
        if self._scope.qualified(value) == "sys.path":
            return []
        if isinstance(value, (ast.Subscript, ast.Starred)):
            return self._entries(value.value)
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
            return [*self._entries(value.left), *self._entries(value.right)]
        elements = self._scope.literals.elements(value)
        if elements is None:
            return [value]
        parts = [self._entries(e) if isinstance(e, ast.Starred) else [e] for e in elements]
        return [entry for part in parts for entry in part]
