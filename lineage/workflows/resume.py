"""Sending what was captured before: exactly that, whatever the checkout is by now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lineage.acts import act
from lineage.contract import codec
from lineage.errors import CaptureError, Conflict, IntegrityFailure, LineageError
from lineage.guard import requirements
from lineage.hashing.tree import follow_any
from lineage.identity.components import Kind
from lineage.weights import check, upload
from lineage.weights.copies import CopyState, StoredWeights
from lineage.weights.store import open_store
from lineage.workflows import unsent
from lineage.workflows.stores import as_recorded, require_reachable, store_of
from lineage.workflows.weights import with_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.captured import CapturedVersion
    from lineage.contract.results import Registered
    from lineage.identity.components import Weights
    from lineage.workflows.unsent import Unsent


@dataclass(frozen=True)
class Sent:
    """What was recorded of something that had waited.

    ``version`` is that of a registration, ``verdict`` JSON of that of a validation, ``notes`` what
    a person should know.
    """

    waited: Unsent
    version: Registered | None = None
    verdict: Mapping[str, Any] | None = None
    captured: CapturedVersion | None = None
    notes: tuple[str, ...] = ()


def resume(
    project: Project,
    registry: AnyRegistry,
    verb: str,
    about: str | None = None,
    *,
    sent: Callable[[Sent], None],
    actor: str,
) -> None:
    """Send what waits, the oldest first, and take away what was recorded.

    Args:
        project: in whose folder it waits.
        registry: where it is recorded.
        verb: what records it: :data:`.unsent.REGISTER` or :data:`.unsent.VALIDATE`.
        about: the model or the version that it must be of; None for any.
        sent: told of each that is recorded.
        actor: who sends it.

    Raises:
        LineageError: the first that one of them could not be recorded for; it waits still, and the
            others were tried.
    """
    send = _registered if verb == unsent.REGISTER else _validated
    failed: LineageError | None = None
    with unsent.sending(project) as waiting:
        for one in waiting:
            if one.verb != verb or about not in (None, one.about):
                continue
            try:
                done = send(project, registry, one, actor)
            except LineageError as error:
                failed = failed or error
            except (KeyError, TypeError, ValueError, AttributeError):
                failed = failed or IntegrityFailure(
                    f"The capture {one.id} cannot be read.",
                    remedy=f"Drop it: {act('unsent drop', one.id)}",
                )
            else:
                one.drop()
                sent(done)
    if failed is not None:
        raise failed


def _registered(project: Project, registry: AnyRegistry, waited: Unsent, actor: str) -> Sent:
    """Record a version, once its weights are in the store.

    Raises:
        IntegrityFailure: they are not here any more, nor in the store.
    """
    body = waited.body
    captured = codec.captured_from_json(waited.about, body["captured"])
    weights = captured.components.weights
    if body["to_store"] and weights is not None:
        require_reachable(project, registry)
        captured = _stored(project, registry, waited, captured, weights)
    version = registry.register(
        waited.about,
        captured,
        kind=Kind(body["kind"]),
        parent=body["parent"],
        run=body["run"],
        watched=codec.watched_from_json(body["watched"]),
        actor=actor,
    )
    return Sent(waited, version=version, captured=captured)


def _stored(
    project: Project,
    registry: AnyRegistry,
    waited: Unsent,
    captured: CapturedVersion,
    weights: Weights,
) -> CapturedVersion:
    """What was captured, with where its weights are: put there now, or before and still there."""
    store = open_store(as_recorded(registry, store_of(project)))
    try:
        copy = upload.put(
            store, project.root / weights.path, weights, follow=follow_any, project=project.root
        )
    except CaptureError:
        described = StoredWeights(
            waited.about,
            weights.xxh3,
            weights.blake3,
            weights.path,
            weights.size,
            weights.files,
            (),
        )
        for before in captured.stored:
            if check.check_copy(store, described, before, deep=True).state is CopyState.INTACT:
                return replace(captured, stored=(before,))
        raise IntegrityFailure(
            f"{weights.path} is not what was captured as the weights of {waited.about} at "
            f"{waited.captured_at[:16]} ({weights.xxh3.short}).",
            remedy="Bring those back to send the capture; or drop it: "
            f"{act('unsent drop', waited.id)}",
        ) from None
    return with_copy(captured, copy)


def _validated(project: Project, registry: AnyRegistry, waited: Unsent, actor: str) -> Sent:
    """Record a verdict, unless it was recorded already, or would outweigh a newer one.

    Raises:
        Conflict: it would, or the version is another one in this registry.
    """
    del project
    body = waited.body
    version = registry.show(waited.about)
    dropping = f"drop it: {act('unsent drop', waited.id)}"
    if version["tuple"] != body["tuple"]:
        raise Conflict(
            f"{waited.about} of this registry is another version than the one that was validated.",
            remedy=f"Name the registry in which it was registered; or {dropping}",
        )
    pipeline = codec.described_pipeline(body["pipeline"], None)
    about = {name: version[name] for name in ("model", "version", "ref")}
    rows = [
        row
        for row in registry.validations(waited.about)
        if row["pipeline"]["digest"] == pipeline.version.xxh3
    ]
    for row in rows:
        if _run_of(row["run"]) == _run_of(body["run"]):
            return Sent(waited, verdict=about | row.to_dict(), notes=("it was recorded already",))
    if any(row["id"] > body["after"] for row in rows):
        raise Conflict(
            f"{waited.about} was validated anew since: what was measured before would outweigh it.",
            remedy=f"Validate it again where it should be; or {dropping}",
        )
    values = body["metrics"]
    verdict = registry.validate(
        waited.about,
        pipeline,
        passed=body["passed"],
        metrics=values,
        outcomes=requirements.outcomes_of(
            body["requirements"], values or {}, passed=body["passed"]
        ),
        run=body["run"],
        data=codec.data_from_json(body["data"]),
        watched=codec.watched_from_json(body["watched"]),
        actor=actor,
    )
    return Sent(waited, verdict=verdict)


def _run_of(run: dict[str, Any] | None) -> tuple[Any, ...] | None:
    """What tells a run from every other."""
    return (
        tuple(run.get(key) for key in ("started_at", "host", "folder", "command")) if run else None
    )
