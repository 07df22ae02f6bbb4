"""The verbs on what production saw, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.contract import addresses
from lineage.contract.rest_remedies import without_requests
from lineage.contract.results.drift import Drift
from lineage.contract.windows import RealisedWindow, RecordedWindows, SeenWindow
from lineage.remote.verbs import Verbs

if TYPE_CHECKING:
    from lineage.contract.windows import NewWindows
    from lineage.display import Listing


class RemoteWindows(Verbs):
    """Verbs on windows of what production saw."""

    def record_windows(
        self, model: str, environment: str, new: NewWindows, *, actor: str
    ) -> RecordedWindows:
        """Record what an instance or a batch saw, in counts; what came before changes nothing."""
        path = addresses.slot(environment, model, addresses.WINDOWS)
        return RecordedWindows(self._http.ask(path, new.to_json(), actor))

    def windows(
        self,
        model: str,
        environment: str,
        *,
        since: str | None = None,
        until: str | None = None,
        by_host: bool = False,
    ) -> Listing[SeenWindow]:
        """What production saw, by windows in order of their starts, each version's apart."""
        path = addresses.slot(environment, model, addresses.WINDOWS)
        asked = {"since": since, "until": until, "by_host": "true" if by_host else None}
        return SeenWindow.listing(
            self._http.pages(path, **asked), f"windows of {model} in {environment}"
        )

    def outcomes(
        self, model: str, environment: str, *, since: str | None = None, until: str | None = None
    ) -> Listing[RealisedWindow]:
        """What came true of the scores, by windows: the metrics of each, and of its groups."""
        path = addresses.slot(environment, model, addresses.OUTCOMES)
        return RealisedWindow.listing(
            self._http.pages(path, since=since, until=until),
            f"outcomes of {model} in {environment}",
        )

    def drift(self, model: str, environment: str, *, since: str | None = None) -> Drift:
        """What changed in what production sees, held against what serves was validated on."""
        path = addresses.slot(environment, model, addresses.DRIFT)
        answer = self._http.get(path, since=since)
        if answer["missing"]:
            answer["missing"]["remedy"] = without_requests(answer["missing"]["remedy"])
        return Drift(answer)
