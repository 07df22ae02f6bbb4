"""What an expression evidently says: text and paths made of literals, never computed by running.

``Path(__file__).resolve().parent / "lib"`` and ``os.path.join(os.path.dirname(__file__), "lib")``
are understood, names that the module binds once included.
"""

from __future__ import annotations

import ast
import posixpath
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ITSELF: Final = "\N{SECTION SIGN}"
"""Stands for the source's own file name, in a path that is relative to its folder."""

MOST_STEPS: Final = 100
"""Expressions in expressions that are looked into, of one list or command."""

_DEEPEST: Final = 30
_LONGEST: Final = 4096


class Text(NamedTuple):
    """A text, or a path; ``beside``: it is relative to the folder of the source."""

    text: str
    beside: bool = False


class Literals:
    """Evaluates expressions of one module.

    Args:
        bound: the expression of each name that the module binds once.
        qualified: the full name that a dotted expression stands for (``il.import_module``).
    """

    def __init__(
        self, bound: Mapping[str, ast.expr], qualified: Callable[[ast.expr], str | None]
    ) -> None:
        self._bound = bound
        self._qualified = qualified
        self._known: dict[str, Text | None] = {}

    def text(self, node: ast.expr) -> str | None:
        """Plain text; None where it is computed."""
        value = self._value(node, 0)
        return value.text if value is not None and not value.beside else None

    def path(self, node: ast.expr) -> Text | None:
        """A path; None where it is computed."""
        value = self._value(node, 0)
        if value is None or "\0" in value.text:
            return None
        return Text(posixpath.normpath(value.text or "."), value.beside)

    def elements(self, node: ast.expr) -> list[ast.expr] | None:
        """The elements of a list or a tuple that is written out."""
        if isinstance(node, ast.Name):
            node = self._bound.get(node.id, node)
        return node.elts if isinstance(node, (ast.List, ast.Tuple)) else None

    def _value(self, node: ast.expr, depth: int) -> Text | None:
        if depth > _DEEPEST:
            return None
        match node:
            case ast.Constant(value=str(text)):
                value: Text | None = Text(text)
            case ast.Name() | ast.Attribute():
                value = self._named(node, depth)
            case ast.BinOp() | ast.JoinedStr() | ast.FormattedValue():
                value = self._operation(node, depth)
            case ast.Subscript():
                value = self._subscript(node, depth)
            case ast.Call():
                value = self._call(node, depth)
            case _:
                value = None
        return value if value is None or len(value.text) <= _LONGEST else None

    def _named(self, node: ast.Name | ast.Attribute, depth: int) -> Text | None:
        """``__file__``, a name that is bound once, ``path.parent``, a constant of a module."""
        match node:
            case ast.Name(id="__file__"):
                return Text(ITSELF, beside=True)
            case ast.Name(id=name) if name in self._bound:
                if name not in self._known:  # once each: names of names double the work
                    self._known[name] = None  # a circle ends here
                    self._known[name] = self._value(self._bound[name], depth + 1)
                return self._known[name]
            case ast.Attribute(value=inner, attr="parent"):
                return _parent(self._value(inner, depth + 1))
        return _NAMED.get(self._qualified(node) or "")

    def _operation(self, node: ast.expr, depth: int) -> Text | None:
        """``path / name``, ``text + text``, and f-strings."""
        match node:
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return self._joined([left, right], depth)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._concatenated([left, right], depth)
            case ast.JoinedStr(values=parts):
                return self._concatenated(parts, depth)
            case ast.FormattedValue(value=inner, conversion=-1, format_spec=None):
                return self._value(inner, depth + 1)
        return None

    def _call(self, node: ast.Call, depth: int) -> Text | None:
        name = self._qualified(node.func) or ""
        if name in _NOWHERE:
            return Text(".")
        if node.keywords or any(isinstance(arg, ast.Starred) for arg in node.args):
            return self._method(node, depth) if not node.args else None
        if name in _SAME and len(node.args) == 1:
            return self._value(node.args[0], depth + 1)
        if name in _PATHS:
            return self._joined(node.args, depth) if node.args else Text(".")
        if name == "os.path.join":
            return self._joined(node.args, depth)
        if name == "os.path.dirname" and len(node.args) == 1:
            return _parent(self._value(node.args[0], depth + 1))
        return self._method(node, depth)

    def _method(self, node: ast.Call, depth: int) -> Text | None:
        """A method of a path."""
        if not isinstance(node.func, ast.Attribute):
            return None
        inner, method = node.func.value, node.func.attr
        if method in _SAME_METHODS and not node.args:
            return self._value(inner, depth + 1)
        if method == "joinpath":
            return self._joined([inner, *node.args], depth)
        if method == "with_name" and len(node.args) == 1:
            left, right = self._value(inner, depth + 1), self._value(node.args[0], depth + 1)
            return _join(_parent(left), right) if left and right else None
        return None

    def _subscript(self, node: ast.Subscript, depth: int) -> Text | None:
        """``path.parents[1]`` and ``os.path.split(path)[0]``."""
        match node:
            case ast.Subscript(
                value=ast.Attribute(value=inner, attr="parents"),
                slice=ast.Constant(value=int(number)),
            ) if 0 <= number < _DEEPEST:
                value = self._value(inner, depth + 1)
                for _ in range(number + 1):
                    value = _parent(value)
                return value
            case ast.Subscript(
                value=ast.Call(func=function, args=[inner], keywords=[]),
                slice=ast.Constant(value=0),
            ) if self._qualified(function) == "os.path.split":
                return _parent(self._value(inner, depth + 1))
        return None

    def _joined(self, nodes: list[ast.expr], depth: int) -> Text | None:
        value: Text | None = Text("")
        for node in nodes:
            value = _join(value, self._value(node, depth + 1))
        return value

    def _concatenated(self, nodes: list[ast.expr], depth: int) -> Text | None:
        parts = [self._value(node, depth + 1) for node in nodes]
        if any(part is None for part in parts):
            return None
        known = [part for part in parts if part is not None]
        if any(part.beside for part in known[1:]):
            return None
        beside = bool(known) and known[0].beside
        return Text("".join(part.text for part in known), beside)


def _join(left: Text | None, right: Text | None) -> Text | None:
    if left is None or right is None:
        return None
    if right.beside or right.text.startswith("/"):
        return right
    return Text(posixpath.join(left.text, right.text) if left.text else right.text, left.beside)


def _parent(value: Text | None) -> Text | None:
    if value is None:
        return None
    path = posixpath.normpath(value.text)
    if path in ("", ".") or path.endswith(".."):
        return Text(posixpath.join(path, ".."), value.beside)
    return Text(posixpath.dirname(path) or ".", value.beside)


_PATHS: Final = frozenset(
    {"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath"}
)
_NOWHERE: Final = frozenset({"os.getcwd", "pathlib.Path.cwd"})
_SAME: Final = frozenset(
    {"os.path.abspath", "os.path.realpath", "os.path.normpath", "os.fspath", "str"}
)
_SAME_METHODS: Final = frozenset({"resolve", "absolute", "as_posix", "__str__", "expanduser"})
_NAMED: Final = {
    "sys.executable": Text("python"),
    "os.curdir": Text("."),
    "os.pardir": Text(".."),
    "os.path.curdir": Text("."),
    "os.path.pardir": Text(".."),
    "os.sep": Text("/"),
    "os.path.sep": Text("/"),
}
