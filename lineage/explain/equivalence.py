r"""Whether two contents of a file can only behave alike (issue 6386 of DVC). Pure: no I/O.

Python: the stream of tokens without comments and line breaks that mean nothing, and the tree that
is parsed from them; docstrings count. Notebooks: their code cells, each as Python where it is.
YAML, TOML and JSON: the value with its types and, unless the project says that it means nothing,
the order of its keys: columns and steps are listed in mappings too. Anything else: the bytes. What
cannot be parsed is compared by its bytes as well.

>>> same_behaviour("a.py", b"x = 1  # one\n", b"x=1\n")
True
>>> same_behaviour("a.yaml", b"x: 1\n", b"x: 1.0\n")
False
>>> same_behaviour("a.yaml", b"x: 1\ny: 2\n", b"y: 2\nx: 1\n")
False
>>> same_behaviour("a.yaml", b"x: 1\ny: 2\n", b"y: 2\nx: 1\n", ordered=False)
True
"""

from __future__ import annotations

import ast
import io
import posixpath
import tokenize
import warnings
from typing import TYPE_CHECKING, Any, Final

from lineage.capture.bounded_yaml import decode
from lineage.capture.code_graph.python.notebook import parse_notebook
from lineage.capture.parameters.value_document import check_size, load_json, load_toml
from lineage.capture.parameters.yaml_document import ONE_READERS_BREAKS, Encoder
from lineage.capture.parameters.yaml_nodes import compose
from lineage.errors import LineageError
from lineage.identity.digest import canonical_bytes
from lineage.identity.parameters import encode

if TYPE_CHECKING:
    from collections.abc import Callable

_IT: Final = "it"
_MEANINGLESS: Final = frozenset({tokenize.COMMENT, tokenize.NL, tokenize.ENCODING})
_LAYOUT: Final = frozenset({tokenize.INDENT, tokenize.DEDENT, tokenize.NEWLINE, tokenize.ENDMARKER})

_UNPARSED: Final = (
    LineageError,
    ValueError,
    SyntaxError,
    tokenize.TokenError,
    RecursionError,
    MemoryError,
)
"""What reading a content raises; the last two where it nests too deeply for the parser."""


def same_behaviour(path: str, old: bytes, new: bytes, *, ordered: bool = True) -> bool:
    """Whether nothing but comments and formatting differs between two contents of a file.

    Args:
        path: the file, whose ending says how it is read.
        old: what it held.
        new: what it holds.
        ordered: whether the order of keys counts.
    """
    if old == new:
        return True
    reduce = _REDUCERS.get(posixpath.splitext(path)[1].lower())
    if reduce is None:
        return False
    try:
        return bool(reduce(old, ordered) == reduce(new, ordered))
    except _UNPARSED:
        return False


def _python(content: bytes, _ordered: bool) -> Any:  # noqa: ANN401 - only compared
    """The line that names the interpreter, the tokens that it acts on, and their tree.

    From Python 3.12 on, tokens do not tell `f"{a=}"` from `f"{a = }"`, which print differently:
    the tree does. Nor does parsing find a byte that is not of the encoding, where it stands in a
    comment: decoding does.
    """
    first = content.split(b"\n", 1)[0]
    interpreter = first if first.startswith(b"#!") else b""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    content.decode(encoding)
    tokens = [
        (token.type, "" if token.type in _LAYOUT else token.string)
        for token in tokenize.tokenize(io.BytesIO(content).readline)
        if token.type not in _MEANINGLESS
    ]
    with warnings.catch_warnings(action="ignore"):  # of "\d" and the like: not ours to tell
        tree = ast.parse(content)
    return interpreter, tokens, ast.dump(tree)


def _notebook(content: bytes, ordered: bool) -> Any:  # noqa: ANN401 - only compared
    notebook = parse_notebook(content)
    return notebook.language, [(cell.tags, _cell(cell.text, ordered)) for cell in notebook.cells]


def _cell(text: str, ordered: bool) -> Any:  # noqa: ANN401 - only compared
    """A cell as Python; one with IPython's own lines by its text."""
    try:
        return _python(text.encode(), ordered)
    except _UNPARSED:
        return text


def _yaml(content: bytes, ordered: bool) -> Any:  # noqa: ANN401 - only compared
    """The documents as a reader of YAML 1.1 or of 1.2 may have them, whichever is in use."""
    text = decode(content, _IT)
    if ONE_READERS_BREAKS.search(text):
        raise ValueError("readers disagree where its lines end")
    return [
        canonical_bytes(Encoder(_IT, composed.version, ordered=ordered).encoded(composed.node))
        for composed in compose(text, _IT)
    ]


def _toml(content: bytes, ordered: bool) -> Any:  # noqa: ANN401 - only compared
    return _values(load_toml(decode(content, _IT), _IT), ordered)


def _json(content: bytes, ordered: bool) -> Any:  # noqa: ANN401 - only compared
    return _values(load_json(decode(content, _IT), _IT), ordered)


def _values(value: Any, ordered: bool) -> bytes:  # noqa: ANN401 - any parsed document
    check_size(value, _IT)
    return canonical_bytes(encode(value, ordered=ordered))


_REDUCERS: Final[dict[str, Callable[[bytes, bool], Any]]] = {
    ".py": _python,
    ".ipynb": _notebook,
    ".yaml": _yaml,
    ".yml": _yaml,
    ".toml": _toml,
    ".json": _json,
}
