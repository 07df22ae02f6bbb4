"""A cache of what serves: gives the answer that is known already, and never a stale one.

See docs/decisions/0010-fast-and-never-stale.md. The answer is kept as bytes, with what it rests on;
before each use the database says which events there were since it was read.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import anyio
from anyio import to_thread
from fastapi import Response

from lineage import strict_json, timestamps
from lineage.contract import addresses
from lineage.errors import PipelineMismatch

from .known import Known
from .responses import JSON, canonical

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lineage.contract.results import Serving
    from lineage.registry.registry import Registry

    from .change_detection import ChangeDetector
    from .known import Look, RegistryVersion
    from .standby import Standby

MOST: Final = 20_000
"""Answers that are kept at the most: the one that was read first goes first."""
READERS: Final = 4
"""Answers that are read from the registry at once: more threads would wait for each other, and each
holds a connection with its pages of the database."""

Asked = tuple[str, str, str | None]
"""An environment, a model, and the pipeline version of the one who asks."""


def ends_at(slot: Serving) -> str | None:
    """When time alone changes what is said of a slot; None for never."""
    ends = [timestamps.written(one.until) for one in slot.waivers if one.until is not None]
    if slot.readiness is not None and slot.readiness.changes_at is not None:
        ends.append(slot.readiness.changes_at)
    return min(ends, default=None)


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer, what tells it from others, and until when it says the truth by itself."""

    response: Response
    unchanged: Response
    etag: str
    until: str | None
    known: Known

    @classmethod
    def of(cls, slot: Serving, known: Known, asked: str) -> CachedAnswer:
        """The answer that shows a slot to those who ask by a name of its model."""
        headers = {"ETag": f'"{slot.etag}"', "Cache-Control": "no-cache"}
        headers |= canonical(asked, slot.model, addresses.slot(slot.environment, slot.model))
        return cls(
            Response(strict_json.dumps(slot.to_json()), headers=headers, media_type=JSON),
            Response(status_code=304, headers=headers),
            f'"{slot.etag}"',
            ends_at(slot),
            known,
        )

    def holds(self, version: RegistryVersion) -> bool:
        """Whether it says the truth at a version."""
        ended = self.until is not None and self.until <= timestamps.now()
        return not ended and self.known.holds(version)


@dataclass(frozen=True, slots=True)
class Refusal:
    """That no pair of a slot is on the pipeline version of the one who asks."""

    error: PipelineMismatch
    known: Known

    def holds(self, version: RegistryVersion) -> bool:
        """Whether that is so at a version."""
        return self.known.holds(version)


Found = CachedAnswer | Refusal


class ServingCache:
    """The answers about slots that are known, each for as long as nothing touches what it says."""

    def __init__(
        self,
        registry: Registry,
        detector: ChangeDetector,
        standby: Standby | None = None,
        read_from: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Over a registry.

        Args:
            registry: whose answers they are.
            detector: what tells the version that it is at.
            standby: what is asked first, if there is one.
            read_from: told of each answer that is read, from where: ``primary`` or ``standby``.
        """
        self._registry = registry
        self._detector = detector
        self._standby = standby
        self._read_from = read_from
        self._found: dict[Asked, Found] = {}
        self._readers = anyio.CapacityLimiter(READERS)
        self._reading: dict[Asked, tuple[int, asyncio.Task[Found]]] = {}

    def version(self) -> Awaitable[RegistryVersion]:
        """The registry's version, as the database says it after this is called."""
        asking = self._detector.version()
        return asking if self._standby is None else self._noted(self._standby, asking)

    def known(self, asked: Asked) -> CachedAnswer | None:
        """The answer that was read last, if there is one: it may hold no more."""
        found = self._found.get(asked)
        return found if isinstance(found, CachedAnswer) else None

    async def answer(
        self, environment: str, model: str, pipeline: str | None, version: RegistryVersion
    ) -> CachedAnswer:
        """The answer about a slot (to one who runs a pipeline version) that holds at a version.

        Raises:
            NotFound: there is no such environment or model.
            PipelineMismatch: no pair of the slot is on that pipeline version.
        """
        asked = (environment, model, pipeline)
        found = self._found.get(asked)
        if found is None or not found.holds(version):
            if found is not None:
                found.known.wait()
            found = await self._read_once(asked, version)
        if isinstance(found, Refusal):
            raise PipelineMismatch(str(found.error), remedy=found.error.remedy)
        return found

    def confirm(self, look: Look, span: float) -> None:
        """Take what a look found to be the same for true for a span of seconds."""
        for (environment, model, _), found in self._found.items():
            if look.is_same(environment, model):
                found.known.confirm(look, span)

    async def _noted(self, standby: Standby, asking: Awaitable[RegistryVersion]) -> RegistryVersion:
        version = await asking
        standby.note(version)
        return version

    async def _read_once(self, asked: Asked, version: RegistryVersion) -> Found:
        """The answer as the registry gives it; those who ask at the same version share it."""
        reading = self._reading.get(asked)
        if reading is None or reading[0] != version.count:
            reading = version.count, asyncio.create_task(self._read(asked, version))
            self._reading[asked] = reading
        try:
            return await asyncio.shield(reading[1])
        finally:
            if self._reading.get(asked) is reading:
                del self._reading[asked]

    async def _read(self, asked: Asked, version: RegistryVersion) -> Found:
        try:
            answer, known = await self._look_for(asked, version)
        except BaseException:
            self._found.pop(asked, None)
            raise
        if isinstance(answer, PipelineMismatch):
            found: Found = Refusal(answer.with_traceback(None), known)
        else:
            found = CachedAnswer.of(answer, known, asked[1])
        if asked not in self._found and len(self._found) >= MOST:
            del self._found[next(iter(self._found))]
        self._found[asked] = found
        return found

    async def _look_for(
        self, asked: Asked, version: RegistryVersion
    ) -> tuple[Serving | PipelineMismatch, Known]:
        """What a database says, the standby's where it may, and what that rests on."""
        environment, model, pipeline = asked
        if self._standby is not None:
            reading = await self._standby.read(environment, model, pipeline, version)
            if reading is not None:
                self._read_from("standby")
                return reading.answer, Known(reading.version, reading.grounds)
        known = Known(version)
        read = partial(self._registry.serving_on_grounds, model, environment, pipeline=pipeline)
        answer, grounds = await to_thread.run_sync(read, limiter=self._readers)
        self._read_from("primary")
        known.rest_on(grounds)
        return answer, known
