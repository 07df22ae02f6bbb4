"""The names of one source: what the imported ones stand for, what is bound once."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, TypeVar, cast

from lineage.capture.code_graph.python.literals import Literals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Node = TypeVar("Node", bound=ast.AST)
_BUILTINS: Final = frozenset(
    {"exec", "eval", "__import__", "execfile", "compile", "open", "str", "__builtins__"}
)
_STARRED: Final = {
    "importlib": ("import_module", "__import__"),
    "subprocess": ("run", "call", "check_call", "check_output", "Popen", "getoutput"),
    "os": ("system", "popen", "path", "chdir"),
    "runpy": ("run_path", "run_module"),
    "sys": ("path", "executable", "modules"),
}
"""Names that ``from module import *`` binds and that bring in code."""


class Scope:
    """Every node of a source that can run, and what its names say.

    A source is read as one scope: a name that is bound twice, wherever, says nothing.
    """

    def __init__(self, trees: Sequence[ast.Module], hidden: Callable[[ast.If], str | None]) -> None:
        self._nodes: dict[type[ast.AST], list[ast.AST]] = defaultdict(list)
        for tree in trees:
            self._walk(tree, hidden)
        self._aliases = self._read_aliases()
        self._own = self._read_own_names()
        self.bound = self._read_bound_once()
        self.literals = Literals(self.bound, self.qualified)

    def nodes(self, kind: type[Node]) -> list[Node]:
        """The nodes of exactly this kind."""
        return cast("list[Node]", self._nodes.get(kind, []))

    def qualified(self, node: ast.expr) -> str | None:
        """The full name of what a dotted expression stands for, as the imports say."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        first = self._aliases.get(node.id)
        if first is None:
            if node.id not in _BUILTINS or node.id in self._own:
                return None
            first = node.id
        name = ".".join([first, *reversed(attributes)])
        return name.removeprefix("__builtins__.").removeprefix("builtins.")

    def _walk(self, tree: ast.Module, hidden: Callable[[ast.If], str | None]) -> None:
        """Sort every node that can run by its kind."""
        pending: list[ast.AST] = [tree]
        while pending:
            node = pending.pop()
            kind = node.__class__
            self._nodes[kind].append(node)
            skipped = hidden(node) if isinstance(node, ast.If) else None
            for name in _INNER[kind]:
                value = getattr(node, name, None)
                if name == skipped or value is None:
                    continue
                if value.__class__ is list:
                    pending += [item for item in value if isinstance(item, ast.AST)]
                elif isinstance(value, ast.AST):
                    pending.append(value)

    def _read_aliases(self) -> dict[str, str]:
        """What the names that imports bind stand for."""
        found: dict[str, str] = {}
        for plain in self.nodes(ast.Import):
            for alias in plain.names:
                first = alias.name.partition(".")[0]
                found[alias.asname or first] = alias.name if alias.asname else first
        for node in self.nodes(ast.ImportFrom):
            if node.module and not node.level:
                if node.module in _STARRED and any(alias.name == "*" for alias in node.names):
                    found |= {name: f"{node.module}.{name}" for name in _STARRED[node.module]}
                for alias in node.names:
                    found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        return found

    def _read_own_names(self) -> set[str]:
        """The names that the source itself binds: they hide those of the builtins."""
        methods = {id(n) for one in self.nodes(ast.ClassDef) for n in one.body}
        functions = {n.name for n in self.nodes(ast.FunctionDef) if id(n) not in methods}
        classes = {n.name for n in self.nodes(ast.ClassDef)}
        stored = {n.id for n in self.nodes(ast.Name) if isinstance(n.ctx, ast.Store)}
        return functions | classes | stored | {n.arg for n in self.nodes(ast.arg)}

    def _read_bound_once(self) -> dict[str, ast.expr]:
        """The expressions of the names that are bound exactly once in the whole source."""
        stored = [n.id for n in self.nodes(ast.Name) if not isinstance(n.ctx, ast.Load)]
        times = Counter([*stored, *(n.arg for n in self.nodes(ast.arg))])
        values: dict[str, ast.expr] = {}
        for node in self.nodes(ast.Assign):
            if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                values[node.targets[0].id] = node.value
        for one in self.nodes(ast.AnnAssign):
            if isinstance(one.target, ast.Name) and one.value is not None:
                values[one.target.id] = one.value
        return {name: value for name, value in values.items() if times[name] == 1}


def argument(node: ast.Call, position: int, keyword: str) -> ast.expr | None:
    """An argument of a call, by its position or its name."""
    if len(node.args) > position:
        return node.args[position]
    return next((key.value for key in node.keywords if key.arg == keyword), None)


_INNER: Final = {
    kind: tuple(name for name in kind._fields if name not in ("ctx", "op", "ops", "type_comment"))
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}
"""The fields of each kind of node that can hold an expression or a statement."""
