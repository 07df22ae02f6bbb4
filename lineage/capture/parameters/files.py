"""The parameter files of a project: what each stage takes of them, every file parsed once."""

from __future__ import annotations

import posixpath
from functools import partial
from typing import TYPE_CHECKING, Final

from lineage.capture.parameters.python_document import PythonDocument
from lineage.capture.parameters.value_document import ValueDocument, load_json, load_toml
from lineage.capture.parameters.yaml_document import YamlDocument
from lineage.capture.source import WorkingTree
from lineage.errors import CaptureError
from lineage.identity.parameters import WHOLE, Typed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lineage.capture.parameters.document import Document
    from lineage.capture.parameters.texts import FileTexts
    from lineage.capture.source import Source

_LOADERS: Final = {".json": load_json, ".toml": load_toml}


class ParameterFiles:
    """Reads parameters by the names that stages give them."""

    def __init__(self, source: Source, texts: FileTexts, unordered: Iterable[str] = ()) -> None:
        self._source = source
        self._texts = texts
        self._unordered = frozenset(unordered)
        self._documents: dict[str, Document] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how the files were read, each once."""
        found = [note for document in self._documents.values() for note in document.notes]
        return tuple(dict.fromkeys(found))

    def read(self, path: str, names: Iterable[str], wanted_by: str) -> Mapping[str, Typed]:
        """The parameters of a file by their names; its one value where no names are given.

        Args:
            path: the file, relative to the top of the repository.
            names: the parameters; none for the whole file.
            wanted_by: the stage, for the messages.

        Raises:
            CaptureError: the file is missing or unreadable, or a parameter is not in it.
        """
        names = tuple(names)
        document = self._document(path, wanted_by)
        if not names:
            return {WHOLE: Typed(document.whole())}
        found = {}
        for name in names:
            try:
                found[name] = Typed(document.select(name))
            except KeyError:
                raise CaptureError(
                    f"The parameter {name} is not in {path}; {wanted_by} depends on it.",
                    remedy=f"Add it to {path} or remove it from the stage's params.",
                ) from None
        return found

    def _document(self, path: str, wanted_by: str) -> Document:
        if path not in self._documents:
            if not self._source.is_file(path):
                raise self._missing(path, wanted_by)
            self._documents[path] = self._open(path)
        return self._documents[path]

    def _open(self, path: str) -> Document:
        ordered = path not in self._unordered
        ending = posixpath.splitext(path)[1].lower()
        content = partial(self._source.code_digest, path)
        text = self._texts.text(path)
        if ending == ".py":
            return PythonDocument(path, text, content(), ordered=ordered)
        if ending in _LOADERS:
            return ValueDocument(path, _LOADERS[ending](text, path), ordered=ordered)
        return YamlDocument(path, text, self._texts.composed(path), content, ordered=ordered)

    def _missing(self, path: str, wanted_by: str) -> CaptureError:
        remedy = f"Create {path} or remove it from the stage's params."
        if "://" in path or path.startswith(("/", "../")):
            return CaptureError(
                f"The parameter file {path} of {wanted_by} is outside the repository.",
                remedy="Only what is inside the repository is read: copy the file into it.",
            )
        if self._is_there(path):
            return CaptureError(
                f"The parameter file {path} of {wanted_by} is not a regular file.", remedy=remedy
            )
        return CaptureError(
            f"The parameter file {path} does not exist; {wanted_by} depends on it.", remedy=remedy
        )

    def _is_there(self, path: str) -> bool:
        if isinstance(self._source, WorkingTree):
            return self._source.locate(path).exists()
        return self._source.is_dir(path)
