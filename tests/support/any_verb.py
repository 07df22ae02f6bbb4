"""Every verb by which a registry changes, each made with a few numbers that say how: for random
histories that leave none out.
"""

from __future__ import annotations

import datetime as dt
import inspect
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from lineage.contract.requests import (
    DeclaredEnvironment,
    NewToken,
    Observed,
    RetentionPolicy,
    WaiverRequest,
)
from lineage.contract.webhooks import TYPES, NewWebhook, WebhookFormat
from lineage.contract.windows import NewWindow, NewWindows
from lineage.errors import LineageError
from lineage.evidence.columns import NumberColumn
from lineage.evidence.parts import Part
from lineage.evidence.profile import Profile
from lineage.guard.decision import GuardRefused
from lineage.guard.policy import WAIVABLE, Demand, EnvironmentPolicy, LikeProduction
from lineage.identity.components import EnvironmentKind, Kind
from lineage.identity.digest import xxh3
from lineage.identity.watched import WatchedRun
from lineage.registry.registry import Registry
from lineage.weights.copies import CopyCheck, CopyState, StoreAddress
from tests.conftest import a_copy, add_version, captured, captured_pipeline, pipeline
from tests.support import signing

if TYPE_CHECKING:
    from collections.abc import Callable

TEXTS = ("x", "y", "z")
FORMATS = tuple(WebhookFormat)

SCALE = NumberColumn(
    rows=40_000, null=0, wrong_type=0, nan=0, infinite=0, edges=(1.0,), low=0.0, high=2.0,
    bins=(20_000, 20_000), below=0, above=0,
)  # fmt: skip
PROFILE = Profile(rows=40_000, columns={"x": SCALE})
"""What the data of every verdict looked like."""

WITHOUT_ACTOR = {"token_used", "keep_answer"}
"""Verbs that write, and do so in nobody's name."""


def writing_verbs() -> set[str]:
    """The verbs of a registry by which something changes."""
    methods = inspect.getmembers(Registry, inspect.isfunction)
    return WITHOUT_ACTOR | {
        name for name, method in methods if "actor" in inspect.signature(method).parameters
    }


