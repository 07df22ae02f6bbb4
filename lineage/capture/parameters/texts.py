"""The texts of a project's configuration files, and the YAML ones as nodes; each parsed once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.capture.bounded_yaml import LARGEST, decode
from lineage.capture.parameters.yaml_nodes import Composed, single

if TYPE_CHECKING:
    from lineage.capture.source import Source


class FileTexts:
    """Reads files within the budgets, from a working tree or a revision."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._texts: dict[str, str] = {}
        self._composed: dict[str, Composed] = {}

    @property
    def read(self) -> frozenset[str]:
        """The files that were read so far."""
        return frozenset(self._texts)

    def text(self, path: str) -> str:
        """A file's text.

        Raises:
            CaptureError: it is missing, too large, no regular file or no UTF-8.
        """
        if path not in self._texts:
            self._texts[path] = decode(self._source.read(path, LARGEST), path)
        return self._texts[path]

    def composed(self, path: str) -> Composed:
        """The nodes of a YAML file.

        Raises:
            CaptureError: it cannot be read, or goes beyond the budgets.
        """
        if path not in self._composed:
            self._composed[path] = single(self.text(path), path)
        return self._composed[path]
