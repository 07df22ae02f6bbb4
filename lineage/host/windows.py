"""What a host saw: counts its requests on the scale of the validation, and sends them by windows.

The way of a row: :meth:`Windows.observe` counts it on the profile of the version that is loaded.
When the window is over, or another version is loaded, the counts are a part of a stream with the
next number. Parts are sent with the host's reports, in order; where the registry is away, or has no
room for another stream, they are kept on disk, and sent by whichever process of this host comes
next. What the registry refuses for good is dropped, and the log says why.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lineage import kept
from lineage.connection import connect
from lineage.contract.windows import AT_ONCE, MOST_WINDOWS, NewWindow, NewWindows
from lineage.errors import LineageError, NotFound, RegistryUnreachable, UsageError
from lineage.evidence.profile import Profile
from lineage.evidence.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from lineage.connection import AnyRegistry

MOST_KEPT: Final = 2_500
"""Parts that are kept on disk for a model at the most: eight days of them. The oldest go first."""

AT_A_TIME: Final = 50
"""Parts that are read from the disk at a time."""

logger = logging.getLogger("lineage.host.windows")


@dataclass(frozen=True)
class _Served:
    """A version that is loaded here on a pipeline, its profile's digest, and what was counted."""

    ref: str
    pipeline: str
    profile: str
    tally: Tally


@dataclass(frozen=True)
class _Part:
    """A part of a window as it is sent, or kept: of which instance and stream."""

    instance: str
    stream: str
    window: NewWindow
    kept: Path | None = None
    """Where it is kept on disk."""


