"""The graph of contents: what made a version, what something reaches, what leaked."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lineage.cli.reports.graph import tree
from sqlalchemy import create_engine, text

from lineage.connection import connect
from lineage.contract import cursors
from lineage.contract.captured import CapturedPipelineVersion
from lineage.contract.requests import Direction
from lineage.contract.results.graph import NodeKind
from lineage.contract.results.versions import NamedPipeline
from lineage.database import graph, triggers
from lineage.database.engine import open_engine, read, transaction
from lineage.database.lists import Lists, ask, first_of
from lineage.errors import Conflict, NotFound, NotPermitted, UsageError
from lineage.export.steps import steps_of
from lineage.identity.chain import Chain, RunKind, StageRun
from lineage.identity.components import CodeVersion, Components, DataItem, DataVersion, Kind, Known
from lineage.identity.digest import EMPTY, Digest, blake3_of
from lineage.identity.pipeline import Manifest, PipelineVersion, Stage
from lineage.identity.watched import Distribution, WatchedRun
from lineage.registry.access import Principal, Scope
from lineage.registry.graph import impact, opened, subject
from tests.conftest import (
    BOTH,
    EVERYWHERE,
    add_validated,
    captured,
    captured_pipeline,
    make_registry,
)
from tests.support.filled import with_chain

LISTS = create_engine("sqlite://")
BOUND = Principal("ci", frozenset({Scope.READ}), models=frozenset({"churn"}))
RAW, FEATURES, WEIGHTS, OTHER = (f"md5:{digit * 32}" for digit in "abcd")


def run_of(name, used, made, **more):
    return StageRun(
        name,
        inputs={f"{digest[-1]}.csv": digest for digest in used},
        outputs={f"{digest[-1]}.csv": digest for digest in made},
        **more,
    )


def add(registry, seed, *runs, model="churn", weights=None, parent=None, data=None, **more):
    """Register an experiment with a chain; its reference."""
    version = captured(seed, name=model)
    if data is not None:
        items = tuple(DataItem(n, Digest(d), Known.VERIFIED) for n, d in data.items())
        parts = version.components
        version = replace(
            version,
            components=Components(parts.code, DataVersion(items), parts.pipeline, parts.weights),
        )
    chain = Chain(runs, weights, **more) if runs or more else None
    done = registry.register(
        model, replace(version, chain=chain), kind=Kind.EXPERIMENT, parent=parent, actor="t"
    )
    return done.ref


def refs(impact):
    return [version.ref for version in impact.versions]


@EVERYWHERE
def test_a_version_is_traced_to_where_its_data_came_from(registry):
    registry.register("churn", with_chain(captured("6")), kind=Kind.EXPERIMENT, actor="t")
    found = registry.trace("churn@1")
    assert found.nodes[0].id == found.ref == "churn@1"
    assert not found.more
    assert not found.gaps
    (role, weights), *_ = found.sources("churn@1")
    (made, train), *_ = found.sources(weights.id)
    assert (role, weights.id, made, train.name) == ("weights", WEIGHTS, "output", "train")
    used = dict(found.sources(train.id))
    assert used["code"].name == "train.py"
    assert used["input"].id == FEATURES
    (_, prepare), *_ = found.sources(FEATURES)
    assert dict(found.sources(prepare.id))["parameters"].details["values"] == {"p": {"x": 1}}
    (_, fetch), *_ = found.sources(RAW)
    (role, origin), *_ = found.sources(fetch.id)
    assert (role, origin.kind, origin.details["rev"]) == ("origin", NodeKind.ORIGIN, "e" * 40)
    assert len(registry.trace("churn@1", limit=3).nodes) == 3
    assert registry.trace("churn@1", limit=3).more
    with pytest.raises(UsageError, match="nodes"):
        registry.trace("churn@1", limit=0)


@EVERYWHERE
def test_chains_of_two_models_join_where_bytes_are_shared(registry):
    prepared = add(
        registry, "1", run_of("prepare", [RAW], [FEATURES]), weights=FEATURES, model="prep"
    )
    user = add(registry, "2", run_of("train", [FEATURES], [WEIGHTS]), weights=WEIGHTS)
    assert {"prepare", "train"} <= {node.name for node in registry.trace(user).nodes}
    assert refs(registry.impact(RAW)) == [user, prepared]
    assert refs(registry.impact("c.csv")) == [user]


@EVERYWHERE
def test_a_cycle_by_content_ends(registry):
    there = run_of("there", [RAW], [FEATURES])
    back = run_of("back", [FEATURES], [RAW])
    ref = add(registry, "1", there, back, weights=RAW)
    assert {"there", "back"} <= {node.name for node in registry.trace(ref).nodes}
    assert refs(registry.impact(FEATURES)) == [ref]


@EVERYWHERE
def test_a_missing_middle_is_shown_as_such(registry):
    ref = add(
        registry, "1", run_of("train", [FEATURES], [WEIGHTS]), weights=WEIGHTS,
        missing=("b.csv",), gaps=("No run of prepare is recorded.",),
    )  # fmt: skip
    found = registry.trace(ref)
    assert found.node(FEATURES).missing
    assert not found.node(WEIGHTS).missing
    assert found.gaps == ("No run of prepare is recorded.",)
    other = "md5:" + "9" * 31 + "b"  # another content of the same path, which no stage makes there
    base = add(registry, "2", run_of("train", [other], [OTHER]), weights=OTHER, model="base")
    child = add(registry, "3", run_of("train", [FEATURES], [WEIGHTS]), weights=WEIGHTS,
                missing=("b.csv",), parent=base)  # fmt: skip
    found = registry.trace(child)
    assert (found.node(FEATURES).missing, found.node(other).missing) == (True, False)


@EVERYWHERE
def test_what_something_reaches_comes_page_by_page(registry):
    train = [run_of(f"train{n}", [RAW], [f"md5:{n:032x}"]) for n in range(5)]
    all_of = [add(registry, str(n), one, weights=f"md5:{n:032x}") for n, one in enumerate(train)]
    first = registry.impact("a.csv", limit=2)
    assert refs(first) == all_of[:2:-1]
    second = registry.impact("a.csv", limit=2, after=first.next)
    third = registry.impact("a.csv", limit=2, after=second.next)
    assert [*refs(first), *refs(second), *refs(third)] == all_of[::-1]
    assert third.next is None
    with pytest.raises(UsageError, match="cursor"):
        registry.impact(RAW, after=first.next)


@EVERYWHERE
@pytest.mark.parametrize("direction", Direction)
def test_what_is_near_a_digest_comes_page_by_page(registry, direction):
    data = {"raw.csv": RAW}
    parent = add(registry, "1", data=data, gaps=("none",))
    refs_of = [parent, add(registry, "2", data=data, parent=parent)]
    refs_of += [add(registry, f"{n}", data=data, gaps=("none",)) for n in (3, 4)]
    digest = registry.show(parent)["data"]
    whole = registry.lineage(digest, direction)
    assert (whole["next"], whole["truncated"]) == (None, False)
    most = len(whole.nodes) - 1
    pages, after = [], None
    while not pages or after is not None:
        pages.append(registry.lineage(digest, direction, limit=most, after=after))
        after = pages[-1].next
    assert len(pages) > 1
    assert [page.truncated for page in pages] == [True] * (len(pages) - 1) + [False]
    assert all(len(page.nodes) <= most for page in pages)
    nodes = {node.id for page in pages for node in page.nodes}
    assert {node.id for node in whole.nodes} == nodes >= {*refs_of}
    assert {edge for page in pages for edge in page.edges} == {*whole.edges}
    cut = registry.lineage(digest, direction, limit=1)
    assert (len(cut.nodes), cut.truncated, cut.next is None) == (1, True, False)
    other = Direction.UP if direction is Direction.DOWN else Direction.DOWN
    with pytest.raises(UsageError, match="cursor"):
        registry.lineage(digest, other, after=pages[0].next)
    with pytest.raises(UsageError, match="nodes"):
        registry.lineage(digest, direction, limit=1_001)


@EVERYWHERE
def test_children_are_reached_and_their_parents_traced(registry):
    base = add(registry, "1", run_of("train", [RAW], [WEIGHTS]), weights=WEIGHTS)
    tuned = add(registry, "2", parent=f"{base}:distilled-from", gaps=("none",))
    again = add(registry, "3", parent=tuned, gaps=("none",))
    assert refs(registry.impact("a.csv"))[:2] == [again, tuned]
    assert registry.impact(RAW).versions[0].how in ("parent", "data")
    roles = {(e.source, e.target): e.role for e in registry.trace(again).edges}
    assert roles[base, tuned] == "distilled-from"
    assert roles[tuned, again] == "fine-tuned-from"
    with pytest.raises(UsageError, match="relation"):
        add(registry, "4", parent=f"{base}:No Such")


@EVERYWHERE
def test_what_is_meant_is_found_or_said_not_to_be(registry):
    ref = add(registry, "1", run_of("train", [FEATURES], [WEIGHTS]), weights=WEIGHTS)
    watched = [WatchedRun({"command": ["x"]}, distributions=(Distribution("NumPy", "1.26.4"),))]
    registry.validate(ref, captured_pipeline("old"), passed=True, watched=watched, actor="t")
    shown = registry.show(ref)
    named = f"churn@{shown['pipeline']}"
    commit = shown["code"].partition(":")[2]
    for text_ in (WEIGHTS[:14], "c" * 12, "c.csv", "./c.csv", commit, commit[:40], ref, named,
                  shown["pipeline"], shown["tuple"], shown["data"], "numpy==1.26.4"):  # fmt: skip
        assert refs(registry.impact(text_)) == [ref], text_
    assert registry.impact("numpy==1.26.4").versions[0].how == "package"
    for text_ in ("nothing.csv", "numpy==2", "md5:" + "0" * 32, "0123456789"):
        with pytest.raises(NotFound):
            registry.impact(text_)
    for text_ in ("", "a\x00b", "x" * 2000):
        with pytest.raises(UsageError):
            registry.impact(text_)


@EVERYWHERE
def test_a_beginning_that_several_digests_have_is_refused(registry):
    add(registry, "1", run_of("t", ["md5:" + "12345678" + "0" * 24, "md5:" + "12345678" + "1" * 24],
                              [WEIGHTS]), weights=WEIGHTS)  # fmt: skip
    with pytest.raises(Conflict, match="several"):
        registry.impact("md5:12345678")


@EVERYWHERE
def test_weights_that_no_stage_made_are_found_by_their_path(registry):
    made = [add(registry, seed) for seed in "12"]
    named = registry.show(made[0])["components"]["weights"]["path"]
    found = registry.impact(f"./{named}")
    assert refs(found) == made[::-1]
    assert ({version.how for version in found.versions}, found.meant) == ({"weights"}, (named,))
    assert refs(registry.impact(named, limit=1, after=registry.impact(named, limit=1).next)) == [
        made[0]
    ]


@EVERYWHERE
def test_a_package_is_found_by_its_name_where_that_is_enough(registry):
    ref = add(registry, "1", run_of("train", [FEATURES], [WEIGHTS]), weights=WEIGHTS)

    def watch(*packages):
        watched = [WatchedRun({"command": ["x"]}, distributions=packages)]
        registry.validate(ref, captured_pipeline("old"), passed=True, watched=watched, actor="t")

    watch(Distribution("NumPy", "1.26.4"), Distribution("pandas", "2.2.0"))
    found = registry.impact("Pandas")
    assert (refs(found), found.meant) == ([ref], ("pandas==2.2.0",))
    watch(Distribution("NumPy", "2.1.0"))
    with pytest.raises(Conflict, match=r"numpy names several packages: numpy==1.26.4, numpy==2"):
        registry.impact("numpy")
    with pytest.raises(NotFound, match="Nothing of scipy"):
        registry.impact("scipy")


@BOTH
def test_a_package_of_others_makes_no_name_ambiguous(registry, monkeypatch):
    for model, number in (("prep", "1.26.4"), ("churn", "2.1.0"), ("prep", "2.2.0")):
        run = run_of("train", [FEATURES], [WEIGHTS])
        ref = add(registry, f"{model}{number}", run, model=model, weights=WEIGHTS)
        watched = [WatchedRun({}, distributions=(Distribution("numpy", number),))]
        pipeline = NamedPipeline(registry.pipeline_of(ref).name, registry.show(ref)["pipeline"])
        registry.validate(ref, pipeline, passed=True, watched=watched, actor="t")
    seen = registry.speaking_for(BOUND)
    for few in (opened.FEW, 0):
        monkeypatch.setattr(opened, "FEW", few)
        found = seen.impact("NumPy")
        assert (refs(found), found.meant) == (["churn@1"], ("numpy==2.1.0",))
        with pytest.raises(NotFound):
            seen.impact("num")


def coded(seed, model="churn", pipeline=None, top=0, **files):
    """A captured version whose pipeline holds files: by their names, the texts in them."""
    version = captured(seed, name=model)
    held = {name.replace("__", "."): blake3_of(text.encode()) for name, text in files.items()}
    manifest = Manifest({"train": Stage(code=held, params={"params.yaml": {"top": top}})})
    parts = replace(version.components, pipeline=PipelineVersion(manifest))
    return replace(version, components=parts, pipeline_name=pipeline or model)


def register(registry, version, model="churn"):
    return registry.register(model, version, kind=Kind.EXPERIMENT, actor="t").ref


@EVERYWHERE
def test_code_that_is_only_imported_is_found(registry):
    old, new = blake3_of(b"old"), blake3_of(b"new")
    first = register(registry, coded("1", util__py="old", main__py="main"))
    train = StageRun("train", code={"main.py": OTHER}, outputs={"m": WEIGHTS})
    version = coded("2", util__py="new", twin__py="new", main__py="main")
    second = register(registry, replace(version, chain=Chain((train,), WEIGHTS)))
    third = register(registry, coded("3", top=1, util__py="new", twin__py="new", main__py="main"))
    both = registry.impact("util.py")
    assert (refs(both), set(both.meant)) == ([third, second, first], {old, new})
    assert {version.how for version in both.versions} == {"code"}
    page = registry.impact("util.py", limit=1)
    assert refs(registry.impact("util.py", limit=1, after=page.next)) == [second]
    assert refs(registry.impact(new)) == refs(registry.impact(new[:20])) == [third, second]
    assert refs(registry.impact("main.py")) == [third, second, first]
    assert not registry.impact("util.py").more

    found = registry.trace(second)
    (pipeline,) = (node for node in found.nodes if node.kind is NodeKind.PIPELINE)
    ((role, module),) = found.sources(pipeline.id)
    assert (role, module.id, module.name) == ("code", new, "twin.py")
    assert module.details["also"] == ["util.py"]
    assert not [node for node in found.nodes if node.id == blake3_of(b"main")], "a run names it"
    assert blake3_of(b"main") in {node.id for node in registry.trace(third).nodes}
    some = registry.trace(second, limit=len(found.nodes) - 1)
    assert [node.kind for node in some.nodes if node.more] == [NodeKind.PIPELINE]
    assert (some.more, steps_of(some).more) == (True, False), "every step is there"
    held_out = DataVersion((DataItem("util.py", new, Known.VERIFIED),))
    registry.validate(second, captured_pipeline("old"), passed=True, data=held_out, actor="t")
    assert not registry.leak(second), "nothing is trained on code"


@EVERYWHERE
def test_who_names_the_digest_of_code_beforehand_hides_none(registry):
    version = coded("2", util__py="util", main__py="main")
    claimed = graph.code_node(version.components.pipeline.manifest)
    run = StageRun("lint", inputs={"z": claimed}, outputs={"m": WEIGHTS})
    first = register(registry, replace(captured("1"), chain=Chain((run,), WEIGHTS)))
    second = register(registry, version)
    assert refs(registry.impact("util.py")) == [second, first], "the first says that it used it"
    assert not registry.audit().problems


@EVERYWHERE
def test_a_pipeline_that_no_version_has_is_known(registry):
    held = coded("1", serve__py="serve").components.pipeline
    registry.release("production", CapturedPipelineVersion("churn", held), actor="t")
    assert registry.impact("serve.py").versions == ()
    with pytest.raises(NotFound):
        registry.impact("other.py")


@BOTH
def test_who_is_bound_finds_no_code_of_others(registry):
    mine = register(registry, coded("1", shared__py="shared", mine__py="mine"))
    register(registry, coded("2", "prep", shared__py="shared", theirs__py="theirs"), "prep")
    taken = register(registry, coded("3", pipeline="prep", theirs__py="theirs", x__py="x"))
    registry.share_pipeline("prep", "churn", withdraw=True, actor="t")
    seen = registry.speaking_for(BOUND)
    assert refs(seen.impact("shared.py")) == refs(seen.impact(blake3_of(b"shared"))) == [mine]
    assert (seen.impact("shared.py").meant, seen.impact("shared.py").more) == ((), False)
    both = [
        register(registry, coded(s, pipeline=name, y__py="y"))
        for s, name in (("4", None), ("5", "prep"))
    ]
    assert (refs(seen.impact("y.py")), refs(registry.impact("y.py"))) == (both[:1], both[::-1])
    for asked in ("theirs.py", "x.py", blake3_of(b"theirs"), "nothing.py"):
        with pytest.raises(NotFound, match="Nothing of"):
            seen.impact(asked)
    assert {"shared.py", "mine.py"} <= {node.name for node in seen.trace(mine).nodes}
    assert not {"theirs.py", "x.py"} & {node.name for node in seen.trace(taken).nodes}
    assert {"theirs.py", "x.py"} <= {node.name for node in registry.trace(taken).nodes}


@BOTH
def test_who_is_bound_pages_through_what_was_made_of_something(registry, monkeypatch):
    """And is told of the children of those alone that are shown: that there are more."""
    ways = [run_of(f"train{n}", [FEATURES], [f"md5:{n:032x}"]) for n in range(4)]
    wholes = [add(registry, f"{n}", run, weights=f"md5:{n:032x}") for n, run in enumerate(ways)]
    wholes.append(add(registry, "8", run_of("join", [RAW], [FEATURES]), weights=FEATURES))
    child = add(registry, "9", gaps=("none",), parent=wholes[0])
    seen = registry.speaking_for(BOUND)
    for few in (opened.FEW, 0):
        monkeypatch.setattr(opened, "FEW", few)
        shown, after = [], None
        while not shown or after is not None:
            page = seen.impact(RAW, limit=2, after=after)
            assert len(page.versions) <= 2
            shown, after = [*shown, *refs(page)], page.next
        assert shown == [child, *wholes[::-1]]
    monkeypatch.setattr(impact, "MOST_PARENTS", 1)
    for deleted in (False, True):
        if deleted:
            registry.delete_version(child, actor="t")
        for few in (1_000, 0):
            monkeypatch.setattr(opened, "FEW", few)
            assert seen.impact(RAW).more is not deleted


@BOTH
def test_what_is_not_open_takes_no_room_and_is_not_told_of(registry, monkeypatch):
    """The newest contents, runs and code of a path are others': the own are found, and no `more`.

    From whichever end it is read: that of the versions, of the contents, or of some of each.
    """
    for module, name in ((subject, "MOST"), (impact, "MOST"), (graph, "MOST_LINKED")):
        monkeypatch.setattr(module, name, 2)
    shared, hidden = f"md5:{'5' * 32}", "abcdef" + "0" * 34

    def one(seed, model):
        """A version with contents of its own, and one that all have, under the same names."""
        digests = (f"md5:{seed * 8}{kind * 24}" for kind in "123")
        files, named, weights = digests
        train = StageRun(
            "train", inputs={"x.csv": files, "all.csv": shared}, outputs={hidden: weights}
        )
        version = replace(coded(seed, model, lib__py=f"lib {seed}"), chain=Chain((train,), weights))
        items = DataVersion((DataItem("item.csv", Digest(named), Known.VERIFIED),))
        parts = version.components
        code = CodeVersion(hidden) if seed == "6" else parts.code
        components = Components(code, items, parts.pipeline, parts.weights)
        return register(registry, replace(version, components=components), model)

    mine = [one("1", "churn"), one("2", "churn")]
    theirs = [one(seed, "prep") for seed in "3456"]
    seen = registry.speaking_for(BOUND)

    def each_end():
        for few, many in ((opened.FEW, opened.MANY), (0, opened.MANY), (0, 1)):
            with monkeypatch.context() as patched:
                patched.setattr(opened, "FEW", few)
                patched.setattr(opened, "MANY", many)
                yield

    asked_of = ("x.csv", "all.csv", shared, "item.csv", "lib.py", hidden)
    for _ in each_end():
        for asked in asked_of:
            found = seen.impact(asked)
            assert (refs(found), found.more) == (mine[::-1], False), asked
    for asked in asked_of:
        assert registry.impact(asked).more == (asked != hidden), asked
    assert refs(registry.impact("x.csv")) == theirs[:1:-1]
    assert refs(registry.impact(hidden)) == theirs[3:], "a commit is called as a file is"
    monkeypatch.setattr(subject, "MOST", 1)
    for _ in each_end():
        assert (refs(seen.impact("x.csv")), seen.impact("x.csv").more) == (mine[1:], True)
    registry.delete_version(mine[1], actor="t")
    for _ in each_end():
        assert (refs(seen.impact("x.csv")), seen.impact("x.csv").more) == (mine[:1], False)


@EVERYWHERE
def test_slots_that_hold_a_version_are_named(registry):
    add_validated(registry, "1")
    add_validated(registry, "2")
    registry.release("production", captured_pipeline("old"), actor="t")
    registry.promote("churn@1", "production", actor="t")
    registry.promote("churn@2", "production", actor="t")
    newest, before = registry.impact("raw.csv").versions
    assert [(s.environment, s.side) for s in newest.held] == [("production", "serving")]
    assert [(s.environment, s.side) for s in before.held] == [("production", "backup")]
    assert newest.held[0].since is not None


@EVERYWHERE
def test_content_on_both_sides_leaks(registry):
    prepare, train = run_of("prepare", [RAW], [FEATURES]), run_of("train", [FEATURES], [WEIGHTS])
    ref = add(registry, "1", prepare, train, weights=WEIGHTS, data={"other.csv": OTHER})
    assert registry.leak(ref).validations == ()
    held_out = DataVersion((
        DataItem("held.csv", Digest(FEATURES), Known.VERIFIED),
        DataItem("clean.csv", Digest("md5:" + "e" * 32), Known.VERIFIED),
        DataItem("plain.csv", Digest("xxh3:" + "e" * 32), Known.VERIFIED),
    ))  # fmt: skip
    registry.validate(ref, captured_pipeline("old"), passed=True, data=held_out, actor="t")
    found = registry.leak(ref)
    assert [(one.digest, one.validation) for one in found.leaked] == [(FEATURES, ("held.csv",))]
    assert found.incomparable == ("plain.csv",)
    assert registry.leak(ref, limit=2).more
    tuned = add(registry, "2", parent=ref, gaps=("none",), data={"new.csv": "md5:" + "f" * 32})
    registry.validate(tuned, captured_pipeline("old"), passed=True, data=held_out, actor="t")
    assert [one.digest for one in registry.leak(tuned).leaked] == [FEATURES]


@EVERYWHERE
def test_what_was_not_compared_for_leaks_is_told(registry):
    folder, empty = f"md5:{'d' * 32}.dir", sorted(EMPTY)[0]
    held_out = DataVersion((
        DataItem("test.csv", Digest("md5:" + "e" * 32), Known.VERIFIED),
        DataItem("none.csv", Digest(empty), Known.VERIFIED),
    ))  # fmt: skip
    train = run_of("train", [RAW, empty], [WEIGHTS])
    made = {"weights": WEIGHTS, "data": {"raw.csv": RAW}}
    refs = [
        add(registry, "1", train, **made),
        add(registry, "2", run_of("train", [RAW, folder], [WEIGHTS]), **made),
        add(registry, "3", data={"raw.csv": RAW}),
        add(registry, "4", train, missing=(f"{RAW[-1]}.csv",), weights=WEIGHTS, data={"x": OTHER}),
    ]
    for ref in refs:
        registry.validate(ref, captured_pipeline("old"), passed=True, data=held_out, actor="t")
    found = [registry.leak(ref) for ref in refs]
    assert not any(found)
    assert [leak.whole for leak in found] == [True, False, False, False]
    for leak, said in zip(
        found[1:], ("is a directory", "was not recorded", "What made"), strict=True
    ):
        assert said in leak.gaps[0]


@EVERYWHERE
def test_what_is_empty_joins_no_chains(registry):
    empty = sorted(EMPTY)[0]
    code = "md5:" + "8" * 32
    lint = run_of("lint", [code], [empty])
    first = add(registry, "1", lint, run_of("train", [empty, OTHER], [WEIGHTS]), weights=WEIGHTS)
    made = "md5:" + "9" * 32
    other = add(registry, "2", run_of("fit", [empty], [made]), model="other", weights=made)
    assert "lint" in {node.name for node in registry.trace(first).nodes}, "its own chain is whole"
    assert "lint" not in {node.name for node in registry.trace(other).nodes}
    assert refs(registry.impact(OTHER)) == refs(registry.impact(code)) == [first]
    assert refs(registry.impact(empty)) == [other, first], "who holds one is told"


@BOTH
def test_what_reads_like_something_else_is_found_by_its_name(registry):
    made = run_of("train", [RAW], [WEIGHTS])
    ref = add(registry, "1", made, weights=WEIGHTS, data={"table@3": OTHER, "in/x.csv": FEATURES})
    for asked in ("table@3", "in\\x.csv", ".\\in\\x.csv"):
        assert refs(registry.impact(asked)) == [ref], asked
    with pytest.raises(NotFound, match="no model 'desk'"):
        registry.impact("desk@3")


@BOTH
def test_a_content_keeps_all_names_of_a_run(registry):
    train = StageRun("train", inputs={"a.csv": FEATURES, "b.csv": FEATURES}, outputs={"m": WEIGHTS})
    ref = add(registry, "1", train, weights=WEIGHTS)
    node = registry.trace(ref).node(FEATURES)
    assert (node.name, node.details["also"]) == ("a.csv", ["b.csv"])
    assert "input  a.csv = b.csv" in "\n".join(tree(registry.trace(ref)))


@BOTH
def test_the_graph_is_worked_out_again(database):
    """By an upgrade, by the audit, and when a version gets its chain later."""

    def fill(registry):
        registry.register("churn", captured("1"), kind=Kind.EXPERIMENT, actor="t")
        registry.register("churn", with_chain(captured("1")), kind=Kind.EXPERIMENT, actor="t")
        registry.register("churn", with_chain(captured("1")), kind=Kind.EXPERIMENT, actor="t")
        watched = [WatchedRun({"command": ["x"]}, distributions=(Distribution("a", "1"),))]
        registry.validate(
            "churn@1", captured_pipeline("old"), passed=True, watched=watched, actor="t"
        )
        assert not registry.audit().problems
        assert [row["kind"] for row in registry.history()].count("chain-recorded") == 1

    make_registry(database, fill)
    engine = open_engine(database)
    with transaction(engine, writing=True) as connection:
        before = {t: connection.execute(text(f"SELECT * FROM {t}")).all() for t in graph.TABLES}
        counts = {table: len(rows) for table, rows in before.items()}
        graph.rebuild(connection)
        for table, count in counts.items():
            rows = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            assert rows == count > 0, table
    for table in graph.TABLES:
        with transaction(engine, writing=True) as connection:
            connection.execute(text(f"DELETE FROM {table}"))
        with connect(database) as registry:
            assert any(f"{table} was changed" in told for told in registry.audit().problems), table
    engine.dispose()


def test_a_run_that_names_too_many_files_is_refused():
    files = {str(number): RAW for number in range(10_001)}
    with pytest.raises(UsageError, match="10,001 files"):
        StageRun.from_json(StageRun("big", inputs=files).to_json())


def test_a_chain_that_names_too_many_files_is_refused():
    files = {str(number): RAW for number in range(9_000)}
    runs = [StageRun(str(number), inputs=files) for number in range(2)]
    rest = StageRun("rest", params={str(number): {"x": 1} for number in range(2_000)})
    whole = Chain((*runs, rest))
    assert Chain.from_json(whole.to_json()) == whole
    more = replace(whole, runs=(*whole.runs, StageRun("one", outputs={"a": RAW})))
    with pytest.raises(UsageError, match="names 20,001 files, and 20,000"):
        Chain.from_json(more.to_json())


def test_a_run_is_one_whatever_the_order_it_was_written_in():
    one = StageRun("a", inputs={"x": RAW, "y": OTHER}, params={"p": {"b": 1, "a": 2}})
    other = StageRun("a", inputs={"y": OTHER, "x": RAW}, params={"p": {"a": 2, "b": 1}})
    assert one.blake3 == other.blake3
    assert StageRun.from_json(one.to_json()) == one
    assert one.blake3 != StageRun("a", RunKind.IMPORT, inputs=one.inputs, params=one.params).blake3


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        ({"foo": "x"}, "foo"),
        ({}, "url"),
        ({"path": "raw.csv"}, "url"),
        ({"url": ""}, "url"),
        ({"url": "https://git.invalid/a", "rev": "e" * 2001}, "rev"),
        ({"url": "https://git.invalid/\x1b[2J"}, "url"),
        ({"url": {"a": "b"}}, "url"),
        ({"url": "https://ana:hunter2@git.invalid/a"}, "url"),
    ],
)
def test_an_origin_that_no_import_has_is_refused(origin, told):
    run = StageRun("raw.csv.dvc", RunKind.IMPORT, outputs={"raw.csv": RAW}).to_json()
    with pytest.raises(UsageError, match=rf"raw\.csv\.dvc.*\b{told}\b"):
        Chain.from_json(Chain().to_json() | {"runs": [run | {"origin": origin}]})


@BOTH
def test_an_import_of_no_url_that_is_recorded_hinders_no_trace(registry):
    forged = StageRun("imp", RunKind.IMPORT, outputs={"a.csv": RAW}, origin={"foo": "x"})
    add(registry, "1", forged, model="other", weights=RAW)
    ref = add(registry, "2", run_of("train", [RAW], [WEIGHTS]), weights=WEIGHTS)
    origins = [node for node in registry.trace(ref).nodes if node.kind is NodeKind.ORIGIN]
    assert [(node.name, node.details) for node in origins] == [("imp", {"foo": "x"})]
    assert registry.leak(ref).ref == ref


@BOTH
def test_who_is_bound_sees_no_version_and_no_run_of_others(registry):
    prepared = run_of("prepare", [RAW], [FEATURES])
    add(registry, "1", prepared, model="prep", weights=FEATURES)
    base = add(registry, "2", run_of("own", [OTHER], [WEIGHTS]), model="prep", weights=WEIGHTS)
    user = add(registry, "3", run_of("train", [FEATURES], [WEIGHTS]), weights=WEIGHTS, parent=base)
    seen = registry.speaking_for(BOUND)
    found = seen.trace(user)
    assert {node.name for node in found.nodes if node.kind is NodeKind.RUN} == {"train"}
    assert not any(node.id.startswith("prep@") for node in found.nodes)
    assert refs(seen.impact(RAW)) == [user]
    assert refs(seen.impact("b.csv")) == [user]
    assert seen.impact("b.csv").meant == ()
    for asked in (OTHER, "d.csv", RAW[:14], "md5:" + "9" * 32, "nothing.csv"):
        with pytest.raises(NotFound, match="Nothing of"):
            seen.impact(asked)
    for asked in (OTHER, "d.csv", "md5:" + "9" * 32, "nothing.csv"):
        forged = cursors.encode(cursors.kind_of("impact", asked=asked), 10**10)
        with pytest.raises(NotFound, match="Nothing of"):
            seen.impact(asked, after=forged)
    with pytest.raises(NotPermitted):
        seen.trace(base)
    with pytest.raises(NotPermitted):
        seen.impact(base)


@BOTH
def test_a_run_that_is_gone_is_told_and_what_it_made_is_still_there(database):
    train, prepare = run_of("train", [FEATURES], [WEIGHTS]), run_of("prepare", [RAW], [FEATURES])
    make_registry(database, lambda registry: add(registry, "1", train, prepare, weights=WEIGHTS))
    engine = open_engine(database)
    with (
        transaction(engine, writing=True) as connection,
        triggers.left_out(connection, ["stage_run"]),
    ):
        lost = {"digest": prepare.blake3}
        connection.execute(text("DELETE FROM stage_run WHERE digest = :digest"), lost)
    engine.dispose()
    with connect(database) as registry:
        found = registry.trace("churn@1")
        assert found.gaps == ("Of the runs that led to churn@1, 1 are no longer recorded.",)
        assert {WEIGHTS, FEATURES} <= {node.id for node in found.nodes}
        assert refs(registry.impact(FEATURES)) == ["churn@1"]
        assert registry.leak("churn@1").ref == "churn@1"


@EVERYWHERE
def test_what_a_deleted_experiment_made_is_walked_through(registry):
    prepared = add(
        registry, "1", run_of("prepare", [RAW], [FEATURES]), model="prep", weights=FEATURES
    )
    user = add(registry, "2", run_of("train", [FEATURES], [WEIGHTS]), weights=WEIGHTS)
    registry.delete_version(prepared, actor="t")
    assert "prepare" in {node.name for node in registry.trace(user).nodes}
    assert refs(registry.impact(RAW)) == [user]


def test_a_hundred_thousand_nodes_are_bounded_and_it_is_told(tmp_path):
    url = f"sqlite:///{tmp_path}/registry.db"
    halves = [f"md5:{half:032x}" for half in range(10)]
    runs = [
        StageRun(
            f"collect{half}",
            inputs={f"{half}/{n}": f"md5:{half + 1:08x}{n:024x}" for n in range(9_999)},
            outputs={"half": made},
        )
        for half, made in enumerate(halves)
    ]
    make_registry(url, lambda registry: add(registry, "1", run_of("t", halves, [WEIGHTS]),
                                            weights=WEIGHTS))  # fmt: skip
    engine = open_engine(url)
    part = graph.Part()
    with transaction(engine, writing=True) as connection:
        with triggers.left_out(connection, ["stage_run"]):
            for run in runs:
                part.add_run(run)
                connection.execute(
                    text("INSERT INTO stage_run (digest, document) VALUES (:digest, :document)"),
                    {"digest": run.blake3, "document": run.canonical.decode()},
                )
        part.write(connection)
    engine.dispose()
    with connect(url) as registry:
        for limit in (1, 1_000):
            found = registry.trace("churn@1", limit=limit)
            assert (len(found.nodes), found.more) == (limit, True)
            assert {end for e in found.edges for end in (e.source, e.target)} <= {
                node.id for node in found.nodes
            }
            assert any(node.more for node in found.nodes)
        assert not registry.leak("churn@1").more, "with nothing to compare, nothing is walked to"
        held_out = DataVersion((DataItem("test.csv", Digest(OTHER), Known.VERIFIED),))
        registry.validate(
            "churn@1", captured_pipeline("old"), passed=True, data=held_out, actor="t"
        )
        assert registry.leak("churn@1").more
        reached = registry.impact(runs[3].inputs["3/77"])
        assert (refs(reached), reached.more) == (["churn@1"], False)


ODD = ["", "NULL", "a,b", "{a}", 'a"b', "\\", '\\"', "a\\b", "'", "é\n", " ", "%s", ":v"]


@BOTH
def test_texts_of_any_form_are_one_parameter(registry):
    with read(registry._engine) as session:
        connection = session.connection()
        each = ask(connection, "SELECT x.value FROM EACH :odd x", {"odd": ODD})
        assert [text for (text,) in each] == ODD
        among = "SELECT x.value FROM EACH :odd x WHERE x.value IN :some"
        assert len(ask(connection, among, {"odd": ODD, "some": ODD[4:8]})) == 4


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 30)), max_size=60),
    st.sets(st.integers(1, 5), min_size=1),
    st.integers(1, 12),
    st.integers(0, 31),
    st.integers(0, 31),
    st.booleans(),
)
def test_the_first_of_lists_are_those_of_all_of_them_together(rows, keys, most, one, two, newest):
    low, high = sorted((one, two))
    expected = {value for key, value in rows if key in keys and low < value < high}
    begin, end = (high, low) if newest else (low, high)
    with LISTS.begin() as connection:
        connection.exec_driver_sql("CREATE TEMP TABLE held (of INTEGER, held INTEGER)")
        for row in rows:
            connection.exec_driver_sql("INSERT INTO held VALUES (?, ?)", row)
        found = first_of(
            connection, Lists("held", "of", "held", also="x.of"), sorted(keys), most,
            begin=begin, end=end, newest=newest,
        )  # fmt: skip
        connection.exec_driver_sql("DROP TABLE held")
    first = sorted(expected, reverse=newest)[:most]
    assert sorted(found, reverse=newest)[: len(first)] == first
    assert found.keys() <= expected
    for value in first:
        assert found[value] == {key for key, held in rows if held == value and key in keys}


@st.composite
def graphs(draw):
    """Runs, and versions by the runs of their chains: few contents, so that runs join and cycle."""
    some = st.lists(st.integers(0, 5), max_size=3, unique=True)
    runs = draw(st.lists(st.tuples(some, some), min_size=1, max_size=5))
    chains = st.lists(st.integers(0, len(runs) - 1), max_size=4, unique=True)
    version = st.tuples(chains, st.none() | st.integers(0, 5), st.booleans())
    return runs, draw(st.lists(version, min_size=1, max_size=4))


def test_any_graph_is_walked_to_its_end(tmp_path):
    url = f"sqlite:///{tmp_path}/registry.db"
    make_registry(url)
    numbers = itertools.count(1)

    @settings(max_examples=12, deadline=None)
    @given(graphs(), st.integers(1, 30))
    def walk(graph_of, limit):
        number = next(numbers)
        contents = [f"md5:{number:016x}{content:016x}" for content in range(6)]
        runs = [
            run_of(f"run{number}", *([contents[one] for one in side] for side in sides))
            for number, sides in enumerate(graph_of[0])
        ]
        refs_of: list[str] = []
        for chain, weights, is_child in graph_of[1]:
            ref = add(
                registry,
                f"{number}.{len(refs_of)}",
                *(runs[run] for run in chain),
                model=f"model{number}",
                weights=contents[weights] if weights is not None else None,
                parent=refs_of[-1] if is_child and refs_of else None,
                gaps=("x",),
            )
            refs_of.append(ref)
        walked = {ref: registry.trace(ref) for ref in refs_of}
        for ref, found in walked.items():
            some = registry.trace(ref, limit=limit)
            assert len(some.nodes) == min(limit, len(found.nodes))
            assert (found.more, some.more) == (False, limit < len(found.nodes))
            for trace in (found, some):
                ids = {node.id for node in trace.nodes}
                assert len(ids) == len(trace.nodes)
                assert {end for edge in trace.edges for end in (edge.source, edge.target)} <= ids
        for content in contents:
            made_of = {
                ref
                for ref, found in walked.items()
                if any(node.id == content for node in found.nodes)
            }
            assert not made_of or made_of <= {*refs(registry.impact(content))}

    with connect(url) as registry:
        walk()
