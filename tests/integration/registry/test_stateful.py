"""Random histories against a simple model, on both databases and over HTTP: the invariant after each step."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlmodel import col, select

from lineage.connection import connect
from lineage.contract.requests import DeclaredEnvironment, NewToken, WaiverRequest
from lineage.database import tables
from lineage.database.engine import open_engine, read
from lineage.errors import Conflict, NotFound, NotPermitted, OthersMove, UsageError
from lineage.guard.decision import GuardRefused, Status
from lineage.guard.evidence import Basis, Evidence
from lineage.guard.policy import WAIVABLE, EnvironmentPolicy
from lineage.identity.components import EnvironmentKind
from lineage.registry.access import Principal, Scope
from lineage.registry.slots import shown
from tests.conftest import EVERYWHERE, add_version, captured_pipeline, pipeline
from tests.support import LONG, slot_by_rows
from tests.support.registries import make_bare
from tests.support.servers import registry_server

from .oracle import BAR, Policy, Slot, Verdict, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

    from lineage.connection import AnyRegistry
    from lineage.contract.results import Serving

    Reached = tuple[AnyRegistry, Callable[[str], AnyRegistry]]

TEXTS = ("x", "y", "z")
STEPS = 50
EXAMPLES = {
    "sqlite": 400 if LONG else 6,
    "postgresql": 400 if LONG else 3,
    "server": 100 if LONG else 3,
}

texts = st.sampled_from(TEXTS)
lines = st.sampled_from(["a", "b"])
picks = st.integers(0, 5)
waived = st.sampled_from([frozenset(), frozenset(WAIVABLE)]) | st.sets(
    st.sampled_from(WAIVABLE), max_size=3
)
names = itertools.count()

PERSONS = {"ann": "ann", "ann-job": "ann", "bob": "bob", "tester": "tester", "job": "tester"}
"""The tokens that there are, and whom each counts as; the tester registers every version."""
tokens = st.sampled_from(sorted(PERSONS))
RUN = {"command": ["python", "evaluate.py"], "exit_status": 0}
evidence = {
    "validators": st.sampled_from([None, ("ann", "tester")]),
    "not_registrant": st.booleans(),
}


def histories(
    registry: AnyRegistry, database: str, speaking: Callable[[str], AnyRegistry]
) -> type[RuleBasedStateMachine]:
    """The machine on a registry and its database; each history has models and environments.

    ``speaking`` gives the registry for one who has a token of :data:`PERSONS`.
    """
    engine = open_engine(database)

    class Histories(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            number = next(names)
            self.registry = registry
            self.env, self.staging = f"production{number}", f"staging{number}"
            self.registry.create_environment(self.env, EnvironmentKind.PRODUCTION, actor="t")
            self.registry.create_environment(self.staging, EnvironmentKind.EXPERIMENTAL, actor="t")
            self.pipeline = f"p{number}"
            self.models = {"a": f"a{number}", "b": f"b{number}"}
            self.world = World()
            self.versions: dict[str, list[str]] = {"a": [], "b": []}
            self.ids: list[int] = []

        def _pick(self, line: str, pick: int) -> str | None:
            found = self.versions[line]
            return found[pick % len(found)] if found else None

        def _captured(self, text: str):
            return captured_pipeline(text, self.pipeline)

        # what is said about versions

        @initialize(text=texts, policy=st.builds(Policy, **evidence))
        def begin(self, text: str, policy: Policy) -> None:
            """Something serves and something stands by: the moves that matter start from there."""
            self._apply(policy)
            for line in ("a", "a", "b"):
                self._train(line, text, 0.6)
            self._release(text, [], set())
            for line, pick in (("a", 0), ("a", 1), ("b", 0)):
                self._promote(line, pick, set())

        @rule(line=lines, text=texts, auc=st.sampled_from([0.4, 0.6, 0.6, 0.6]), who=tokens)
        def train(self, line: str, text: str, auc: float, who: str) -> None:
            self._train(line, text, auc, who)

        def _train(self, line: str, text: str, auc: float, who: str = "ann") -> None:
            """Register a version that passes with a pipeline version."""
            self._register(line)
            self._validate(line, len(self.versions[line]) - 1, text, True, auc, who)

        @rule(line=lines)
        def register(self, line: str) -> None:
            self._register(line)

        def _register(self, line: str) -> None:
            seed = f"{self.pipeline}{line}{len(self.versions[line])}".encode().hex()
            ref = add_version(speaking("tester"), seed, "x", self.models[line], self.pipeline)
            self.versions[line].append(ref)

        @rule(
            line=lines,
            pick=picks,
            text=texts,
            passed=st.booleans(),
            auc=st.sampled_from([0.4, 0.6]),
            who=tokens,
            run=st.booleans(),
        )
        def validate(
            self, line: str, pick: int, text: str, passed: bool, auc: float, who: str, run: bool
        ) -> None:
            """On somebody's word, or by a run, as a replay is with what is deployed."""
            self._validate(line, pick, text, passed, auc, who, run)

        @rule(line=lines, pick=picks, passed=st.booleans())
        def run_with_what_is_deployed(self, line: str, pick: int, passed: bool) -> None:
            if self.world.deployed is not None:
                self._validate(line, pick, self.world.deployed, passed, 0.6, run=True)

        def _validate(
            self,
            line: str,
            pick: int,
            text: str,
            passed: bool,
            auc: float,
            who: str = "ann",
            run: bool = False,
        ) -> None:
            ref = self._pick(line, pick)
            if ref is not None:
                metrics = {"auc": auc}
                done = speaking(who).validate(
                    ref,
                    self._captured(text),
                    passed=passed,
                    metrics=metrics,
                    run=RUN if run else None,
                    actor=who,
                )
                self.ids.append(done["id"])
                self.world.tell(ref, text, Verdict(passed, auc, by=PERSONS[who], run=run))

        @rule(line=lines, pick=picks, text=texts)
        def carry_over(self, line: str, pick: int, text: str) -> None:
            ref = self._pick(line, pick)
            root = self.world.carriable(ref, text) if ref is not None else None
            if ref is not None and root is not None:
                done = speaking("ann").carry_over(
                    ref, self._captured(text), rests_on=self.ids[root], difference="d", actor="ann"
                )
                self.ids.append(done["id"])
                self.world.tell(ref, text, Verdict(True, self.world.told[root].auc, root))

        @rule(
            line=lines,
            pick=picks,
            names=st.lists(tokens, min_size=1, max_size=3),
            text=st.none() | texts,
        )
        def approve(self, line: str, pick: int, names: list[str], text: str | None) -> None:
            """With what runs, or what is to run. Perhaps by more than enough: persons count."""
            ref = self._pick(line, pick)
            if text not in {told for _, told in self.world.verdicts}:
                text = None  # nobody recorded that pipeline version
            for who in names if ref is not None else ():
                self._approve(ref, who, text)

        def _approve(self, ref: str, who: str, text: str | None) -> None:
            given = self.world.approvals.setdefault(ref, [])
            entry = (PERSONS[who], text or self.world.deployed)
            pair = f"{self.pipeline}@{self._captured(text).version.xxh3}" if text else None
            if PERSONS[who] == "tester" or entry in given:
                with pytest.raises(NotPermitted):
                    speaking(who).approve(ref, self.env, pipeline=pair, actor=who)
            else:
                speaking(who).approve(ref, self.env, pipeline=pair, actor=who)
                given.append(entry)

        @rule(line=lines, pick=picks, intact=st.booleans())
        def look_for_weights(self, line: str, pick: int, intact: bool) -> None:
            ref = self._pick(line, pick)
            if ref is not None:
                state = "intact" if intact else "missing"
                self.registry.record_weights(ref, state, "model.bin", actor="t")
                (self.world.damaged.discard if intact else self.world.damaged.add)(ref)

        @rule(
            policy=st.builds(
                Policy,
                require=st.booleans(),
                path=st.sampled_from([False, False, True]),
                approvals=st.sampled_from([0, 0, 1, 2]),
                backup=st.sampled_from([False, False, True]),
                carried=st.booleans(),
                stated=st.sampled_from([True, True, False]),
                waive=st.booleans(),
                **evidence,
            )
        )
        def apply(self, policy: Policy) -> None:
            self._apply(policy)

        def _apply(self, policy: Policy) -> None:
            declared = EnvironmentPolicy(
                require=(f"auc >= {BAR}",) if policy.require else (),
                promote_from=self.staging if policy.path else None,
                approvals=policy.approvals,
                backup=policy.backup,
                evidence=Evidence(
                    (Basis.RUN, *[Basis.CARRIED] * policy.carried, *[Basis.STATED] * policy.stated),
                    policy.validators,
                    policy.not_registrant,
                ),
                waive=dict.fromkeys(WAIVABLE, ("boss",)) if policy.waive else {},
            )
            self.registry.apply_environments([DeclaredEnvironment(self.env, declared)], actor="t")
            self.world.policy = policy

        # moves

        def _expect(
            self,
            act,
            moving: dict[str, str],
            text: str | None,
            codes: set[str],
            back: bool = False,
            first: str | None = None,
            waits: bool = False,
        ) -> set[str] | None:
            """Act, and hold the outcome against the model; the rules waived for each, or None.

            ``back`` tells that what returns takes back what served, ``first`` whose refusal is told
            alone; ``waits`` that a slot which is touched has something staged.
            """
            world = self.world
            if codes and not world.policy.waive:
                with pytest.raises(NotPermitted):
                    act()
                return None
            if waits:
                with pytest.raises(Conflict, match="is staged in"):
                    act()
                return None
            open_rules = {
                ref: world.open(ref, text, move, world.deployed, back and move == "return")
                for ref, move in moving.items()
            }
            refused = {ref: rules - codes for ref, rules in open_rules.items() if rules - codes}
            if first in refused:
                refused = {first: refused[first]}
            if refused:
                with pytest.raises(GuardRefused) as error:
                    act()
                said = {
                    made.ref: {check.code for check in made.failures}
                    for made in error.value.decisions
                }
                assert said == refused
                return None
            moved = act()
            told = {
                made.ref: {check.code for check in made.checks if check.status is Status.WAIVED}
                for made in moved.decisions
            }
            failing = {
                ref: world.failures(ref, text, move, world.deployed) for ref, move in moving.items()
            }
            assert told == failing
            return codes

        def _waive(self, codes: set[str]) -> WaiverRequest | None:
            return WaiverRequest(tuple(sorted(codes)), "because") if codes else None

        def _newly(self, ref: str, text: str | None, move: str, codes: set[str]) -> set[str]:
            return self.world.failures(ref, text, move, self.world.deployed) & codes

        @rule(line=lines, pick=picks, codes=waived)
        def promote(self, line: str, pick: int, codes: set[str]) -> None:
            self._promote(line, pick, codes)

        @rule(line=lines, pick=picks, codes=waived)
        def promote_what_passed(self, line: str, pick: int, codes: set[str]) -> None:
            ready = self._ready(line, self.world.deployed)
            if ready:
                self._promote(line, ready[pick % len(ready)], codes)

        def _ready(self, line: str, text: str | None) -> list[int]:
            """The versions of a line with a proof on a pipeline version."""
            refs = enumerate(self.versions[line])
            return [at for at, ref in refs if self.world.proof(ref, text) is not None]

        def _promote(self, line: str, pick: int, codes: set[str]) -> None:
            ref = self._pick(line, pick)
            if ref is None:
                return
            text = self.world.deployed
            move = self.world.move_of(ref, text)

            def act():
                return self.registry.promote(ref, self.env, waive=self._waive(codes), actor="boss")

            slot = self.world.slots.get(self.models[line], Slot())
            waits = slot.coming is not None
            if self._expect(act, {ref: move}, text, codes, waits=waits) is None:
                return
            newly = self._newly(ref, text, move, codes)
            backup, _ = self.world.standby(ref, text, text, False)
            same = slot.serving == ref and slot.proof == self.world.proof(ref, text)
            if same and not newly:
                return
            if same and slot.proof is not None:
                slot.waivers |= newly
                return
            self.world.moment += 1
            self.world.put(ref, text, newly, backup, False)

        @rule(line=lines, pick=picks)
        def stage(self, line: str, pick: int) -> None:
            ref = self._pick(line, pick)
            if ref is not None:
                self.registry.promote(ref, self.staging, actor="t")
                self.world.staged.add(ref)

        @rule(text=texts, codes=waived)
        def deploy(self, text: str, codes: set[str]) -> None:
            self._release(text, [], codes)

        @rule(
            text=texts,
            picked=st.dictionaries(lines, picks, min_size=1),
            codes=waived,
        )
        def release(self, text: str, picked: dict[str, int], codes: set[str]) -> None:
            refs = [self._pick(line, pick) for line, pick in picked.items()]
            self._release(text, [ref for ref in refs if ref is not None], codes)

        @rule(text=texts, pick=picks, codes=waived)
        def release_what_passed(self, text: str, pick: int, codes: set[str]) -> None:
            ready = {line: self._ready(line, text) for line in ("a", "b")}
            refs = [
                self.versions[line][found[pick % len(found)]]
                for line, found in ready.items()
                if found
            ]
            self._release(text, refs, codes)

        @rule(text=texts, pick=picks, more=st.booleans())
        def declare(self, text: str, pick: int, more: bool) -> None:
            """Stage a release of what passed (and of anything else)."""
            ready = {line: self._ready(line, text) for line in ("a", "b")}
            refs = [
                self.versions[line][found[pick % len(found)]]
                for line, found in ready.items()
                if found
            ]
            if more:
                refs = [ref for line in "ab" if (ref := self._pick(line, pick)) is not None]
            world = self.world
            moving = self._moving(text, refs)
            pairs = {ref.partition("@")[0]: (ref, text) for ref in moving}
            coming = world.coming()

            def act():
                return self.registry.release(
                    self.env, self._captured(text), refs, stage=True, actor="boss"
                )

            if any(world.proof(ref, text) is None for ref in moving):
                with pytest.raises((Conflict, GuardRefused)):
                    act()
                return
            slots = {model: world.slots.get(model, Slot()) for model in pairs}
            wanted = {
                model: pair if pair != (slot.serving, slot.on) else None
                for (model, slot), pair in zip(slots.items(), pairs.values(), strict=True)
            }
            refusals = [
                any(pair[1] != text for pair in coming.values()),
                any(coming.get(model) not in (None, pair) for model, pair in wanted.items()),
            ]
            allowed = all(
                not world.open(ref, text, move, world.deployed, anew and move == "return")
                for ref, move in moving.items()
                for anew in (text != world.deployed,)
            )
            if not allowed:
                with pytest.raises(GuardRefused):
                    act()
            elif not any(wanted.values()):
                with pytest.raises(UsageError, match="nothing to stage"):
                    act()
            elif any(refusals):
                with pytest.raises(Conflict, match="is staged in"):
                    act()
            elif act().changed:
                world.moment += 1
                for model, pair in wanted.items():
                    slot = world.slots.setdefault(model, Slot())
                    if slot.coming != pair:
                        slot.coming = pair
                        world.seen(slot)

        @rule(codes=waived)
        def finish(self, codes: set[str]) -> None:
            """Make what is staged serve, as a release does."""
            coming = self.world.coming()
            if not coming:
                with pytest.raises(NotFound, match="is staged in"):
                    self.registry.finish_release(self.env, self.pipeline, actor="boss")
                return
            ((text),) = {text for _, text in coming.values()}
            self._release(text, [ref for ref, _ in coming.values()], codes, finishes=True)

        @rule()
        def withdraw(self) -> None:
            if not self.world.coming():
                with pytest.raises(NotFound, match="is staged in"):
                    self.registry.abort_release(self.env, self.pipeline, actor="boss")
                return
            self.registry.abort_release(self.env, self.pipeline, actor="boss")
            self.world.moment += 1
            for model in self.world.coming():
                self.world.slots[model].coming = None
                self.world.seen(self.world.slots[model])

        def _moving(self, text: str, refs: list[str]) -> dict[str, str]:
            """What a release moves: what is named, and what rides along."""
            world = self.world
            moving = {ref: world.move_of(ref, text) for ref in refs}
            promoted = {ref.partition("@")[0] for ref in refs}
            if text != world.deployed:
                moving |= {
                    slot.serving: world.move_of(slot.serving, text)
                    for model, slot in world.slots.items()
                    if slot.serving is not None and model not in promoted
                }
            return moving

        def _release(
            self, text: str, refs: list[str], codes: set[str], finishes: bool = False
        ) -> None:
            world = self.world
            moving, anew = self._moving(text, refs), text != world.deployed
            touched = {ref.partition("@")[0] for ref in moving}
            waits = not finishes and not touched.isdisjoint(world.coming())

            def act():
                if finishes:
                    waive = self._waive(codes)
                    return self.registry.finish_release(
                        self.env, self.pipeline, waive=waive, actor="boss"
                    )
                return self.registry.release(
                    self.env, self._captured(text), refs, waive=self._waive(codes), actor="boss"
                )

            if self._expect(act, moving, text, codes, back=anew, waits=waits) is None:
                return
            backs = {ref: anew and move == "return" for ref, move in moving.items()}
            backups = {
                ref: world.standby(ref, text, world.deployed, backs[ref])[0] for ref in moving
            }
            newly = {ref: self._newly(ref, text, move, codes) for ref, move in moving.items()}
            puts = []
            for ref in moving:
                slot = world.slots.get(ref.partition("@")[0], Slot())
                same = slot.serving == ref and slot.proof == world.proof(ref, text) and not anew
                same = same and slot.coming is None
                if same and slot.proof is not None:
                    slot.waivers |= newly[ref]
                elif not (same and not newly[ref]):
                    puts.append(ref)
            world.moment += 1
            world.deploy(text)
            for ref in puts:
                world.put(ref, text, newly[ref], backups[ref], backs[ref])

        @rule(line=lines, codes=waived, together=st.booleans(), leave=st.booleans())
        def rollback(self, line: str, codes: set[str], together: bool, leave: bool) -> None:
            world, model = self.world, self.models[line]
            slot = world.slots.get(model, Slot())
            riders = self._riders(line)
            left = riders if leave else []

            def act():
                return self.registry.rollback(
                    model,
                    self.env,
                    waive=self._waive(codes),
                    with_pipeline=together,
                    leave=left,
                    actor="boss",
                )

            if slot.backup is None:
                with pytest.raises((NotFound, NotPermitted)):
                    act()
                return
            ref, text = slot.backup
            ways = {one: world.way_back(one, text) for one in riders if one not in left}
            if riders and (not together or None in ways.values()):
                with pytest.raises((OthersMove, NotPermitted)):
                    act()
                return
            back = {pair[0]: "return" for pair in ways.values()}
            moving = {ref: "return"} | back
            if self._expect(act, moving, text, codes, back=True, first=ref) is None:
                return
            newly = {one: self._newly(one, text, "return", codes) for one in moving}
            backups = {one: world.standby(one, text, world.deployed, True)[0] for one in moving}
            world.moment += 1
            world.deploy(text)
            for one in moving:
                world.put(one, text, newly[one], backups[one], True)
            for one in left:
                world.take_back(world.slots[one], None, None)
                world.slots[one] = Slot()

        def _riders(self, line: str) -> list[str]:
            """The other models that a rollback moves, for the backup's pipeline runs again."""
            slot = self.world.slots.get(self.models[line], Slot())
            if slot.backup is None or slot.backup[1] == self.world.deployed:
                return []
            return [
                model
                for model, other in sorted(self.world.slots.items())
                if other.serving is not None and model != self.models[line]
            ]

        @rule(line=lines, pick=picks)
        def stand_by(self, line: str, pick: int) -> None:
            ref = self._pick(line, pick)
            slot = self.world.slots.get(self.models[line], Slot())
            if ref is None:
                return
            if slot.serving is None or slot.serving == ref:
                with pytest.raises(Conflict if slot.serving else NotFound):
                    self.registry.set_backup(ref, self.env, actor="t")
                return
            text = self.world.deployed
            move = "return" if self.world.returns(ref, text) else "stand-by"
            failing = self.world.failures(ref, text, move, text)
            if failing:
                with pytest.raises(GuardRefused) as error:
                    self.registry.set_backup(ref, self.env, actor="t")
                (made,) = error.value.decisions
                assert {check.code for check in made.failures} == failing
                return
            best = self.registry.backup_candidates(self.models[line], self.env)[0]
            assert best.ready, "there is one that may stand by"
            if self.registry.set_backup(ref, self.env, actor="t").changed:
                self.world.moment += 1
                self.world.seen(slot)
            slot.backup = (ref, self.world.deployed)

        @precondition(lambda self: len(self.ids) % 7 == 0)
        @rule(line=lines)
        def retire(self, line: str) -> None:
            slot = self.world.slots.get(self.models[line], Slot())
            if slot.serving is None:
                with pytest.raises(NotFound):
                    self.registry.retire(self.models[line], self.env, actor="t")
                return
            if self.world.policy.backup:
                with pytest.raises(GuardRefused, match="demands a backup"):
                    self.registry.retire(self.models[line], self.env, actor="t")
                return
            self.registry.retire(self.models[line], self.env, actor="t")
            self.world.slots[self.models[line]] = Slot()

        @precondition(lambda self: self.world.deployed is not None)
        @rule(text=texts)
        def a_dry_run_changes_nothing(self, text: str) -> None:
            before = self.registry.environment(self.env)
            with contextlib.suppress(GuardRefused, Conflict):
                self.registry.release(self.env, self._captured(text), dry_run=True, actor="t")
            assert self.registry.environment(self.env) == before

        # what must hold

        @invariant()
        def the_registry_is_what_the_model_says(self) -> None:
            for model in self.models.values():
                slot = self.world.slots.get(model, Slot())
                if slot.serving is None:
                    continue
                found = self.registry.serving(model, self.env)
                assert found.serving.ref == slot.serving
                backup = slot.backup and (slot.backup[0], pipeline(slot.backup[1]).xxh3)
                assert (found.backup and (found.backup.ref, found.backup.pipeline)) == backup
                assert {waiver.code for waiver in found.waivers} == slot.waivers
                coming = slot.coming and (slot.coming[0], pipeline(slot.coming[1]).xxh3)
                assert (found.staged and (found.staged.ref, found.staged.pipeline)) == coming

        @invariant()
        def what_is_read_at_once_is_what_the_rows_say(self) -> None:
            _read_as_the_rows_say(engine, self.env, self.staging)

        @invariant()
        def the_invariant_holds(self) -> None:
            """The one invariant, read from the tables themselves."""
            with read(engine) as session:
                slots = session.exec(
                    select(tables.Slot).where(tables.Slot.environment == self.env)
                ).all()
                for row in slots:
                    if row.serving_version_id is None:
                        continue
                    if row.serving_waiver_id is not None:
                        waiver = session.get(tables.Waiver, row.serving_waiver_id)
                        assert waiver.version_id == row.serving_version_id
                        assert waiver.environment == self.env
                        continue
                    deployed = session.get(
                        tables.PipelineDeployment, (self.env, row.serving_pipeline)
                    )
                    verdict = session.get(tables.Validation, row.serving_validation_id)
                    assert verdict.passed
                    assert verdict.version_id == row.serving_version_id
                    assert verdict.pipeline_blake3 == deployed.blake3
                    assert deployed.blake3 == pipeline(self.world.deployed).blake3
                    slot = self.world.slots[row.model]
                    assert verdict.id == self.ids[slot.proof]

    return Histories


