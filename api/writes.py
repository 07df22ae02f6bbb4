"""Making a write once: in one transaction with the answer that is kept under its key.

The same ``Idempotency-Key`` gives the same answer and does nothing again: on another server, after
a restart, and where the first answer never arrived. What is refused does nothing, so it is decided
anew.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lineage import strict_json
from lineage.contract.results import MoveResult
from lineage.errors import LineageError, RegistryUnreachable
from lineage.guard.decision import GuardRefused

from .responses import answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastapi import Response

    from lineage.registry.access import Principal
    from lineage.registry.registry import Registry
    from lineage.registry.slots.foresight import Foresight

    from .metrics import Metrics
    from .recent_answers import RecentAnswers
    from .refusals import Refusals

Written = tuple[int, Any, dict[str, str]]
"""The answer to a write: the status, the document, the headers."""


@dataclass(frozen=True)
class Call:
    """A write that was asked for: by whom, under which key, and what tells it from others."""

    principal: Principal
    key: str | None
    fingerprint: str

    @property
    def identity(self) -> tuple[str, str, str]:
        """What a retry of it has in common with it."""
        return self.principal.answered_as, self.key or "", self.fingerprint


def once(registry: Registry, call: Call, action: Callable[[Registry], Written]) -> Response:
    """Make a write.

    Args:
        registry: where.
        call: who asks for what.
        action: the write; it gives a status, a document, and headers.
    """
    with registry.speaking_for(call.principal).transaction() as inside:
        kept = _kept(inside, call)
        if kept is not None:
            return _repeated(kept)
        written = action(inside)
        _keep(inside, call, _finished(written))
    return _answered(written)


def numbered(registry: Registry, call: Call, action: Callable[[Registry], Written]) -> Response:
    """Make a write whose numbers tell what came before: only a key takes a transaction around it.

    Without one, what it looks at first makes nobody wait.

    Args:
        registry: where.
        call: who asks for what.
        action: the write; it gives a status, a document, and headers.
    """
    if call.key is None:
        return _answered(action(registry.speaking_for(call.principal)))
    return once(registry, call, action)


def move(
    registry: Registry,
    metrics: Metrics,
    recent: RecentAnswers,
    refusals: Refusals,
    call: Call,
    act: Callable[[Registry], MoveResult],
    shown: Callable[[MoveResult], Written],
    foresight: Foresight | None = None,
) -> Response:
    """Make a move; what is only shown of it is read after the commit, when no writer waits for it.

    The move is kept in its own transaction, and its whole answer in this process alone: a second
    commit would cost each move milliseconds for the sake of retries that never come. The first
    retry keeps the whole answer in the place of the move; where the server that gave it is no more,
    it makes it anew.

    Args:
        registry: where.
        metrics: what counts decisions.
        recent: the answers that this server gave last.
        refusals: what tells others that it was refused.
        call: who asks for what.
        act: the move.
        shown: the answer to it: a status, a document, and headers.
        foresight: what was found to stand by after it (:func:`foreseen`).
    """
    try:
        with registry.speaking_for(call.principal).transaction(foresight) as inside:
            kept = _kept(inside, call)
            if kept is None:
                moved = act(inside)
                _keep(inside, call, _unfinished(moved))
    except GuardRefused as error:
        metrics.decided(error.decisions)
        refusals.tell(error.decisions, call.principal.name)
        raise
    if kept is not None and "moved" not in kept:
        return _repeated(kept)
    if kept is not None:
        given = recent.find(call.identity)
        finished = given or _finished(shown(registry.with_hints(_moved(kept))))
        return _repeated(_made_whole(registry, call, finished))
    metrics.decided(moved.decisions)
    written = shown(registry.with_hints(moved))
    if call.key is not None:
        recent.keep(call.identity, _finished(written))
    return _answered(written)


def foreseen(ask: Callable[[], Foresight]) -> Foresight | None:
    """What would stand by after a move, looked for before it takes the write lock.

    What is wrong with the request, the move itself says.
    """
    with suppress(LineageError):
        return ask()
    return None


def _made_whole(registry: Registry, call: Call, finished: dict[str, Any]) -> dict[str, Any]:
    """Keep the whole answer in the place of the move; the one that is kept."""
    with suppress(RegistryUnreachable), registry.transaction() as inside:
        kept = _kept(inside, call)
        if kept is not None and "moved" not in kept:
            return kept
        _keep(inside, call, finished)
    return finished


def _kept(registry: Registry, call: Call) -> dict[str, Any] | None:
    """What was kept of the write; None where it was never made, or has no key."""
    if call.key is None:
        return None
    found = registry.kept_answer(call.principal.answered_as, call.key, call.fingerprint)
    if found is None:
        return None
    status, body = found
    kept: dict[str, Any] = strict_json.loads(body)
    return kept | {"status": status}


def _keep(registry: Registry, call: Call, kept: Mapping[str, Any]) -> None:
    if call.key is not None:
        body = strict_json.dumps({name: kept[name] for name in kept if name != "status"})
        principal = call.principal.answered_as
        registry.keep_answer(principal, call.key, call.fingerprint, kept["status"], body)


def _finished(written: Written) -> dict[str, Any]:
    """An answer as it is kept."""
    status, document, headers = written
    return {"status": status, "headers": headers, "document": document}


def _unfinished(moved: MoveResult) -> dict[str, Any]:
    """A move as it is kept until its answer is whole."""
    proven = [slot.model for slot in moved.slots if slot.proven]
    return {"status": 200, "moved": moved.to_whole_json(), "proven": proven}


def _moved(kept: Mapping[str, Any]) -> MoveResult:
    """Read back what :func:`_unfinished` wrote."""
    moved = MoveResult.from_whole_json(kept["moved"])
    slots = tuple(replace(slot, proven=slot.model in kept["proven"]) for slot in moved.slots)
    return replace(moved, slots=slots)


def _answered(written: Written) -> Response:
    status, document, headers = written
    return answer(document, status, headers)


def _repeated(kept: Mapping[str, Any]) -> Response:
    headers = kept["headers"] | {"Idempotency-Replayed": "true"}
    return answer(kept["document"], kept["status"], headers)
