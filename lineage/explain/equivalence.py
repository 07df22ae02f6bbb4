r"""Whether two contents of a file can only behave alike (issue 6386 of DVC). Pure: no I/O.

Python: the stream of tokens without comments and line breaks that mean nothing, and the tree that
is parsed from them; docstrings count. Notebooks: their code cells, each as Python where it is.
YAML, TOML and JSON: the parsed value, types and all, whatever the order of keys. Anything else: the
bytes. What cannot be parsed is compared by its bytes too.

>>> same_behaviour("a.py", b"x = 1  # one\n", b"x=1\n")
True
>>> same_behaviour("a.yaml", b"x: 1\n", b"x: 1.0\n")
False
"""

from __future__ import annotations

import ast
import io
import json
import posixpath
import tokenize
import tomllib
import warnings
from typing import TYPE_CHECKING, Any, Final

from lineage.capture.bounded_yaml import check_yaml, decode
from lineage.capture.code_graph.python.notebook import parse_notebook
from lineage.errors import LineageError

if TYPE_CHECKING:
    from collections.abc import Callable

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


def same_behaviour(path: str, old: bytes, new: bytes) -> bool:
    """Whether nothing but comments and formatting differs between two contents of a file."""
    if old == new:
        return True
    reduce = _REDUCERS.get(posixpath.splitext(path)[1].lower())
    if reduce is None:
        return False
    try:
        return bool(reduce(old) == reduce(new))
    except _UNPARSED:
        return False


def _python(content: bytes) -> Any:  # noqa: ANN401 - only compared
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


def _notebook(content: bytes) -> Any:  # noqa: ANN401 - only compared
    notebook = parse_notebook(content)
    return notebook.language, [(cell.tags, _cell(cell.text)) for cell in notebook.cells]


def _cell(text: str) -> Any:  # noqa: ANN401 - only compared
    """A cell as Python; one with IPython's own lines by its text."""
    try:
        return _python(text.encode())
    except _UNPARSED:
        return text


def _yaml(content: bytes) -> Any:  # noqa: ANN401 - only compared
    """The values by YAML 1.1 and by YAML 1.2: readers of either are in use."""
    import yaml
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    text = decode(content, "it")
    check_yaml(text, "it")
    modern = YAML(typ="safe", pure=True)
    try:
        by_1_1 = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
        by_1_2 = list(modern.load_all(text))
    except (yaml.YAMLError, YAMLError) as error:
        raise ValueError("it is no YAML") from error
    return _typed(by_1_1), _typed(by_1_2)


def _toml(content: bytes) -> Any:  # noqa: ANN401 - only compared
    return _typed(tomllib.loads(content.decode()))


def _json(content: bytes) -> Any:  # noqa: ANN401 - only compared
    return _typed(json.loads(content, object_pairs_hook=_unique))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, unless a key stands in it twice: readers disagree on what that means."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value


def _typed(value: Any) -> Any:  # noqa: ANN401 - any parsed document
    """A value that tells types apart (1, 1.0 and true are equal in Python), its keys in order."""
    if isinstance(value, dict):
        entries = [(_typed(key), _typed(inner)) for key, inner in value.items()]
        return dict, sorted(entries, key=repr)
    if isinstance(value, (list, tuple)):
        return list, [_typed(inner) for inner in value]
    return type(value).__name__, repr(value)


_REDUCERS: Final[dict[str, Callable[[bytes], Any]]] = {
    ".py": _python,
    ".ipynb": _notebook,
    ".yaml": _yaml,
    ".yml": _yaml,
    ".toml": _toml,
    ".json": _json,
}
