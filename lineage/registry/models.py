"""What becomes of models and versions after they were registered, but for where they serve.

People describe and tag them, rename and archive models, and delete experiments that nothing refers
to. Each change is one event, and no tuple changes by any
(docs/decisions/0036-names-change-rows-follow.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lineage.acts import act
from lineage.database import events, labels, names, slots, streams, tables, telling
from lineage.database.sql import col, select
from lineage.errors import InUse, UsageError
from lineage.identity.components import Kind
from lineage.identity.labels import check_count, check_description, check_tags
from lineage.identity.references import Reference, check_name
from lineage.registry.slots.facts import MoveKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from lineage.registry.sight import Sight

SERVED: Final = (*(kind.value for kind in MoveKind), "approved")
"""The kinds of events that make a version part of what happened in an environment."""


def shown(sight: Sight, name: str) -> dict[str, Any]:
    """JSON of a model, by its present name or one that it had.

    Raises:
        NotPermitted: it is not open.
        NotFound: there is none.
    """
    return _model_json(sight.session, _row(sight, name))


def edit(
    sight: Sight,
    of: str,
    description: str | None,
    tags: Mapping[str, str | None],
    at: str,
    actor: str,
) -> dict[str, Any]:
    """Describe and tag a model, or a version of one; JSON of what is said of it then.

    Args:
        sight: what is open to who edits.
        of: a model's name, or a reference to a version.
        description: what it is; an empty one is taken away, None stays as it is.
        tags: values by name; None takes a tag away.
        at: the moment of the change.
        actor: who edits.

    Raises:
        NotFound: it does not exist.
        UsageError: a name or a text is not valid, or there would be too many tags.
    """
    session = sight.session
    check_tags(tags)
    if description is not None:
        check_description(description)
    row: tables.Model | tables.ModelVersion
    row = sight.version(of) if "@" in of else _row(sight, of)
    before = _labels(session, row)
    changed = {name: text for name, text in tags.items() if before.tags.get(name) != text}
    kept = {**before.tags, **changed}
    check_count(sum(text is not None for text in kept.values()))
    payload: dict[str, Any] = {}
    if description is not None and (description or None) != before.description:
        labels.write_description(session, row, description or None)
        payload["description"] = description or None
    if changed:
        labels.write_tags(session, row, changed)
        payload["tags"] = changed
    subject = _subject(row)
    if payload:
        also = [row.model] if isinstance(row, tables.ModelVersion) else []
        events.append(
            session,
            at=at,
            actor=actor,
            kind="labelled",
            subject=subject,
            payload=payload,
            also=also,
        )
    named = {"model": row.name} if isinstance(row, tables.Model) else {"ref": subject}
    return named | _labels(session, row).to_json() | {"changed": bool(payload)}


def rename(sight: Sight, old: str, new: str, at: str, actor: str) -> tuple[str, dict[str, Any]]:
    """Let a model be called otherwise; the name that it had, and JSON of it.

    The names that it had go on naming it.

    Raises:
        NotFound: there is no such model.
        UsageError: the new name is not valid.
        InUse: another model is or was called so, or a pipeline that the model does not ride on.
        NotPermitted: who speaks is bound to environments, or to other models.
    """
    session = sight.session
    check_name("model", new)
    row = _administered(sight, old)
    sight.require_models(new)
    before = row.name
    if new == before:
        return before, _model_json(session, row) | {"changed": False}
    target = session.get(tables.Model, new)
    if target is None:
        _require_no_pipeline(session, new, before)
        target = tables.Model(name=new, created_at=row.created_at, created_by=row.created_by)
    elif target.became != before:
        whose = f"is a name that {target.became} had before" if target.became else "is a model"
        raise InUse(f"{new} {whose}.", remedy="Choose another name.")
    target.became, target.description = None, row.description
    target.archived_at, target.archived_by = row.archived_at, row.archived_by
    telling.tell(session, target)
    row.description = row.archived_at = row.archived_by = None
    table = tables.Model
    earlier = session.exec(select(table).where(table.became == before)).all()
    for name in (row, *earlier):
        name.became = new
    telling.tell(session, row, *earlier)
    names.move_rows(session, before, new)
    streams.rename(session.connection(), before, new)
    events.append(
        session,
        at=at,
        actor=actor,
        kind="model-renamed",
        subject=new,
        payload={"from": before, "to": new},
        also=[before],
    )
    return before, _model_json(session, target) | {"changed": True}


def archive(sight: Sight, name: str, at: str, actor: str, *, restore: bool) -> dict[str, Any]:
    """Archive a model, or take it up again; JSON of it.

    Raises:
        NotFound: there is no such model.
        InUse: a version of it serves, stands by or is staged anywhere.
        NotPermitted: who speaks is bound to environments, or to other models.
    """
    session = sight.session
    row = _administered(sight, name)
    if restore is (row.archived_at is None):
        return _model_json(session, row) | {"changed": False}
    if not restore:
        _require_serves_nowhere(session, row.name)
    row.archived_at, row.archived_by = (None, None) if restore else (at, actor)
    telling.tell(session, row)
    kind = "model-restored" if restore else "model-archived"
    events.append(session, at=at, actor=actor, kind=kind, subject=row.name, payload={})
    return _model_json(session, row) | {"changed": True}


def delete(
    sight: Sight, reference: str | Reference, reason: str | None, at: str, actor: str
) -> dict[str, Any]:
    """Delete an experiment that nothing refers to; JSON of what is left of it.

    Its number and the digest of its tuple stay, and its weights become collectable.

    Raises:
        NotFound: it does not exist.
        UsageError: the reference names no version by its number.
        InUse: it is no experiment, or something refers to it.
        NotPermitted: who speaks is bound to environments, or to other models.
    """
    session = sight.session
    parsed = Reference.parse(reference)
    if parsed.number is None:
        raise UsageError(
            f"{parsed} names another version tomorrow.",
            remedy="Name the one that is to be deleted by its number: MODEL@NUMBER.",
        )
    _require_everywhere(sight)
    version = sight.version(parsed)
    ref = _subject(version)
    _require_unneeded(sight, version, ref)
    note = labels.note(session, version.id or 0) or tables.VersionNote(version_id=version.id or 0)
    note.deleted_at, note.deleted_by = at, actor
    telling.tell(session, note)
    events.append(
        session,
        at=at,
        actor=actor,
        kind="version-deleted",
        subject=ref,
        payload={"tuple": version.tuple_xxh3} | ({"reason": reason} if reason else {}),
        also=[version.model],
    )
    return {
        "model": version.model,
        "version": version.number,
        "ref": ref,
        "tuple": version.tuple_xxh3,
        "deleted_at": at,
        "deleted_by": actor,
    }


def _row(sight: Sight, name: str) -> tables.Model:
    row = sight.session.get(tables.Model, sight.model(name))
    assert row is not None  # nosec B101 # noqa: S101 - it was found by its present name
    return row


def _administered(sight: Sight, name: str) -> tables.Model:
    """A model that what is done to concerns every environment."""
    _require_everywhere(sight)
    return _row(sight, name)


def _require_everywhere(sight: Sight) -> None:
    if sight.environments is not None:
        sight.require_all()


def _subject(row: tables.Model | tables.ModelVersion) -> str:
    return row.name if isinstance(row, tables.Model) else f"{row.model}@{row.number}"


def _labels(session: Session, row: tables.Model | tables.ModelVersion) -> labels.Labels:
    if isinstance(row, tables.Model):
        return labels.of_models(session, [row.name]).get(row.name, labels.NOTHING)
    return labels.of_versions(session, [row.id or 0]).get(row.id or 0, labels.NOTHING)


def _model_json(session: Session, row: tables.Model) -> dict[str, Any]:
    version = tables.ModelVersion
    newest = session.exec(
        select(version.number)
        .where(version.model == row.name, labels.not_deleted())
        .order_by(col(version.number).desc())
        .limit(1)
    ).first()
    return {
        "name": row.name,
        "former_names": list(names.names_of(session, row.name)[1:]),
        "created_at": row.created_at,
        "created_by": row.created_by,
        "latest": f"{row.name}@{newest}" if newest else None,
        **_labels(session, row).to_json(),
        "archived_at": row.archived_at,
        "archived_by": row.archived_by,
    }


def _require_no_pipeline(session: Session, name: str, model: str) -> None:
    """Refuse a name that is another's pipeline: a model is open to whoever is bound to its name."""
    version, pipeline = tables.ModelVersion, tables.PipelineVersion
    there = select(pipeline.pipeline).where(pipeline.pipeline == name).limit(1)
    own = select(version.id).where(version.model == model, version.pipeline == name).limit(1)
    if session.exec(there).first() is not None and session.exec(own).first() is None:
        raise InUse(
            f"A pipeline is called {name}, and {model} does not ride on it.",
            remedy="Choose another name.",
        )


