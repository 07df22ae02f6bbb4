"""Notebooks: their code cells as Python, and a digest of what can run of them.

Outputs, execution counts, metadata of the editor and text cells are not looked at, so running a
notebook again changes nothing.
"""

from __future__ import annotations

import ast
import json
import posixpath
import re
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lineage.capture.code_graph.facts import Blind, Command, Facts, Import, PathUse, Spot
from lineage.capture.code_graph.python.source import read_python
from lineage.capture.code_graph.values import UnseenKind, shown
from lineage.errors import UsageError
from lineage.identity.digest import Digest, blake3_of, canonical_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_NOTEBOOK: Final = 32 << 20
"""Bytes of a notebook, its outputs included, that are read at the most."""

_RUNNING_TAGS: Final = frozenset({"parameters", "injected-parameters", "skip-execution"})
_SHELL_CELLS: Final = frozenset({"bash", "sh", "script", "system", "sx", "!"})
_PYTHON_CELLS: Final = frozenset(
    {"time", "timeit", "capture", "prun", "memit", "mprun", "python", "python3", "pypy"}
)
_TEXT_CELLS: Final = frozenset(
    {"html", "HTML", "markdown", "latex", "svg", "SVG", "writefile", "file"}
)
_MAGIC: Final = re.compile(r"(\s*)(?:[\w.,\s]+=\s*)?([%!]{1,2})([\w.]*)(.*)", re.DOTALL)
_IPYTHON: Final = re.compile(r"^\s*[%!?]|=\s*[%!]|\?\s*$", re.MULTILINE)


class CodeCell(NamedTuple):
    """A code cell: its number among all cells, from 1; its text; tags that matter when it runs."""

    number: int
    text: str
    tags: tuple[str, ...]


class Notebook(NamedTuple):
    """What can run of a notebook."""

    language: str
    cells: tuple[CodeCell, ...]


def parse_notebook(data: bytes) -> Notebook:
    """A notebook's language and its code cells that are not empty.

    Raises:
        ValueError: it is no notebook, or too large.
    """
    if len(data) > LARGEST_NOTEBOOK:
        raise ValueError(f"its {len(data):,} bytes are too many")
    try:
        document = json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("it is not a notebook")
    sheets = document.get("worksheets")
    holder = sheets[0] if isinstance(sheets, list) and sheets else document
    cells = holder.get("cells") if isinstance(holder, dict) else None
    if not isinstance(cells, list):
        raise ValueError("it has no cells")
    return Notebook(_language(document), tuple(_code_cells(cells)))


def notebook_digest(data: bytes) -> Digest | None:
    """BLAKE3 of what can run of a notebook; None where it cannot be read.

    It is taken of ``lineage-notebook/1``, a line end, and the RFC 8785 bytes of
    ``{"language": …, "cells": [{"source": …, "tags": […]}, …]}``.
    """
    try:
        notebook = parse_notebook(data)
        cells = [{"source": cell.text, "tags": list(cell.tags)} for cell in notebook.cells]
        content = canonical_bytes({"language": notebook.language, "cells": cells})
    except (ValueError, UsageError):
        return None
    return blake3_of(b"lineage-notebook/1\n" + content)


def code_text(data: bytes) -> bytes:
    r"""The code cells as one text, each behind a line that begins it, for people and for diffs.

    >>> code_text(b'{"cells": [{"cell_type": "code", "source": ["x = 1"]}]}')
    b'# %%\nx = 1\n'

    Raises:
        ValueError: it is no notebook, or too large.
    """
    cells = parse_notebook(data).cells
    heads = (" ".join(("# %%", *cell.tags)) for cell in cells)
    parts = (f"{head}\n{cell.text}\n" for head, cell in zip(heads, cells, strict=True))
    return "".join(parts).encode("utf-8", "replace")


def read_notebook(data: bytes) -> Facts:
    """What a notebook says of other code."""
    try:
        notebook = parse_notebook(data)
    except ValueError as error:
        kind = UnseenKind.TOO_LARGE if "too many" in str(error) else UnseenKind.UNREADABLE
        return Facts(blind=(Blind(Spot(0), kind, shown(str(error))),), broken=True)
    if notebook.language != "python":
        blind = Blind(Spot(0), UnseenKind.OTHER_LANGUAGE, shown(notebook.language))
        return Facts(blind=(blind,))
    reading = _Cells()
    cells = [(cell.number, reading.python(cell)) for cell in notebook.cells]
    facts = read_python([cell for cell in cells if cell[1].strip()])
    return replace(
        facts,
        imports=(*facts.imports, *reading.imports),
        searched=(*facts.searched, *reading.searched),
        loads=(*facts.loads, *reading.loads),
        commands=(*facts.commands, *reading.commands),
        blind=(*facts.blind, *reading.blind),
        hollow=False,
    )


