"""What serves, at the speed of an answer that is known already, and never a stale one.

See docs/decisions/0010-fast-and-never-stale.md. The answer is kept as bytes; before each use the
database says whether anything was committed since it was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fastapi import Response
from starlette.concurrency import run_in_threadpool

from lineage import strict_json, timestamps

from .responses import JSON

if TYPE_CHECKING:
    from lineage.registry.registry import Registry

    from .change_detection import Version, Versions

MOST: Final = 100_000
"""Answers that are kept at the most."""


@dataclass(frozen=True)
class Known:
    """An answer, what tells it from others, and until when it says the truth by itself."""

    response: Response
    unchanged: Response
    etag: str
    until: str | None


class Lookups:
    """The answers that are known at one version of the registry."""

    def __init__(self, registry: Registry, version: Version) -> None:
        self._registry = registry
        self._version = version
        self._seen: object = None
        self._known: dict[tuple[str, str], Known] = {}

    async def versions(self) -> Versions:
        """The registry's version; what was known at another one is forgotten."""
        now = await self._version.now()
        if now.registry != self._seen:
            self._seen = now.registry
            self._known = {}
        return now

    async def find(self, environment: str, model: str, versions: Versions) -> Known:
        """The answer about a slot that holds at a version.

        Raises:
            NotFound: there is no such environment or model.
        """
        key = (environment, model)
        known = self._known.get(key)
        if known is None or (known.until is not None and known.until <= timestamps.now()):
            known = await run_in_threadpool(self._read, environment, model)
            if self._seen == versions.registry and len(self._known) < MOST:
                self._known[key] = known
        return known

    def _read(self, environment: str, model: str) -> Known:
        slot = self._registry.serving(model, environment)
        headers = {"ETag": f'"{slot.etag}"', "Cache-Control": "no-cache"}
        ends = [waiver.until for waiver in slot.waivers if waiver.until is not None]
        return Known(
            Response(strict_json.dumps(slot.to_json()), headers=headers, media_type=JSON),
            Response(status_code=304, headers=headers),
            f'"{slot.etag}"',
            min(ends, default=None),
        )
