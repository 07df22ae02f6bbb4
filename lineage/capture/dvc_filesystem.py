"""A file system for DVC: gives its resolver and readers the files of a source (decision 3)."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

from lineage.capture.bounded_yaml import problem
from lineage.capture.dvc_budget import written_size
from lineage.capture.parameters.as_dvc import construct
from lineage.capture.parameters.yaml_document import check_keys
from lineage.capture.parameters.yaml_nodes import line_of
from lineage.errors import CaptureError, LineageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lineage.capture.parameters.texts import FileTexts
    from lineage.capture.parameters.yaml_nodes import Composed
    from lineage.capture.source import Source

OTHERS: Final = frozenset({".json", ".toml", ".py"})
"""The endings of files that DVC does not read as YAML."""

LONGEST_PATH: Final = 4096
"""Characters that a path may have: what Linux opens."""

_OURS: Final = ".lineage-guard"
"""The ending under which our reader stands among DVC's."""

_UNSUPPORTED: Final = re.compile(r"Unsupported value of type '(\w+)' in '(.+):([^:']+)'")
"""What DVC says of a value that its templates cannot hold."""

_KEY: Final = re.compile(r"failed to (?:parse|resolve) '(stages\.[^']+)' in ")
"""What DVC says of a stage that it cannot resolve."""

_NO_MAPPING: Final = re.compile(r"expected a dictionary, got '(\w+)' in file '([^']+)'")
"""What DVC says of a file of variables whose value has no names."""

_T = TypeVar("_T")


class DvcFiles:
    """The part of a DVC file system that its resolver calls; each file is parsed once."""

    def __init__(self, source: Source, texts: FileTexts) -> None:
        self._source = source
        self._texts = texts
        self._loaded: dict[str, Any] = {}
        self.variables_size = 0
        """Characters that the variables read so far have, written out."""
        self.join = posixpath.join
        self.normpath = posixpath.normpath
        self.relpath = posixpath.relpath

    def exists(self, path: str) -> bool:
        """Whether a file or a folder is there."""
        return self.isdir(path) or self._source.is_file(clean(path))

    def isdir(self, path: str) -> bool:
        """Whether a folder is there."""
        return self._source.is_dir(clean(path))

    def suffix(self, path: str) -> str:
        """What DVC chooses a reader by: ours, whatever the file's ending."""
        return _OURS

    def yaml(self, path: str) -> Any:  # noqa: ANN401 - a parsed document
        """The value of a YAML file as DVC reads it.

        Raises:
            CaptureError: it cannot be read.
        """
        composed = self._texts.composed(path)
        check_keys(composed, path)
        return construct(composed, path)

    def variables(self, path: str) -> Any:  # noqa: ANN401 - a parsed document
        """The value of a file of template variables as DVC reads it.

        Raises:
            CaptureError: it cannot be read.
        """
        path = clean(path)
        if path not in self._loaded:
            self._loaded[path] = self._variables(path)
            self.variables_size += written_size(self._loaded[path])
        return self._loaded[path]

    def parameters(self, path: str, names: Iterable[str]) -> dict[str, Any]:
        """The parameters of a file as DVC reads them, those that are in it; all without names.

        Raises:
            CaptureError: it cannot be read.
        """
        from dvc.dependency.param import read_param_file

        _register()
        wanted = list(names) or None
        values = guarded(path, lambda: read_param_file(self, path, wanted, flatten=True))
        return values if isinstance(values, dict) else {"": values}

    def _variables(self, path: str) -> Any:  # noqa: ANN401 - see variables
        from dvc.utils.serialize import PARSERS

        ending = posixpath.splitext(path)[1].lower()
        if ending not in OTHERS:
            values = self.yaml(path)
        else:
            text = self._texts.text(path)
            values = guarded(path, lambda: PARSERS[ending](text, path))
        return values

    def resolving(self, path: str, read: Callable[[], _T]) -> _T:
        """Call into DVC's resolver of a ``dvc.yaml``; see :func:`guarded`.

        Raises:
            CaptureError: it cannot be resolved, or a file of variables holds what DVC's templates
                cannot.
        """
        try:
            return guarded(path, read)
        except CaptureError as error:
            if (unsupported := _UNSUPPORTED.search(str(error))) is not None:
                kind, file, keys = unsupported.groups()
                raise self._unsupported(kind, clean(file), keys) from None
            if (other := _NO_MAPPING.search(str(error))) is not None:
                raise _no_mapping(other[1], clean(other[2])) from None
            if (key := _KEY.search(str(error))) is not None:
                raise self._with_line(error, path, key[1].split(".")) from None
            raise

    def _with_line(self, error: CaptureError, path: str, keys: list[str]) -> CaptureError:
        node = self._texts.composed(path).node
        for names in (keys, [name.partition("@")[0] for name in keys]):
            if (line := line_of(node, names)) != line_of(node, keys[:1]):
                return CaptureError(f"{str(error)[:-1]} (line {line}).", remedy=error.remedy)
        return error

    def _unsupported(self, kind: str, file: str, keys: str) -> CaptureError:
        is_yaml = posixpath.splitext(file)[1].lower() not in OTHERS
        line = line_of(self._texts.composed(file).node, keys.split(".")) if is_yaml else None
        return CaptureError(
            f"DVC cannot use {file} in templates: the value of {keys}"
            + (f" in line {line}" if line else "")
            + f" is a {kind}.",
            remedy=f"Write it as text (in quotes), or move it out of {file}.",
        )


