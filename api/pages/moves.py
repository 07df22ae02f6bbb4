"""Moves of a slot: shows the plan and the decision first, and makes the move that was seen.

A form holds the revisions that its plan was made of: where a slot moved meanwhile, nothing is done,
and the page tells what moved, with the plan as it would be now. It holds a key besides: sent twice,
it moves once.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final

from blake3 import blake3
from fastapi import Query, Response

from lineage.contract.results import MoveResult, NamedPipeline
from lineage.errors import Conflict, LineageError, OthersMove, UsageError
from lineage.guard.decision import Decision, GuardRefused
from lineage.identity.references import LARGEST_NUMBER, Reference
from lineage.registry.access import Scope
from lineage.registry.registry import Registry

from .. import problems
from ..schemas.parameters import EnvPath, ModelPath
from ..writes import Call, Written, foreseen, move
from . import addresses, site
from .site import Visit, visit

if TYPE_CHECKING:
    from lineage.registry.slots.foresight import Foresight

router = site.router()

LONGEST_REASON: Final = 2000
_KEY: Final = re.compile(r"page-[A-Za-z0-9_-]{20,100}")

Deploys = Annotated[Visit, visit(Scope.DEPLOY)]
Version = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class Asked:
    """A move of a slot that somebody asks for.

    ``act`` makes it: given the registry, the revisions that were seen, the reason and the actor.
    ``chosen`` are the fields by which the page is opened again with the same move.
    """

    action: str
    title: str
    environment: str
    model: str
    act: Callable[[Registry, Mapping[str, int] | None, str | None, str], MoveResult]
    foresee: Callable[[Registry, str | None], Foresight]
    chosen: Mapping[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where it is shown, and where its form goes."""
        page = addresses.slot(self.environment, self.model, self.action)
        return addresses.with_query(page, **self.chosen)


@dataclass(frozen=True)
class Plan:
    """What a move would do, and what the guard says to it.

    ``others`` is why it moves other models too, where that was not asked for.
    """

    moved: MoveResult | None = None
    decisions: tuple[Decision, ...] = ()
    refusal: LineageError | None = None

    @property
    def others(self) -> bool:
        """Whether it is refused because other models would move with it."""
        return isinstance(self.refusal, OthersMove)


class _TakenBack(Exception):
    """Carries what a move that was only tried would have done out of its transaction."""

    def __init__(self, moved: MoveResult) -> None:
        super().__init__()
        self.moved = moved


@router.get(addresses.PROMOTE)
def promote_plan(env: EnvPath, model: ModelPath, writing: Deploys, version: Version) -> Response:
    """What a promotion would do."""
    return _shown(writing, _promotion(writing, env, model, version))


@router.post(addresses.PROMOTE)
def promote(env: EnvPath, model: ModelPath, writing: Deploys, version: Version) -> Response:
    """Promote a version, as the plan showed it."""
    return _made(writing, _promotion(writing, env, model, version))


@router.get(addresses.ROLLBACK)
def rollback_plan(
    env: EnvPath, model: ModelPath, writing: Deploys, with_pipeline: bool = False
) -> Response:
    """What a rollback would do."""
    return _shown(writing, _rollback(env, model, with_pipeline=with_pipeline))


@router.post(addresses.ROLLBACK)
def rollback(
    env: EnvPath, model: ModelPath, writing: Deploys, with_pipeline: bool = False
) -> Response:
    """Roll back, as the plan showed it."""
    return _made(writing, _rollback(env, model, with_pipeline=with_pipeline))


@router.get(addresses.RELEASE)
def release_plan(
    env: EnvPath, model: ModelPath, writing: Deploys, version: Version, pipeline: Version = ""
) -> Response:
    """What a release of a version with a pipeline version would do."""
    return _shown(writing, _release(writing, env, model, version, pipeline))


@router.post(addresses.RELEASE)
def release(
    env: EnvPath, model: ModelPath, writing: Deploys, version: Version, pipeline: Version = ""
) -> Response:
    """Release a version with a pipeline version, as the plan showed it."""
    return _made(writing, _release(writing, env, model, version, pipeline))


@router.get(addresses.MOVED)
def moved(
    env: EnvPath,
    model: ModelPath,
    visit: Deploys,
    revision: Annotated[int, Query(ge=0, le=LARGEST_NUMBER)],
) -> Response:
    """Whether a slot moved since a plan of that revision: what the open page of it shows then."""
    slot = visit.registry.serving(model, env).to_json()
    return visit.page("moved.html", slot=slot, has_moved=slot["revision"] != revision)


def _version(visit: Visit, model: str, text: str) -> Reference:
    """The version that a field names, by its number: a plan is of that one, not of the latest.

    Raises:
        NotFound: it does not exist.
        UsageError: the text names none.
    """
    named = Reference.from_selector(model, text.strip().rpartition("@")[2])
    if named.number is not None:
        return named
    return Reference.parse(visit.registry.show(named)["ref"])


def _promotion(visit: Visit, env: str, model: str, version: str) -> Asked:
    named = _version(visit, model, version)

    def act(
        registry: Registry, seen: Mapping[str, int] | None, reason: str | None, actor: str
    ) -> MoveResult:
        expected = next(iter(seen.values()), None) if seen is not None else None
        return registry.promote(named, env, expect_revision=expected, reason=reason, actor=actor)

    return Asked(
        "promote",
        f"Promote {model}@{named.selector} to {env}",
        env,
        model,
        act,
        lambda registry, reason: registry.foresee_promotion(named, env, reason=reason),
        {"version": named.selector},
    )