class AnyVerb:
    """Makes verbs of a registry; ``number`` tells its models and environments from others there."""

    def __init__(self, registry: Registry, number: int) -> None:
        self.registry = registry
        self.environments = (f"production{number}", f"staging{number}", f"lab{number}")
        self.models = (f"a{number}", f"b{number}")
        self._pipeline = f"shared{number}"
        self._made = 0
        self._tokens: list[str] = []
        self._webhooks: list[int] = []
        self._validations: list[int] = []

    def begin(self) -> None:
        """Pairs serve and stand by: what verbs do from there on matters."""
        kinds = (*(EnvironmentKind.PRODUCTION,) * 2, EnvironmentKind.EXPERIMENTAL)
        for name, kind in zip(self.environments, kinds, strict=True):
            self.registry.create_environment(name, kind, actor="t")
        for model in range(len(self.models)):
            for _ in range(3):
                self.register(model, 0, 0)
            for number in range(3):
                self.validate(model, number, 1)
        for environment in range(2):
            self.release(environment, 0, 0)
            for model in range(len(self.models)):
                for number in range(2):
                    self._refused(lambda m=model, n=number, e=environment: self._put(m, n, e))

    def make(self, verb: str, i: int, j: int, k: int) -> None:
        """Make a verb; that it is refused is one way for it to go."""
        self._refused(lambda: getattr(self, verb)(i, j, k))

    def _refused(self, act: Callable[[], object]) -> None:
        with suppress(LineageError, GuardRefused):
            act()

    def _put(self, model: int, number: int, environment: int) -> None:
        self.registry.promote(
            f"{self.models[model]}@{number + 1}", self.environments[environment], actor="t"
        )

    def _ref(self, i: int, j: int) -> str:
        model = self.models[i % 2]
        return f"{model}@{1 + j % len(self.registry.versions(model))}"

    @staticmethod
    def _waiver(k: int) -> WaiverRequest | None:
        return WaiverRequest(tuple(WAIVABLE), "because") if k % 3 == 2 else None

    # what is recorded

    def register(self, i: int, j: int, k: int) -> None:
        self._made += 1
        seed = f"{self._pipeline}{self._made}".encode().hex()
        add_version(self.registry, seed, TEXTS[j % 3], self.models[i % 2], self._pipeline)

    def add_model(self, i: int, j: int, k: int) -> None:
        self.registry.add_model(f"{self.models[0]}-{i}{j}", actor="t")

    def edit(self, i: int, j: int, k: int) -> None:
        of = self._ref(i, j) if k % 2 else self.models[i % 2]
        self.registry.edit(
            of, description=f"d{k}", tags={"t": f"{j}" if k % 3 else None}, actor="t"
        )

    def rename_model(self, i: int, j: int, k: int) -> None:
        self.registry.rename_model(self.models[i % 2], f"{self.models[i % 2]}-{k % 3}", actor="t")

    def archive_model(self, i: int, j: int, k: int) -> None:
        if k < 4:
            self.registry.archive_model(self.models[i % 2], restore=k > 0, actor="t")

    def delete_version(self, i: int, j: int, k: int) -> None:
        model = self.models[i % 2]
        seed = f"{self._pipeline}{k}".encode().hex()
        made = self.registry.register(
            model, captured(seed, TEXTS[j % 3], self._pipeline), kind=Kind.EXPERIMENT, actor="t"
        )
        self.registry.delete_version(made.ref, reason="tried", actor="t")

    def validate(self, i: int, j: int, k: int) -> None:
        text = TEXTS[k % 3] if k > 2 else "x"
        seen = captured_pipeline(text, self._pipeline)
        held = type(seen)(self._pipeline, seen.version, f"{k + 1:x}" * 40, dirty=k % 2 == 0)
        done = self.registry.validate(
            self._ref(i, j),
            held,
            passed=k != 0,
            metrics={"auc": 0.5 + k / 20},
            run={"command": ["true"], "exit_status": 0} if k % 4 == 1 else None,
            watched=[WatchedRun({"command": [f"run{i}{j}{k}"]})] if k % 4 == 3 else (),
            profile=PROFILE,
            actor="t",
        )
        self._validations.append(done["id"])

    def carry_over(self, i: int, j: int, k: int) -> None:
        root = self._validations[-1 - j % len(self._validations)]
        captured = captured_pipeline(TEXTS[k % 3], self._pipeline)
        done = self.registry.carry_over(
            self._ref(i, j), captured, rests_on=root, difference="d", actor="t"
        )
        self._validations.append(done["id"])

    def approve(self, i: int, j: int, k: int) -> None:
        self.registry.approve(self._ref(i, j), self.environments[k % 3], actor=f"who{k}")

    def record_weights(self, i: int, j: int, k: int) -> None:
        state = "intact" if k % 2 else "missing"
        self.registry.record_weights(self._ref(i, j), state, "model.bin", actor="t")

    def record_attestation(self, i: int, j: int, k: int) -> None:
        signing.record(self.registry, self._ref(i, j), key=(signing.KEY, signing.OTHER)[k % 2])

    # what stores hold

    def add_store(self, i: int, j: int, k: int) -> None:
        name = ("remote", "second", "third")[i % 3]
        self.registry.add_store(
            StoreAddress(name, f"s3://{name}/weights"), shared=bool(k % 2), actor="t"
        )

    def add_copy(self, i: int, j: int, k: int) -> None:
        ref = self._ref(i, j)
        found = self.registry.stored(ref)
        store = ("remote", "second", "third")[k % 3]
        self.registry.add_copy(ref, a_copy(found.path, store), actor="t")

    def record_checks(self, i: int, j: int, k: int) -> None:
        store = ("remote", "second", "third")[k // 4 % 3]
        look = CopyCheck(store, tuple(CopyState)[k % 4], deep=i > 2)
        self.registry.record_checks(self._ref(i, j), [look], actor="t")

    def remove_copy(self, i: int, j: int, k: int) -> None:
        keeping = RetentionPolicy(0, 0, 0)
        self.registry.remove_copy(self._ref(i, j), "remote", keeping, actor="t")

    # environments and who may

    def create_environment(self, i: int, j: int, k: int) -> None:
        self.registry.create_environment(
            f"{self.environments[0]}-{i}", EnvironmentKind.EXPERIMENTAL, actor="t"
        )

    def apply_environments(self, i: int, j: int, k: int) -> None:
        policy = EnvironmentPolicy(
            require=("auc >= 0.7",) if j % 2 else (),
            promote_from=self.environments[1] if i == 0 and j > 2 else None,
            approvals=k % 2,
            deep_within="30d" if j == 3 else None,
            unstored_weights=tuple(Demand)[k % len(Demand)],
            waive=dict.fromkeys(WAIVABLE, ("t",)),
            like_production=tuple(LikeProduction)[k // 4],
        )
        declared = DeclaredEnvironment(self.environments[i % 2], policy)
        self.registry.apply_environments([declared], actor="t")

    def share_pipeline(self, i: int, j: int, k: int) -> None:
        self.registry.share_pipeline(
            self._pipeline, self.models[i % 2], withdraw=bool(j % 2), actor="t"
        )

    def create_token(self, i: int, j: int, k: int) -> None:
        made = self.registry.create_token(NewToken(f"t{i}{j}{k}", ("read",)), actor="t")
        self._tokens.append(made["id"])

    def revoke_token(self, i: int, j: int, k: int) -> None:
        if self._tokens:
            self.registry.revoke_token(self._tokens.pop(), actor="t")

    def token_used(self, i: int, j: int, k: int) -> None:
        if self._tokens:
            self.registry.token_used(self._tokens[-1], "2026-11-20T08:00:00Z")

    def add_webhook(self, i: int, j: int, k: int) -> None:
        new = NewWebhook(f"https://hooks.invalid/{i}{j}{k}", TYPES[k:], format=FORMATS[k % 2])
        self._webhooks.append(self.registry.add_webhook(new, actor="t")["id"])

    def rotate_webhook(self, i: int, j: int, k: int) -> None:
        if self._webhooks:
            self.registry.rotate_webhook(self._webhooks[-1], actor="t")

    def test_webhook(self, i: int, j: int, k: int) -> None:
        if self._webhooks:
            self.registry.test_webhook(self._webhooks[-1], actor="t")

    def remove_webhook(self, i: int, j: int, k: int) -> None:
        if self._webhooks:
            self.registry.remove_webhook(self._webhooks.pop(), actor="t")

    def keep_answer(self, i: int, j: int, k: int) -> None:
        self._made += 1
        self.registry.keep_answer("t", f"{self._pipeline}-{self._made}", "request", 200, "{}")

    def report(self, i: int, j: int, k: int) -> None:
        model, environment = self.models[i % 2], self.environments[j % 2]
        slot = self.registry.serving(model, environment)
        weights = slot.serving.weights if slot.serving is not None else str(xxh3(b"none"))
        observed = Observed(
            f"host{k % 2}", str(weights), "2026-11-20T08:00:00Z", standby=k % 3 > 0,
            revision=slot.revision,
        )  # fmt: skip
        self.registry.report(model, environment, observed, actor="t")

    def record_windows(self, i: int, j: int, k: int) -> None:
        model, environment = self.models[i % 2], self.environments[j % 2]
        slot = self.registry.serving(model, environment)
        assert slot.serving is not None
        bins = (20_000, 20_000 * (k % 2))  # on one side alone, or as was validated
        column = replace(SCALE, rows=sum(bins), bins=bins)
        seen = NewWindow(
            version=slot.serving.version,
            pipeline=str(slot.serving.pipeline),
            profile=str(PROFILE.digest),
            start=f"{dt.datetime.now(dt.UTC) - dt.timedelta(days=1):%Y-%m-%d}T00:00:00Z",
            seconds=86_400,
            counts=Part(rows=sum(bins), columns={"x": column}).to_dict(),
            sequence=1,
        )
        new = NewWindows(instance="batch", stream=f"{i}{j}{k}", windows=(seen,), batch=True)
        self.registry.record_windows(model, environment, new, actor="t")

    # moves

    def promote(self, i: int, j: int, k: int) -> None:
        where = self.environments[k % 3]
        self.registry.promote(self._ref(i, j), where, waive=self._waiver(k), actor="t")

    def release(self, i: int, j: int, k: int) -> None:
        named = [self._ref(k, j), self._ref(k + 1, j)][: k % 3]
        self.registry.release(
            self.environments[i % 3],
            captured_pipeline(TEXTS[j % 3], self._pipeline),
            named,
            waive=self._waiver(k),
            stage=k == 4,
            actor="t",
        )

    def finish_release(self, i: int, j: int, k: int) -> None:
        self.registry.finish_release(self.environments[i % 2], self._pipeline, actor="t")

    def abort_release(self, i: int, j: int, k: int) -> None:
        self.registry.abort_release(self.environments[i % 2], self._pipeline, actor="t")

    def rollback(self, i: int, j: int, k: int) -> None:
        self.registry.rollback(
            self.models[i % 2], self.environments[j % 2], with_pipeline=bool(k % 2), actor="t"
        )

    def set_backup(self, i: int, j: int, k: int) -> None:
        on = pipeline(TEXTS[k % 3]).blake3 if k > 2 else None
        self.registry.set_backup(self._ref(i, j), self.environments[k % 2], pipeline=on, actor="t")

    def retire(self, i: int, j: int, k: int) -> None:
        if k == 0:
            self.registry.retire(self.models[i % 2], self.environments[j % 2], actor="t")