class Windows:
    """Counts what a host serves of one model, and sends it.

    Args:
        url: the registry.
        model: the model's name.
        environment: where the host serves.
        instance: what it is called in reports.
        actor: who it is where no token says so.
        seconds: the length of a window.
    """

    def __init__(
        self, url: str, model: str, environment: str, instance: str, actor: str, seconds: int
    ) -> None:
        self._url, self._model, self._environment = url, model, environment
        self._instance, self._actor, self._seconds = instance, actor, seconds
        self._stream = secrets.token_hex(8)
        self._sequence = 0
        self._lock = threading.Lock()
        self._asking, self._sending = threading.Lock(), threading.Lock()
        self._start = self._window()
        self._served: dict[tuple[str, str], _Served] = {}
        self._unknown: dict[tuple[str, str], str] = {}
        self._finished: list[_Part] = []
        self._said = ""
        self._folder = kept.path("windows", url, model, environment).with_suffix("")

    def observe(self, ref: str, pipeline: str, rows: Any, scores: Any) -> None:  # noqa: ANN401
        """Count rows that a version served.

        The profile of its validation is asked for once; where there is none, nothing is counted,
        and the log says so.

        Raises:
            UsageError: they are no rows, or there are not as many scores.
        """
        key = ref, pipeline
        served = self._served.get(key)
        if served is None and key not in self._unknown:  # later the thread that sends asks again
            served = self.prepare(ref, pipeline)
        if self._start != self._window():
            self._finish()
        if served is not None:
            served.tally.add(rows, scores)

    def prepare(self, ref: str, pipeline: str) -> _Served | None:
        """Ask for the profile of a version that is served from now on; None where there is none."""
        key = ref, pipeline
        with self._asking:
            if key in self._served:
                return self._served[key]
            profile = self._profile(ref, pipeline)
            if profile is None:
                return None
            served = _Served(ref, pipeline, str(profile.digest), Tally(profile))
            self._finish()
            newest = list(self._served.items())[-1:]  # requests in flight are of that one
            self._served = dict([*newest, (key, served)])
            self._unknown = {}
            return served

    def send(
        self,
        connected: Callable[[], AbstractContextManager[AnyRegistry]],
        *,
        all_of_it: bool = False,
    ) -> None:
        """Send the windows that are over, those that were kept first; keep them where that fails.

        Args:
            connected: opens the registry.
            all_of_it: also of the window that it is now, as before the process ends.
        """
        for key in [*self._unknown]:
            self.prepare(*key)
        if all_of_it or self._start != self._window():
            self._finish()
        with self._sending:
            with self._lock:
                parts, self._finished = self._finished, []
            places = sorted(self._folder.glob("*.json"))
            if not (parts or places):
                return
            try:
                with connected() as registry:
                    for together in self._kept(places):
                        self._send(registry, together)
                    while parts:
                        together = _of_one_stream(parts)
                        self._send(registry, together)
                        del parts[: len(together)]
                self._said = ""
            except LineageError as error:
                if str(error) != self._said:
                    self._said = str(error)
                    logger.warning("what %s saw is kept: %s %s", self._model, error, error.remedy)
            finally:
                self._keep(parts)

    def _window(self) -> int:
        """When the window begins that it is now, in seconds since 1970."""
        return int(time.time()) // self._seconds * self._seconds

    def _finish(self) -> None:
        """Take what was counted in the window so far as parts of it."""
        with self._lock:
            start, self._start = self._start, self._window()
            for served in self._served.values():
                part = served.tally.take()
                if part is None:
                    continue
                self._sequence += 1
                window = NewWindow(
                    version=int(served.ref.rpartition("@")[2]),
                    pipeline=served.pipeline,
                    profile=served.profile,
                    start=f"{dt.datetime.fromtimestamp(start, dt.UTC):%Y-%m-%dT%H:%M:%SZ}",
                    seconds=self._seconds,
                    counts=part.to_dict(),
                    sequence=self._sequence,
                )
                self._finished.append(_Part(self._instance, self._stream, window))

    def _profile(self, ref: str, pipeline: str) -> Profile | None:
        """The profile of a version's validation: the registry's, or else the one kept of it."""
        place = kept.path("profile", self._url, ref, pipeline)
        try:
            with connect(self._url) as registry:
                try:
                    profile = registry.profile(ref, pipeline=pipeline)
                except NotFound:
                    profile = registry.profile(ref)
            kept.write(place, profile.to_dict())
        except LineageError as error:
            known = kept.read(place) if isinstance(error, RegistryUnreachable) else None
            if known is not None:
                with suppress(LineageError):
                    return Profile.parse(known)
            why, self._unknown = self._unknown.get((ref, pipeline)), {(ref, pipeline): str(error)}
            if why != str(error):
                logger.warning("what %s sees is not counted: %s %s", ref, error, error.remedy)
            return None
        return profile

    def _send(self, registry: AnyRegistry, parts: Sequence[_Part]) -> None:
        """Send parts of one stream; what is refused for good is dropped, one by one.

        Raises:
            LineageError: they cannot be recorded now.
        """
        first = parts[0]
        windows = tuple(part.window for part in parts)
        new = NewWindows(instance=first.instance, stream=first.stream, windows=windows)
        try:
            registry.record_windows(self._model, self._environment, new, actor=self._actor)
        except (UsageError, NotFound) as error:
            if len(parts) > 1:
                for part in parts:
                    self._send(registry, [part])
                return
            start, remedy = first.window.start, error.remedy
            logger.warning("what %s saw from %s is lost: %s %s", self._model, start, error, remedy)
        for part in parts:
            if part.kept is not None:
                part.kept.unlink(missing_ok=True)

    def _kept(self, places: Sequence[Path]) -> Iterator[Sequence[_Part]]:
        """The parts that are kept on disk, of any process of this host: some of a stream each."""
        for start in range(0, len(places), AT_A_TIME):
            parts = []
            for place in places[start : start + AT_A_TIME]:
                try:
                    said = kept.read(place) or {}
                    window = NewWindow(**said["window"])
                    parts.append(_Part(said["instance"], said["stream"], window, place))
                except (KeyError, TypeError):
                    place.unlink(missing_ok=True)
            while parts:
                together = _of_one_stream(parts)
                yield together
                del parts[: len(together)]

    def _keep(self, parts: Sequence[_Part]) -> None:
        """Keep parts on disk, the newest of all."""
        for part in parts:
            name = f"{part.stream}-{part.window.sequence:012}.json"
            said = {"instance": part.instance, "stream": part.stream}
            kept.write(self._folder / name, said | {"window": part.window.to_json()})
        if parts:
            places = sorted(self._folder.glob("*.json"), key=_written_at)
            for place in places[: max(0, len(places) - MOST_KEPT)]:
                place.unlink(missing_ok=True)


def _of_one_stream(parts: Sequence[_Part]) -> list[_Part]:
    """The first parts that go together: of one instance and stream, in order, and not too many."""
    first, size = parts[0], 0
    for number, part in enumerate(parts):
        size += len(json.dumps(part.window.counts))
        follows = number == 0 or part.window.sequence > parts[number - 1].window.sequence
        if (part.instance, part.stream) != (first.instance, first.stream) or not follows:
            return list(parts[:number])
        if number and (number == MOST_WINDOWS or size > AT_ONCE):
            return list(parts[:number])
    return list(parts)


def _written_at(place: Path) -> float:
    try:
        return place.stat().st_mtime
    except OSError:
        return 0.0
