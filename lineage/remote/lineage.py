"""The verbs of a remote registry on lineage: they ask, and change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from lineage.contract import addresses, requests
from lineage.contract.requests import MOST_NODES
from lineage.remote.verbs import Verbs, version_address

if TYPE_CHECKING:
    from lineage.contract.requests import Direction
    from lineage.contract.results.graph import Impact, LineageGraph, Trace
    from lineage.contract.results.leaks import Leak
    from lineage.identity.references import Reference


class RemoteLineage(Verbs):
    """The verbs on the graph of contents."""

    def lineage(
        self, digest: str, direction: Direction, *, limit: int = 1_000, after: str | None = None
    ) -> LineageGraph:
        """What made a digest (``up``), or what was made from it (``down``), page by page."""
        from lineage.contract.results.graph import LineageGraph

        requests.check_neighbours(limit)
        path = f"{addresses.LINEAGE}/{quote(digest, safe='')}"
        return LineageGraph(
            self._http.get(path, direction=direction.value, limit=limit, cursor=after)
        )

    def trace(self, reference: str | Reference, *, limit: int = 1_000) -> Trace:
        """All that made a version: runs, files, parameters, code, data, parents, imports."""
        from lineage.contract.results.graph import Trace

        requests.check_nodes(limit)
        return Trace.from_json(
            self._http.get(version_address(reference, addresses.TRACE), limit=limit)
        )

    def impact(self, subject: str, *, limit: int = 100, after: str | None = None) -> Impact:
        """The versions that something reaches, the newest first, and where they serve."""
        from lineage.contract.results.graph import Impact

        requests.check_impact(limit)
        return Impact.from_json(
            self._http.get(addresses.IMPACT, of=subject, limit=limit, cursor=after)
        )

    def leak(self, reference: str | Reference, *, limit: int = MOST_NODES) -> Leak:
        """Contents that a version was both trained on and validated on."""
        from lineage.contract.results.leaks import Leak

        requests.check_nodes(limit)
        return Leak.from_json(
            self._http.get(version_address(reference, addresses.LEAK), limit=limit)
        )
