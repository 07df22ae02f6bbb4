"""From the bytes of a Python source to the facts in it. Parsed, never compiled or run.

The way: bytes → a syntax tree → its statements (:mod:`.statements`) → where a word in the bytes
says that there is more than plain imports, the calls in its expressions too (:mod:`.calls`).
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lineage.capture.code_graph.facts import Blind, Facts, Import, Spot
from lineage.capture.code_graph.python.calls import CallReader
from lineage.capture.code_graph.python.facts_builder import FactsBuilder
from lineage.capture.code_graph.python.scope import Scope
from lineage.capture.code_graph.python.statements import TypeChecking, imports, never_hidden, visit
from lineage.capture.code_graph.values import UnseenKind, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LARGEST_SOURCE: Final = 1 << 20
"""Bytes of a source that are parsed at the most: a syntax tree takes some hundred times as many."""

_MORE_THAN_IMPORTS: Final = re.compile(
    rb"\b(?:__import__|import_module|exec\w*|eval|run_path|run_module|load_source"
    rb"|spec_from_file_location|SourceFileLoader|subprocess|create_subprocess_\w+|popen\w*|system|spawn\w*"
    rb"|hub|addsitedir|chdir|__path__|meta_path"
    rb"|path_hooks|CDLL|instantiate|locate|import_string|execute_notebook|lazy_loader"
    rb"|_?LazyModule|_gcd_import|builtins|importlib|__builtins__|imp|find_loader|get_loader|resolve_name|zipimport"
    rb"|iter_modules|walk_packages|posix_spawnp?|startfile|getoutput|getstatusoutput|run_process"
    rb"|open_process|invoke|Interactive\w+|FunctionType|pytest|runpy|importorskip)\b"
    rb"|\bsys\b[\s\\]*\.[\s\\]*path\b|\bfrom\s+sys\b|\bimport\s+sys\s+as\b"
)
_ONE_IMPORT: Final = re.compile(r"[ \t]*((?:from|import)[ \t.].*)")
_MANY_DOTS: Final = 10_000
_LONG_NAME: Final = re.compile(rb"(?:\.[\s\\]*\w+[\s\\]*){1000}")
_MANY_BRACES: Final = 20_000
_FORMATTED: Final = re.compile(rb"[fF][rR]?[\"']")
_LONGEST_STATEMENT: Final = 40
"""Lines that an import statement in an unreadable source may span."""

Cell = tuple[int, bytes]
"""A number (0 for a source that is no notebook) and a source."""


def read_python(cells: Sequence[Cell]) -> Facts:
    """What a Python source (or a notebook's cells, one after the other) says.

    A cell that is no Python of this interpreter is blind; its lines that look like imports are
    taken all the same, so that another interpreter's syntax hides nothing.
    """
    trees: list[ast.Module] = []
    parsed: list[Cell] = []
    broken: list[Facts] = []
    for number, data in cells:
        if len(data) > LARGEST_SOURCE:
            broken.append(_too_large(number, data))
            continue
        try:
            trees.append(_parse(data, number))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            broken.append(_unreadable(number, data, error))
        else:
            parsed.append((number, data))
    facts = _read_trees(trees, parsed)
    if not broken:
        return facts
    return replace(
        facts,
        imports=(*facts.imports, *(i for part in broken for i in part.imports)),
        blind=(*facts.blind, *(b for part in broken for b in part.blind)),
        hollow=False,
        broken=True,
    )


def _parse(data: bytes, number: int) -> ast.Module:
    """A syntax tree; Python's own parser takes squared time for two shapes, which are refused."""
    if data.count(b".") > _MANY_DOTS and _LONG_NAME.search(data):
        raise ValueError("a dotted name in it is too long")
    if data.count(b"{") > _MANY_BRACES and _FORMATTED.search(data):
        raise ValueError("it has too many braces beside formatted strings")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of invalid escapes and the like: not ours to report
        tree = ast.parse(data)
    if number:
        for node in ast.walk(tree):
            node.cell = number  # type: ignore[attr-defined]
    return tree


def _read_trees(trees: list[ast.Module], cells: Sequence[Cell]) -> Facts:
    source = (
        b"\n".join(data for _, data in cells) if len(cells) > 1 else cells[0][1] if cells else b""
    )
    hidden = TypeChecking(trees, source).hidden if b"TYPE_CHECKING" in source else never_hidden
    builder = FactsBuilder(dict(cells))
    visited = [v for tree in trees for v in visit(tree.body, hidden)]
    for one in visited:
        builder.imports += imports(one, builder.spot)
    builder.read_names(visited)
    if _MORE_THAN_IMPORTS.search(source):
        CallReader(builder, Scope(trees, hidden), read_text).read()
    return builder.facts()


def read_text(text: str) -> Facts:
    """What a text that is handed to ``exec`` or ``python -c`` says."""
    return read_python([(0, text.encode("utf-8", "surrogatepass"))])


def _too_large(number: int, data: bytes) -> Facts:
    reason = f"its {len(data):,} bytes are too many to read it for imports"
    return Facts(blind=(Blind(Spot(0, number), UnseenKind.TOO_LARGE, reason),), broken=True)


def _unreadable(number: int, data: bytes, error: BaseException) -> Facts:
    line = getattr(error, "lineno", None) or 0
    if isinstance(error, (RecursionError, MemoryError)):
        reason = "it is nested too deeply to be parsed"
    else:
        reason = f"not valid Python: {getattr(error, 'msg', None) or error}"
    blind = Blind(Spot(max(line, 0), number), UnseenKind.UNREADABLE, shown(reason))
    return Facts(imports=tuple(_plain_imports(data, number)), blind=(blind,))


def _plain_imports(data: bytes, number: int) -> Iterator[Import]:
    """The lines that look like imports, of a source that cannot be parsed."""
    lines = data.decode("utf-8", "replace").splitlines()
    for index, line in enumerate(lines):
        match = _ONE_IMPORT.fullmatch(line)
        if match is None:
            continue
        text = match[1]
        if "(" in text and ")" not in text:
            following = lines[index + 1 : index + 1 + _LONGEST_STATEMENT]
            closing = next((n for n, more in enumerate(following, 1) if ")" in more), 0)
            text = "\n".join([text, *following[:closing]])
        try:
            tree = _parse(text.encode("utf-8", "replace"), number)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for one in visit(tree.body, never_hidden):
            for found in imports(one, lambda _: Spot(index + 1, number)):  # noqa: B023 - used at once
                yield found._replace(guarded=True)
