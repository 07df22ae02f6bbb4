"""Seals: what they hold, and that a changed one is refused."""

from __future__ import annotations

import json

import pytest

from lineage.errors import PipelineMismatch
from lineage.identity.digest import blake3_of, canonical_bytes
from lineage.identity.pipeline import Manifest, Stage
from lineage.identity.seal import FORMAT, Seal, SealedFile, Tie, TiedFile, is_inside

CODE = b"def scaled(x):\n    return x * 2\n"
MAIN = b"print('served')\n"
MANIFEST = Manifest(
    {
        "featurize": Stage(
            ("python src/featurize.py",),
            {"src/featurize.py": blake3_of(CODE)},
            {"params.yaml": {"top": 20}},
            ("data/raw.csv",),
            ("data/features.csv",),
        ),
        "train": Stage(("python src/train.py",), {"src/train.py": blake3_of(b"train")}),
    },
    {"uv.lock": blake3_of(b"lock")},
)
SEAL = Seal(
    "churn",
    MANIFEST,
    ("featurize",),
    {
        "app/features.py": TiedFile(blake3_of(CODE), len(CODE), "src/featurize.py", Tie.BYTES),
        "params.yaml": TiedFile(blake3_of(b"top: 20\n"), 8, "params.yaml", Tie.VALUES),
    },
    {"app/main.py": SealedFile(blake3_of(MAIN), len(MAIN))},
    ("uv.lock",),
)


def document(**changed):
    return json.loads(SEAL.to_bytes()) | changed


def resealed(body):
    """What somebody writes who knows how the digest of a seal is taken."""
    content = {key: value for key, value in body.items() if key != "seal"}
    return content | {"seal": blake3_of(f"{FORMAT}\n".encode() + canonical_bytes(content))}


def test_a_seal_is_read_back_as_it_was_written():
    assert Seal.from_json(document()) == SEAL
    assert Seal.from_json(document()).version.blake3 == SEAL.version.blake3
    assert SEAL.to_bytes() == Seal.from_json(document()).to_bytes()


def test_it_holds_the_digests_of_the_pipeline_version():
    body = document()
    assert body["format"] == "lineage-seal/1"
    assert body["pipeline"]["digest"] == SEAL.version.xxh3
    assert body["pipeline"]["blake3"] == SEAL.version.blake3
    assert body["pipeline"]["manifest"] == MANIFEST.to_json()
    assert body["files"]["app/features.py"]["of"] == "src/featurize.py"


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["files"]["app/features.py"].update(blake3=str(blake3_of(b"0"))),
        lambda body: body["files"]["app/features.py"].update(size=1),
        lambda body: body["files"].pop("app/features.py"),
        lambda body: body["files"].update({"x.py": body["files"]["app/features.py"]}),
        lambda body: body["own"].update({"x.py": body["own"]["app/main.py"]}),
        lambda body: body["pipeline"].update(digest="xxh3:" + "0" * 32),
        lambda body: body["pipeline"]["manifest"]["stages"]["train"]["cmd"].append("rm x"),
        lambda body: body["without"].append("src/featurize.py"),
        lambda body: body.update(more=1),
        lambda body: body.update(stages=["featurize", "train"]),
    ],
)
def test_a_seal_that_was_edited_is_refused(change):
    body = document()
    change(body)
    with pytest.raises(PipelineMismatch, match="was changed after it was written"):
        Seal.from_json(body)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda body: body["files"].pop("app/features.py"), "does not hold the files"),
        (
            lambda body: body["files"]["app/features.py"].update(blake3=str(blake3_of(b"0"))),
            "is not the pipeline's src/featurize.py",
        ),
        (lambda body: body["files"]["app/features.py"].update(tie="values"), "is not the pipeline"),
        (lambda body: body["files"]["params.yaml"].update(tie="bytes"), "is not the pipeline"),
        (lambda body: body.update(stages=["featurize", "train"]), "does not hold the files"),
        (lambda body: body["without"].insert(0, "src/featurize.py"), "does not hold the files"),
        (lambda body: body["own"].update({"params.yaml": body["own"]["app/main.py"]}), "twice"),
        (
            lambda body: body["own"].update({"../../etc/passwd": body["own"]["app/main.py"]}),
            "no path below a folder",
        ),
        (
            lambda body: body["own"].update({"/etc/passwd": body["own"]["app/main.py"]}),
            "no path below a folder",
        ),
    ],
)
def test_one_that_was_edited_and_digested_anew_must_still_hold_its_pipeline(change, says):
    body = document()
    change(body)
    with pytest.raises(PipelineMismatch, match=says):
        Seal.from_json(resealed(body))


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {},
        {"format": "lineage-seal/2"},
        {"format": FORMAT},
        document(files=[]),
        document(files={"a": 1}),
        document(own={"a": {"blake3": "md5:" + "a" * 32, "size": 1}}),
        document(own={"a": {"blake3": str(blake3_of(b"")), "size": -1}}),
        document(own={"a": {"blake3": str(blake3_of(b"")), "size": True}}),
        document(own={"a": {"blake3": str(blake3_of(b"")), "size": 1 << 40}}),
        document(stages=["none"]),
        document(stages=[{}]),
        document(without=[{}]),
        document(without=None),
        document(pipeline={"name": "../x", "manifest": MANIFEST.to_json()}),
        document(pipeline=None),
        document(files={"a": {"blake3": str(blake3_of(b"")), "size": 1, "of": [], "tie": "bytes"}}),
    ],
)
def test_what_is_no_seal_is_refused_with_a_sentence(body):
    with pytest.raises(PipelineMismatch) as refused:
        Seal.from_json(body, "x.json")
    assert str(refused.value).startswith("x.json ")
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("a/b.py", True),
        ("näh/zwei worte.py", True),
        ("", False),
        ("/etc/passwd", False),
        ("../x", False),
        ("a/../../x", False),
        ("a//b", False),
        ("./a", False),
        ("a\\..\\b", False),
        ("C:/x", False),
        ("//server/share/x", False),
        ("a\nb", False),
        ("a\0b", False),
        ("\ud800", False),
    ],
)
def test_a_path_stays_below_its_folder_on_every_platform(path, inside):
    assert is_inside(path) is inside
