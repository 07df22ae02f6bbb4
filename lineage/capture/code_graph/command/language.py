"""What language a file is in, by its name and its first line."""

from __future__ import annotations

import posixpath
import re
from enum import Enum, auto
from typing import Final

from lineage.capture.code_graph.tracked import BINARY_SUFFIXES


class Language(Enum):
    """How a file's further code is found."""

    PYTHON = auto()
    NOTEBOOK = auto()
    SHELL = auto()
    MAKEFILE = auto()
    OTHER = auto()
    BINARY = auto()
    DATA = auto()


_PYTHON: Final = re.compile(
    r"(?:python|pypy|ipython|graalpy|bpython|ptpython|py)w?[\d.]*t?(?:-dbg|-debug)?(?:\.exe)?",
    re.IGNORECASE,
)
_SHELLS: Final = frozenset({"sh", "bash", "zsh", "dash", "ksh", "ash", "mksh", "fish", "pwsh"})
_SUFFIXES: Final = {
    ".py": Language.PYTHON,
    ".pyw": Language.PYTHON,
    ".ipynb": Language.NOTEBOOK,
    ".sh": Language.SHELL,
    ".bash": Language.SHELL,
    ".zsh": Language.SHELL,
    ".ksh": Language.SHELL,
    ".mk": Language.MAKEFILE,
    **dict.fromkeys((*BINARY_SUFFIXES, ".exe", ".jar", ".whl", ".egg", ".pyz"), Language.BINARY),
    **dict.fromkeys(
        (
            *(".r", ".rmd", ".qmd", ".jl", ".js", ".mjs", ".cjs", ".ts", ".tsx", ".java", ".kt"),
            *(".scala", ".sc", ".groovy", ".pl", ".pm", ".rb", ".php", ".lua", ".go", ".rs", ".c"),
            *(".cc", ".cpp", ".cu", ".cs", ".f90", ".m", ".do", ".sas", ".pyx", ".pxd", ".ps1"),
            *(".bat", ".cmd", ".fish", ".awk", ".smk", ".nf", ".stan", ".hs", ".ml", ".swift"),
        ),
        Language.OTHER,
    ),
}
_MAKEFILES: Final = frozenset({"Makefile", "makefile", "GNUmakefile"})


def language_of(path: str, first: bytes = b"") -> Language:
    """The language of a file.

    Args:
        path: its name.
        first: its first bytes, where it is run by its own name.
    """
    known = _SUFFIXES.get(posixpath.splitext(path)[1].lower())
    if known is not None:
        return known
    if posixpath.basename(path) in _MAKEFILES:
        return Language.MAKEFILE
    return _by_first_line(first) if first else Language.DATA


def source_language(path: str) -> Language | None:
    """Python or a notebook, for a file that is read for imports; a script may have any name."""
    language = language_of(path)
    if language is Language.NOTEBOOK:
        return language
    return Language.PYTHON if language in (Language.PYTHON, Language.DATA) else None


def is_python(program: str) -> bool:
    """Whether a program's name is a Python interpreter's."""
    return _PYTHON.fullmatch(posixpath.basename(program)) is not None


def is_shell(program: str) -> bool:
    """Whether a program's name is a POSIX shell's."""
    return posixpath.basename(program) in _SHELLS


def _by_first_line(first: bytes) -> Language:
    if b"\0" in first:
        return Language.BINARY
    line = first.split(b"\n", 1)[0].decode("utf-8", "replace")
    if not line.startswith("#!"):
        return Language.DATA
    words = [word for word in line[2:].split() if not word.startswith("-")]
    program = (
        words[1] if len(words) > 1 and words[0].endswith("/env") else words[0] if words else ""
    )
    if is_python(program):
        return Language.PYTHON
    return Language.SHELL if is_shell(program) else Language.OTHER
