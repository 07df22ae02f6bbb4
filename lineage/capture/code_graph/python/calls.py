"""The calls of a Python source that bring in other code: by name, as text, as a file."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final, cast

from lineage.capture.code_graph.facts import Facts, Import, PathUse
from lineage.capture.code_graph.python import known_calls as known
from lineage.capture.code_graph.python.command_calls import CommandCalls
from lineage.capture.code_graph.python.scope import argument
from lineage.capture.code_graph.python.sys_path import SysPath
from lineage.capture.code_graph.values import UnseenKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineage.capture.code_graph.python.facts_builder import FactsBuilder
    from lineage.capture.code_graph.python.literals import Text
    from lineage.capture.code_graph.python.scope import Scope

MOST_LAZY: Final = 500
"""Texts of one source that are tried as names of modules."""

_LAST_NAMES: Final = frozenset(
    name.rpartition(".")[2] for name in (*known.IMPORTS, *known.TEXT_CODE, *known.COMMANDS)
)
_LONGEST_TEXT: Final = 10_000
_NAME: Final = re.compile(r"\.*[^\W\d]\w*(?:\.[^\W\d]\w*)*")


class CallReader:
    """Reads the calls of one source."""

    def __init__(
        self, builder: FactsBuilder, scope: Scope, read_text: Callable[[str], Facts]
    ) -> None:
        self._builder = builder
        self._scope = scope
        self._literals = scope.literals
        self._read_text = read_text
        self._commands = CommandCalls(builder, scope)
        self._path = SysPath(builder, scope)
        self._called: set[int] = set()
        self._inner: set[int] = set()
        self._said: set[int] | None = None
        self._computes = False
        self._lazy_is_cut = False

    def read(self) -> None:
        """Read every call, in the order of the source."""
        scope = self._scope
        for node in sorted(scope.nodes(ast.Call), key=self._builder.spot):
            self._called.add(id(node.func))
            self._call(node)
        assignments = (*scope.nodes(ast.Assign), *scope.nodes(ast.AugAssign))
        for assignment in (*assignments, *scope.nodes(ast.AnnAssign)):
            self._path.assignment(cast("ast.Assign", assignment))
        names: tuple[ast.expr, ...] = (*scope.nodes(ast.Name), *scope.nodes(ast.Attribute))
        self._inner = {id(one.value) for one in scope.nodes(ast.Attribute)}
        for name in names:
            if id(name) not in self._called:
                self._passed_on(name)
        for text in scope.nodes(ast.Constant) if self._computes else ():
            self._lazy_name(text)

    def _passed_on(self, node: ast.expr) -> None:
        """``exec`` and its like under another name: what is called by it is not known."""
        last = getattr(node, "id", None) or getattr(node, "attr", None)
        if last in _LAST_NAMES:
            name = self._scope.qualified(node)
            if name in known.COMMANDS and id(node) not in self._types():
                self._builder.blind(node, UnseenKind.COMMAND)
            elif name in known.TEXT_CODE or name in known.IMPORTS:
                self._builder.blind(node, UnseenKind.CODE_FROM_TEXT)
        elif (
            isinstance(node, ast.Name)
            and id(node) not in self._inner
            and self._scope.qualified(node) in known.REFLECTED
        ):
            self._computed_import(node)

    def _types(self) -> set[int]:
        """The expressions that only say what something is: annotations, ``isinstance``."""
        if self._said is None:
            nodes = self._scope.nodes
            said: list[ast.expr | None] = [one.annotation for one in nodes(ast.arg)]
            said += [one.annotation for one in nodes(ast.AnnAssign)]
            said += [one.returns for one in nodes(ast.FunctionDef)]
            said += [one.returns for one in nodes(ast.AsyncFunctionDef)]
            for call in nodes(ast.Call):
                if getattr(call.func, "id", None) in ("isinstance", "issubclass"):
                    said += call.args
            self._said = {id(inner) for one in said if one is not None for inner in ast.walk(one)}
        return self._said

    def _call(self, node: ast.Call) -> None:
        name = self._scope.qualified(node.func)
        if isinstance(node.func, ast.Attribute):
            self._method(node, node.func)
        if name is None:
            return
        if name in known.IMPORTS:
            self._import(node)
        elif name in known.TEXT_CODE:
            self._text_code(node)
        elif name in known.FILES:
            self._file(node, *known.FILES[name])
        elif name in known.COMMANDS:
            self._commands.read(node, name)
        elif name in known.BLIND and not _weights_only(node):
            self._builder.blind(node, known.BLIND[name])
        elif name in known.BY_PATH:
            self._by_path(node)
        elif name == "site.addsitedir" or (name == "os.chdir" and self._builder.spot(node).cell):
            self._path.search(node.args[:1])  # a notebook searches the folder that it runs in

    def _method(self, node: ast.Call, function: ast.Attribute) -> None:
        if function.attr in ("_LazyModule", "LazyModule"):
            self._computed_import(node)
        elif self._scope.qualified(function) == "lazy_loader.attach":
            self._lazy(node)
        self._path.method(node, function)

    def _import(self, node: ast.Call) -> None:
        given = argument(node, 0, "name") or argument(node, 0, "mod_name")
        choices = self._choices(given) if given is not None else None
        asks = self._scope.qualified(node.func) in known.ASKS
        if not choices:
            if not asks or self._loads_specs():
                self._computed_import(node)
            return
        package = argument(node, 1, "package")
        for module in choices:
            self._import_one(node, module, package, guarded=asks)
            if self._scope.qualified(node.func) == "runpy.run_module":
                self._import_one(node, f"{module}.__main__", package, guarded=True)

    def _loads_specs(self) -> bool:
        """Whether the source makes modules of what it asked for, and not only asks."""
        attributes = {node.attr for node in self._scope.nodes(ast.Attribute)}
        names = {node.id for node in self._scope.nodes(ast.Name)}
        return not known.LOADING.isdisjoint(attributes | names)

    def _import_one(
        self, node: ast.Call, module: str, package: ast.expr | None, *, guarded: bool = False
    ) -> None:
        name = module.lstrip(".")
        level = len(module) - len(name)
        spot = self._builder.spot(node)
        if level and not _own_package(package):
            parent = self._literals.text(package) if package is not None else None
            if parent is None or level > parent.count(".") + 1:
                self._computed_import(node)
                return
            kept = parent.split(".")[: parent.count(".") + 2 - level]
            name, level = ".".join([*kept, name]), 0
        self._builder.imports.append(Import(spot, name, (), level, guarded))

    def _choices(self, node: ast.expr) -> list[str] | None:
        """The module names that an argument can be: one, or the values of a dict written out."""
        text = self._literals.text(node)
        if text is not None:
            return [text]
        match node:
            case (
                ast.Subscript(value=ast.Name(id=name))
                | ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="get"), args=[_])
            ):
                table = self._scope.bound.get(name)
                if isinstance(table, ast.Dict) and table.values:
                    texts = [self._literals.text(value) for value in table.values]
                    given = [text for text in texts if text is not None]
                    return given if len(given) == len(texts) else None
        return None

    def _computed_import(self, node: ast.AST) -> None:
        """Name it; what the source's texts may mean by it is kept at the end."""
        self._builder.blind(node, UnseenKind.COMPUTED_IMPORT)
        self._computes = True

    def _lazy(self, node: ast.Call) -> None:
        self._builder.lazy_module = True
        for other in ast.walk(node):
            self._lazy_name(other)

    def _lazy_name(self, node: ast.AST) -> None:
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            return
        text, lazy = node.value, self._builder.lazy
        if len(text) > 200 or not _NAME.fullmatch(text):
            return
        if "." not in text and not self._builder.lazy_module:
            return
        if len(lazy) < MOST_LAZY or text in lazy:
            lazy.setdefault(text)
        elif not self._lazy_is_cut:
            self._lazy_is_cut = True
            self._builder.blind(node, UnseenKind.TOO_LARGE)

    def _text_code(self, node: ast.Call) -> None:
        """``exec`` and ``eval`` of a text, or of a file that is read for it."""
        given = node.args[0] if node.args else None
        if isinstance(given, ast.Call) and self._scope.qualified(given.func) == "compile":
            given = given.args[0] if given.args else None
        if given is None:
            return
        text = self._literals.text(given)
        path = self._file_read(given)
        if text is not None and len(text) < _LONGEST_TEXT:
            self._builder.merge(node, self._read_text(text.strip()))
        elif path is not None:
            self._builder.loads.append(PathUse(self._builder.spot(node), *path))
        else:
            self._builder.blind(node, UnseenKind.CODE_FROM_TEXT)

    def _file_read(self, node: ast.expr) -> Text | None:
        """The path in ``open(path).read()`` and ``Path(path).read_text()``."""
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return None
        inner, method = node.func.value, node.func.attr
        if method in ("read_text", "read_bytes"):
            return self._literals.path(inner)
        if method == "read" and isinstance(inner, ast.Call) and inner.args:
            opened = self._scope.qualified(inner.func) in ("open", "io.open")
            return self._literals.path(inner.args[0]) if opened else None
        return None

    def _file(self, node: ast.Call, position: int, keyword: str, kind: str) -> None:
        given = argument(node, position, keyword)
        path = self._literals.path(given) if given is not None else None
        if path is None:
            self._builder.blind(node, UnseenKind.COMPUTED_IMPORT)
            return
        uses = self._builder.runs if kind == "run" else self._builder.loads
        uses.append(PathUse(self._builder.spot(node), *path))

    def _by_path(self, node: ast.Call) -> None:
        """A class or a function that a dotted text names."""
        given = node.args[0] if node.args else None
        text = self._literals.text(given) if given is not None else None
        if text is None:
            self._computed_import(node)
        else:
            spot = self._builder.spot(node)
            self._builder.imports.append(
                Import(spot, text.replace(":", "."), guarded=True, loose=True)
            )


def _own_package(node: ast.expr | None) -> bool:
    """Whether an argument is the source's own package: ``__package__`` or ``__name__``."""
    if isinstance(node, ast.Attribute):
        return node.attr == "parent" and _own_package(node.value)
    return isinstance(node, ast.Name) and node.id in ("__package__", "__name__", "__spec__")


def _weights_only(node: ast.Call) -> bool:
    """``torch.load(…, weights_only=True)`` runs nothing of what it loads."""
    return any(
        key.arg == "weights_only"
        and isinstance(key.value, ast.Constant)
        and key.value.value is True
        for key in node.keywords
    )