def _require_serves_nowhere(session: Session, name: str) -> None:
    for slot in slots.of_model(session, name):
        held = [side for side in slots.SIDES if getattr(slot, f"{side}_version_id") is not None]
        if held:
            raise InUse(
                f"{name} serves, stands by or is staged in {slot.environment}.",
                remedy=f"Retire it there first: {act('retire', name, env=slot.environment)}",
            )


def _require_unneeded(sight: Sight, version: tables.ModelVersion, ref: str) -> None:
    """Refuse to delete what something refers to.

    Raises:
        InUse: something does.
    """
    if version.kind != Kind.EXPERIMENT.value:
        raise InUse(
            f"{ref} is a version for production, which is history and stays.",
            remedy=f"Let nobody take it for a new one: "
            f"{act('model edit', ref, tag='status=withdrawn')}",
        )
    session, table = sight.session, tables.ModelVersion
    child = session.exec(select(table).where(table.parent_id == version.id).limit(1)).first()
    if child is not None:
        which = _subject(child) if sight.sees(child.model) else "A version of another model"
        raise InUse(
            f"{which} was made from {ref}.",
            remedy="Keep it: what it was made from is part of that version's lineage.",
        )
    held = slots.held_by(session, version.id)
    if held:
        where = held[0].environment
        raise InUse(
            f"{ref} serves, stands by or is staged in {where}.",
            remedy=f"Retire it there first: {act('retire', version.model, env=where)}; a version "
            "that served stays all the same.",
        )
    event, subject = tables.Event, tables.EventSubject
    happened = (
        select(event.kind)
        .join(subject, col(subject.seq) == col(event.seq))
        .where(col(subject.subject).in_(names.subjects(session, ref)), col(event.kind).in_(SERVED))
    )
    approval = tables.Approval
    approved = select(approval.id).where(approval.version_id == version.id).limit(1)
    if session.exec(happened).first() or session.exec(approved).first():
        raise InUse(
            f"{ref} was approved, or served: the history of an environment refers to it.",
            remedy=f"See what happened to it: {act('log', ref)}",
        )
