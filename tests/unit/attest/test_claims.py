"""Statements are read strictly, whoever signed them: every part of another form is refused."""

from __future__ import annotations

import copy

import pytest

from lineage.attest.claims import claim_of
from lineage.attest.statements import OWN, About, Signed, SignedFile, of_weights, root
from lineage.contract.results.records import VersionRecord
from lineage.errors import IntegrityFailure, UsageError
from lineage.identity.digest import Digest

A, B = "a" * 64, "b" * 64
WEIGHTS = Digest(f"blake3:{A}")
VERSION = VersionRecord({"ref": "churn@1", "tuple": "xxh3:" + "0" * 32})
OWN_PART = {"ref": "churn@1", "tuple": VERSION.tuple, "weights": WEIGHTS, "registry": "r"}


def weights(algorithm="sha256", *paths):
    files = tuple(
        SignedFile(path, digest) for path, digest in zip(paths or ("",), (A, B), strict=False)
    )
    return of_weights(VERSION, WEIGHTS, Signed("m", algorithm, files))


def on_subject(kind, **predicate):
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "churn@1", "digest": {"blake3": A}}],
        "predicateType": kind,
        "predicate": predicate,
    }


def validation():
    own = OWN_PART | {"validation": 3}
    kind = "https://in-toto.io/attestation/test-result/v0.1"
    return on_subject(kind, result="PASSED", configuration=[], **{OWN: own})


def decision():
    own = OWN_PART | {"environment": "production"}
    policy = {"uri": "urn:lineage-guard:environment:production"}
    kind = "https://slsa.dev/verification_summary/v1"
    return on_subject(kind, verificationResult="FAILED", policy=policy, **{OWN: own})


def test_each_kind_is_read():
    claim = claim_of(weights("sha256", "a", "sub/b"), "x")
    assert (claim.about, claim.weights, claim.ref) == (About.WEIGHTS, WEIGHTS, "churn@1")
    assert {file.path: file.digest for file in claim.files.files} == {"a": A, "sub/b": B}
    claim = claim_of(validation(), "x")
    assert (claim.about, claim.validation, claim.passed) == (About.VALIDATION, 3, True)
    claim = claim_of(decision(), "x")
    assert (claim.environment, claim.passed) == ("production", False)


def test_a_signature_that_another_program_made_says_blake3_of_a_file_or_nothing():
    for algorithm, expected in (("blake3", WEIGHTS), ("sha256", None)):
        statement = weights(algorithm)
        del statement["predicate"][OWN]
        assert claim_of(statement, "x").weights == expected


def test_the_sentence_says_what_is_passed_over_and_names_the_subject_in_few_words():
    statement = at(weights("sha256", "a", "b"), *W, "ignore_paths", ["c", "d"])
    assert claim_of(statement, "x").sentence == "the weights of churn@1 but for c, d"
    statement = on_subject("https://in-toto.io/attestation/test-result/v0.1", result="PASSED")
    statement["subject"][0]["digest"] = {"sha256": A}
    assert claim_of(statement, "x").sentence == "that churn@1 passed its validation"
    statement["subject"][0]["name"] = "x" * 100_000
    assert len(claim_of(statement, "x").sentence) < 300


def test_what_git_keeps_at_the_top_of_a_folder_is_passed_over_as_model_signing_does():
    statement = weights("sha256", ".gitattributes", "w")
    assert [row["name"] for row in statement["predicate"]["resources"]] == ["w"]
    assert claim_of(statement, "x").ignored == (".gitattributes",)
    statement = weights("sha256", "sub/.gitattributes", "w")
    assert len(statement["predicate"]["resources"]) == 2


def at(statement, *path):
    """A copy of a statement, with the value at a path, the last of it, in the place of what was."""
    changed = copy.deepcopy(statement)
    *way, last, value = path
    inner = changed
    for step in way:
        inner = inner[step]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return changed


W, R = ("predicate", "serialization"), ("predicate", "resources")


@pytest.mark.parametrize(
    "statement",
    [
        at(weights(), "_type", "https://in-toto.io/Statement/v0.1"),
        at(weights(), "predicateType", "https://model_signing/Digests/v0.1"),
        at(weights(), "predicateType", ["x"]),
        at(weights(), "predicate", None),
        at(weights(), "predicate", []),
        at(weights(), "subject", []),
        at(weights(), "subject", weights()["subject"] * 2),
        at(weights(), "subject", 0, "digest", {}),
        at(weights(), *W, "method", "shards"),
        at(weights(), *W, "hash_type", "blake2"),
        at(weights(), *W, "hash_type", "blake3"),
        *(at(weights(), *W, "ignore_paths", bad) for bad in ("abc", 5, [5], {"a": 1})),
        at(weights(), *R, []),
        at(weights(), *R, 0, "digest", A.upper()),
        at(weights(), *R, 0, "digest", "sha256:" + A),
        at(weights(), *R, 0, "name", "../x"),
        at(weights(), *R, 0, "name", "/x"),
        at(weights(), *R, 0, "name", "a//x"),
        at(weights(), *R, 0, "name", 7),
        at(weights("sha256", "a", "b"), *R, 1, "name", "a"),
        at(weights("sha256", "a", "b"), *R, 1, "name", "."),
        at(weights(), "predicate", OWN, "weights", f"sha256:{A}"),
        at(weights(), "predicate", OWN, "weights", None),
        at(weights(), "predicate", OWN, "no object"),
        at(weights("blake3"), "predicate", OWN, "weights", f"blake3:{B}"),
        at(validation(), "predicate", "result", "GREAT"),
        at(validation(), "predicate", OWN, "weights", f"blake3:{B}"),
        at(validation(), "subject", 0, "digest", "blake3", "short"),
        at(decision(), "predicate", "verificationResult", True),
        at(decision(), "predicate", "policy", None),
    ],
)
def test_another_form_is_refused(statement):
    with pytest.raises(UsageError) as refused:
        claim_of(statement, "a.sig")
    assert "a.sig" in str(refused.value)


def test_digests_that_do_not_come_to_the_one_that_names_them_are_refused():
    with pytest.raises(IntegrityFailure, match="do not come to the one"):
        claim_of(at(weights(), *R, 0, "digest", B), "a.sig")
    assert root([A]) != root([B])
