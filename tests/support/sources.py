"""What modules of the product say: their strings, without what documents them."""

from __future__ import annotations

import ast
import functools


@functools.cache
def strings_of(path):
    """The strings of a module with their lines; `{}` stands for what is filled in."""
    return tuple(_strings(path))


def _strings(path):
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    inner = {
        id(part)
        for node in nodes
        for part in (node.values if isinstance(node, ast.JoinedStr) else [])
    }
    documents = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if id(node) in inner | documents:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
