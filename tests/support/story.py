"""A registry with rows in every table that the history tells, some of them moved."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lineage.contract.requests import (
    DeclaredEnvironment,
    NewToken,
    Observed,
    RetentionPolicy,
    WaiverRequest,
)
from lineage.contract.webhooks import NewWebhook
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.components import EnvironmentKind, Kind
from lineage.identity.watched import Distribution, Interpreter, WatchedRun
from lineage.weights.copies import CopyCheck, CopyState, StoreAddress
from tests.conftest import a_copy, add_validated, add_version, captured, captured_pipeline
from tests.support.filled import PROFILE, with_chain
from tests.support.signing import record

if TYPE_CHECKING:
    from lineage.registry.registry import Registry

RUN = WatchedRun(
    {"command": ["dvc", "repro"], "started_at": "2026-11-21T08:00:00Z", "seconds": 1.5},
    (),
    (),
    (),
    (Distribution("numpy", "2.4.6", ("src/featurize.py",)),),
    (Interpreter("cpython", "3.11.7", "linux-x86_64", 3),),
    (),
)
WAIVED = EnvironmentPolicy(approvals=1, waive={"approvals": ("*",)})


def fill(registry: Registry) -> None:
    """Play a story that leaves rows everywhere."""
    dirty = replace(captured_pipeline("old"), dirty=True)
    for seen in (dirty, captured_pipeline("old")):
        registry.release("production", seen, actor="ann")
    for seed in "123":
        add_validated(registry, seed)
    registry.validate(
        "churn@3", captured_pipeline(), passed=True, watched=[RUN], profile=PROFILE, actor="ann"
    )
    for number in (1, 2):
        registry.promote(f"churn@{number}", "production", actor="ann")
    declared = DeclaredEnvironment("production", WAIVED, EnvironmentKind.PRODUCTION)
    registry.apply_environments([declared], actor="ann")
    registry.approve("churn@1", "production", actor="bob")
    waiver = WaiverRequest(("approvals",), "it is needed")
    registry.promote("churn@3", "production", waive=waiver, actor="ann")
    registry.rollback("churn", "production", reason="bad", actor="ann")
    registry.add_store(StoreAddress("folder", "file:///srv/weights"), actor="ann")
    registry.add_copy("churn@3", a_copy("3", "other"), actor="ann")
    look = CopyCheck("remote", CopyState.INTACT, True)
    registry.record_checks("churn@1", [look], actor="ann")
    registry.record_weights("churn@1", "intact", "here", actor="ann")
    for seed in "45":
        add_version(registry, seed)
    chained = with_chain(captured("6"))
    registry.register("churn", chained, kind=Kind.EXPERIMENT, actor="ann")
    record(registry, "churn@1", "validation")
    registry.remove_copy("churn@4", "remote", RetentionPolicy(1, 0, 0), actor="ann")
    registry.add_model("lead", actor="ann")
    for of in ("lead", "churn", "churn@1", "churn@2"):
        registry.edit(of, description="what it is", tags={"team": "risk"}, actor="ann")
    registry.rename_model("lead", "leads", actor="ann")
    registry.create_token(NewToken("ci", ("read",)), actor="ann")
    registry.share_pipeline("churn", "other", actor="ann")
    gone = registry.create_token(NewToken("old", ("read",), person="ann"), actor="ann")
    registry.revoke_token(gone["id"], actor="ann")
    registry.report("churn", "production", SEEN, actor="host")
    for path in ("a", "b"):
        made = registry.add_webhook(NewWebhook(f"https://hooks.invalid/{path}"), actor="ann")
        registry.rotate_webhook(made["id"], actor="ann")
        registry.test_webhook(made["id"], actor="ann")
    registry.remove_webhook(made["id"], actor="ann")


SEEN = Observed("host", "xxh3:" + "0" * 32, "2026-11-21T08:00:00Z")
