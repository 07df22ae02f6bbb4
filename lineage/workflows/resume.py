"""Sending what was captured before: exactly that, whatever the checkout is by now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from lineage import timestamps
from lineage.acts import act
from lineage.contract import codec
from lineage.errors import (
    CaptureError,
    Conflict,
    IntegrityFailure,
    LineageError,
    NotFound,
    UsageError,
)
from lineage.guard import requirements
from lineage.hashing.tree import follow_any
from lineage.identity.components import Kind
from lineage.identity.references import Reference
from lineage.weights import check, upload
from lineage.weights.copies import CopyState, StoredWeights
from lineage.weights.store import open_store
from lineage.workflows import unsent
from lineage.workflows.destination import Destination
from lineage.workflows.stores import as_recorded, require_reachable, store_of
from lineage.workflows.unsent import Unreadable, Unsent
from lineage.workflows.weights import with_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.captured import CapturedVersion
    from lineage.contract.results import Registered
    from lineage.identity.components import Weights


MOST_SINCE: Final = 200
"""Versions that are looked at, the newest first, for one that is newer than what waits."""


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
    another_registry: bool = False,
    as_latest: bool = False,
    sent: Callable[[Sent], None],
    actor: str,
) -> None:
    """Send what waits, the oldest first, and take away what was recorded.

    Args:
        project: in whose folder it waits.
        registry: where it is recorded.
        verb: what records it: :data:`.unsent.REGISTER` or :data:`.unsent.VALIDATE`.
        about: the model, or the version by its number, that it must be of; None for any.
        another_registry: send also what was captured for another registry.
        as_latest: register also a training that is older than the newest version.
        sent: told of each that is recorded.
        actor: who sends it.

    Raises:
        UsageError: a verdict is to be of a version that is not named by its number.
        LineageError: the first that one of them could not be recorded for; it waits still, and the
            others were tried.
    """
    if about is not None and verb == unsent.VALIDATE:
        about = _numbered(about)
    send = partial(_registered, as_latest=as_latest) if verb == unsent.REGISTER else _validated
    failed: LineageError | None = None
    with unsent.sending(project) as waiting:
        for file in waiting:
            if isinstance(file, Unreadable):
                failed = failed or IntegrityFailure(
                    f"The capture {file.id} is not sent: it {file.problem}.",
                    remedy=f"Look at {file.path}; if it is not what was captured here, drop it: "
                    f"{act('unsent drop', file.id)}",
                )
        asked = [
            one
            for one in waiting
            if isinstance(one, Unsent) and one.verb == verb and about in (None, one.about)
        ]
        here = Destination.of(registry) if asked else None
        for one in asked:
            try:
                done = send(
                    project, registry, _for_here(one, here, another=another_registry), actor
                )
            except LineageError as error:
                failed = failed or error
            else:
                one.drop()
                sent(done)
    if failed is not None:
        raise failed


def _numbered(reference: str) -> str:
    """A version as a capture of a verdict names it.

    Raises:
        UsageError: it is named by something that moves.
    """
    named = Reference.parse(reference)
    if named.number is None:
        raise UsageError(
            f"{named} may be another version by now than the one that was validated.",
            remedy=f"Name it by its number, as {act('unsent list')} does; or none, for all.",
        )
    return str(named)


def _for_here(waited: Unsent, here: Destination | None, *, another: bool) -> Unsent:
    """What waits, as it may be sent to this registry.

    Raises:
        Conflict: it was captured for another one, and nobody says that it may go to this one.
    """
    there, about = waited.registry, waited.about
    if here is None or here.is_same(there):
        return waited
    if another:  # which has numbers of its own: those that were known tell nothing here
        return replace(waited, body=waited.body | {"after": 0})
    on_purpose = (
        act("register", about, resume=True, another_registry=True)
        if waited.verb == unsent.REGISTER
        else act("validate", about, resume=True, another_registry=True)
    )
    now = f"this one is {here.url}" if here.url != there.url else "another one is there now"
    raise Conflict(
        f"The capture {waited.id} of {about} was made for the registry {there.url}; {now}.",
        remedy="Name that registry (LINEAGE_REGISTRY); or send it to this one on purpose: "
        f"{on_purpose}; or drop it: "
        f"{act('unsent drop', waited.id)}",
    )


def _registered(
    project: Project, registry: AnyRegistry, waited: Unsent, actor: str, *, as_latest: bool
) -> Sent:
    """Record a version, once its weights are in the store.

    Raises:
        Conflict: a newer one was registered, and nobody says that this one may be the latest.
        IntegrityFailure: they are not here any more, nor in the store.
    """
    request = waited.request
    captured = codec.captured_from_json(waited.about, request)
    weights = captured.components.weights
    if not as_latest:
        _require_newest(registry, waited, captured)
    if waited.body["to_store"] and weights is not None:
        require_reachable(project, registry)
        captured = _stored(project, registry, waited, captured, weights)
    version = registry.register(
        waited.about,
        captured,
        kind=Kind(request["kind"]),
        parent=request["parent"],
        run=request["run"],
        watched=codec.watched_from_json(request["watched"]),
        actor=actor,
    )
    return Sent(waited, version=version, captured=captured)


def _require_newest(registry: AnyRegistry, waited: Unsent, captured: CapturedVersion) -> None:
    """Refuse a training that would take the name ``latest`` from a version that is newer.

    Newer is what was registered since the training began, but for what a training made that began
    earlier.

    Raises:
        Conflict: there is such a version, and this one is not recorded yet.
    """
    request, model = waited.request, waited.about
    try:
        recorded = registry.versions(model, limit=MOST_SINCE)
    except NotFound:  # the first of its model
        return
    since = [one for one in recorded if one.version > waited.body["after"]]
    if (captured.components.tuple_xxh3, request["kind"]) in {
        (one.tuple, one.kind) for one in since
    }:
        return
    began = timestamps.parse_time(request["run"]["started_at"])
    newer = next((one for one in since if _is_newer(registry.show(one.ref), began)), None)
    if newer is not None:
        raise Conflict(
            f"{newer.ref} was registered since this training began ({waited.id}): recorded now, "
            f"the older one would be {newer.model}@latest.",
            remedy="Register it all the same: "
            f"{act('register', model, resume=True, as_latest=True)}; or drop it: "
            f"{act('unsent drop', waited.id)}",
        )


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

    Newer is what was said since without a run, and what a run came to that began later: in which
    order two of them are recorded tells nothing, where both waited.

    Raises:
        Conflict: it would, or the version is another one in this registry.
    """
    del project
    request = waited.request
    version = registry.show(waited.about)
    dropping = f"drop it: {act('unsent drop', waited.id)}"
    if version["tuple"] != waited.body["tuple"]:
        raise Conflict(
            f"{waited.about} of this registry is another version than the one that was validated.",
            remedy=f"Name the registry in which it was registered; or {dropping}",
        )
    pipeline = codec.described_pipeline(request["pipeline"], None)
    about = {name: version[name] for name in ("model", "version", "ref")}
    rows = [
        row
        for row in registry.validations(waited.about)
        if row["pipeline"]["digest"] == pipeline.version.xxh3
    ]
    for row in rows:
        if _run_of(row["run"]) == _run_of(request["run"]):
            return Sent(waited, verdict=about | row.to_dict(), notes=("it was recorded already",))
    began = timestamps.parse_time(request["run"]["started_at"])
    newer = next(
        (row for row in rows if row["id"] > waited.body["after"] and _is_newer(row, began)), None
    )
    if newer is not None:
        loses = "" if request["passed"] else ", which loses that it failed"
        raise Conflict(
            f"{waited.about} was validated anew since (validation {newer['id']}): what was "
            "measured before would outweigh it.",
            remedy=f"Validate it again where it should be; or {dropping}{loses}",
        )
    values = request["metrics"]
    verdict = registry.validate(
        waited.about,
        pipeline,
        passed=request["passed"],
        metrics=values,
        outcomes=requirements.outcomes_of(
            request["requirements"], values or {}, passed=request["passed"]
        ),
        run=request["run"],
        data=codec.data_from_json(request["data"]),
        watched=codec.watched_from_json(request["watched"]),
        profile=codec.profile_from_json(request.get("profile")),
        actor=actor,
    )
    return Sent(waited, verdict=verdict)


def _is_newer(row: Mapping[str, Any], began: str) -> bool:
    """Whether what was recorded in between is newer than what a run came to that began then."""
    started = (row["run"] or {}).get("started_at")
    return started is None or timestamps.parse_time(started) > began


def _run_of(run: dict[str, Any] | None) -> tuple[Any, ...] | None:
    """What tells a run from every other."""
    return (
        tuple(run.get(key) for key in ("started_at", "host", "folder", "command")) if run else None
    )
