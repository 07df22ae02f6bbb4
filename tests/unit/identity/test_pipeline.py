"""Pipeline manifests and how they differ."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.errors import UsageError
from lineage.identity.change import Change, ChangeKind
from lineage.identity.digest import Digest, blake3_of, hash_object
from lineage.identity.pipeline import Encoding, Manifest, PipelineVersion, Scope, Stage
from lineage.identity.pipeline_diff import differences
from tests.conftest import pipeline

paths = st.sampled_from(["a.py", "b.py", "src/c.py"])
digests = st.sampled_from([blake3_of(bytes([n])) for n in range(3)])
params = st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-2, 2) | st.text(max_size=2)
stages = st.builds(
    Stage,
    cmd=st.lists(st.sampled_from(["x", "y"]), max_size=2).map(tuple),
    code=st.dictionaries(paths, digests, max_size=2),
    params=st.dictionaries(
        st.sampled_from(["params.yaml", "other.json"]),
        st.dictionaries(st.sampled_from(["p", "q"]), params, max_size=2),
        max_size=2,
    ),
    inputs=st.lists(paths, max_size=2, unique=True).map(tuple),
    outputs=st.lists(paths, max_size=2, unique=True).map(tuple),
)
manifests = st.builds(
    Manifest,
    stages=st.dictionaries(st.sampled_from(["prepare", "train"]), stages, max_size=2),
    files=st.dictionaries(paths, digests, max_size=2),
    code=st.none() | st.sampled_from(Scope),
)

OLD = Stage(
    cmd=("python f.py",),
    code={"f.py": blake3_of(b"1")},
    params={"params.yaml": {"f.top": 100}, "conf.json": {"rate": 1}},
    inputs=("raw.csv",),
    outputs=("out.csv",),
)


@given(manifests, manifests)
def test_there_is_no_difference_exactly_where_the_digests_are_equal(one, other):
    same = PipelineVersion(one).blake3 == PipelineVersion(other).blake3
    assert (differences(one, other) == ()) is same
    assert (PipelineVersion(one).xxh3 == PipelineVersion(other).xxh3) is same


@given(manifests, manifests)
def test_a_difference_backwards_is_the_same_turned_round(one, other):
    there, back = differences(one, other), differences(other, one)
    names = {
        c.validated: c.deployed for c in back if c.kind == "stage" and isinstance(c.deployed, str)
    }

    def _now(name):
        return {now: was for was, now in names.items()}.get(name, name)

    forwards = {(c.stage, c.kind, c.name): (c.validated, c.deployed) for c in there}
    backwards = {
        (_now(c.stage), c.kind, _now(c.name) if c.kind == "stage" else c.name): (c.deployed, c.validated)
        for c in back
    }  # fmt: skip
    assert forwards == backwards


def test_a_renamed_stage_is_recognised_with_what_changed_in_it():
    old, new = pipeline("20").manifest, pipeline("40").manifest
    renamed = Manifest({"scale": new.stages["featurize"]})
    assert [str(c) for c in differences(old, renamed)] == [
        "stage featurize renamed to scale",
        "scale: parameter top 20 → 40",
    ]
    other = Manifest({"scale": Stage(cmd=("something else",))})
    assert [str(c) for c in differences(old, other)] == [
        "stage featurize removed",
        "stage scale added",
    ]


@given(manifests)
def test_a_manifest_reads_back_what_it_writes(manifest):
    again = Manifest.from_json(manifest.to_json())
    assert PipelineVersion(again).blake3 == PipelineVersion(manifest).blake3


def as_first(manifest: Manifest) -> Manifest:
    """A manifest as it was recorded before `lineage-pipeline/2`."""
    return dataclasses.replace(manifest, settings={}, encoding=Encoding.FIRST)


@given(manifests, manifests)
def test_manifests_of_two_encodings_are_told_apart_only_by_what_both_hold(one, other):
    assert [c.kind for c in differences(as_first(one), one)] == ["encoding"]
    assert [c.kind for c in differences(one, as_first(one))] == ["encoding"]
    among_first = differences(as_first(one), as_first(other))
    across = differences(as_first(one), other)[1:]
    assert [c for c in among_first if c.kind != "file" or c.stage is None] == [
        c for c in across if c.kind != "file" or c.stage is None
    ]


def test_a_manifest_that_names_no_encoding_has_the_first_one_and_keeps_its_digest():
    before = as_first(Manifest({"featurize": OLD}))
    again = Manifest.from_json(before.to_json())
    assert again.encoding is Encoding.FIRST
    assert PipelineVersion(again).xxh3 == hash_object("lineage-pipeline/1", before.to_json())
    assert PipelineVersion(again).xxh3 != PipelineVersion(Manifest({"featurize": OLD})).xxh3
    as_float = dataclasses.replace(
        OLD, params={"params.yaml": {"f.top": 100.0}, "conf.json": {"rate": 1.0}}
    )
    assert PipelineVersion(as_first(Manifest({"featurize": as_float}))).blake3 == (
        PipelineVersion(before).blake3
    ), "1 and 1.0 are one number in it"


def test_across_encodings_code_is_told_only_where_the_first_one_holds_it():
    first = as_first(Manifest({"featurize": OLD}))
    digests = {"f.py": blake3_of(b"1"), "g.py": blake3_of(b"2"), "n.ipynb": blake3_of(b"3")}
    followed = Manifest({"featurize": dataclasses.replace(OLD, code=digests)})
    assert [c.kind for c in differences(first, followed)] == ["encoding"]
    assert [c.kind for c in differences(followed, first)] == ["encoding"]
    notebook = dataclasses.replace(OLD, code={"n.ipynb": blake3_of(b"all of it")})
    cells = dataclasses.replace(OLD, code={"n.ipynb": blake3_of(b"its cells")})
    before = as_first(Manifest({"featurize": notebook}))
    assert [c.kind for c in differences(before, Manifest({"featurize": cells}))] == ["encoding"]
    changed = Manifest({"featurize": dataclasses.replace(OLD, code={"f.py": blake3_of(b"4")})})
    assert [c.name for c in differences(first, changed)] == ["encoding", "f.py"]
    gone = Manifest({"featurize": dataclasses.replace(OLD, code={})})
    assert [str(c) for c in differences(first, gone)][1:] == ["featurize: f.py removed"]
    assert [str(c) for c in differences(gone, first)][1:] == ["featurize: f.py added"]


def _changed(**changes) -> tuple[Change, ...]:
    new = dataclasses.replace(OLD, **changes)
    return differences(Manifest({"featurize": OLD}), Manifest({"featurize": new}))


@pytest.mark.parametrize(
    ("changes", "sentence", "kind", "name"),
    [
        ({"cmd": ("python g.py",)}, "featurize: command changed", "command", "cmd"),
        (
            {"params": {"params.yaml": {"f.top": 200}, "conf.json": {"rate": 1}}},
            "featurize: parameter f.top 100 → 200", "parameter", "f.top",
        ),
        (
            {"params": {"params.yaml": {"f.top": 100}, "conf.json": {"rate": 2}}},
            "featurize: parameter conf.json:rate 1 → 2", "parameter", "conf.json:rate",
        ),
        (
            {"params": {"params.yaml": {"f.top": 100}, "conf.json": {"rate": 1.0}}},
            "featurize: parameter conf.json:rate 1 → 1.0", "parameter", "conf.json:rate",
        ),
        (
            {"params": {"params.yaml": {"f.top": "100"}, "conf.json": {"rate": 1}}},
            'featurize: parameter f.top 100 → "100"', "parameter", "f.top",
        ),
        (
            {"params": {"params.yaml": {"f.top": 100, "n": None}, "conf.json": {"rate": 1}}},
            "featurize: parameter n added (null)", "parameter", "n",
        ),
        ({"inputs": ("raw.csv", "x.csv")}, "featurize: input x.csv added", "input", "x.csv"),
        ({"outputs": ()}, "featurize: output out.csv removed", "output", "out.csv"),
        ({"code": {}}, "featurize: f.py removed", "file", "f.py"),
    ],
)  # fmt: skip
def test_a_change_is_told_as_a_person_would(changes, sentence, kind, name):
    (change,) = _changed(**changes)
    assert str(change) == sentence
    assert (change.to_json()["stage"], change.kind, change.name) == ("featurize", kind, name)


def test_a_changed_file_shows_the_beginnings_of_its_digests():
    (change,) = _changed(code={"f.py": blake3_of(b"2")})
    old, new = blake3_of(b"1").value[:6], blake3_of(b"2").value[:6]
    assert str(change) == f"featurize: f.py changed ({old} → {new})"


def test_stages_and_files_come_and_go():
    before = Manifest({"featurize": OLD}, {"uv.lock": blake3_of(b"1")})
    after = Manifest({"featurize": OLD, "scale": OLD}, {"uv.lock": blake3_of(b"2")})
    sentences = [str(change) for change in differences(before, after)]
    assert sentences[0] == "stage scale added"
    assert sentences[1].startswith("uv.lock changed (")
    added = differences(before, after)[0].to_json()
    assert (added["kind"], added["validated"], added["deployed"]) == ("stage", None, OLD.to_json())
    assert str(differences(after, before)[0]) == "stage scale removed"


def test_a_stated_version_is_identified_by_what_was_stated():
    stated = PipelineVersion(None, Digest("sha256:abc"))
    assert stated.xxh3 == "sha256:abc"
    assert stated.blake3 == blake3_of(b'"sha256:abc"')
    with pytest.raises(ValueError, match="either"):
        PipelineVersion(None)


@pytest.mark.parametrize(
    "digest", [PipelineVersion(Manifest()).xxh3, PipelineVersion(Manifest()).blake3]
)
def test_a_digest_of_a_manifest_is_never_stated(digest):
    with pytest.raises(UsageError, match="taken of a pipeline's manifest"):
        PipelineVersion.outside(digest)


def test_a_manifest_cannot_pass_as_a_stated_digest():
    manifest = PipelineVersion(Manifest())
    forged = PipelineVersion(None, manifest.xxh3)
    assert forged.xxh3 == manifest.xxh3
    assert forged.blake3 != manifest.blake3


@pytest.mark.parametrize(
    "value", [{}, {"stages": {}}, {"stages": [], "files": {}}, {"stages": {"a": {}}, "files": {}}]
)
def test_what_is_no_manifest_is_refused(value):
    with pytest.raises(UsageError):
        Manifest.from_json(value)


def test_every_kind_of_change_has_a_sentence():
    for kind in ChangeKind:
        assert str(Change("s", kind, "n", str(blake3_of(b"")), str(blake3_of(b"1"))))
