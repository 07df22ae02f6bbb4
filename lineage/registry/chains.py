"""Recording of what led to a version: its runs, its chain, and the graph of contents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lineage.database import events, graph, tables, telling
from lineage.identity.chain import Chain
from lineage.identity.digest import blake3_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlmodel import Session

    from lineage.identity.chain import StageRun


def unknown(session: Session, chain: Chain | None) -> tuple[StageRun, ...]:
    """The runs of a chain that are not recorded yet, each once."""
    if chain is None or not chain.runs:
        return ()
    runs = {run.blake3: run for run in chain.runs}
    known = graph.recorded(session.connection(), runs)
    return tuple(run for digest, run in runs.items() if digest not in known)


def add(
    session: Session,
    version_id: int,
    chain: Chain | None,
    relation: str | None,
    new: Collection[StageRun],
) -> None:
    """Write the chain of a version and the runs that are new; the next event tells of them."""
    if not chain and relation is None:
        return
    for run in new:
        telling.add(
            session, "stage_run", {"digest": run.blake3, "document": run.canonical.decode()}
        )
    document = (chain or Chain()).document(relation)
    row = {
        "version_id": version_id,
        "digest": str(blake3_of(document)),
        "document": document.decode(),
    }
    telling.add(session, "version_chain", row)


def connect(
    session: Session,
    version_id: int,
    repository: str | None,
    chain: Chain | None,
    new: Collection[StageRun],
) -> None:
    """Write what of the graph is new with a chain."""
    if not chain:
        return
    part = graph.Part()
    for run in new:
        part.add_run(run)
    runs = {run.blake3: run for run in chain.runs}
    part.add_chain(version_id, json.loads(chain.document(None)), repository, runs)
    part.write(session.connection())


def add_later(
    session: Session,
    row: tables.ModelVersion,
    chain: Chain | None,
    at: str,
    actor: str,
) -> None:
    """Record the chain of a version that was registered without one; else change nothing."""
    if not chain or session.get(tables.VersionChain, row.id) is not None:
        return
    new = unknown(session, chain)
    add(session, row.id or 0, chain, None, new)
    ref = f"{row.model}@{row.number}"
    events.append(
        session,
        at=at,
        actor=actor,
        kind="chain-recorded",
        subject=ref,
        payload={"runs": [run.blake3 for run in chain.runs]},
        also=[row.model],
    )
    connect(session, row.id or 0, row.code_remote, chain, new)
