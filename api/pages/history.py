"""The history: events, the newest first, filtered as `log` does it, each leading to its things."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Query, Response

from lineage.contract.event_kinds import EVENT_KINDS
from lineage.contract.webhooks import MOVES
from lineage.errors import NotFound, UsageError
from lineage.registry.access import Scope

from . import addresses, site
from .site import Visit, visit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

router = site.router()

EVENTS: Final = 50
"""Events of a page."""

MOST_THINGS: Final = 10
"""Things that an event leads to."""

LONGEST: Final = 2_000
"""Characters that are shown of what an event says."""

Text = Annotated[str, Query(max_length=300)]


@dataclass(frozen=True)
class Entry:
    """An event: what it concerns, each with where it leads to, None where no page is of it."""

    number: int
    at: str
    who: str
    what: str
    things: tuple[tuple[str, str | None], ...]
    passed: bool | None
    why: str | None
    says: str


@router.get(addresses.HISTORY)
def history(
    visit: Annotated[Visit, visit(Scope.READ)],
    subject: Text = "",
    who: Text = "",
    what: Text = "",
    since: Text = "",
    until: Text = "",
    model: Text = "",
    environment: Text = "",
    before: Annotated[int | None, Query(ge=1, le=1 << 53)] = None,
) -> Response:
    """The events that are asked for; for tokens that are bound to nothing."""
    asked = {
        "subject": subject, "who": who, "what": what, "since": since, "until": until,
        "model": model, "environment": environment,
    }  # fmt: skip
    asked = {name: text.strip() for name, text in asked.items()}
    wrong: NotFound | UsageError | None = None
    rows: Sequence[Mapping[str, Any]] = ()
    try:
        given = {name: text or None for name, text in asked.items()}
        rows = visit.registry.history(limit=EVENTS + 1, before=before, **given)
    except (NotFound, UsageError) as error:
        wrong = error
    entries = [_entry(row) for row in rows[:EVENTS]]
    older = entries[-1].number if len(rows) > EVENTS else None
    return visit.page(
        "history.html",
        status=wrong.http_status if wrong is not None else 200,
        asked=asked,
        kinds=EVENT_KINDS,
        wrong=wrong,
        entries=entries,
        newest=addresses.with_query(addresses.HISTORY, **asked) if before else None,
        older=addresses.with_query(addresses.HISTORY, **asked, before=older) if older else None,
    )


def _entry(row: Mapping[str, Any]) -> Entry:
    payload = row["payload"]
    says = json.dumps({k: v for k, v in payload.items() if k != "rows"}, ensure_ascii=False)
    things = dict(_things(row["kind"], row["subject"], payload))
    return Entry(
        number=row["seq"],
        at=row["at"],
        who=row["actor"],
        what=row["kind"],
        things=tuple(things.items())[:MOST_THINGS],
        passed=payload.get("passed"),
        why=payload.get("reason"),
        says=says if len(says) <= LONGEST else says[:LONGEST] + "…",
    )


def _things(
    kind: str, subject: str, payload: Mapping[str, Any]
) -> Iterator[tuple[str, str | None]]:
    """What an event concerns, each with its page: its subject, and the slots that moved with it."""
    yield subject, _page_of(kind, subject)
    for slot, state in payload.get("slots", {}).items():
        yield slot, _page_of(kind, slot)
        if state["serving"] is not None:
            ref = f"{slot.partition('@')[0]}@{state['serving']['version']}"
            yield ref, addresses.version(ref)


def _page_of(kind: str, subject: str) -> str | None:
    name, at, rest = subject.partition("@")
    if at:
        return addresses.version(subject) if rest.isdigit() else addresses.slot(rest, name)
    if kind.startswith("model-") or kind == "labelled":
        return addresses.model(subject)
    if kind in MOVES or kind in ("environment-created", "policy-applied"):
        return addresses.with_query(addresses.HOME, environment=subject)
    return addresses.pipeline(subject) if kind.startswith("pipeline-") else None
