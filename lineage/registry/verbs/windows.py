"""The verbs on what production saw: recording windows of counts, and reading them."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from lineage.errors import NotFound, RegistryUnreachable
from lineage.registry.verbs.base import Verbs

if TYPE_CHECKING:
    from lineage.contract.results.drift import Drift
    from lineage.contract.windows import NewWindows, RealisedWindow, RecordedWindows, SeenWindow
    from lineage.display import Listing

_log = logging.getLogger("lineage.drift")


class WindowVerbs(Verbs):
    """Verbs on windows of what production saw."""

    def record_windows(
        self, model: str, environment: str, new: NewWindows, *, actor: str
    ) -> RecordedWindows:
        """Record what an instance or a batch saw, in counts; what came before changes nothing.

        Args:
            model: the model's name.
            environment: where it was seen.
            new: parts of windows, in the order of their numbers.
            actor: who sends them.

        Raises:
            NotFound: there is no such model, environment, version or pipeline version.
            UsageError: a window was counted on another scale, of a pair that never served there,
                is of no time that can be, or may have come before; nothing is recorded then.
            Conflict: too many streams are known of the slot.
        """
        from lineage.contract.windows import RecordedWindows
        from lineage.registry import windows

        with self._read() as session:
            rows = windows.prepare(self._sight(session), model, environment, new)
        with self._write() as session:
            name = self._sight(session).model(model)
            who = self._actor(actor).name
            done, owed = windows.record(session, name, environment, new, rows, who)
        with suppress(RegistryUnreachable):  # others write: they fold the rest
            while owed:
                with self._write() as session:
                    owed = windows.fold(session, owed)
        return RecordedWindows(done)

    def windows(
        self,
        model: str,
        environment: str,
        *,
        since: str | None = None,
        until: str | None = None,
        by_host: bool = False,
    ) -> Listing[SeenWindow]:
        """What production saw, by windows in order of their starts, each version's apart.

        Args:
            model: the model's name.
            environment: the environment's name.
            since: the first start, ISO 8601; by default the first that is kept.
            until: starts before this one; by default the last that is kept.
            by_host: whether ``hosts`` tells the counts of each instance, too.

        Raises:
            NotFound: there is no such model or environment.
            UsageError: a time cannot be read, or there are too many windows.
        """
        from lineage.contract.windows import SeenWindow
        from lineage.registry import windows

        with self._read() as session:
            sight = self._sight(session)
            sight.environment(environment)
            name = sight.model(model)
            rows = windows.listed(session, name, environment, since, until, by_host=by_host)
            return SeenWindow.listing(rows, f"windows of {name} in {environment}")

    def outcomes(
        self, model: str, environment: str, *, since: str | None = None, until: str | None = None
    ) -> Listing[RealisedWindow]:
        """What came true of the scores, by windows: the metrics of each, and of its groups.

        Args:
            model: the model's name.
            environment: the environment's name.
            since: the first start, ISO 8601; by default the first that is kept.
            until: starts before this one; by default the last that is kept.

        Raises:
            NotFound: there is no such model or environment.
            UsageError: a time cannot be read, or there are too many windows.
        """
        from lineage.contract.windows import RealisedWindow
        from lineage.registry import windows

        with self._read() as session:
            sight = self._sight(session)
            sight.environment(environment)
            name = sight.model(model)
            rows = windows.realised(session, name, environment, since, until)
            return RealisedWindow.listing(rows, f"outcomes of {name} in {environment}")

    def drift(self, model: str, environment: str, *, since: str | None = None) -> Drift:
        """What changed in what production sees, held against what serves was validated on.

        Its ``state`` is ``unknown`` where something is missing, which ``missing`` tells.

        Args:
            model: the model's name.
            environment: the environment's name.
            since: the first moment, ISO 8601 or a span such as ``30d``; by default all that is
                kept of what serves.

        Raises:
            NotFound: there is no such model or environment.
            UsageError: the moment is none.
        """
        from lineage.registry.drift import drift

        return drift(self._seeing, model, environment, since)

    def drifts(self) -> Listing[Drift]:
        """What changed in what production sees, of every slot of which something is recorded.

        One of which it cannot be told is left out, and the log says why.
        """
        from lineage.contract.results.drift import Drift
        from lineage.database import windows

        with self._read() as session:
            self._sight(session).require_all()
            slots = windows.counted_slots(session.connection())
        found = []
        for environment, model in slots:
            try:
                found.append(self.drift(model, environment))
            except NotFound:  # gone since
                continue
            except Exception:  # one slot blinds nobody to the others
                _log.exception("drift of %s in %s cannot be told", model, environment)
        return Drift.listing(found, "drift of what serves")
