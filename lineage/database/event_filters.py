"""Whether what a filter of the history names is known: a slip is not to look like no events.

Asked where nothing was found. What has events is known, for the history stays when a model is
renamed or deleted; so are the names of models, environments and tokens that have none yet.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import col, select

from lineage.contract.event_kinds import EVENT_KINDS
from lineage.database import names, tables
from lineage.errors import NotFound, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

    from lineage.contract.requests import EventFilter

_MOST: Final = 10_000
"""Names that are looked through for one like what was written."""


def require_known(session: Session, which: EventFilter) -> None:
    """Refuse a filter that names what never was.

    Raises:
        UsageError: there is no such kind of event.
        NotFound: no model, environment, subject or actor is called so, or ever was.
    """
    if which.what is not None and which.what not in EVENT_KINDS:
        _require_kind(session, which.what)
    if which.model is not None and not _is_model(session, which.model):
        raise _unknown("model", which.model, _column(session, tables.Model.name))
    if which.environment is not None and not _is_environment(session, which.environment):
        known = _column(session, tables.Environment.name)
        raise _unknown("environment", which.environment, known)
    if which.subject is not None and not _is_subject(session, which.subject):
        known = [
            *_column(session, tables.Model.name),
            *_column(session, tables.Environment.name),
        ]
        raise _unknown("subject", which.subject, known)
    if which.who is not None and not _is_actor(session, which.who):
        known = _column(session, tables.Event.actor)
        raise _unknown("actor", which.who, known)


def _require_kind(session: Session, kind: str) -> None:
    if _is_there(session, select(tables.Event.seq).where(tables.Event.kind == kind)):
        return
    near = get_close_matches(kind, EVENT_KINDS, n=1)
    those = f"The kinds are {', '.join(sorted(EVENT_KINDS))}."
    raise UsageError(
        f"No event is of the kind {kind[:60]!r}.",
        remedy=f"Did you mean {near[0]}? {those}" if near else those,
    )


def _is_model(session: Session, name: str) -> bool:
    return bool(names.names_of(session, name)) or _has_events(session, name)


def _is_environment(session: Session, name: str) -> bool:
    return session.get(tables.Environment, name) is not None or _has_events(session, name)


def _is_subject(session: Session, subject: str) -> bool:
    """A slot of a model and an environment is known, whether anything happened in it or not."""
    if any(_has_events(session, name) for name in names.subjects(session, subject)):
        return True
    model, mark, place = subject.partition("@")
    if not mark:
        return _is_model(session, subject) or _is_environment(session, subject)
    return _is_model(session, model) and _is_environment(session, place)


def _is_actor(session: Session, name: str) -> bool:
    return _is_there(
        session, select(tables.Event.seq).where(tables.Event.actor == name)
    ) or _is_there(session, select(tables.Token.id).where(tables.Token.name == name))


def _has_events(session: Session, subject: str) -> bool:
    listed = tables.EventSubject
    return _is_there(session, select(listed.seq).where(listed.subject == subject))


def _is_there(session: Session, query: Any) -> bool:  # noqa: ANN401 - of any column
    return session.exec(query.limit(1)).first() is not None


def _column(session: Session, column: Any) -> list[str]:  # noqa: ANN401 - a column of text
    return list(session.exec(select(col(column)).distinct().limit(_MOST)))


def _unknown(what: str, name: str, known: Iterable[str]) -> NotFound:
    near = get_close_matches(name, known, n=3)
    return NotFound(
        f"The history knows no {what} {name[:120]!r}.",
        remedy=f"Did you mean {' or '.join(near)}?"
        if near
        else "Leave it out to see what there is.",
    )
