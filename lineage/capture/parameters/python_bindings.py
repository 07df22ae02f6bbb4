"""What a Python file binds and what may change it, from its syntax tree alone."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from typing import Any, Final

from lineage.identity.parameters import Members

_REACHES_EVERYTHING: Final = frozenset(
    {
        *("exec", "eval", "globals", "locals", "vars", "setattr", "delattr", "__import__"),
        *("__dict__", "getattr", "attrgetter", "getmembers", "__getattribute__", "__setattr__"),
        *("__globals__", "f_globals", "f_locals", "__builtins__"),
    }
)
"""What can bind, or hand out, any name by its text."""

_ONLY_LOOK: Final = frozenset(
    {"len", "sum", "min", "max", "sorted", "tuple", "list", "set", "dict", "str", "range"}
)
"""Functions that a list may be given to without being changed; what is in it may be, later."""

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_ANY: Final = "*"
MODULE: Final = ""
"""The scope of what a file binds itself."""

_SCALARS: Final = (str, bytes, int, float, bool, type(None))


class NoLiteral(Exception):
    """An expression that only running it gives a value."""


def literal(node: ast.expr | None) -> Any:  # noqa: ANN401 - any literal
    """The value of an expression that is a literal; sets keep the order in which they are written.

    Raises:
        NoLiteral: it is none.
    """
    if isinstance(node, ast.Constant) and isinstance(node.value, _SCALARS):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        return _signed(node.op, literal(node.operand))
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        items = [literal(item) for item in node.elts]
        if isinstance(node, ast.List):
            return items
        return tuple(items) if isinstance(node, ast.Tuple) else Members(tuple(items))
    if isinstance(node, ast.Dict):
        try:
            return {
                literal(key): literal(value)
                for key, value in zip(node.keys, node.values, strict=True)
            }
        except TypeError:  # a key that cannot be one
            raise NoLiteral from None
    raise NoLiteral


def _signed(sign: ast.unaryop, value: Any) -> Any:  # noqa: ANN401 - see literal
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise NoLiteral
    return -value if isinstance(sign, ast.USub) else value


class Bindings:
    """How often each name is bound in each scope, and which may be changed in place.

    A scope is the module, a class (by its name), or the attributes of any object.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.unbounded = False
        """Whether something in the file can bind any name."""
        self._bound: dict[str, Counter[str]] = defaultdict(Counter)
        self._used: set[str] = set()
        self._looked_at: set[str] = set()
        self._visit(tree, MODULE, None)
        if any(_ONLY_LOOK & names.keys() for names in self._bound.values()):
            self._used |= self._looked_at

    def is_settled(self, scope: str, name: str, value: Any) -> bool:  # noqa: ANN401 - a literal
        """Whether a name of a scope is bound once, and nothing can change its value later."""
        if self.unbounded or self._bound[scope][name] + self._bound[_ANY][name] != 1:
            return False
        if _is_fixed(value):
            return True
        return name not in self._used and (name not in self._looked_at or _is_flat(value))

    def _visit(self, node: ast.AST, scope: str, owner: str | None) -> None:
        """Look at what lies below a node; ``scope`` binds its names, ``self`` is an ``owner``.

        What a function or a class is given (decorators, defaults, annotations, bases) is evaluated
        around it; only its body binds names of its own.
        """
        body = {id(inner) for inner in _body(node)}
        inside = _inside(node, scope, owner)
        for child in ast.iter_child_nodes(node):
            where = inside if id(child) in body else (scope, owner)
            self._bind(child, *where)
            self._use(child, self._looked_at if _only_looks(node) else self._used)
            self._visit(child, *where)

    def _bind(self, node: ast.AST, scope: str, owner: str | None) -> None:
        for name in bound_names(node):
            self.unbounded = self.unbounded or name == _ANY
            self._bound[scope][name] += 1
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            self._bound[_ANY].update(node.names)
        elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            receiver = node.value.id if isinstance(node.value, ast.Name) else _ANY
            known = receiver if receiver in self._classes(owner) else _ANY
            self._bound[owner or _ANY if receiver in ("self", "cls") else known][node.attr] += 1

    def _classes(self, owner: str | None) -> set[str]:
        return {*self._bound} | ({owner} if owner else set())

    def _use(self, node: ast.AST, names: set[str]) -> None:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            name = node.id
        elif isinstance(node, ast.Attribute):
            name = node.attr
        elif isinstance(node, ast.alias):  # a file may import its own names
            name = node.name
        else:
            return
        names.add(name)
        self.unbounded = self.unbounded or name in _REACHES_EVERYTHING


def _is_fixed(value: Any) -> bool:  # noqa: ANN401 - a literal
    """Whether a value cannot be changed in place."""
    if isinstance(value, tuple):
        return all(map(_is_fixed, value))
    return isinstance(value, _SCALARS)


def _is_flat(value: Any) -> bool:  # noqa: ANN401 - a literal
    """Whether nothing in a value can be changed in place, though the value itself may be."""
    if isinstance(value, dict):
        return all(map(_is_fixed, value.values()))
    items = value.items if isinstance(value, Members) else value
    return isinstance(items, (list, tuple)) and all(map(_is_fixed, items))


def bound_names(node: ast.AST) -> list[str]:
    """The names that a node binds in its scope; ``*`` for all of a module."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return [node.id]
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.alias):
        return [node.asname or node.name.partition(".")[0]]
    name = getattr(node, "name", None) or getattr(node, "rest", None)
    is_caught = isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping))
    return [name] if is_caught and name else []


def _body(node: ast.AST) -> list[ast.AST]:
    """What a function or a class runs in a scope of its own."""
    if isinstance(node, ast.Lambda):
        return [node.body]
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [*node.body]
    return []


def _inside(node: ast.AST, scope: str, owner: str | None) -> tuple[str, str | None]:
    """The scope and the owner of ``self`` in the body of a node."""
    if isinstance(node, ast.ClassDef):
        return node.name, node.name
    return (f"{scope}.<function>" if isinstance(node, _FUNCTIONS) else scope), owner


def _only_looks(node: ast.AST) -> bool:
    """Whether an expression takes its parts without changing them."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in _ONLY_LOOK
    return isinstance(node, (ast.Compare, ast.BinOp))
