"""Checking the history, and all the tables against it, in one pass over the events.

Each check sees every event once, in order, and tells at the end what it found: the links
(:mod:`.chain`), the tree and what checkpoints saw (:mod:`.tree`), the rows that events tell
(:mod:`.rows`), what they hold under a digest (:mod:`.contents`), and what serves (:mod:`.serving`).
What is worked out from the rows is worked out again (:mod:`lineage.database.version_metrics`,
:mod:`.graph`).
What a check keeps meanwhile does not grow with the number of events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lineage.contract.results import Audit
from lineage.database import version_metrics, wrong_types
from lineage.database.audit import chain, contents, entries, graph, rows, serving, tree
from lineage.database.audit.findings import Findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlmodel import Session

    from lineage.identity.checkpoint import Checkpoint

STEP: Final = 1_000
"""Events between two reports of how far it is."""

NOT_FURTHER: Final = "nothing was held against the history further: what is damaged cannot be read"


def audit(
    session: Session,
    against: Sequence[Checkpoint] = (),
    progress: Callable[[int], None] | None = None,
) -> Audit:
    """Check the history and what it tells.

    Args:
        session: a read transaction.
        against: what the history was at moments before; it must go on with each.
        progress: told after every so many events how many more were checked.
    """
    links = chain.Links()
    findings = Findings()
    try:
        findings += _found(session, links, against, progress)
    except Exception:
        damaged = [*wrong_types.problems(session.connection())]
        if not damaged:
            raise
        findings += [*damaged, NOT_FURTHER]
    return Audit(links.count, links.head or None, findings.told())


def _found(
    session: Session,
    links: chain.Links,
    against: Sequence[Checkpoint],
    progress: Callable[[int], None] | None,
) -> Iterator[str]:
    """All that is found, as it is."""
    checks = (
        links,
        tree.Continues(session, against),
        rows.Rows(session),
        serving.Slots(session),
    )
    for entry in entries.stream(session):
        for check in checks:
            yield from check.see(entry)
        if progress is not None and entry.seq % STEP == 0:
            progress(STEP)
    for check in checks:
        yield from check.end()
    yield from contents.data_versions(session)
    yield from version_metrics.problems(session)
    yield from graph.problems(session)
