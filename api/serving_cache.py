"""A cache of what serves: gives the answer that is known already, and never a stale one.

See docs/decisions/0010-fast-and-never-stale.md. The answer is kept as bytes; before each use the
database says whether anything was committed since it was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fastapi import Response
from starlette.concurrency import run_in_threadpool

from lineage import strict_json, timestamps
from lineage.errors import LineageError, PipelineMismatch

from .change_detection import Confirmed
from .responses import JSON

if TYPE_CHECKING:
    from lineage.registry.registry import Registry

    from .change_detection import ChangeDetector, RegistryVersion

MOST: Final = 100_000
"""Answers that are kept at the most."""


Asked = tuple[str, str, str | None]
"""An environment, a model, and the pipeline version of the one who asks."""


@dataclass(frozen=True)
class CachedAnswer:
    """An answer, what tells it from others, and until when it says the truth by itself."""

    response: Response
    unchanged: Response
    etag: str
    until: str | None
    confirmed: Confirmed


class ServingCache:
    """The answers about slots that are known at one version of the registry."""

    def __init__(self, registry: Registry, detector: ChangeDetector) -> None:
        self._registry = registry
        self._detector = detector
        self._seen: object = None
        self._answers: dict[Asked, CachedAnswer] = {}
        self._refused: dict[Asked, tuple[PipelineMismatch, Confirmed]] = {}

    async def version(self) -> RegistryVersion:
        """The registry's version; what was known at another one is forgotten."""
        version = await self._detector.version()
        if version.registry != self._seen:
            self._seen = version.registry
            self._answers, self._refused = {}, {}
        return version

    async def answer(
        self, environment: str, model: str, pipeline: str | None, version: RegistryVersion
    ) -> CachedAnswer:
        """The answer about a slot (to one who runs a pipeline version) that holds at a version.

        Raises:
            NotFound: there is no such environment or model.
            PipelineMismatch: no pair of the slot is on that pipeline version.
        """
        key = (environment, model, pipeline)
        cached = self._answers.get(key)
        if cached is not None and cached.until is not None and cached.until <= timestamps.now():
            cached = None
        if cached is None or not cached.confirmed.holds(version):
            if cached is not None:
                cached.confirmed.wait()
            cached = await self._found(key, version)
            if self._seen == version.registry and len(self._answers) < MOST:
                self._answers[key] = cached
        return cached

    async def _found(self, key: Asked, version: RegistryVersion) -> CachedAnswer:
        """The answer as the registry gives it; that it has none is known, too, until it changes."""
        refused = self._refused.get(key)
        if refused is not None and refused[1].holds(version):
            raise PipelineMismatch(str(refused[0]), remedy=refused[0].remedy)
        confirmed = Confirmed(version)
        try:
            return await run_in_threadpool(self._read, *key, confirmed)
        except PipelineMismatch as error:
            self._answers.pop(key, None)
            if self._seen == version.registry and len(self._refused) < MOST:
                self._refused[key] = error.with_traceback(None), confirmed
            raise
        except LineageError:
            self._answers.pop(key, None)
            raise

    def _read(
        self, environment: str, model: str, pipeline: str | None, confirmed: Confirmed
    ) -> CachedAnswer:
        slot = self._registry.serving(model, environment, pipeline=pipeline)
        headers = {"ETag": f'"{slot.etag}"', "Cache-Control": "no-cache"}
        ends = [waiver.until for waiver in slot.waivers if waiver.until is not None]
        if slot.readiness is not None and slot.readiness.changes_at is not None:
            ends.append(slot.readiness.changes_at)
        return CachedAnswer(
            Response(strict_json.dumps(slot.to_json()), headers=headers, media_type=JSON),
            Response(status_code=304, headers=headers),
            f'"{slot.etag}"',
            min(ends, default=None),
            confirmed,
        )
