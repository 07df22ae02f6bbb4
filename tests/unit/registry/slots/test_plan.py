"""The plan of a move: what it changes in which slot, and what no plan may ever do."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.contract.requests import WaiverRequest
from lineage.database.deployments import DeployedPipeline
from lineage.database.slots import SlotState
from lineage.errors import Conflict, LineageError, NotFound
from lineage.guard.decision import GuardRefused
from lineage.guard.facts import Facts, HeldCopy, RolledBack, Transition, Verdict, Waiver
from lineage.guard.policy import PROOF, WAIVABLE, EnvironmentPolicy
from lineage.identity.components import EnvironmentKind, Kind
from lineage.registry.slots.events import MoveEvent
from lineage.registry.slots.facts import (
    MoveFacts,
    MoveKind,
    PipelineMove,
    SlotFacts,
    VersionFacts,
)
from lineage.registry.slots.plan import plan
from lineage.registry.slots.readiness import (
    BackupChoice,
    BackupFacts,
    Contender,
    Pair,
    choose_backup,
    contenders,
    reasons_against,
)
from lineage.registry.slots.request import Request
from lineage.timestamps import moment
from tests.conftest import pipeline

if TYPE_CHECKING:
    from lineage.registry.slots.move_plan import MovePlan, RolledBackPair

NOW = "2026-11-21T08:00:00Z"
BEFORE = "2026-11-20T08:00:00Z"


@dataclass
class World:
    """One slot, churn@production, and versions of churn that may come to stand in it.

    ``passes`` are the pipelines that each version passed with, ``fails`` those that it failed with;
    ``stored`` tells whether a store holds its weights.
    """

    passes: dict[int, set[str]]
    fails: dict[int, set[str]] = field(default_factory=dict)
    stored: set[int] = field(default_factory=lambda: {1, 2, 3, 4})
    runs: str | None = "x"
    slot: SlotState = field(default_factory=lambda: SlotState("production", "production", "churn"))
    policy: EnvironmentPolicy = field(default_factory=EnvironmentPolicy)
    in_force: tuple[Waiver, ...] = ()
    served: list[tuple[int, str]] = field(default_factory=list)
    gone: list[RolledBackPair] = field(default_factory=list)

    def plan(
        self,
        kind: MoveKind,
        number: int | None = None,
        *,
        to: str | None = None,
        waive: tuple[str, ...] = (),
        **request,
    ) -> MovePlan:
        """The plan of a move of a version, of the pipeline (``to``), or of both."""
        asked = tuple(Waiver(code, "because", "boss", moment(NOW)) for code in waive)
        text = to or self.runs
        serving = self.slot.serving.version_id if self.slot.serving else None
        choice, takes_back = BackupChoice(), False
        backup = self.slot.backup
        if kind is MoveKind.ROLLED_BACK and backup is not None and backup.pipeline_blake3:
            text = self._texts()[backup.pipeline_blake3]
            to = text if text != self.runs else None
        match kind:
            case MoveKind.ROLLED_BACK:
                version = (
                    self._version(backup.number, Transition.RETURN, text, asked) if backup else None
                )
                takes_back = True
                if version is not None:
                    choice = self._choice(version, text, takes_back=True)
            case MoveKind.BACKUP_SET:
                version = self._version(number or 1, Transition.STAND_BY, text, ())
            case MoveKind.RETIRED:
                version = None
            case _:
                entering = number or serving
                move = self._transition(entering, text) if entering else Transition.ENTER
                version = self._version(entering, move, text, asked) if entering else None
                back = to not in (None, self.runs) or "reason" in request
                takes_back = back and move is Transition.RETURN
                if version is not None:
                    choice = self._choice(version, text, takes_back=takes_back)
        slots = (SlotFacts(self.slot, version, number is not None, choice, takes_back),)
        if kind is MoveKind.DEPLOYED and version is None:
            slots = ()
        waiver = WaiverRequest(waive, "because") if waive else None
        moving = None if to is None else self._moving(to)
        return plan(
            MoveFacts(
                kind, Request("production", "t", NOW, waive=waiver, **request), slots, moving, asked
            )
        )

    def apply(self, planned: MovePlan) -> None:
        """Make the state what a plan says."""
        for slot in planned.slots:
            after = slot.after
            if after.serving is not None and after.serving.waiver_code is not None:
                after = replace(after, serving=replace(after.serving, waiver_id=7))
            self.slot = after
            if slot.changed and after.serving is not None and after.serving.proven:
                pair = after.serving.number, self._texts()[after.serving.pipeline_blake3]
                self.served = [pair, *(one for one in self.served if one != pair)]
        self.gone += planned.rolled_back
        if planned.pipeline is not None:
            self.runs = self._texts()[planned.pipeline.blake3]
        moved = planned.pipeline is not None and planned.pipeline.moves
        (slot,) = planned.slots or (None,)
        if slot is None or moved or self._entered(slot.before, slot.after):
            self.in_force = ()
        self.in_force += tuple(grant.waiver for grant in planned.waivers)

    def promote(self, *numbers: int, **more) -> World:
        """Let versions serve one after the other."""
        for number in numbers:
            self.apply(self.plan(MoveKind.PROMOTED, number, **more))
        return self

    @staticmethod
    def _entered(before: SlotState, after: SlotState) -> bool:
        ids = [side.version_id if side else None for side in (before.serving, after.serving)]
        return ids[0] != ids[1]

    @staticmethod
    def _texts() -> dict[str, str]:
        return {pipeline(text).blake3: text for text in "xyz"}

    def _moving(self, to: str) -> PipelineMove:
        target, runs = pipeline(to), pipeline(self.runs).blake3 if self.runs else None
        return PipelineMove("churn", target.blake3, target.xxh3, runs)

    def _version(
        self, number: int, move: Transition, text: str | None, asked: tuple[Waiver, ...]
    ) -> VersionFacts:
        moves = text != self.runs
        verdicts = [
            Verdict(10 * number + index, pipeline(known), passed, BEFORE, "t")
            for index, (known, passed) in enumerate(
                [(known, True) for known in sorted(self.passes.get(number, ()))]
                + [(known, False) for known in sorted(self.fails.get(number, ()))]
            )
        ]
        in_force = self.in_force if move is Transition.STAY and not moves else ()
        copies = (HeldCopy("remote", "intact", True, moment(BEFORE), "t"),)
        facts = Facts(
            model="churn",
            version=number,
            kind=Kind.PRODUCTION,
            missing=(),
            dirty=False,
            registered_by="ann",
            environment="production",
            environment_kind=EnvironmentKind(self.slot.environment_kind),
            pipeline="churn",
            deployed=pipeline(text) if text else None,
            policy=self.policy,
            verdicts=tuple(verdicts),
            transition=move,
            pipeline_moves=moves,
            serving_metrics={} if self.slot.serving else None,
            copies=copies if number in self.stored else (),
            waivers=(*asked, *in_force),
            rolled_back=RolledBack(99, None, BEFORE, "t") if self._is_gone(number, text) else None,
        )
        deployed = DeployedPipeline("churn", pipeline(text).blake3, BEFORE) if text else None
        return VersionFacts(number, facts, deployed)

    def _is_gone(self, number: int, text: str | None) -> bool:
        blake3 = pipeline(text).blake3 if text else None
        return any(
            pair.side.number == number
            and (pair.version_left or pair.side.pipeline_blake3 == blake3)
            for pair in self.gone
        )

    def _transition(self, number: int, text: str | None) -> Transition:
        serving = self.slot.serving
        serves = serving is not None and serving.number == number
        if serves and serving.pipeline_blake3 in (None, pipeline(text).blake3 if text else None):
            return Transition.STAY
        if (number, text) in self.served and not self._is_gone(number, text):
            return Transition.RETURN
        return Transition.STAY if serves else Transition.ENTER

    def _choice(self, version: VersionFacts, text: str | None, *, takes_back: bool) -> BackupChoice:
        """What stands by behind a version, as the registry would find it."""
        runs = pipeline(text).blake3 if text else None
        served = [
            Contender(Pair(n, pipeline(t).blake3), BEFORE, "t", Transition.STAND_BY)
            for n, t in self.served
        ]
        found = contenders(
            self.slot,
            Pair(version.id, runs),
            runs,
            served,
            takes_back=takes_back,
        )
        return choose_backup(found, lambda one: self._considered(one, runs))

    def _considered(self, one: Contender, runs: str | None) -> BackupFacts:
        number, blake3 = one.pair
        text = self._texts()[blake3] if blake3 else None
        returns = (number, text) in self.served and not self._is_gone(number, text)
        move = Transition.RETURN if returns else one.transition
        facts = self._version(number, move, text, ())
        return BackupFacts(
            one,
            facts.side(one.since, one.by),
            self.slot.environment_kind,
            reasons_against(facts.guard),
            facts.guard.barred,
            blake3 != runs,
        )


def _numbers(state: SlotState) -> tuple[int | None, int | None]:
    serving, backup, _ = (side.number if side else None for side in state.sides)
    return serving, backup


def _all_pass(*texts: str) -> dict[int, set[str]]:
    return {number: set(texts) for number in (1, 2, 3, 4)}


# promotions


def test_the_first_version_serves_on_its_proof_and_nothing_stands_by():
    (slot,) = World(_all_pass("x")).plan(MoveKind.PROMOTED, 1).slots
    assert _numbers(slot.after) == (1, None)
    assert slot.after.revision == 1
    assert slot.after.serving.validation_id == 10
    assert slot.after.serving.pipeline_blake3 == pipeline("x").blake3
    assert (slot.after.serving.promoted_at, slot.after.serving.promoted_by) == (NOW, "t")


def test_what_served_stands_by():
    (slot,) = World(_all_pass("x")).promote(1).plan(MoveKind.PROMOTED, 2).slots
    assert _numbers(slot.after) == (2, 1)
    assert slot.passed_over == {}


def test_what_is_not_ready_is_passed_over_for_the_backup_that_is():
    world = World(_all_pass("x")).promote(1, 2)
    world.stored = {1, 3}
    (slot,) = world.plan(MoveKind.PROMOTED, 3).slots
    assert _numbers(slot.after) == (3, 1)
    assert list(slot.passed_over) == ["churn@2"]


def test_in_an_experimental_environment_what_served_stands_by_ready_or_not():
    world = World({}, stored=set(), slot=SlotState("production", "experimental", "churn"))
    (slot,) = world.promote(1).plan(MoveKind.PROMOTED, 2).slots
    assert _numbers(slot.after) == (2, 1)
    assert not slot.after.serving.proven


def test_a_promotion_of_what_serves_changes_nothing_and_has_no_event():
    world = World(_all_pass("x")).promote(1, 2)
    planned = world.plan(MoveKind.PROMOTED, 2)
    assert not planned.changes_anything
    assert not planned.has_event
    assert planned.slots[0].after == planned.slots[0].before


def test_a_promotion_of_what_serves_leaves_the_backup_as_it_is():
    world = World(_all_pass("x")).promote(1, 2)
    world.passes = {2: {"x"}}
    (slot,) = world.plan(MoveKind.PROMOTED, 2).slots
    assert slot.after == slot.before
    assert slot.after.backup.number == 1


def test_a_version_that_did_not_pass_is_refused():
    with pytest.raises(GuardRefused, match="The promotion into production is refused"):
        World({1: {"y"}}).plan(MoveKind.PROMOTED, 1)


def test_a_slot_that_moved_since_it_was_seen_does_not_move():
    world = World(_all_pass("x")).promote(1)
    with pytest.raises(Conflict, match="is at revision 1, not 3"):
        world.plan(MoveKind.PROMOTED, 2, expect_revision=3)
    with pytest.raises(Conflict, match="moved after the plan was made"):
        world.plan(MoveKind.RELEASED, 2, to="x", seen={"churn": 0})


# waivers


def test_a_waiver_stands_in_for_the_proof_and_is_granted_once():
    planned = World({}).plan(MoveKind.PROMOTED, 1, waive=("validated", "approvals"))
    (slot,), (grant,) = planned.slots, planned.waivers
    assert slot.after.serving.waiver_code == "validated"
    assert not slot.after.serving.proven
    assert grant.deployed.blake3 == slot.after.serving.pipeline_blake3
    assert planned.unused_waivers == ("approvals",)


def test_a_proof_that_a_promotion_brings_ends_the_waiver():
    world = World({}).promote(1, waive=("validated",))
    world.passes = _all_pass("x")
    (slot,) = world.plan(MoveKind.PROMOTED, 1).slots
    assert slot.after.serving.proven
    assert slot.after.serving.waiver_code is None
    assert slot.changed


# pipelines


def test_a_pipeline_does_not_move_from_under_a_model_that_did_not_pass_with_it():
    world = World(_all_pass("x")).promote(1)
    with pytest.raises(GuardRefused, match="would leave behind churn@1"):
        world.plan(MoveKind.DEPLOYED, to="y")


def test_a_deployment_renews_the_proof_and_keeps_since_when_a_version_serves():
    world = World(_all_pass("x", "y")).promote(1)
    world.slot = replace(world.slot, serving=replace(world.slot.serving, promoted_at=BEFORE))
    (slot,) = world.plan(MoveKind.DEPLOYED, to="y").slots
    assert slot.after.serving.pipeline_blake3 == pipeline("y").blake3
    assert slot.after.serving.promoted_at == BEFORE


def test_a_deployment_leaves_the_pair_before_it_to_stand_by():
    world = World({1: {"x"}, 2: {"x", "y"}}).promote(1, 2)
    planned = world.plan(MoveKind.DEPLOYED, to="y")
    (slot,) = planned.slots
    assert _numbers(slot.after) == (2, 2)
    assert slot.after.backup.pipeline_blake3 == pipeline("x").blake3
    assert planned.emptied(planned.changed) == ()


def test_a_release_moves_a_model_and_its_pipeline_at_once_and_the_pair_before_stands_by():
    world = World({1: {"x"}, 2: {"y"}}).promote(1)
    planned = world.plan(MoveKind.RELEASED, 2, to="y")
    (slot,) = planned.slots
    assert _numbers(slot.after) == (2, 1)
    assert slot.after.backup.pipeline_blake3 == pipeline("x").blake3
    assert planned.pipeline.moves


def test_where_the_pair_before_is_not_ready_its_version_may_be_on_the_pipeline_that_comes():
    world = World({1: {"x", "y"}, 2: {"y"}}).promote(1)
    world.fails, world.passes = {1: {"x"}}, {1: {"y"}, 2: {"y"}}
    (slot,) = world.plan(MoveKind.RELEASED, 2, to="y").slots
    assert _numbers(slot.after) == (2, 1)
    assert slot.after.backup.pipeline_blake3 == pipeline("y").blake3


def test_an_environment_may_demand_a_backup_that_moves_no_pipeline():
    world = World(_all_pass("x", "y"), policy=EnvironmentPolicy(backup="same-pipeline")).promote(1)
    (slot,) = world.plan(MoveKind.RELEASED, 2, to="x").slots
    assert _numbers(slot.after) == (2, 1)
    world.passes = {1: {"x"}, 2: {"y"}}
    with pytest.raises(GuardRefused, match="its pipeline would move too"):
        world.plan(MoveKind.RELEASED, 2, to="y")


# the other moves


def test_a_rollback_marks_what_it_takes_out_and_leaves_the_one_before():
    planned = World(_all_pass("x")).promote(1, 2, 3).plan(MoveKind.ROLLED_BACK)
    assert _numbers(planned.slots[0].after) == (2, 1)
    (gone,) = planned.rolled_back
    assert (gone.side.number, gone.version_left) == (3, True)
    assert planned.emptied(planned.changed) == ()


def test_a_rollback_of_the_second_leaves_nothing_to_stand_by():
    planned = World(_all_pass("x")).promote(1, 2).plan(MoveKind.ROLLED_BACK)
    assert _numbers(planned.slots[0].after) == (1, None)


def test_a_rollback_moves_the_pipeline_back_where_the_backup_needs_it():
    world = World({1: {"x"}, 2: {"y"}}).promote(1)
    world.apply(world.plan(MoveKind.RELEASED, 2, to="y"))
    planned = world.plan(MoveKind.ROLLED_BACK)
    assert (planned.pipeline.blake3, planned.pipeline.moves) == (pipeline("x").blake3, True)
    assert _numbers(planned.slots[0].after) == (1, None)
    world.apply(planned)
    with pytest.raises(GuardRefused, match="was rolled back from production"):
        world.plan(MoveKind.RELEASED, 2, to="y")


def test_versions_that_take_turns_are_not_rolled_back():
    world = World(_all_pass("x")).promote(1, 2)
    for number, other in ((1, 2), (2, 1), (1, 2)):
        planned = world.plan(MoveKind.PROMOTED, number)
        assert planned.rolled_back == ()
        assert _numbers(planned.slots[0].after) == (number, other)
        world.apply(planned)


def test_a_release_that_takes_the_pipeline_back_rolls_back_without_a_reason():
    world = World({1: {"x"}, 2: {"y"}}).promote(1)
    world.apply(world.plan(MoveKind.RELEASED, 2, to="y"))
    planned = world.plan(MoveKind.RELEASED, 1, to="x")
    assert [gone.side.number for gone in planned.rolled_back] == [2]


def test_a_deployment_that_is_taken_back_marks_the_pair_and_not_the_version():
    world = World({1: {"x", "y", "z"}}).promote(1)
    world.apply(world.plan(MoveKind.DEPLOYED, to="y"))
    planned = world.plan(MoveKind.ROLLED_BACK)
    (gone,) = planned.rolled_back
    assert (gone.side.number, gone.version_left) == (1, False)
    world.apply(planned)
    assert world.plan(MoveKind.DEPLOYED, to="z").changes_anything
    with pytest.raises(GuardRefused, match="was rolled back from production"):
        world.plan(MoveKind.DEPLOYED, to="y")


@pytest.mark.parametrize("kind", [MoveKind.PROMOTED, MoveKind.RELEASED])
def test_what_goes_as_something_comes_back_for_a_reason_is_rolled_back_whatever_the_verb(kind):
    world = World(_all_pass("x")).promote(1, 2, 3)
    to = "x" if kind is MoveKind.RELEASED else None
    planned = world.plan(kind, 1, to=to, reason="wrong scores")
    (gone,) = planned.rolled_back
    assert gone.side.number == 3
    assert _numbers(planned.slots[0].after) == (1, 2)
    world.apply(planned)
    with pytest.raises(GuardRefused, match="was rolled back from production"):
        world.plan(MoveKind.PROMOTED, 3)


def test_a_rollback_needs_a_backup():
    with pytest.raises(NotFound, match="has no backup"):
        World(_all_pass("x")).promote(1).plan(MoveKind.ROLLED_BACK)


def test_a_backup_change_leaves_what_serves():
    planned = World(_all_pass("x")).promote(1, 2).plan(MoveKind.BACKUP_SET, 3)
    assert _numbers(planned.slots[0].after) == (2, 3)


def test_the_backup_that_stands_by_already_stays():
    assert not World(_all_pass("x")).promote(1, 2).plan(MoveKind.BACKUP_SET, 1).changes_anything


def test_what_serves_does_not_stand_by_for_itself():
    with pytest.raises(Conflict, match="serves in production itself"):
        World(_all_pass("x")).promote(1).plan(MoveKind.BACKUP_SET, 1)


def test_a_retirement_leaves_nothing():
    planned = World(_all_pass("x")).promote(1, 2).plan(MoveKind.RETIRED)
    assert _numbers(planned.slots[0].after) == (None, None)


# events


def test_the_event_of_a_release_tells_the_slots_the_pipeline_and_what_was_emptied():
    world = World({1: {"x"}, 2: {"x"}, 3: {"y"}}).promote(1, 2)
    world.stored = {3}
    event = MoveEvent.of(world.plan(MoveKind.RELEASED, 3, to="y", reason="because"))
    target = pipeline("y")
    assert event.subject == "production"
    assert event.also == {"production", "churn", "churn@3", "churn@production"}
    assert event.payload == {
        "environment": "production",
        "slots": {
            "churn@production": {
                "revision": 3,
                "serving": {
                    "version": 3,
                    "pipeline": "churn",
                    "pipeline_digest": target.blake3,
                    "validation": 30,
                    "promoted_at": NOW,
                    "promoted_by": "t",
                },
                "backup": None,
            }
        },
        "pipeline": {"name": "churn", "digest": target.xxh3},
        "deployments": {"churn@production": target.blake3},
        "versions": ["churn@3"],
        "emptied_backups": ["churn@production"],
        "reason": "because",
    }


# what no plan may ever do

TEXTS = st.sampled_from("xyz")
VERDICTS = st.dictionaries(st.integers(1, 4), st.sets(TEXTS), max_size=4)
WAIVERS = st.lists(st.sampled_from(WAIVABLE), max_size=4, unique=True).map(tuple)
MOVES = st.lists(
    st.tuples(
        st.sampled_from(
            [MoveKind.PROMOTED] * 4 + [MoveKind.RELEASED] * 2 + [MoveKind.DEPLOYED] * 2
            + [MoveKind.ROLLED_BACK, MoveKind.BACKUP_SET, MoveKind.RETIRED]
        ),
        st.integers(1, 4),
        TEXTS,
        WAIVERS,
    ),
    min_size=1,
    max_size=12,
)  # fmt: skip


@given(
    passes=VERDICTS,
    fails=VERDICTS,
    stored=st.sets(st.integers(1, 4)),
    demands_backup=st.booleans(),
    moves=MOVES,
)
def test_no_plan_breaks_the_invariant_and_no_plan_is_made_twice(
    passes, fails, stored, demands_backup, moves
):
    fails = {number: texts - passes.get(number, set()) for number, texts in fails.items()}
    world = World(passes, fails, stored, policy=EnvironmentPolicy(backup=demands_backup))
    for kind, number, text, waive in moves:
        words = {
            "number": number if kind not in (MoveKind.DEPLOYED, MoveKind.RETIRED) else None,
            "to": text if kind in (MoveKind.DEPLOYED, MoveKind.RELEASED) else None,
            "waive": waive if kind not in (MoveKind.RETIRED, MoveKind.BACKUP_SET) else (),
        }
        try:
            planned = world.plan(kind, **words)
        except LineageError:
            continue
        revision = world.slot.revision
        world.apply(planned)
        assert world.slot.revision - revision == len(planned.changed)
        _holds(world)
        if kind not in (MoveKind.ROLLED_BACK, MoveKind.RETIRED) and not planned.rolled_back:
            with contextlib.suppress(
                GuardRefused
            ):  # a first version needs no backup, a second does
                again = world.plan(kind, **words | {"waive": ()})
                assert not again.changes_anything


def _holds(world: World) -> None:
    """What serves in production has passed with what runs, or somebody waived that."""
    serving, backup, _ = world.slot.sides
    if serving is not None and serving.waiver_code is None:
        assert world.runs in world.passes[serving.number]
        assert serving.pipeline_blake3 == pipeline(world.runs).blake3
    if serving is not None and serving.waiver_code is not None:
        assert serving.waiver_code in PROOF
        assert serving.waiver_code in {waiver.code for waiver in world.in_force}
    if backup is not None:
        assert serving is not None
        text = world._texts()[backup.pipeline_blake3]
        assert (serving.number, world.runs) != (backup.number, text)
        assert text in world.passes[backup.number]
        assert not world._is_gone(backup.number, text)
