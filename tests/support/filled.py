"""A registry with rows in every table."""

from __future__ import annotations

from dataclasses import replace

from lineage.contract.requests import DeclaredEnvironment, NewToken, Observed, WaiverRequest
from lineage.contract.webhooks import NewWebhook
from lineage.contract.windows import NewWindow, NewWindows
from lineage.evidence.columns import TimeColumn
from lineage.evidence.parts import Part
from lineage.evidence.profile import Profile
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.chain import Chain, RunKind, StageRun
from lineage.identity.components import EnvironmentKind, Kind
from lineage.identity.digest import xxh3
from lineage.identity.watched import WatchedRun
from tests.conftest import add_validated, add_version, captured, captured_pipeline
from tests.support.signing import record

PROFILE = Profile(
    rows=2, columns={"at": TimeColumn(rows=2, null=2, wrong_type=0, hours=(0,) * 168)}
)
SEEN = Part(rows=PROFILE.rows, columns=PROFILE.columns).to_dict()
"""What was counted of rows like those of the profile."""


def fill(registry):
    """A registry with rows in every table."""
    for seed in "1234":
        add_validated(registry, seed)
    registry.release("production", captured_pipeline("old"), actor="t")
    for seed in "123":
        registry.promote(f"churn@{seed}", "production", actor="t")
    registry.rollback("churn", "production", reason="slow", actor="t")
    policy = EnvironmentPolicy(waive={"validated": ("*",), "pipeline-match": ("*",)}, approvals=0)
    declared = DeclaredEnvironment("canary", policy, EnvironmentKind.PRODUCTION)
    registry.apply_environments([declared], actor="t")
    registry.release("canary", captured_pipeline("old"), actor="t")
    add_version(registry, "5", model="other")
    registry.approve("other@1", "canary", actor="ann")
    waive = WaiverRequest(("validated",), "the fire")
    registry.promote("other@1", "canary", waive=waive, actor="t")
    registry.record_weights("churn@1", "intact", "model.bin", actor="t")
    watched = [WatchedRun({"command": ["true"]})]
    registry.validate(
        "churn@4",
        captured_pipeline("new"),
        passed=True,
        watched=watched,
        profile=PROFILE,
        actor="t",
    )
    registry.edit("churn", description="who leaves", tags={"team": "risk"}, actor="t")
    registry.edit("churn@1", description="the first", tags={"team": "risk"}, actor="t")
    registry.register("churn", with_chain(captured("6")), kind=Kind.EXPERIMENT, actor="t")
    record(registry, "churn@1")
    _fill_service(registry)


def with_chain(version, *runs):
    """A captured version, and the runs that led to it: by default two and an import."""
    raw, features, weights = (f"md5:{digit * 32}" for digit in "abc")
    train = StageRun(
        "train",
        code={"train.py": "md5:" + "d" * 32},
        inputs={"f": features},
        outputs={"m": weights},
    )
    prepare = StageRun(
        "prepare", inputs={"raw.csv": raw}, params={"p": {"x": 1}}, outputs={"f": features}
    )
    origin = {"url": "https://git.invalid/other", "rev": "e" * 40, "path": "raw.csv"}
    fetch = StageRun("raw.csv.dvc", RunKind.IMPORT, outputs={"raw.csv": raw}, origin=origin)
    return replace(version, chain=Chain(runs or (train, prepare, fetch), weights))


def _fill_service(registry):
    """What belongs to the registry as a service; a copy that was removed; a commit that was seen."""
    dirty = captured_pipeline("dirty")
    for held in (False, True):
        seen = type(dirty)("churn", dirty.version, "d" * 40, dirty=not held)
        registry.validate("churn@4", seen, passed=True, metrics={"auc": 0.9}, actor="t")
    token = registry.create_token(NewToken("ci", ("register",)), actor="t")
    registry.create_token(NewToken("host", ("read",)), actor="t")
    registry.revoke_token(token["id"], actor="t")
    registry.report(
        "churn", "production", Observed("a", xxh3(b"2"), "2026-11-20T08:00:00Z"), actor="a"
    )
    registry.keep_answer("ci", "key", "request", 200, "{}")
    _fill_windows(registry)
    for path in ("a", "b"):
        made = registry.add_webhook(NewWebhook(f"https://hooks.invalid/{path}"), actor="t")
        registry.test_webhook(made["id"], actor="t")


def _fill_windows(registry):
    """What production saw with what serves there."""
    done = registry.validate(
        "churn@2", captured_pipeline("old"), passed=True, profile=PROFILE, actor="t"
    )
    one = NewWindow(
        version=2,
        pipeline=done.pipeline,
        profile=done["profile"],
        start="2026-11-20T08:00:00Z",
        seconds=3600,
        counts=SEEN,
        sequence=1,
    )
    new = NewWindows(instance="a", stream="a", windows=(one,), batch=True)
    registry.record_windows("churn", "production", new, actor="a")
