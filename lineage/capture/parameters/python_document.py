"""Python parameter files: their literals, and the content of the file for all that is none.

A file is parsed and never run, so only a literal says what a name will be, and only where nothing
else in the file binds the name again or could change its value. DVC reads literals and silently
leaves the rest out; here the file's content stands for it.
"""

from __future__ import annotations

import ast
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from lineage.capture.bounded_yaml import invalid
from lineage.capture.parameters.python_bindings import (
    MODULE,
    Bindings,
    NoLiteral,
    bound_names,
    literal,
)
from lineage.capture.parameters.value_document import ValueDocument
from lineage.identity.parameters import Content, Tagged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lineage.identity.digest import Digest


CLASS: Final = "python:class"
_HARMLESS: Final = frozenset({"dataclass", "dataclasses.dataclass"})
"""Decorators that leave the literals of a class as they are."""

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_MOST_NAMED: Final = 10


class Scope(dict[str | None, Any]):
    """What a file or a class binds."""


class PythonDocument(ValueDocument):
    """A Python parameter file.

    What is no literal has the file's content as its value; the key ``None`` of the file or of a
    class stands for all in it that is none: computed values, imports, calls, methods.
    """

    def __init__(self, path: str, text: str, content: Digest, *, ordered: bool = True) -> None:
        self._content = Content(content)
        try:
            value = _Reader(parse(text, path), self._content).module()
        except (RecursionError, ValueError):
            raise invalid(path, "a literal in it cannot be read") from None
        super().__init__(path, value, ordered=ordered)

    @override
    def whole(self) -> Any:
        self._tell("", self._value)
        return super().whole()

    @override
    def encoded(self, node: Any) -> Any:
        return super().encoded(_literals(node, self._content))

    @override
    def _select(self, name: str) -> Any:
        found = self._found(name)
        self._tell(name, found)
        return self.encoded(found) if found is self._content else super()._select(name)

    def _found(self, name: str) -> Any:  # noqa: ANN401 - a node
        """The node that a name leads to, or the content of the file where code decides it."""
        node = self._value
        for segment in name.split("."):
            below = self.child(node, segment)
            open_class = isinstance(node, Tagged) and None in node.value
            if not below and (open_class or "*" in self._value):
                return self._content
            if not below:
                return None
            node = below[0].node
            if isinstance(node, Content):
                return node
        return node

    def _tell(self, name: str, value: Any) -> None:  # noqa: ANN401 - a node
        """Note what the content of the file stands for."""
        computed = list(dict.fromkeys(_computed(name, value)))
        if computed:
            names = ", ".join(computed[:_MOST_NAMED]) + (", …" if computed[_MOST_NAMED:] else "")
            self.notes.append(
                f"{self.path} holds more than literals ({names}), so its content stands for them"
            )


def _literals(node: Any, content: Content) -> Any:  # noqa: ANN401 - a node
    """A scope without what is no literal, for all of which the content stands once."""
    if isinstance(node, Tagged):
        return Tagged(node.tag, _literals(node.value, content))
    if not isinstance(node, Scope):
        return node
    kept = {
        key: _literals(value, content)
        for key, value in node.items()
        if key is not None and not isinstance(value, Content)
    }
    return kept if len(kept) == len(node) else kept | {None: content}


def parse(text: str, path: str) -> ast.Module:
    """The syntax tree of a Python file.

    Raises:
        CaptureError: it is none, or nested too deeply.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of "\\d" and the like: not ours to tell
            return ast.parse(text.encode(), filename=path)  # bytes: a `coding:` line counts
    except SyntaxError as error:
        raise invalid(path, f"{error.msg} in line {error.lineno}") from None
    except (ValueError, RecursionError, MemoryError):
        raise invalid(path, "it is no Python, or nested too deeply") from None


def _computed(name: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - a node
    """The names at and below a node whose values are no literals."""
    inner = value.value if isinstance(value, Tagged) else value
    if isinstance(value, Content):
        yield name or "its own code"
    elif isinstance(inner, Scope):
        for key, entry in inner.items():
            yield from _computed(".".join(filter(None, (name, key))), entry)


class _Reader:
    """Reads what DVC takes for parameters, and marks what it leaves out."""

    def __init__(self, tree: ast.Module, content: Content) -> None:
        self._tree = tree
        self._content = content
        self._bindings = Bindings(tree)

    def module(self) -> Scope:
        """What the file binds, in its order."""
        return self._scope(self._tree.body, MODULE, closed=True)

    def _scope(self, body: list[ast.stmt], scope: str, *, closed: bool) -> Scope:
        values = Scope()
        for statement in body:
            name = _target(statement)
            if isinstance(statement, ast.ClassDef):
                self._set(values, scope, statement.name, partial(self._class, statement))
            elif name is not None:
                self._set(values, scope, name, partial(_assigned, statement))
            if not _is_plain(statement):
                closed = False
                self._open(values, scope, statement)
        if not closed:
            values[None] = self._content
        return values

    def _set(self, values: Scope, scope: str, name: str, read: Callable[[], Any]) -> None:
        """Bind a name to what ``read`` gives, where nothing else in the file can change it."""
        try:
            value = read()
        except NoLiteral:
            value = self._content
        settled = self._bindings.is_settled(scope, name, value)
        values[name] = value if settled else self._content

    def _open(self, values: Scope, scope: str, statement: ast.stmt) -> None:
        """A statement whose effect only running it shows: what it binds is code."""
        if isinstance(statement, _FUNCTIONS):
            for inner in statement.body if statement.name == "__init__" else ():
                attribute = _target(inner, of="self")
                if attribute is not None:
                    self._set(values, scope, attribute, partial(_assigned, inner))
            return
        for node in ast.walk(statement):
            for name in bound_names(node):
                values.setdefault(name, self._content)

    def _class(self, statement: ast.ClassDef) -> Tagged:
        if not all(ast.unparse(d) in _HARMLESS for d in statement.decorator_list):
            raise NoLiteral
        closed = not statement.bases and not statement.keywords
        return Tagged(CLASS, self._scope(statement.body, statement.name, closed=closed))


def _target(statement: ast.stmt, of: str | None = None) -> str | None:
    """The one name that an assignment binds; with ``of``, the one attribute of that object."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target = statement.target
    else:
        return None
    if of is None:
        return target.id if isinstance(target, ast.Name) else None
    if not isinstance(target, ast.Attribute) or not isinstance(target.value, ast.Name):
        return None
    return target.attr if target.value.id == of else None


def _assigned(statement: ast.stmt) -> Any:  # noqa: ANN401 - a literal
    assert isinstance(statement, (ast.Assign, ast.AnnAssign))  # nosec B101 # noqa: S101 - see _target
    return literal(statement.value)


def _is_plain(statement: ast.stmt) -> bool:
    """Whether a statement does nothing but bind one name, or nothing at all."""
    if isinstance(statement, ast.AnnAssign):
        runs = any(isinstance(node, ast.Call) for node in ast.walk(statement.annotation))
        return isinstance(statement.target, ast.Name) and not runs
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, (ast.Pass, ast.ClassDef)) or _target(statement) is not None
