"""What a policy no longer demands: compares it with the one before. Pure: no I/O."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from lineage import timestamps
from lineage.guard.looks import COUNTS_AT_MOST
from lineage.guard.policy import (
    ALL_PACKAGES,
    ANYBODY,
    SAME_PIPELINE,
    Demand,
    EnvironmentPolicy,
    LikeProduction,
)
from lineage.identity.components import Proof

if TYPE_CHECKING:
    from collections.abc import Collection

BACKUPS: Final = (False, True, SAME_PIPELINE)
"""From what demands no backup to what demands most of it."""

LIKENESSES: Final = tuple(LikeProduction)
"""From what does not ask for it to what refuses without."""


def loosened(before: EnvironmentPolicy, after: EnvironmentPolicy) -> tuple[str, ...]:
    """The settings by which something may serve that might not before, as ``env show`` names them.

    >>> loosened(EnvironmentPolicy(approvals=2, backup=True), EnvironmentPolicy(backup=True))
    ('approvals',)
    >>> loosened(EnvironmentPolicy(), EnvironmentPolicy(approvals=2, backup=True))
    ()
    """
    was, now = before.evidence, after.evidence
    looser = {
        "require": _less(before.require, after.require),
        "models": any(
            _less(texts, (*after.models.get(name, ()), *after.require))
            for name, texts in before.models.items()
        ),
        "promote_from": before.promote_from not in (None, after.promote_from),
        "approvals": after.approvals < before.approvals,
        "not_approvers": _less(before.not_approvers, after.not_approvers),
        "backup": BACKUPS.index(after.backup) < BACKUPS.index(before.backup),
        "evidence.accept": _less(now.accept, was.accept),
        "evidence.validators": was.validators is not None
        and ANYBODY not in was.validators
        and (now.validators is None or _less(now.validators, was.validators)),
        "evidence.not_registrant": was.not_registrant and not now.not_registrant,
        "evidence.signed_by": bool(was.signed_by)
        and (not now.signed_by or _less(now.signed_by, was.signed_by)),
        "evidence.signed": bool(was.signed_by) and _less(was.signed, now.signed),
        "look_within": _within(before.look_within or COUNTS_AT_MOST)
        < _within(after.look_within or COUNTS_AT_MOST),
        "deep_within": _within(before.deep_within) < _within(after.deep_within),
        "unstored_weights": _only_warns(before.unstored_weights, after.unstored_weights),
        "pipeline_complete": _only_warns(before.pipeline_complete, after.pipeline_complete),
        "like_production": LIKENESSES.index(after.like_production)
        < LIKENESSES.index(before.like_production),
        "proof": before.proof is Proof.SEALED and after.proof is not Proof.SEALED,
        "match_packages": ALL_PACKAGES not in after.match_packages
        and _less(before.match_packages, after.match_packages),
        "waive": any(
            ANYBODY not in before.waive.get(code, ()) and _less(people, before.waive.get(code, ()))
            for code, people in after.waive.items()
        ),
    }
    return tuple(name for name, is_looser in looser.items() if is_looser)


def _less(before: Collection[str], after: Collection[str]) -> bool:
    """Whether something is gone."""
    return not set(before) <= set(after)


def _within(span: str | None) -> dt.timedelta:
    """How old something may be; None: as old as it is."""
    return timestamps.span(span) if span is not None else dt.timedelta.max


def _only_warns(before: Demand, after: Demand) -> bool:
    return before is Demand.REQUIRE and after is Demand.WARN
