"""What models and versions are called, and what is said of them: on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from lineage.connection import connect
from lineage.contract.requests import DeclaredEnvironment, NewToken, Observed, RetentionPolicy
from lineage.errors import (
    InUse,
    ModelArchived,
    NotFound,
    NotPermitted,
    UsageError,
    VersionDeleted,
)
from lineage.guard.decision import GuardRefused
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.components import EnvironmentKind, Kind
from lineage.identity.digest import xxh3
from lineage.registry import transfer
from lineage.registry.access import Principal, Scope
from tests.conftest import (
    BOTH,
    EVERYWHERE,
    add_validated,
    add_version,
    captured,
    captured_pipeline,
)


def _serve(registry, model="churn", count=2):
    """The newest of some versions serves in production, the one before stands by."""
    refs = [add_validated(registry, f"{n}", model=model) for n in range(count)]
    registry.release("production", captured_pipeline("old"), actor="t")
    for ref in refs:
        registry.promote(ref, "production", actor="t")


def _experiment(registry, seed="e", **more):
    return registry.register("churn", captured(seed), kind=Kind.EXPERIMENT, actor="t", **more).ref


def _sound(registry):
    found = registry.audit()
    assert found.problems == (), found.problems


# tags and descriptions


@EVERYWHERE
def test_a_version_and_its_model_are_described_and_tagged(registry):
    ref = add_version(registry)
    said = registry.edit(
        ref, description="the first", tags={"team": "risk", "a/b": ""}, actor="ann"
    )
    assert said == {
        "ref": ref,
        "description": "the first",
        "tags": {"a/b": "", "team": "risk"},
        "changed": True,
    }
    registry.edit("churn", description="who leaves", tags={"owner": "ann"}, actor="ann")
    shown = registry.show(ref)
    assert (shown["description"], shown["tags"]["team"]) == ("the first", "risk")
    model = registry.model("churn")
    assert (model["description"], model["tags"]) == ("who leaves", {"owner": "ann"})
    (row,) = registry.models()
    assert (row["description"], row["tags"]) == ("who leaves", {"owner": "ann"})
    _sound(registry)


def test_what_is_not_named_stays_and_an_empty_description_is_none(registry):
    ref = add_version(registry)
    registry.edit(ref, description="x", tags={"a": "1", "b": "2"}, actor="t")
    assert registry.edit(ref, tags={"a": None}, actor="t")["tags"] == {"b": "2"}
    assert registry.show(ref)["description"] == "x"
    assert registry.edit(ref, description="", actor="t")["description"] is None
    assert registry.edit(ref, tags={"a": "3"}, actor="t")["tags"] == {"a": "3", "b": "2"}
    _sound(registry)


def test_each_change_is_one_event_and_what_changes_nothing_is_none(registry):
    ref = add_version(registry)
    registry.edit(ref, description="x", tags={"a": "1"}, actor="ann")
    (event,) = registry.history(ref, limit=1)
    assert (event["kind"], event["actor"]) == ("labelled", "ann")
    assert event["payload"]["description"] == "x"
    assert event["payload"]["tags"] == {"a": "1"}
    again = registry.edit(ref, description="x", tags={"a": "1", "b": None}, actor="bob")
    assert again["changed"] is False
    assert registry.history(ref, limit=1)[0]["seq"] == event["seq"]


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        ({"Team": "x"}, "no name of a tag"),
        ({"": "x"}, "no name of a tag"),
        ({"a" * 64: "x"}, "no name of a tag"),
        ({"a": "x" * 257}, "257 characters"),
        ({"a": "\0"}, "cannot be kept"),
        ({f"t{n}": "x" for n in range(65)}, "at most 64"),
    ],
)
def test_a_tag_that_may_not_be_is_refused_and_nothing_written(registry, tags, says):
    ref = add_version(registry)
    before = registry.head()
    with pytest.raises(UsageError, match=says):
        registry.edit(ref, description="x", tags=tags, actor="t")
    assert registry.head() == before


def test_the_65th_tag_is_refused_whenever_it_comes(registry):
    ref = add_version(registry)
    registry.edit(ref, tags={f"t{n}": "x" for n in range(64)}, actor="t")
    with pytest.raises(UsageError, match="65"):
        registry.edit(ref, tags={"more": "x"}, actor="t")
    done = registry.edit(ref, tags={"more": "x", "t0": None}, actor="t")
    assert len(done["tags"]) == 64


def test_any_text_describes(registry):
    add_version(registry)
    text = "ünïcode \x1b[31m «» ' \" \n\t \\u0041 {}"
    assert registry.edit("churn", description=text, actor="t")["description"] == text
    assert registry.model("churn")["description"] == text
    with pytest.raises(UsageError, match="10,001 characters"):
        registry.edit("churn", description="x" * 10_001, actor="t")
    _sound(registry)


def test_the_tuple_does_not_change_by_what_is_said(registry):
    ref = add_version(registry)
    registry.edit(ref, description="x", tags={"a": "1"}, actor="t")
    again = registry.register("churn", captured("1"), kind=Kind.PRODUCTION, actor="t")
    assert (again.ref, again.created) == (ref, False)


# renaming


@EVERYWHERE
def test_all_of_a_model_goes_with_its_name(registry):
    _serve(registry)
    registry.edit("churn", description="who leaves", tags={"a": "1"}, actor="t")
    before = registry.serving("churn", "production")
    row = registry.rename_model("churn", "attrition", actor="ann")
    assert (row["name"], row["former_names"], row["changed"]) == ("attrition", ["churn"], True)
    assert (row["description"], row["tags"], row["latest"]) == (
        "who leaves",
        {"a": "1"},
        "attrition@2",
    )
    for name in ("churn", "attrition"):
        slot = registry.serving(name, "production")
        assert slot.model == "attrition"
        assert slot.revision == before.revision
        assert slot.serving.ref == "attrition@2"
        assert slot.backup.ref == "attrition@1"
        assert registry.show(f"{name}@1")["ref"] == "attrition@1"
        assert registry.show(f"{name}@latest")["ref"] == "attrition@2"
        assert registry.show(f"{name}@production/backup")["ref"] == "attrition@1"
        assert [version.ref for version in registry.versions(name)] == [
            "attrition@2",
            "attrition@1",
        ]
        assert registry.stored(f"{name}@1").ref == "attrition@1"
        assert registry.guard(f"{name}@2", "production").model == "attrition"
    assert [row["name"] for row in registry.models()] == ["attrition"]
    _sound(registry)


def test_moves_go_on_under_either_name(registry):
    _serve(registry)
    registry.rename_model("churn", "attrition", actor="t")
    registry.rollback("churn", "production", reason="slow", actor="t")
    assert registry.serving("attrition", "production").serving.ref == "attrition@1"
    ref = add_validated(registry, "9")  # registers under the old name
    assert ref == "attrition@3"
    registry.promote("churn@3", "production", actor="t")
    registry.retire("churn", "production", actor="t")
    assert registry.serving("churn", "production").serving is None
    _sound(registry)


@BOTH
def test_the_history_is_listed_under_all_names(registry):
    _serve(registry)
    then = registry.history("churn", limit=1)[0]["at"]
    registry.rename_model("churn", "attrition", actor="t")
    registry.rollback("attrition", "production", actor="t")
    for name in ("churn", "attrition"):
        kinds = [event["kind"] for event in registry.history(name)]
        assert kinds[:2] == ["rolled-back", "model-renamed"]
        assert kinds.count("registered") == 2
        assert [event["kind"] for event in registry.events(subject=name)] == kinds[::-1]
        of_slot = [event["kind"] for event in registry.history(f"{name}@production")]
        assert of_slot == ["rolled-back", "promoted", "promoted"]
        assert registry.serving(name, "production", at=then).serving.ref == "attrition@2"
    renamed = registry.history("churn")[1]
    assert (renamed["subject"], renamed["payload"]["from"]) == ("attrition", "churn")


@BOTH
def test_a_name_stays_its_models_through_chains_and_back(registry):
    _serve(registry)
    registry.rename_model("churn", "b", actor="t")
    registry.rename_model("churn", "c", actor="t")
    for name in ("churn", "b", "c"):
        assert registry.model(name)["name"] == "c"
    assert registry.model("c")["former_names"] == ["b", "churn"]
    _sound(registry)
    registry.rename_model("b", "churn", actor="t")
    assert registry.model("c") == registry.model("churn")
    assert registry.model("churn")["former_names"] == ["b", "c"]
    assert registry.serving("c", "production").serving.ref == "churn@2"
    same = registry.rename_model("c", "churn", actor="t")
    assert same["changed"] is False
    _sound(registry)


def test_no_other_model_takes_a_name_that_was_one(registry):
    _serve(registry)
    add_version(registry, "7", model="other")
    registry.rename_model("churn", "attrition", actor="t")
    with pytest.raises(InUse, match="attrition had before"):
        registry.add_model("churn", actor="t")
    with pytest.raises(InUse, match="attrition had before"):
        registry.rename_model("other", "churn", actor="t")
    with pytest.raises(InUse, match="is a model"):
        registry.rename_model("other", "attrition", actor="t")
    with pytest.raises(UsageError, match="not a valid model name"):
        registry.rename_model("other", "Not A Name", actor="t")
    with pytest.raises(NotFound):
        registry.rename_model("nobody", "x", actor="t")
    registry.register("third", captured("8", name="features"), kind=Kind.PRODUCTION, actor="t")
    with pytest.raises(InUse, match="A pipeline is called features"):
        registry.rename_model("other", "features", actor="t")
    assert (
        registry.share_pipeline("features", "churn", actor="t")["shares"][0]["model"] == "attrition"
    )


def test_what_an_environment_demands_of_a_model_goes_on(registry):
    _serve(registry)
    policy = EnvironmentPolicy(models={"churn": ("auc >= 0.9",)})
    registry.apply_environments([DeclaredEnvironment("production", policy)], actor="t")
    registry.rename_model("churn", "attrition", actor="t")
    ref = add_validated(registry, "9")
    with pytest.raises(GuardRefused, match=r"auc >= 0\.9 does not hold"):
        registry.promote(ref, "production", actor="t")


def test_a_version_that_served_elsewhere_under_the_old_name_has(registry):
    registry.create_environment("canary", EnvironmentKind.PRODUCTION, actor="t")
    policy = EnvironmentPolicy(promote_from="canary")
    registry.apply_environments([DeclaredEnvironment("production", policy)], actor="t")
    add_validated(registry, "1")
    for environment in ("canary", "production"):
        registry.release(environment, captured_pipeline("old"), actor="t")
    registry.promote("churn@1", "canary", actor="t")
    registry.rename_model("churn", "attrition", actor="t")
    registry.promote("attrition@1", "production", actor="t")


@BOTH
def test_what_hosts_said_goes_with_the_name(registry):
    _serve(registry)
    at = "2026-11-20T08:00:00Z"
    registry.report("churn", "production", Observed("a", xxh3(b"1"), at), actor="h")
    registry.rename_model("churn", "attrition", actor="t")
    (row,) = registry.observations("churn", "production")
    assert (row["model"], row["instance"]) == ("attrition", "a")
    said = registry.report("churn", "production", Observed("b", xxh3(b"1"), at), actor="h")
    assert said["model"] == "attrition"
    (slot,) = registry.observed()
    assert (slot["model"], slot["instances"]) == ("attrition", 2)


@pytest.mark.parametrize("bound", ["churn", "attrition"])
def test_who_is_bound_to_a_model_is_so_whatever_it_is_called(registry, bound):
    _serve(registry)
    add_version(registry, "7", model="other")
    token = registry.create_token(NewToken("t", ("read",), models=(bound,)), actor="t")["token"]
    registry.rename_model("churn", "attrition", actor="t")
    seen = registry.speaking_for(registry.authenticate(token))
    for name in ("churn", "attrition"):
        assert seen.serving(name, "production").serving.ref == "attrition@2"
    assert [row["name"] for row in seen.models()] == ["attrition"]
    with pytest.raises(NotPermitted):
        seen.versions("other")
    with pytest.raises(NotPermitted):
        seen.versions("never")


def _admin(**binding):
    return Principal("adm", frozenset({Scope.ADMIN}), **binding)


def test_a_bound_admin_administers_what_it_is_bound_to(registry):
    add_version(registry)
    of_model = registry.speaking_for(_admin(models=frozenset({"churn"})))
    with pytest.raises(NotPermitted):
        of_model.rename_model("churn", "attrition", actor="adm")
    of_both = registry.speaking_for(_admin(models=frozenset({"churn", "attrition"})))
    assert of_both.rename_model("churn", "attrition", actor="adm")["changed"]
    of_one = registry.speaking_for(_admin(environments=frozenset({"production"})))
    for act in (
        lambda: of_one.rename_model("attrition", "x", actor="adm"),
        lambda: of_one.archive_model("attrition", actor="adm"),
        lambda: of_one.delete_version("attrition@1", actor="adm"),
    ):
        with pytest.raises(NotPermitted):
            act()


# archiving


@EVERYWHERE
def test_an_archived_model_takes_nothing_new_and_moves_nowhere(registry):
    _serve(registry)
    with pytest.raises(InUse, match="in production"):
        registry.archive_model("churn", actor="t")
    registry.retire("churn", "production", actor="t")
    row = registry.archive_model("churn", actor="ann")
    assert (row["archived_by"], row["changed"]) == ("ann", True)
    assert registry.archive_model("churn", actor="t")["changed"] is False
    for act in (
        lambda: add_version(registry, "9"),
        lambda: registry.promote("churn@2", "production", actor="t"),
        lambda: registry.guard("churn@2", "production"),
        lambda: registry.release("production", captured_pipeline("old"), ["churn@2"], actor="t"),
    ):
        with pytest.raises(ModelArchived, match="archived"):
            act()
    assert registry.models() == []
    (listed,) = registry.models(archived=True)
    assert listed["archived_at"] is not None
    assert registry.show("churn@1")["ref"] == "churn@1"
    registry.rename_model("churn", "attrition", actor="t")
    with pytest.raises(ModelArchived):
        registry.promote("churn@2", "production", actor="t")
    _sound(registry)
    assert registry.archive_model("churn", restore=True, actor="t")["archived_at"] is None
    registry.promote("churn@2", "production", actor="t")
    _sound(registry)


# deleting


@EVERYWHERE
def test_a_deleted_experiment_leaves_its_number_and_its_tuple(registry):
    add_version(registry)
    ref = _experiment(registry)
    left = registry.delete_version(ref, reason="a try", actor="ann")
    assert (left["ref"], left["deleted_by"]) == (ref, "ann")
    for act in (
        lambda: registry.show(ref),
        lambda: registry.stored(ref),
        lambda: registry.validations(ref),
        lambda: registry.edit(ref, tags={"a": "1"}, actor="t"),
        lambda: registry.delete_version(ref, actor="t"),
        lambda: registry.validate(ref, captured_pipeline("old"), passed=True, actor="t"),
        lambda: registry.guard(ref, "production"),
        lambda: _experiment(registry, "cc", parent=ref),
    ):
        with pytest.raises(VersionDeleted, match=f"deleted by ann.*{left['tuple']}"):
            act()
    assert [version.ref for version in registry.versions("churn")] == ["churn@1"]
    assert registry.show("churn@latest")["ref"] == "churn@1"
    assert registry.model("churn")["latest"] == "churn@1"
    again = registry.register("churn", captured("e"), kind=Kind.EXPERIMENT, actor="t")
    assert (again.ref, again.created) == ("churn@3", True)
    (event,) = [e for e in registry.history("churn") if e["kind"] == "version-deleted"]
    assert event["payload"]["reason"] == "a try"
    _sound(registry)


def test_its_stored_weights_are_collectable_at_once(registry):
    add_version(registry)
    ref = _experiment(registry)
    keeping = RetentionPolicy(last=3, days=30, served=3)
    assert registry.collectable(keeping) == []
    registry.delete_version(ref, actor="t")
    (row,) = registry.collectable(keeping)
    assert row["ref"] == ref
    assert registry.stored(ref, deleted=True).copies
    assert ref not in {held.ref for held in registry.copies_in(row["store"])}
    registry.remove_copy(ref, row["store"], keeping, actor="t")
    assert registry.collectable(keeping) == []
    _sound(registry)


@BOTH
def test_what_something_refers_to_is_not_deleted(registry):
    registry.create_environment("lab", EnvironmentKind.EXPERIMENTAL, actor="t")
    add_version(registry)
    parent = _experiment(registry, "p")
    child = _experiment(registry, "c", parent=parent)
    served = _experiment(registry, "s")
    approved = _experiment(registry, "a")
    registry.release("lab", captured_pipeline("old"), actor="t")
    registry.promote(served, "lab", actor="t")
    registry.approve(approved, "lab", actor="ann")
    for ref, says in (
        ("churn@1", "for production"),
        (parent, f"{child} was made from"),
        (served, "in lab"),
        (approved, "approved"),
    ):
        with pytest.raises(InUse, match=says):
            registry.delete_version(ref, actor="t")
    registry.retire("churn", "lab", actor="t")
    with pytest.raises(InUse, match="approved, or served"):
        registry.delete_version(served, actor="t")
    with pytest.raises(UsageError, match="tomorrow"):
        registry.delete_version("churn@latest", actor="t")
    _sound(registry)


def test_a_copy_of_the_registry_has_the_names_too(registry, url, tmp_path):
    _serve(registry)
    registry.rename_model("churn", "zeta", actor="t")  # whose row comes after that of the old name
    other = f"sqlite:///{tmp_path / 'other.db'}"
    transfer.copy(url, other)
    with connect(other) as copied:
        assert copied.serving("churn", "production").serving.ref == "zeta@2"


# a name that is no model's


@EVERYWHERE
def test_a_misspelt_model_is_told_which_are_spelled_alike(registry):
    add_version(registry, "1", model="proj")
    add_version(registry, "2", model="elsewhere")
    for attempt in (
        lambda: registry.guard("prj@production", "production"),
        lambda: registry.observations("prj", "production"),
        lambda: registry.rollback("prj", "production", actor="t"),
        lambda: registry.show("prj@1"),
        lambda: registry.versions("prj"),
    ):
        with pytest.raises(NotFound, match=r"^There is no model 'prj'\.$") as told:
            attempt()
        assert told.value.remedy == "Did you mean proj?"
    with pytest.raises(NotFound) as told:
        registry.show("quite-another@1")
    assert "first version" in told.value.remedy


@EVERYWHERE
def test_a_misspelt_model_is_told_by_its_present_name(registry):
    add_version(registry, "1", model="proj")
    registry.rename_model("proj", "projection", actor="t")
    with pytest.raises(NotFound) as told:
        registry.show("projectin@1")
    assert told.value.remedy == "Did you mean projection?"
    with pytest.raises(NotFound) as told:
        registry.show("prj@1")
    assert "proj?" not in told.value.remedy
