"""The registry's verbs on a real database: who serves, who stands by, and what is refused."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import rfc8785
from blake3 import blake3

from lineage.contract.captured import CapturedPipelineVersion
from lineage.contract.requests import Direction
from lineage.contract.results import NamedPipeline
from lineage.errors import Conflict, NotFound, UsageError
from lineage.guard.decision import GuardRefused
from lineage.guard.facts import Transition
from lineage.identity.components import EnvironmentKind, Kind
from lineage.identity.digest import Digest, blake3_of, xxh3
from lineage.identity.pipeline import PipelineVersion
from lineage.remote.client import RemoteRegistry
from tests.conftest import (
    EVERYWHERE,
    add_validated,
    add_version,
    captured,
    captured_pipeline,
    pipeline,
)

pytestmark = EVERYWHERE


def _deploy(registry, text="old", name="churn", env="production"):
    return registry.release(env, captured_pipeline(text, name), actor="tester")


def _promote(registry, ref, env="production", **more):
    return registry.promote(ref, env, actor="tester", **more)


def _refs(registry, model="churn", env="production"):
    slot = registry.serving(model, env)
    return tuple(side.ref if side else None for side in (slot.serving, slot.backup))


def _codes(error) -> dict[str, set[str]]:
    return {f"{d.model}@{d.version}": {c.code for c in d.failures} for d in error.value.decisions}


def test_registering_the_same_tuple_again_makes_no_duplicate(registry):
    first = registry.register("churn", captured("1"), actor="a")
    again = registry.register("churn", captured("1"), actor="b")
    assert (first.ref, first.created) == ("churn@1", True)
    assert (again.ref, again.created, again.registered_by) == ("churn@1", False, "a")
    assert registry.register("churn", captured("2"), actor="a").ref == "churn@2"
    assert (
        registry.register("churn", captured("1"), kind=Kind.EXPERIMENT, actor="a").ref == "churn@3"
    )
    assert registry.register("other", captured("1"), actor="a").ref == "other@1"
    assert [v.ref for v in registry.versions("churn")] == ["churn@3", "churn@2", "churn@1"]


def test_two_tuples_of_one_name_stay_two(registry):
    """XXH3 can be made to collide: what tells weights apart is their BLAKE3."""
    first = captured("1")
    weights = dataclasses.replace(first.components.weights, blake3=blake3_of(b"other bytes"))
    forged = dataclasses.replace(
        first, components=dataclasses.replace(first.components, weights=weights)
    )
    one = registry.register("churn", first, actor="a")
    other = registry.register("churn", forged, actor="mallory")
    assert one.tuple == other.tuple
    assert (one.ref, other.ref, other.created) == ("churn@1", "churn@2", True)


def test_a_dirty_experiment_shows_as_dirty(registry):
    clean = captured("1")
    code = dataclasses.replace(clean.components.code, difference=xxh3(b"change"))
    dirty = dataclasses.replace(clean, components=dataclasses.replace(clean.components, code=code))
    registry.register("churn", dirty, kind=Kind.EXPERIMENT, actor="a")
    _deploy(registry)
    failing = {check.code for check in registry.guard("churn@1", "production").failures}
    assert failing == {"kind", "code-clean", "validated"}
    with pytest.raises(UsageError, match="needs more: clean code"):
        registry.register("churn", dirty, kind=Kind.PRODUCTION, actor="a")


def test_what_was_registered_is_shown_whole(registry):
    add_version(registry, "1")
    registry.register("churn", captured("2"), parent="churn@1", actor="ann")
    shown = registry.show("churn@latest")
    assert shown["ref"] == "churn@2"
    assert shown["parent"] == "churn@1"
    assert shown["components"]["data"] == [
        {"name": "raw.csv", "digest": "md5:" + "a" * 32, "known": "verified", "size": 8}
    ]
    assert shown["pipeline"] == pipeline("old").xxh3
    assert shown["components"]["pipeline"]["blake3"] == pipeline("old").blake3


def test_a_promotion_needs_a_pass_with_what_is_deployed(registry):
    ref = add_version(registry)
    with pytest.raises(GuardRefused) as error:
        _promote(registry, ref)
    assert _codes(error) == {"churn@1": {"pipeline-deployed", "validated"}}
    _deploy(registry)
    with pytest.raises(GuardRefused) as error:
        _promote(registry, ref)
    assert _codes(error) == {"churn@1": {"validated"}}
    registry.validate(ref, captured_pipeline("new"), passed=True, actor="t")
    with pytest.raises(GuardRefused) as error:
        _promote(registry, ref)
    assert _codes(error) == {"churn@1": {"pipeline-match"}}
    registry.validate(ref, captured_pipeline("old"), passed=True, actor="t")
    assert registry.guard(ref, "production").allowed
    assert _promote(registry, ref).changed
    assert _refs(registry) == ("churn@1", None)


def test_the_newest_verdict_counts(registry):
    _deploy(registry)
    ref = add_validated(registry)
    registry.validate(ref, captured_pipeline(), passed=False, actor="t")
    with pytest.raises(GuardRefused) as error:
        _promote(registry, ref)
    assert _codes(error) == {"churn@1": {"validated"}}
    registry.validate(ref, captured_pipeline(), passed=True, actor="t")
    _promote(registry, ref)


def test_what_served_before_becomes_the_backup(registry):
    _deploy(registry)
    for seed in "123":
        _promote(registry, add_validated(registry, seed))
    assert _refs(registry) == ("churn@3", "churn@2")
    _promote(registry, add_validated(registry, "4"))
    assert _refs(registry) == ("churn@4", "churn@3")
    assert registry.serving("churn", "production").revision == 4


def test_versions_may_take_turns(registry):
    _deploy(registry)
    for seed in "12":
        _promote(registry, add_validated(registry, seed))
    for refs in (("churn@1", "churn@2"), ("churn@2", "churn@1")):
        assert _promote(registry, refs[0]).rolled_back == ()
        assert _refs(registry) == refs


def test_to_promote_what_served_before_for_a_reason_is_to_roll_back(registry):
    _deploy(registry)
    for seed in "123":
        _promote(registry, add_validated(registry, seed))
    moved = registry.promote("churn@2", "production", reason="wrong scores", actor="t")
    assert (_refs(registry), moved.rolled_back) == (("churn@2", "churn@1"), ("churn@3",))
    with pytest.raises(GuardRefused, match="was rolled back from production"):
        _promote(registry, "churn@3")
    registry.validate("churn@3", captured_pipeline(), passed=True, actor="t")
    _promote(registry, "churn@3")
    assert _refs(registry) == ("churn@3", "churn@2")


def test_promoting_what_serves_changes_nothing(registry):
    _deploy(registry)
    ref = add_validated(registry)
    _promote(registry, ref)
    before = registry.serving("churn", "production"), registry.history()
    assert not _promote(registry, ref).changed
    assert (registry.serving("churn", "production"), registry.history()) == before


def test_a_failed_verdict_on_what_serves_moves_nothing_but_shows(registry):
    _deploy(registry)
    for seed in "12":
        _promote(registry, add_validated(registry, seed))
    registry.validate("churn@2", captured_pipeline(), passed=False, actor="t")
    slot = registry.serving("churn", "production")
    assert (slot.serving.ref, slot.contradicted) == ("churn@2", True)
    assert "contradicted" in registry.history("churn@production")[0]["payload"]
    _promote(registry, add_validated(registry, "3"))
    assert _refs(registry) == ("churn@3", "churn@1"), "what was contradicted is no good backup"


def test_a_contradicted_backup_does_not_take_over(registry):
    _deploy(registry)
    for seed in "12":
        _promote(registry, add_validated(registry, seed))
    registry.validate("churn@1", captured_pipeline(), passed=False, actor="t")
    with pytest.raises(GuardRefused) as error:
        registry.rollback("churn", "production", actor="t")
    assert _codes(error) == {"churn@1": {"validated"}}
    assert _refs(registry) == ("churn@2", "churn@1")


def test_a_rollback_moves_to_the_backup_and_leaves_none(registry):
    _deploy(registry)
    for seed in "12":
        _promote(registry, add_validated(registry, seed))
    done = registry.rollback("churn", "production", reason="bad", actor="t")
    assert done.slots[0].serving.ref == "churn@1"
    assert _refs(registry) == ("churn@1", None)
    assert registry.history("churn@production")[0]["payload"]["reason"] == "bad"
    with pytest.raises(NotFound, match="no backup"):
        registry.rollback("churn", "production", actor="t")


def test_retiring_empties_the_slot(registry):
    _deploy(registry)
    for seed in "12":
        _promote(registry, add_validated(registry, seed))
    registry.retire("churn", "production", actor="t")
    assert _refs(registry) == (None, None)
    assert registry.serving("churn", "production").revision == 3
    with pytest.raises(NotFound, match="does not serve"):
        registry.retire("churn", "production", actor="t")
    with pytest.raises(NotFound, match="does not serve"):
        registry.show("churn@production")
    _deploy(registry, "new")
    _promote(registry, add_validated(registry, "3", "new"))


def test_a_pipeline_cannot_move_under_a_serving_model(registry):
    _deploy(registry)
    _promote(registry, add_validated(registry))
    with pytest.raises(GuardRefused) as error:
        _deploy(registry, "new")
    assert _codes(error) == {"churn@1": {"pipeline-match"}}
    assert error.value.decisions[0].move is Transition.STAY
    assert registry.deployed_pipeline("production", "churn").version.xxh3 == pipeline("old").xxh3


def test_a_pipeline_may_move_where_what_serves_was_validated_with_it(registry):
    _deploy(registry)
    for seed in "12":
        _promote(registry, add_validated(registry, seed))
    registry.validate("churn@2", captured_pipeline("new"), passed=True, actor="t")
    done = _deploy(registry, "new")
    assert done.emptied_backups == ()
    slot = registry.serving("churn", "production")
    assert (slot.ref, slot.backup.ref, slot.revision) == ("churn@2", "churn@2", 3)
    assert (slot.backup.pipeline, slot.moves_pipeline) == (pipeline("old").xxh3, True)
    assert slot.pipeline["digest"] == pipeline("new").xxh3


def test_a_backup_that_was_validated_too_stays(registry):
    _deploy(registry)
    for seed in "12":
        _promote(registry, add_validated(registry, seed))
    for ref in ("churn@1", "churn@2"):
        registry.validate(ref, captured_pipeline("new"), passed=True, actor="t")
    assert _deploy(registry, "new").emptied_backups == ()
    assert _refs(registry) == ("churn@2", "churn@2"), "the pair before, with the old pipeline"
    registry.validate("churn@2", captured_pipeline("old"), passed=False, actor="t")
    _promote(registry, "churn@1")
    assert _refs(registry) == ("churn@1", "churn@2")
    assert registry.serving("churn", "production").moves_pipeline is False
    registry.rollback("churn", "production", actor="t")
    assert _refs(registry)[0] == "churn@2"


def test_deploying_what_runs_changes_nothing(registry):
    assert _deploy(registry).changed
    before = registry.history()
    assert not _deploy(registry).changed
    assert registry.history() == before


def test_a_release_moves_pipeline_and_models_in_one_event(registry):
    for model in ("a", "b"):
        add_validated(registry, "1", "old", model=model, name="shared")
        add_validated(registry, "2", "new", model=model, name="shared")
    _deploy(registry, "old", "shared")
    for model in ("a", "b"):
        _promote(registry, f"{model}@1")
    with pytest.raises(GuardRefused) as error:
        registry.release("production", captured_pipeline("new", "shared"), ["a@2"], actor="t")
    assert _codes(error) == {"b@1": {"pipeline-match"}}, "who is left behind is named"
    assert (_refs(registry, "a")[0], _refs(registry, "b")[0]) == ("a@1", "b@1")
    done = registry.release(
        "production", captured_pipeline("new", "shared"), ["a@2", "b@2"], actor="t"
    )
    assert [slot.serving.ref for slot in done.slots] == ["a@2", "b@2"]
    newest = registry.history()[0]
    assert (newest["kind"], sorted(newest["payload"]["slots"])) == (
        "released",
        ["a@production", "b@production"],
    )
    assert registry.history("a")[0]["seq"] == registry.history("b")[0]["seq"] == newest["seq"]


def test_a_release_names_each_model_once_and_of_its_pipeline(registry):
    add_validated(registry, "1", model="a", name="shared")
    add_validated(registry, "2", model="a", name="shared")
    add_validated(registry, "1", model="b")
    target = captured_pipeline("old", "shared")
    with pytest.raises(UsageError, match="named twice"):
        registry.release("production", target, ["a@1", "a@2"], actor="t")
    with pytest.raises(UsageError, match="rides on pipeline churn"):
        registry.release("production", target, ["b@1"], actor="t")
    with pytest.raises(NotFound):
        registry.release("production", target, ["a@9"], actor="t")
    assert registry.environment("production")["pipelines"] == []


def test_a_release_of_the_running_pipeline_is_a_promotion_of_several(registry):
    for model in ("a", "b"):
        add_validated(registry, "1", model=model, name="shared")
    _deploy(registry, "old", "shared")
    registry.release("production", captured_pipeline("old", "shared"), ["a@1", "b@1"], actor="t")
    assert (_refs(registry, "a")[0], _refs(registry, "b")[0]) == ("a@1", "b@1")


def test_a_backup_on_another_pipeline_is_kept_while_its_own_stays(registry):
    """The model moved from pipeline `one` to `two`; its former version still rides on `one`."""
    add_validated(registry, "1", "old", name="one")
    add_validated(registry, "2", "old", name="two")
    _deploy(registry, "old", "one")
    _deploy(registry, "old", "two")
    _promote(registry, "churn@1")
    _promote(registry, "churn@2")
    assert _refs(registry) == ("churn@2", "churn@1")
    registry.validate("churn@2", captured_pipeline("old", "two"), passed=False, actor="t")
    assert registry.serving("churn", "production").moves_pipeline is False
    assert _deploy(registry, "new", "one").emptied_backups == ()
    assert _refs(registry) == ("churn@2", "churn@1"), "what serves rides on the other pipeline"
    assert registry.serving("churn", "production").moves_pipeline is True
    registry.rollback("churn", "production", actor="t")
    assert _refs(registry)[0] == "churn@1"
    deployed = registry.environment("production")["pipelines"]
    assert {row["digest"] for row in deployed} == {pipeline("old").xxh3}


def test_an_experiment_enters_experimental_environments_only(registry):
    registry.register("churn", captured("1"), kind=Kind.EXPERIMENT, actor="t")
    _deploy(registry)
    registry.validate("churn@1", captured_pipeline(), passed=True, actor="t")
    with pytest.raises(GuardRefused) as error:
        _promote(registry, "churn@1")
    assert _codes(error) == {"churn@1": {"kind"}}
    assert _promote(registry, "churn@1", "staging").decisions[0].allowed
    _promote(registry, add_version(registry, "2"), "staging")
    assert _refs(registry, env="staging") == ("churn@2", "churn@1")
    _deploy(registry, "new", env="staging")
    _deploy(registry, "old", env="staging")
    assert _refs(registry, env="staging") == ("churn@2", "churn@1")
    registry.rollback("churn", "staging", actor="t")
    assert _refs(registry, env="staging") == ("churn@1", None)


def test_a_stale_caller_gets_a_conflict(registry):
    _deploy(registry)
    for seed in "12":
        _promote(registry, add_validated(registry, seed), expect_revision=int(seed) - 1)
    add_validated(registry, "3")
    for act in (
        lambda: _promote(registry, "churn@3", expect_revision=1),
        lambda: registry.rollback("churn", "production", expect_revision=1, actor="t"),
        lambda: registry.retire("churn", "production", expect_revision=1, actor="t"),
    ):
        with pytest.raises(Conflict, match="at revision 2, not 1"):
            act()
    assert _refs(registry) == ("churn@2", "churn@1")


def test_the_past_is_told_from_the_history(registry):
    _deploy(registry)
    moments = [registry.history()[0]["at"]]
    for seed in "12":
        _promote(registry, add_validated(registry, seed))
        moments.append(registry.history()[0]["at"])
    registry.rollback("churn", "production", actor="t")
    past = [registry.serving("churn", "production", at=at) for at in moments]
    assert [slot.serving.ref if slot.serving else None for slot in past] == [
        None,
        "churn@1",
        "churn@2",
    ]
    assert [slot.revision for slot in past] == [0, 1, 2]
    assert past[2].backup.ref == "churn@1"
    assert past[2].pipeline == {"name": "churn", "digest": pipeline("old").xxh3}
    with pytest.raises(UsageError, match="not a time"):
        registry.serving("churn", "production", at="yesterday")


def test_the_audit_proves_the_chain_and_the_present_state(registry):
    _deploy(registry)
    for seed in "123":
        _promote(registry, add_validated(registry, seed))
    registry.rollback("churn", "production", actor="t")
    result = registry.audit()
    assert result.problems == ()
    assert result.events == len(registry.history(limit=1000))
    assert result.head == registry.history()[0]["digest"]


def test_anyone_can_prove_the_chain_from_the_log(registry):
    _deploy(registry)
    _promote(registry, add_validated(registry))
    previous = ""
    for event in reversed(registry.history(limit=1000)):
        row = event.to_dict()
        digest = row.pop("digest")
        assert row["previous"] == previous
        assert digest == "blake3:" + blake3(rfc8785.dumps(row)).hexdigest()
        previous = digest


def test_events_follow_one_another_without_a_gap(registry):
    _deploy(registry)
    for seed in "123":
        _promote(registry, add_validated(registry, seed))
    rows = list(reversed(registry.history(limit=1000)))
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    for one, next_ in itertools.pairwise(rows):
        assert one["at"] <= next_["at"]


def test_a_recorded_pipeline_is_named_by_any_unique_beginning(registry):
    add_validated(registry, "1", "old")
    add_validated(registry, "2", "new")
    digest, identity = pipeline("old").xxh3, pipeline("old").blake3
    for named in (digest, digest[:13], identity, identity[:15]):
        assert registry.pipeline(NamedPipeline("churn", named)).version.xxh3 == digest
        assert registry.pipeline(NamedPipeline(None, named)).version.xxh3 == digest
    for named in ("", "xxh3", "xxh3:", ":0"):
        with pytest.raises(UsageError, match="is not a digest"):
            registry.pipeline(NamedPipeline("churn", named))
    for named in (digest[:12], identity[:14], "xxh3:%", "sha256:0"):
        with pytest.raises(UsageError, match="too short"):
            registry.pipeline(NamedPipeline("churn", named))
    for named in ("xxh3:%%%%%%%%", "xxh3:________", "sha256:00000000", digest[:13] + "x"):
        with pytest.raises(NotFound):
            registry.pipeline(NamedPipeline("churn", named))


def test_a_beginning_of_several_digests_is_refused_with_the_candidates(registry):
    stated = [f"sha256:0123456789abcde{number}" for number in range(7)]
    ref = add_version(registry)
    for text in ["x:1", "x:12345678", "x:123456789", *stated]:
        version = PipelineVersion(None, Digest(text))
        registry.validate(ref, CapturedPipelineVersion("churn", version), passed=True, actor="t")
    for named in ("x:1", "x:12345678", stated[3]):
        assert registry.pipeline(NamedPipeline("churn", named)).version.xxh3 == named
    with pytest.raises(Conflict, match=f"{stated[0]}, {stated[1]}.* and more") as refused:
        registry.pipeline(NamedPipeline(None, "sha256:01234567"))
    assert (refused.value.exit_code, refused.value.http_status) == (5, 412)
    with pytest.raises(Conflict):
        registry.validate(ref, NamedPipeline("churn", "sha256:0123456789"), passed=True, actor="t")
    done = registry.validate(ref, NamedPipeline("churn", "x:12345678"), passed=True, actor="t")
    assert done["pipeline"]["digest"] == "x:12345678"


def test_a_lineage_is_named_by_any_unique_beginning(registry):
    for seed in ("1", "2"):
        add_validated(registry, seed)
    shown = registry.show("churn@1")
    weights = shown["components"]["weights"]["blake3"]
    for digest in (shown["tuple"], shown["weights"], weights, shown["data"], shown["pipeline"]):
        beginning = digest[: digest.index(":") + 9]
        whole = registry.lineage(digest, Direction.DOWN)
        assert registry.lineage(beginning, Direction.DOWN) == whole
    with pytest.raises(Conflict, match=r"git:0{39}1, git:0{39}2"):
        registry.lineage("git:00000000", Direction.DOWN)
    with pytest.raises(UsageError, match="too short"):
        registry.lineage(weights[:14], Direction.DOWN)
    with pytest.raises(NotFound):
        registry.lineage("xxh3:" + "0" * 32, Direction.DOWN)


def test_two_pipelines_whose_xxh3_collide_stay_two(registry):
    """A stated digest that equals another's public digest is another version; no client sends one."""
    forged = CapturedPipelineVersion("churn", PipelineVersion(None, pipeline("old").xxh3))
    ref = add_version(registry)
    _deploy(registry)
    if isinstance(registry, RemoteRegistry):
        with pytest.raises(UsageError, match="taken of a pipeline's manifest"):
            registry.validate(ref, forged, passed=True, actor="mallory")
        return
    registry.validate(ref, forged, passed=True, actor="mallory")
    with pytest.raises(GuardRefused) as error:
        _promote(registry, ref)
    assert _codes(error) == {"churn@1": {"pipeline-match"}}


