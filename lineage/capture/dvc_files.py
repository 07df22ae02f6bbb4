"""DVC's resolver and readers, with our files behind them (decision 3)."""

from __future__ import annotations

import io
import posixpath
from typing import TYPE_CHECKING, Any

from lineage.capture.bounded_yaml import LARGEST, check_yaml, decode, problem
from lineage.errors import CaptureError, LineageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineage.capture.source import Source


class DvcFiles:
    """The part of a DVC file system that its resolver and its parameter readers call."""

    def __init__(self, source: Source) -> None:
        self._source = source
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
        """A file's ending."""
        return posixpath.splitext(path)[1]

    def open(self, path: str, **_: object) -> io.StringIO:
        """A file's text as a stream."""
        return io.StringIO(self.text(clean(path)))

    def text(self, path: str) -> str:
        """A file's text, within the budgets."""
        text = decode(self._source.read(path, LARGEST), path)
        if posixpath.splitext(path)[1].lower() not in (".json", ".toml", ".py"):
            check_yaml(text, path)
        return text


class _Repo:
    """The part of a DVC repository that its resolver looks at."""

    def __init__(self, fs: DvcFiles) -> None:
        self.fs = fs
        self.config: dict[str, Any] = {}


def open_resolver(fs: DvcFiles, folder: str, document: dict[str, Any]) -> Any:  # noqa: ANN401 - DVC's
    """DVC's own resolver of the templates in a ``dvc.yaml``."""
    from dvc.parsing import DataResolver

    return DataResolver(_Repo(fs), folder, document)


def guarded(path: str, read: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever ``read`` returns
    """Call into DVC; whatever it raises on odd input becomes one sentence about ``path``."""
    try:
        return read()
    except LineageError:
        raise
    except Exception as error:
        cause = error.__cause__
        said = problem(cause) if cause is not None else " ".join(str(error).split())
        said = said or type(error).__name__
        raise CaptureError(
            f"DVC cannot read {path}: {said[:500].rstrip('.')}.",
            remedy=f"Mend {path}; `dvc stage list` shows the same problem.",
        ) from None


def clean(path: str) -> str:
    """A normalised path; ``""`` is the top."""
    normal = posixpath.normpath(path)
    return "" if normal == "." else normal
