"""Declared environments: planning what applying a file changes, and changing it."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlmodel import select

from lineage.acts import act
from lineage.contract.results import PlannedChange
from lineage.database import events, policies, tables, telling
from lineage.errors import Conflict, NotFound, UsageError
from lineage.guard.loosening import loosened
from lineage.identity.components import EnvironmentKind
from lineage.identity.digest import canonical_bytes
from lineage.identity.persons import ISSUED, folded, is_issued
from lineage.identity.references import check_environment_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from lineage.contract.requests import DeclaredEnvironment
    from lineage.registry.access import Actor
    from lineage.registry.sight import Sight


def create(session: Session, name: str, kind: EnvironmentKind, at: str, actor: str) -> bool:
    """Create an environment; False where it was there already, of the same kind.

    Raises:
        UsageError: the name is not valid.
        Conflict: it is there, of the other kind.
    """
    check_environment_name(name)
    row = session.get(tables.Environment, name)
    if row is not None:
        if row.kind == kind:
            return False
        raise Conflict(
            f"The environment {name} exists, of kind {row.kind}.",
            remedy="An environment's kind never changes: choose another name.",
        )
    row = tables.Environment(name=name, kind=kind.value, created_at=at, created_by=actor)
    telling.tell(session, row)
    payload = {"kind": kind.value}
    events.append(
        session, at=at, actor=actor, kind="environment-created", subject=name, payload=payload
    )
    return True


def apply(
    sight: Sight, declared: Sequence[DeclaredEnvironment], at: str, who: Actor
) -> tuple[PlannedChange, ...]:
    """Apply declared environments; those that are not named stay.

    Raises:
        UsageError: the paths of promotion form a circle, or a new environment's kind is missing.
        NotFound: a path of promotion begins in no environment.
        Conflict: an environment is there, of the other kind.
        NotPermitted: who speaks is bound to models, or to other environments, or one would be made
            by somebody who is bound.
    """
    session = sight.session
    _check_open(sight, declared)
    _check_paths(session, declared)
    actor = who.name
    changes = [_plan(sight, environment, who) for environment in declared]
    for environment, change in zip(declared, changes, strict=True):
        if change.action == "create":
            create(
                session, environment.name, environment.kind or EnvironmentKind.PRODUCTION, at, actor
            )
    for environment, change in zip(declared, changes, strict=True):
        if change.action != "keep" and change.lines:
            _apply(session, environment, at, actor)
    return tuple(changes)


def _check_open(sight: Sight, declared: Sequence[DeclaredEnvironment]) -> None:
    """Refuse what is not open: a policy is of every model, and who is bound makes no environment.

    The source of a path may be one that is not open where the policy names it already.
    """
    if sight.models is not None:
        sight.require_all()
    for environment in declared:
        if sight.environments is None:
            return
        sight.require_environment(environment.name)
        if sight.session.get(tables.Environment, environment.name) is None:
            sight.require_all()
        source = environment.policy.promote_from
        held = policies.policy_of(sight.session, environment.name)
        if source is not None and source != held.promote_from:
            sight.require_environment(source)


def _plan(sight: Sight, declared: DeclaredEnvironment, who: Actor) -> PlannedChange:
    session = sight.session
    row = session.get(tables.Environment, declared.name)
    if row is None and declared.kind is None:
        raise UsageError(
            f"The environment {declared.name} is new, so its kind must be said.",
            remedy='Write kind = "production" or kind = "experimental".',
        )
    if row is not None and declared.kind not in (None, row.kind):
        raise Conflict(
            f"The environment {declared.name} exists, of kind {row.kind}.",
            remedy="An environment's kind never changes: declare it as it is, or choose another "
            "name.",
        )
    kind = row.kind if row is not None else declared.kind
    if kind == EnvironmentKind.EXPERIMENTAL and declared.policy.waive:
        raise UsageError(
            f"The policy of {declared.name} contradicts itself: an experimental environment "
            "refuses nothing, so nothing can be waived there.",
            remedy="Take its waive table away, or declare a production environment.",
        )
    held = policies.policy_of(session, declared.name)
    before, after = _flat(held.to_json()), _flat(declared.policy.to_json())
    lines = tuple(
        f"{key}: {_shown(before[key])} → {_shown(after[key])}"
        for key in after
        if before[key] != after[key] and key != "accept_carried"  # evidence says it too
    )
    bare = _bare_names(session, declared) if sight.environments is None else ()
    notes = (*_claims(declared, who), *bare)
    if row is None:
        return PlannedChange(declared.name, "create", (f"kind: {kind}", *lines), notes)
    if not lines:
        return PlannedChange(declared.name, "keep", (), notes)
    return PlannedChange(declared.name, "change", lines, notes, loosened(held, declared.policy))


def _claims(declared: DeclaredEnvironment, who: Actor) -> tuple[str, ...]:
    """What a person should know who demands persons where nothing proves who somebody is."""
    policy = declared.policy
    if not who.claimed or not (policy.approvals or policy.evidence.counts_persons):
        return ()
    sentence = (
        f"{declared.name} counts persons, and whoever works without a token only claims a name: "
        "a server that asks for tokens proves them."
    )
    return (sentence,)


def _bare_names(session: Session, declared: DeclaredEnvironment) -> tuple[str, ...]:
    """What a person should know who permits something to a name as CI jobs have them.

    It permits nothing to a job that an issuer vouches for: those are called ``oidc:`` and more.
    """
    policy = declared.policy
    permitted = {*(policy.evidence.validators or ()), *chain.from_iterable(policy.waive.values())}
    of_jobs = [
        name
        for name in sorted(permitted)
        if not is_issued(name) and not {":", "/"}.isdisjoint(name)
    ]
    if not of_jobs:
        return ()
    tokens = session.exec(select(tables.Token))
    known = {folded(token.person or token.name) for token in tokens}
    return tuple(
        f"{declared.name} permits something to {name}, which is the name of no token's person; "
        f"where it is whom an OpenID Connect issuer vouches for, write {ISSUED}ISSUER:{name}."
        for name in of_jobs
        if folded(name) not in known
    )


def _apply(session: Session, declared: DeclaredEnvironment, at: str, actor: str) -> None:
    """Append a revision of a policy, unless it is the one that holds."""
    newest = policies.policy_row(session, declared.name)
    document = canonical_bytes(declared.policy.to_json()).decode()
    held = policies.policy_of(session, declared.name)  # an older document may lack newer settings
    if document == canonical_bytes(held.to_json()).decode():
        return
    row = tables.EnvironmentPolicy(
        environment=declared.name,
        revision=newest.revision + 1 if newest else 1,
        document=document,
        applied_at=at,
        applied_by=actor,
    )
    telling.tell(session, row)
    payload = {"revision": row.revision, "policy": json.loads(document)}
    if looser := loosened(held, declared.policy):
        payload["loosened"] = list(looser)
    events.append(
        session,
        at=at,
        actor=actor,
        kind="policy-applied",
        subject=declared.name,
        payload=payload,
    )


def _check_paths(session: Session, declared: Sequence[DeclaredEnvironment]) -> None:
    """Every path of promotion begins in an environment, and none leads back to itself."""
    sources = {
        row.name: policies.policy_of(session, row.name).promote_from
        for row in session.exec(select(tables.Environment))
    } | {environment.name: environment.policy.promote_from for environment in declared}
    for environment in declared:
        source = environment.policy.promote_from
        if source is not None and source not in sources:
            raise NotFound(
                f"{environment.name} promotes from {source}, and there is no such environment.",
                remedy=f"Declare it in the same file, or name one of {act('env list')}.",
            )
    for start in sources:
        path = [start]
        while (step := sources.get(path[-1])) is not None:
            if step in path:
                circle = " ← ".join([*path[path.index(step) :], step])
                raise UsageError(
                    f"The paths of promotion form a circle: {circle}.",
                    remedy="Let one of these environments promote from no other.",
                )
            path.append(step)


def _flat(policy: dict[str, Any]) -> dict[str, Any]:
    """A policy's JSON with the settings of ``evidence`` beside the others."""
    evidence = {f"evidence.{key}": value for key, value in policy["evidence"].items()}
    return {key: value for key, value in policy.items() if key != "evidence"} | evidence


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if value in (None, [], {}, 0, False):
        return "none" if value is not False else "no"
    return "yes" if value is True else canonical_bytes(value).decode()