def _rollback(env: str, model: str, *, with_pipeline: bool) -> Asked:
    def act(
        registry: Registry, seen: Mapping[str, int] | None, reason: str | None, actor: str
    ) -> MoveResult:
        return registry.rollback(
            model, env, with_pipeline=with_pipeline, seen=seen, reason=reason, actor=actor
        )

    return Asked(
        "rollback",
        f"Roll back {model} in {env}",
        env,
        model,
        act,
        lambda registry, _: registry.foresee_rollback(model, env),
        {"with_pipeline": "1"} if with_pipeline else {},
    )


def _release(visit: Visit, env: str, model: str, version: str, pipeline: str) -> Asked:
    named = _version(visit, model, version)
    if pipeline.strip():
        target = NamedPipeline.parse(pipeline.strip())
    else:
        own = visit.registry.pipeline_of(named)
        target = NamedPipeline(own.name, str(own.version.blake3))
    found = visit.registry.pipeline(target)
    target = NamedPipeline(found.name, str(found.version.blake3))

    def act(
        registry: Registry, seen: Mapping[str, int] | None, reason: str | None, actor: str
    ) -> MoveResult:
        return registry.release(env, target, [named], seen=seen, reason=reason, actor=actor)

    pair = f"{model}@{named.selector} with pipeline {found.name}@{found.version.xxh3}"
    return Asked(
        "release",
        f"Release {pair} to {env}",
        env,
        model,
        act,
        lambda registry, reason: registry.foresee_release(env, target, [named], reason=reason),
        {"version": named.selector, "pipeline": f"{found.name}@{found.version.xxh3}"},
    )


def _tried(visit: Visit, asked: Asked) -> Plan:
    """What a move would do: it is made as it would be, and taken back."""
    registry = visit.registry
    foresight = foreseen(lambda: asked.foresee(registry, None))
    try:
        with registry.transaction(foresight) as inside:
            raise _TakenBack(asked.act(inside, None, None, visit.principal.name))
    except _TakenBack as taken_back:
        moved = registry.with_hints(taken_back.moved)
        return Plan(moved, moved.decisions)
    except GuardRefused as error:
        return Plan(decisions=error.decisions, refusal=error)
    except OthersMove as error:
        return Plan(refusal=error)


def _shown(visit: Visit, asked: Asked) -> Response:
    """The plan, with the form that makes it so."""
    return _page(visit, asked, 200, _tried(visit, asked))


def _made(visit: Visit, asked: Asked) -> Response:
    """Make a move that was confirmed; tell what moved meanwhile where it is not that any more."""
    form = visit.form
    said = form.get("reason", "").strip()
    if form.get("confirm", "").strip() != asked.model:
        sentence = f"Type {asked.model} to confirm; nothing was moved."
        return _page(visit, asked, 422, _tried(visit, asked), sentence)
    seen, key = _seen(form.get("seen", "")), form.get("key", "")
    if _KEY.fullmatch(key) is None or len(said) > LONGEST_REASON:
        raise UsageError(
            "The form is not whole, or its reason is too long.",
            remedy="Open the page again, and send it from there.",
        )
    what = json.dumps([asked.address, sorted(seen.items()), said])
    call = Call(visit.principal, key, blake3(what.encode()).hexdigest())
    registry, changed = visit.registry, []

    def act(inside: Registry) -> MoveResult:
        return asked.act(inside, seen, said or None, visit.principal.name)

    def told(moved: MoveResult) -> Written:
        changed.append(moved.changed)
        return 200, moved.to_whole_json(), {}

    state = visit.state
    try:
        move(
            state.registry,
            state.metrics,
            state.recent_answers,
            state.refusals,
            call,
            act,
            told,
            foreseen(lambda: asked.foresee(registry, said or None)),
        )
    except GuardRefused as error:
        plan = Plan(decisions=error.decisions, refusal=error)
        return _page(visit, asked, error.http_status, plan, "The guard refused; nothing was moved.")
    except OthersMove as error:
        return _page(visit, asked, error.http_status, Plan(refusal=error))
    except Conflict as error:
        sentence, _ = problems.told(visit.request, error)
        return _page(visit, asked, 409, _tried(visit, asked), f"{sentence} Nothing was done.")
    page = addresses.slot(asked.environment, asked.model)
    done = "same" if changed == [False] else asked.action
    return visit.go_to(addresses.with_query(page, done=done))


def _seen(text: str) -> dict[str, int]:
    """The revisions that a form holds, by model.

    Raises:
        UsageError: they are none.
    """
    try:
        seen = json.loads(text)
    except (ValueError, RecursionError):
        seen = None
    if not isinstance(seen, dict) or not all(
        type(number) is int and 0 <= number <= LARGEST_NUMBER for number in seen.values()
    ):
        raise UsageError(
            "The form does not say which plan it is of.",
            remedy="Open the page again, and send it from there.",
        )
    return seen


def _page(
    visit: Visit, asked: Asked, status: int, plan: Plan, sentence: str | None = None
) -> Response:
    slot = visit.registry.serving(asked.model, asked.environment).to_json()
    last = slot["serving"] if status == 409 and plan.refusal is None else None
    revisions = plan.moved.revisions if plan.moved else {}
    moved_since = addresses.with_query(
        addresses.slot(asked.environment, asked.model, "moved"),
        revision=revisions.get(slot["model"], slot["revision"]),
    )
    shown: dict[str, Any] = {
        "asked": asked,
        "live": visit.live(moved_since, asked.environment, asked.model),
        "plan": plan,
        "slot": slot,
        "moved_by": last,
        "sentence": sentence,
        "seen": json.dumps(revisions),
        "key": f"page-{secrets.token_urlsafe(24)}",
        "reason": visit.form.get("reason", ""),
        "longest_reason": LONGEST_REASON,
    }
    return visit.page("move.html", status=status, **shown)