class _Cells:
    """Takes IPython's own lines out of cells."""

    def __init__(self) -> None:
        self.imports: list[Import] = []
        self.searched: list[PathUse] = []
        self.loads: list[PathUse] = []
        self.commands: list[Command] = []
        self.blind: list[Blind] = []
        self._folder = "."

    def python(self, cell: CodeCell) -> bytes:
        """The Python in a cell; what else it runs is kept here. Lines keep their numbers."""
        text = cell.text
        if text.startswith("%%"):
            head, _, body = text.partition("\n")
            name, _, rest = head[2:].partition(" ")
            if name not in _PYTHON_CELLS:
                self._cell(name, rest, body, cell)
                return b""
            text = f"\n{body}"
        if not _IPYTHON.search(text) or _is_python(text):
            return text.encode("utf-8", "replace")
        lines = [self._line(line, Spot(n, cell.number)) for n, line in _logical(text)]
        return "\n".join(lines).encode("utf-8", "replace")

    def _cell(self, name: str, rest: str, body: str, cell: CodeCell) -> None:
        spot = Spot(1, cell.number)
        if name in _SHELL_CELLS and rest.split()[:1] not in (["python"], ["python3"]):
            self._shell(spot, body)
        elif name not in _TEXT_CELLS:
            self.blind.append(Blind(spot, UnseenKind.OTHER_LANGUAGE, shown(f"%%{name} {rest}")))

    def _line(self, line: str, spot: Spot) -> str:
        match = _MAGIC.fullmatch(line)
        if match is None or (match[2] == "%" and not match[3]):
            return f"{line[: len(line) - len(line.lstrip())]}pass" if _help(line) else line
        indent, mark, name, rest = match.groups()
        more = "\n" * line.count("\n")
        if mark.startswith("!"):
            self._shell(spot, name + rest)
        elif name in ("time", "timeit", "prun") and not rest.strip().startswith("-"):
            return f"{indent}{rest.strip() or 'pass'}"
        else:
            self._magic(name, rest.strip(), spot)
        return f"{indent}pass{more}"

    def _magic(self, name: str, rest: str, spot: Spot) -> None:
        if name == "run" and rest.startswith("-m "):
            for module in rest.split()[1:2]:
                self.imports.append(Import(spot, module))
                self.imports.append(Import(spot, f"{module}.__main__", guarded=True))
        elif name in ("run", "load"):
            path = next((w for w in rest.split() if w.endswith((".py", ".ipynb"))), None)
            if path is None or set("{$") & set(path):
                self.blind.append(Blind(spot, UnseenKind.COMMAND, shown(f"%{name} {rest}")))
            else:
                self._run(spot, path.strip("'\""))
        elif name == "load_ext":
            self.imports.append(Import(spot, rest.split()[0] if rest else "", guarded=True))
        elif name in ("sx", "system", "sc"):
            self._shell(spot, rest)
        elif name == "cd":
            self._folder = posixpath.join(self._folder, rest.strip("'\"") or ".")
            self.searched.append(PathUse(spot, self._folder, beside=False))
        elif name in ("env", "set_env") and "PYTHONPATH" in rest:
            self.blind.append(Blind(spot, UnseenKind.SEARCH_PATH, shown(f"%{name} {rest}")))

    def _run(self, spot: Spot, path: str) -> None:
        """A file that IPython runs in this process; its folder is searched while it runs."""
        path = posixpath.normpath(posixpath.join(self._folder, path))
        self.loads.append(PathUse(spot, path, beside=False))
        self.searched.append(PathUse(spot, posixpath.dirname(path) or ".", beside=False))

    def _shell(self, spot: Spot, text: str) -> None:
        self.commands.append(Command(spot, (text,), True, self._folder))


def _code_cells(cells: list[Any]) -> Iterator[CodeCell]:
    for number, cell in enumerate(cells, 1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", cell.get("input", ""))
        text = "".join(map(str, source)) if isinstance(source, list) else str(source)
        if text.strip():
            yield CodeCell(number, text, _tags(cell))


def _tags(cell: dict[str, Any]) -> tuple[str, ...]:
    """The tags that tell papermill and nbclient how to run a cell."""
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    found = {tag for tag in tags if isinstance(tag, str)} if isinstance(tags, list) else set()
    return tuple(sorted(found & _RUNNING_TAGS))


def _language(document: dict[str, Any]) -> str:
    metadata = document.get("metadata")
    for key, name in (("kernelspec", "language"), ("language_info", "name")):
        table = metadata.get(key) if isinstance(metadata, dict) else None
        value = table.get(name) if isinstance(table, dict) else None
        if isinstance(value, str) and value:
            return value.lower()
    return "python"


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Lines; those of ``!`` and ``%`` that end in a backslash with the ones that follow."""
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        start, line = number, lines[number]
        number += 1
        if line.lstrip()[:1] in ("!", "%"):
            while line.endswith("\\") and number < len(lines):
                line = f"{line}\n{lines[number]}"
                number += 1
        yield start + 1, line


def _is_python(text: str) -> bool:
    """Whether a cell is Python as it stands, so that ``%`` and ``!`` in it are not IPython's."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _help(line: str) -> bool:
    """IPython's ``?name`` and ``name?``."""
    text = line.strip()
    return text.startswith("?") or bool(re.fullmatch(r"[\w.]+\?\??", text))
