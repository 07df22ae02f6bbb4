"""The verbs on lineage: what made a version, what something reaches, what leaked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.contract.requests import MOST_NODES
from lineage.registry.verbs.base import Verbs

if TYPE_CHECKING:
    from lineage.contract.requests import Direction
    from lineage.contract.results.graph import Impact, LineageGraph, Trace
    from lineage.contract.results.leaks import Leak
    from lineage.identity.references import Reference


class LineageVerbs(Verbs):
    """Verbs on the graph of contents."""

    def lineage(
        self, digest: str, direction: Direction, *, limit: int = 1_000, after: str | None = None
    ) -> LineageGraph:
        """What made a digest (``up``), or what was made from it (``down``), page by page.

        Args:
            digest: of a tuple, code, data, a data item, a pipeline or weights, or a unique
                beginning of one.
            direction: which way to look.
            limit: nodes at the most, up to 1,000.
            after: the ``next`` of the page before.

        Raises:
            NotFound: nothing of this digest is recorded.
            UsageError: it is no digest, or the limit or the cursor is none.
        """
        from lineage.contract.results.graph import LineageGraph
        from lineage.registry import lineage_graph

        with self._read() as session:
            self._sight(session).require_all()
            return LineageGraph(
                lineage_graph.lineage(session, digest, direction, limit=limit, after=after)
            )

    def trace(self, reference: str | Reference, *, limit: int = 1_000) -> Trace:
        """All that made a version: runs, files, parameters, code, data, parents, imports.

        Args:
            reference: the version.
            limit: nodes at the most, up to 10,000.

        Raises:
            NotFound: it does not exist.
            UsageError: the limit is none.
        """
        from lineage.contract.requests import check_nodes
        from lineage.registry.graph.trace import trace

        check_nodes(limit)
        with self._read() as session:
            sight = self._sight(session)
            return trace(sight, sight.version(reference), limit)

    def impact(self, subject: str, *, limit: int = 100, after: str | None = None) -> Impact:
        """The versions that something reaches, the newest first, and where they serve.

        Args:
            subject: a path, a digest or a unique beginning of one, a commit, ``NAME@DIGEST`` of a
                pipeline version, ``package==version``, or a reference to a version.
            limit: versions at the most.
            after: the ``next`` of the page before.

        Raises:
            NotFound: nothing of it is recorded.
            UsageError: it can mean nothing, or the limit or the cursor is none.
            Conflict: several digests begin so.
        """
        from lineage.registry.graph.impact import impact

        with self._read() as session:
            return impact(self._sight(session), subject, limit=limit, after=after)

    def leak(self, reference: str | Reference, *, limit: int = MOST_NODES) -> Leak:
        """Contents that a version was both trained on and validated on.

        Args:
            reference: the version.
            limit: nodes at the most of what made it, up to 10,000.

        Raises:
            NotFound: it does not exist.
            UsageError: the limit is none.
        """
        from lineage.contract.requests import check_nodes
        from lineage.registry.graph.leak import leak

        check_nodes(limit)
        with self._read() as session:
            sight = self._sight(session)
            return leak(sight, sight.version(reference), limit)