def _read_as_the_rows_say(engine: Engine, *environments: str) -> None:
    """What is read at once is what the rows say, in some environments or in all."""
    slots = select(tables.Slot)
    if environments:
        slots = slots.where(col(tables.Slot.environment).in_(environments))
    with read(engine) as session:
        for row in session.exec(slots).all():
            slot = row.environment, row.model
            assert _timeless(shown.now(session, *slot)) == _timeless(
                slot_by_rows.now(session, *slot)
            )


def _timeless(slot: Serving) -> Serving:
    """A slot without when its readiness changes by the time alone: two looks are not at one time."""
    ready = slot.readiness
    return replace(slot, readiness=ready and replace(ready, changes_at=None))


def _person(token: str) -> str | None:
    """Whom a token counts as, spelled in another way; nobody is said where it is its own name."""
    return PERSONS[token].upper() if token != PERSONS[token] else None


@contextlib.contextmanager
def _as_principals(database: str) -> Iterator[Reached]:
    """The registry itself, and for whom it acts."""
    with connect(database) as registry:

        def speaking(token: str) -> AnyRegistry:
            principal = Principal(token, frozenset({Scope.ADMIN}), person=_person(token))
            return registry.speaking_for(principal)

        yield registry, speaking


@contextlib.contextmanager
def _with_tokens(database: str) -> Iterator[Reached]:
    """A server, asked with the tokens that there are."""
    with connect(database) as registry:
        secrets = {
            name: registry.create_token(
                NewToken(name, ("admin",), person=_person(name) if name in PERSONS else None),
                actor="t",
            )["token"]
            for name in ("boss", *PERSONS)
        }
    with registry_server(database) as address, contextlib.ExitStack() as closing:
        opened = {
            name: closing.enter_context(connect(address, token=secret))
            for name, secret in secrets.items()
        }
        yield opened["boss"], opened.__getitem__


SETTINGS = settings(
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=not LONG,
    suppress_health_check=list(HealthCheck),
)


@EVERYWHERE
def test_random_histories_hold_the_invariant(database, request):
    make_bare(database)
    examples = EXAMPLES[request.node.callspec.params["database"]]
    reach = _with_tokens if "server" in request.node.name else _as_principals
    with reach(database) as (registry, speaking):
        run_state_machine_as_test(
            histories(registry, database, speaking),
            settings=settings(SETTINGS, max_examples=examples),
        )
    engine = open_engine(database)
    _read_as_the_rows_say(engine)
    engine.dispose()
    with connect(database) as registry:
        assert registry.audit().problems == ()
        assert registry.check().problems == ()
