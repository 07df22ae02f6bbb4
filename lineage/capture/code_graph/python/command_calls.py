"""The commands that a Python source runs: ``subprocess``, ``os.system`` and their like."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from lineage.capture.code_graph.facts import Command
from lineage.capture.code_graph.python.literals import MOST_STEPS
from lineage.capture.code_graph.python.scope import argument
from lineage.capture.code_graph.values import UnseenKind

if TYPE_CHECKING:
    from lineage.capture.code_graph.python.facts_builder import FactsBuilder
    from lineage.capture.code_graph.python.scope import Scope

UNKNOWN: Final = "${?}"
"""Stands for a computed part in a command's text: no shell can have a variable of that name."""

BESIDE: Final = "\N{SECTION SIGN}/"
"""Begins a word of a command that is a path from the source's own folder."""


class CommandCalls:
    """Reads the calls that run commands."""

    def __init__(self, builder: FactsBuilder, scope: Scope) -> None:
        self._builder = builder
        self._scope = scope
        self._left = MOST_STEPS

    def read(self, node: ast.Call, name: str) -> None:
        """Read a call of the function of this name."""
        self._left = MOST_STEPS
        given = _arguments(node, name)
        if given is None:
            return
        if isinstance(given, list):
            words: list[str | None] | None = [self._word(word) for word in given]
        elif isinstance(given, ast.Starred):
            words = None
        else:
            words = self._words(given)
            text = self._template(given) if words is None else None
            if text is not None:
                self._add(node, (text,), by_shell=True)
                return
        if words is None:
            self._builder.blind(node, UnseenKind.COMMAND)
        else:
            self._add(node, tuple(words), by_shell=False)

    def _add(self, node: ast.Call, words: tuple[str | None, ...], *, by_shell: bool) -> None:
        folder = next((key.value for key in node.keywords if key.arg == "cwd"), None)
        path = self._scope.literals.path(folder) if folder is not None else None
        spot = self._builder.spot(node)
        self._builder.commands.append(Command(spot, words, by_shell, *(path or (".", False))))

    def _words(self, node: ast.expr) -> list[str | None] | None:
        """The words of a list that is written out, or of ``"a b".split()``."""
        self._left -= 1
        if self._left < 0:
            return None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            first = self._words(node.left)
            return [*first, None] if first is not None else None
        if isinstance(node, ast.Call):
            text = self._split(node)
            return list(text.split()) if text is not None else None
        elements = self._scope.literals.elements(node)
        return [self._word(word) for word in elements] if elements is not None else None

    def _split(self, node: ast.Call) -> str | None:
        """The text in ``text.split()`` and ``shlex.split(text)``."""
        if self._scope.qualified(node.func) == "shlex.split" and node.args:
            return self._scope.literals.text(node.args[0])
        if isinstance(node.func, ast.Attribute) and node.func.attr == "split" and not node.args:
            return self._scope.literals.text(node.func.value)
        return None

    def _word(self, node: ast.expr) -> str | None:
        path = self._scope.literals.path(node)
        if path is not None and path.beside:
            return f"{BESIDE}{path.text}"
        return self._scope.literals.text(node)

    def _template(self, node: ast.expr) -> str | None:
        """A text whose computed parts are :data:`UNKNOWN`; None where its beginning is computed."""
        self._left -= 1
        if self._left < 0:
            return None
        if isinstance(node, ast.Name):
            node = self._scope.bound.get(node.id, node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left = self._template(node.left)
            return None if left is None else left + (self._template(node.right) or UNKNOWN)
        if isinstance(node, ast.JoinedStr):
            parts = [self._template(part) or UNKNOWN for part in node.values]
            return "".join(parts) if parts and parts[0] != UNKNOWN else None
        return self._scope.literals.text(node)


def _arguments(node: ast.Call, name: str) -> ast.expr | list[ast.expr] | None:
    """What holds a call's command: one argument, or several that are its words."""
    arguments = node.args[1:] if name.startswith("os.spawn") else node.args
    if name.startswith(("os.spawnl", "os.execl")):
        return arguments[1:]
    if name == "asyncio.create_subprocess_exec":
        return arguments
    if name.startswith(("os.spawnv", "os.execv", "os.posix_spawn")):
        return arguments[1] if len(arguments) > 1 else None
    return arguments[0] if arguments else argument(node, 0, "args")