def _no_mapping(kind: str, file: str) -> CaptureError:
    return CaptureError(
        f"DVC cannot use {file} in templates: it is a {kind}, and no mapping of names to values.",
        remedy=f"Make {file} a mapping, or move it where no template looks.",
    )


def _load(path: str, fs: DvcFiles, **_: object) -> Any:  # noqa: ANN401 - a parsed document
    return fs.variables(path)


def _register() -> None:
    """Put our reader among DVC's."""
    from dvc.utils.serialize import LOADERS

    LOADERS[_OURS] = _load


class _Repo:
    """The part of a DVC repository that its resolver looks at."""

    def __init__(self, fs: DvcFiles, config: Mapping[str, Any]) -> None:
        self.fs = fs
        self.config = config


def open_resolver(
    fs: DvcFiles, config: Mapping[str, Any], folder: str, document: dict[str, Any]
) -> Any:  # noqa: ANN401 - DVC's
    """DVC's own resolver of the templates in a ``dvc.yaml``.

    Args:
        fs: where it reads files of variables.
        config: DVC's configuration, as far as it says how templates are written out.
        folder: where the file is.
        document: the file, as DVC reads it.
    """
    from dvc.parsing import DataResolver

    _register()
    return DataResolver(_Repo(fs, config), folder, document)


def guarded(path: str, read: Callable[[], _T]) -> _T:
    """Call into DVC; whatever it raises on odd input becomes one sentence about ``path``."""
    try:
        return read()
    except LineageError:
        raise
    except Exception as error:
        raise refused(path, error) from None


def validated(schema: Callable[[Any], Any], composed: Composed) -> Callable[[Any], Any]:
    """One of DVC's schemas, whose refusals name the key and its line in a YAML file."""
    from voluptuous import Invalid, MultipleInvalid

    def validate(document: Any) -> Any:  # noqa: ANN401 - a parsed document
        try:
            return schema(document)
        except Invalid as error:
            first = error.errors[0] if isinstance(error, MultipleInvalid) else error
            keys = ["null" if key is None else str(key) for key in first.path]
            line = line_of(composed.node, keys)
            where = f" for {'.'.join(keys)} in line {line}" if keys else ""
            raise ValueError(f"{first.msg}{where}") from None

    return validate


def refused(path: str, error: Exception) -> CaptureError:
    """What DVC raised on odd input, as one sentence about ``path``."""
    cause = error.__cause__
    said = problem(cause) if cause is not None else " ".join(str(error).split())
    said = said or type(error).__name__
    return CaptureError(
        f"DVC cannot read {path}: {said[:500].rstrip('.')}.",
        remedy=f"Mend {path}; `dvc stage list` shows the same problem.",
    )


def clean(path: str) -> str:
    """A normalised path; ``""`` is the top.

    Raises:
        CaptureError: it is longer than any path can be.
    """
    if len(path) > LONGEST_PATH:
        raise CaptureError(
            f"The path {path[:60]}… is longer than {LONGEST_PATH:,} characters.",
            remedy="Shorten it; no system opens such a file.",
        )
    normal = posixpath.normpath(path)
    return "" if normal == "." else normal
