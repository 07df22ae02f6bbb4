"""The code of a repository: what each of its sources says, read once for all stages."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lineage.capture.code_graph.command.language import Language, source_language
from lineage.capture.code_graph.python.notebook import read_notebook
from lineage.capture.code_graph.python.source import read_python
from lineage.capture.code_graph.resolve import Resolver
from lineage.capture.code_graph.search import Projects
from lineage.capture.code_graph.stage import StageWalk
from lineage.capture.code_graph.tracked import TrackedFiles

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from lineage.capture.code_graph.facts import Facts
    from lineage.capture.code_graph.facts_cache import FactsCache
    from lineage.capture.code_graph.tracked import CodeSource
    from lineage.capture.code_graph.values import StageCode, StageToFollow


class CodeGraph:
    """The code of one repository, at one moment; keeps what it read for further stages.

    Args:
        source: the working tree or the revision.
        inputs: files that a stage or DVC makes: they are inputs of a stage, never its code.
        cache: what is remembered of sources between runs.
    """

    def __init__(
        self,
        source: CodeSource,
        inputs: Collection[str] = (),
        cache: FactsCache | None = None,
    ) -> None:
        self.made = frozenset(inputs)
        self.tracked = TrackedFiles(source, self.made)
        self.resolver = Resolver(self.tracked)
        self.projects = Projects(self.tracked, source)
        self._source = source
        self._cache = cache
        self._facts: dict[str, Facts | None] = {}

    def follow(self, stage: StageToFollow) -> StageCode:
        """The code that a stage runs."""
        with _few_collections():
            return StageWalk(self, stage).code()

    def facts_of(self, paths: Iterable[str]) -> Mapping[str, Facts | None]:
        """What sources say; None for one that cannot be read."""
        wanted = [path for path in paths if path not in self._facts]
        for language in (Language.PYTHON, Language.NOTEBOOK) if wanted else ():
            self._learn([path for path in wanted if source_language(path) is language], language)
        return self._facts

    def content(self, path: str) -> bytes | None:
        """A file's bytes; None where it is not there."""
        return next((data for _, data in self._source.contents([path])), None)

    def _learn(self, paths: list[str], language: Language) -> None:
        ids = self._source.content_ids(paths)
        known = self._cache.known(ids.values(), language.name) if self._cache is not None else {}
        self._facts |= {path: known[name] for path, name in ids.items() if name in known}
        fresh = [path for path in paths if path not in self._facts]
        for path, data in self._source.contents(fresh):
            facts = _read(data, language) if data is not None else None
            self._facts[path] = facts
            name = ids.get(path)
            if self._cache is not None and name is not None and facts is not None:
                self._cache.remember(name, language.name, facts)


def _read(data: bytes, language: Language) -> Facts:
    return read_notebook(data) if language is Language.NOTEBOOK else read_python([(0, data)])


@contextmanager
def _few_collections() -> Iterator[None]:
    """Hold the garbage collector back: syntax trees are many objects, and hold no circles."""
    hold = gc.isenabled()
    if hold:
        gc.disable()
    try:
        yield
    finally:
        if hold:
            gc.enable()