def test_a_verdict_belongs_to_the_versions_own_pipeline(registry):
    ref = add_version(registry)
    with pytest.raises(UsageError, match="rides on pipeline churn"):
        registry.validate(ref, captured_pipeline("old", "other"), passed=True, actor="t")


@pytest.mark.parametrize(
    "act",
    [
        lambda r: r.show("churn@9"), lambda r: r.show("nobody@1"), lambda r: r.versions("nobody"),
        lambda r: r.guard("churn@1", "nowhere"), lambda r: r.promote("churn@1", "nowhere", actor="t"),
        lambda r: r.serving("churn", "nowhere"), lambda r: r.serving("nobody", "production"),
        lambda r: r.show("churn@production"), lambda r: r.show("churn@production/backup"),
        lambda r: r.show("churn@nowhere"), lambda r: r.environment("nowhere"),
        lambda r: r.pipeline_versions("nothing"), lambda r: r.deployed_pipeline("production", "nothing"),
        lambda r: r.validate("churn@9", captured_pipeline(), passed=True, actor="t"),
        lambda r: r.register("churn", captured("7"), parent="churn@9", actor="t"),
        lambda r: r.rollback("nobody", "production", actor="t"),
        lambda r: r.retire("churn", "production", actor="t"),
        lambda r: r.release("nowhere", captured_pipeline("brand new"), actor="t"),
        lambda r: r.all_serving("nowhere"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told_and_nothing_is_written(registry, act):
    add_version(registry)
    before = registry.history(), registry.versions("churn"), registry.pipeline_versions("churn")
    with pytest.raises(NotFound) as error:
        act(registry)
    assert error.value.remedy
    after = registry.history(), registry.versions("churn"), registry.pipeline_versions("churn")
    assert after == before


def test_environments_are_made_once(registry):
    assert registry.create_environment("canary", EnvironmentKind.PRODUCTION, actor="t")
    assert not registry.create_environment("canary", EnvironmentKind.PRODUCTION, actor="t")
    with pytest.raises(Conflict, match="of kind production"):
        registry.create_environment("canary", EnvironmentKind.EXPERIMENTAL, actor="t")
    assert [row["name"] for row in registry.environments()] == ["canary", "production", "staging"]
