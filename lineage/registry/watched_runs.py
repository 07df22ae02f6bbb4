"""Recording of watched runs: what was observed, kept with a version or a validation of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.database import events, graph, watched_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from lineage.database import tables
    from lineage.identity.watched import WatchedRun


def record(
    session: Session,
    version: tables.ModelVersion,
    runs: Sequence[WatchedRun],
    at: str,
    actor: str,
    validation: tables.Validation | None = None,
) -> None:
    """Keep runs with a version, or with a validation of it; the history names their digests.

    A run that is kept there already is passed over, so a repeated registration changes nothing.
    """
    added = [run for run in runs if watched_runs.add(session, version, validation, run, at, actor)]
    if not added:
        return
    events.append(
        session,
        at=at,
        actor=actor,
        kind="run-watched",
        subject=f"{version.model}@{version.number}",
        payload={
            "validation": validation.id if validation is not None else None,
            "runs": [str(run.blake3) for run in added],
        },
        also=[version.model],
    )
    graph.note_watched(session, version.id or 0, added)
