"""Collects what one source says, while it is read."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from lineage.capture.code_graph.facts import Blind, Command, Facts, Import, PathUse, Spot
from lineage.capture.code_graph.values import UnseenKind, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.capture.code_graph.python.statements import Visited

MOST_BLIND: Final = 100
"""Things of one source that are named as unseen; the rest is counted."""


class FactsBuilder:
    """Collects the facts of one source."""

    def __init__(self, cells: Mapping[int, bytes]) -> None:
        self._cells = cells
        self._lines: dict[int, list[bytes]] = {}
        self.imports: list[Import] = []
        self.searched: list[PathUse] = []
        self.runs: list[PathUse] = []
        self.loads: list[PathUse] = []
        self.commands: list[Command] = []
        self.lazy: dict[str, None] = {}
        self.exported: tuple[str, ...] | None = ()
        self.hollow = True
        self.lazy_module = False
        self._blind: dict[Blind, None] = {}

    @staticmethod
    def spot(node: ast.AST) -> Spot:
        """Where a node stands."""
        return Spot(getattr(node, "lineno", 0), getattr(node, "cell", 0))

    def blind(self, node: ast.AST, kind: UnseenKind) -> None:
        """Name what cannot be followed, by the line that it stands in."""
        spot = self.spot(node)
        if spot.cell not in self._lines:
            self._lines[spot.cell] = self._cells.get(spot.cell, b"").splitlines()
        lines = self._lines[spot.cell]
        line = lines[spot.line - 1] if 0 < spot.line <= len(lines) else b""
        self._blind.setdefault(Blind(spot, kind, shown(line.decode("utf-8", "replace"))))

    def read_names(self, visited: Sequence[Visited]) -> None:
        """Learn what the source defines: ``__all__``, a module's ``__getattr__``, anything."""
        spoken = sum(data.count(b"__all__") for data in self._cells.values())
        for node, _, top in visited:
            if not top:
                continue
            docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if not docstring and not isinstance(node, ast.Pass):
                self.hollow = False
            if isinstance(node, ast.FunctionDef) and node.name == "__getattr__":
                self.lazy_module = True
            if _binds_all(node):
                self._read_exported(getattr(node, "value", None))
                spoken -= 1
            elif (added := _added_to_all(node)) is not None:
                self._read_exported(added)
                spoken -= 1
        if spoken and any(map(_touches_all, visited)):
            self.exported = None

    def _read_exported(self, value: ast.expr | None) -> None:
        names = [
            element.value
            for element in getattr(value, "elts", ())
            if isinstance(element, ast.Constant) and isinstance(element.value, str)
        ]
        if not isinstance(value, (ast.List, ast.Tuple)) or len(names) != len(value.elts):
            self.exported = None
        elif self.exported is not None:
            self.exported = (*self.exported, *names)

    def merge(self, node: ast.AST, facts: Facts) -> None:
        """Add what a text says that the source runs, as standing where it is run."""
        spot = self.spot(node)
        self.imports += [one._replace(spot=spot) for one in facts.imports]
        self.searched += [one._replace(spot=spot) for one in facts.searched]
        self.runs += [one._replace(spot=spot) for one in facts.runs]
        self.loads += [one._replace(spot=spot) for one in facts.loads]
        self.commands += [one._replace(spot=spot) for one in facts.commands]
        for blind in facts.blind:
            self.blind(node, blind.kind)

    def facts(self) -> Facts:
        """The facts, in the order of the source."""
        blind = sorted(self._blind)
        if len(blind) > MOST_BLIND:
            more = f"and {len(blind) - MOST_BLIND} more of its lines"
            last = blind[MOST_BLIND - 1]
            blind = [*blind[:MOST_BLIND], Blind(last.spot, last.kind, more)]
        return Facts(
            imports=tuple(sorted(set(self.imports))),
            searched=tuple(sorted(set(self.searched))),
            runs=tuple(sorted(set(self.runs))),
            loads=tuple(sorted(set(self.loads))),
            commands=tuple(dict.fromkeys(self.commands)),
            exported=self.exported,
            lazy=tuple(self.lazy),
            blind=tuple(blind),
            hollow=self.hollow,
        )


def _binds_all(node: ast.AST) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets)


def _added_to_all(node: ast.AST) -> ast.expr | None:
    """What ``__all__.extend([…])`` and ``__all__.append(…)`` add; None for anything else."""
    match node:
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=ast.Name(id="__all__"), attr="extend" | "append" as how),
                args=[given],
            )
        ):
            return given if how == "extend" else ast.List([given])
    return None


def _touches_all(visited: Visited) -> bool:
    """Whether a statement may set ``__all__`` in a way that is not read."""
    node, _, top = visited
    if isinstance(node, ast.ImportFrom):
        return any("__all__" in (alias.asname, alias.name) for alias in node.names)
    if top and (_binds_all(node) or _added_to_all(node) is not None):
        return False
    pending = [node]
    while pending:
        one = pending.pop()
        pending += [n for n in ast.iter_child_nodes(one) if not isinstance(n, ast.stmt)]
        if isinstance(one, ast.Constant) and one.value == "__all__":
            return True
        inner = one.value if isinstance(one, (ast.Attribute, ast.Subscript)) else one
        changes = inner is not one or isinstance(getattr(one, "ctx", None), ast.Store)
        if changes and isinstance(inner, ast.Name) and inner.id == "__all__":
            return True
    return False
