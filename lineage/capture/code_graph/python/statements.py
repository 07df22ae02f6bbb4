"""The statements of a Python source: what it imports, and which of them only a type checker reads.

Only statements are visited here, not the expressions in them: that is most of the speed.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from lineage.capture.code_graph.facts import Import, Spot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CATCHING: Final = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_TYPING: Final = frozenset({"typing", "typing_extensions"})
_BOUND_WITHIN: Final = re.compile(
    rb"TYPE_CHECKING[\s\\]*:=|[\"']TYPE_CHECKING[\"']|\bcase\b[^\n]*TYPE_CHECKING|\blambda\b[^\n:]*TYPE_CHECKING"
)
_BLOCKS: Final = ("body", "orelse", "finalbody", "handlers", "cases")


class Visited(NamedTuple):
    """A statement; ``guarded``: an import in it may fail; ``top``: it is at module level."""

    node: ast.AST
    guarded: bool
    top: bool


def visit(body: list[ast.stmt], hidden: Callable[[ast.If], str | None]) -> Iterator[Visited]:
    """Every statement that can run, nested ones included, in no particular order.

    Args:
        body: a module's statements.
        hidden: the block of an ``if`` that only a type checker reads, see :class:`TypeChecking`.
    """
    pending = [Visited(node, guarded=False, top=True) for node in body]
    while pending:
        visited = pending.pop()
        yield visited
        node = visited.node
        guarded, top = visited.guarded, visited.top
        skipped = hidden(node) if isinstance(node, ast.If) else None
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            top = False
        elif isinstance(node, (ast.Try, ast.TryStar)):
            guarded = guarded or any(map(_catches, node.handlers))
        elif isinstance(node, ast.With):
            guarded = guarded or any(_suppresses(item.context_expr) for item in node.items)
        for block in _BLOCKS:
            if block != skipped:
                inner = getattr(node, block, None)
                if isinstance(inner, list):
                    pending += [Visited(child, guarded, top) for child in inner]


def imports(visited: Visited, spot: Callable[[ast.AST], Spot]) -> Iterator[Import]:
    """The imports of a statement."""
    node = visited.node
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(spot(node), alias.name, guarded=visited.guarded)
    elif isinstance(node, ast.ImportFrom):
        names = tuple(alias.name for alias in node.names)
        yield Import(spot(node), node.module or "", names, node.level, guarded=visited.guarded)


class TypeChecking:
    """Which blocks only a type checker reads: those under ``TYPE_CHECKING`` as typing defines it.

    A module that binds the name to anything but typing's own, or False, runs those blocks.
    """

    def __init__(self, trees: list[ast.Module], source: bytes) -> None:
        self._names = {"TYPE_CHECKING"}
        self._modules: set[str] = set()
        self._rebound: set[str] = set()
        for tree in trees:
            for visited in visit(tree.body, never_hidden):
                self._learn(visited.node)
        self._names -= self._rebound  # at the end: statements are visited in no order
        self._modules -= self._rebound
        if _BOUND_WITHIN.search(source):
            self._names.clear()

    def hidden(self, node: ast.If) -> str | None:
        """The block of an ``if`` that never runs: ``body``, ``orelse`` or None."""
        test = node.test
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            return "orelse" if self._false(test.operand) else None
        return "body" if self._false(test) else None

    def _false(self, test: ast.expr) -> bool:
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            return any(map(self._false, test.values))
        if isinstance(test, ast.Attribute) and isinstance(test.value, ast.Name):
            return test.attr == "TYPE_CHECKING" and test.value.id in self._modules
        return isinstance(test, ast.Name) and test.id in self._names

    def _learn(self, node: ast.AST) -> None:
        match node:
            case ast.Import(names=aliases):
                self._modules |= {a.asname or a.name for a in aliases if a.name in _TYPING}
                self._rebound |= {a.asname for a in aliases if a.asname} - self._modules
            case ast.ImportFrom(module=module, names=aliases, level=level):
                typing = not level and module in _TYPING
                for alias in aliases:
                    ours = typing and alias.name == "TYPE_CHECKING"
                    (self._names if ours else self._rebound).add(alias.asname or alias.name)
            case ast.Assign(value=ast.Constant(value=False)):
                pass  # the known idiom that spares the import of typing
            case ast.AnnAssign(value=ast.Constant(value=False)):
                pass
            case _:
                self._rebound |= set(_bound_by(node))


def _bound_by(node: ast.AST) -> Iterator[str]:
    """The names that a statement binds, imports aside."""
    name = getattr(node, "name", None)
    if isinstance(name, str):
        yield name  # a function, a class, a caught exception
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield from (one.arg for one in ast.walk(node.args) if isinstance(one, ast.arg))
    targets = [*getattr(node, "targets", ()), getattr(node, "target", None)]
    targets += [item.optional_vars for item in getattr(node, "items", ())]
    for target in filter(None, targets):
        yield from (one.id for one in ast.walk(target) if isinstance(one, ast.Name))
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            yield target.value.id  # ``typing.TYPE_CHECKING = True``


def never_hidden(_: ast.If) -> None:
    """For a source that does not speak of type checking."""


def _catches(handler: ast.ExceptHandler) -> bool:
    """Whether a handler catches an import that fails."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or _last_name(kind) in _CATCHING for kind in kinds)


def _suppresses(expression: ast.expr) -> bool:
    return (
        isinstance(expression, ast.Call)
        and _last_name(expression.func) == "suppress"
        and any(_last_name(kind) in _CATCHING for kind in expression.args)
    )


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
