"""What is signed is accepted by the programs and the schemas of those who made the formats."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.protobuf.json_format import ParseDict
from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import (
    TestResult as ResultOfTests,
)
from in_toto_attestation.predicates.vsa.v1.vsa_pb2 import VerificationSummary
from in_toto_attestation.v1.statement import Statement

from lineage.attest.keys import SigningKey
from lineage.attest.statements import OWN
from lineage.capture.project import Project
from lineage.connection import connect
from lineage.errors import CaptureError, IntegrityFailure, NotFound, StoreUnreachable, UsageError
from lineage.weights.copies import StoreAddress
from lineage.workflows.attest import Asked, attest, verify
from lineage.workflows.signing import signer
from tests.conftest import add_validated, make_registry
from tests.support.weights import serve_weights

PRIVATE = ec.generate_private_key(ec.SECP256R1())
KEY = SigningKey(PRIVATE)
SHAPES = ("file", "folder")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """For each shape of weights a registry in which churn@1 serves; and another version, @2."""
    top = tmp_path_factory.mktemp("attested")
    (top / "key.pem").write_bytes(
        PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (top / "pub.pem").write_bytes(KEY.verifying.pem)
    weights = {"file": top / "file" / "model.pkl", "folder": top / "folder" / "model"}
    weights["file"].parent.mkdir()
    weights["file"].write_bytes(b"weights")
    for name in ("a.bin", "sub/b.bin", ".gitattributes", "sub/.gitignore"):
        (weights["folder"] / name).parent.mkdir(parents=True, exist_ok=True)
        (weights["folder"] / name).write_text(name)
    for shape in SHAPES:
        store = StoreAddress("store", (top / shape / "store").as_uri())

        def fill(registry, store=store, shape=shape):
            serve_weights(registry, store, weights[shape])
            add_validated(registry, "other")

        make_registry(f"sqlite:///{top / shape / 'registry.db'}", fill)
    return top


class Here:
    """A shape of weights, its registry, and what is signed of it."""

    def __init__(self, top, shape, tmp_path):
        self.top, self.tmp_path = top, tmp_path
        self.weights = top / shape / ("model.pkl" if shape == "file" else "model")
        self.opened = lambda: connect(f"sqlite:///{top / shape / 'registry.db'}")
        self.public = signer(top / "pub.pem", None, None)

    def signed(self, about="weights", ref="churn@1", algorithm="sha256", env=None, path=None):
        with self.opened() as registry:
            asked = Asked.checked(about, env, algorithm, path)
            done = attest(Project.find(self.top), registry, ref, asked, KEY)
        file = self.tmp_path / "signed.json"
        file.write_text(done.text)
        return file

    def verified(self, file, target=None):
        named = str(target) if target is not None else None
        return verify(file, self.public, named, self.opened)

    def statement(self, *arguments, **named):
        return dict(self.verified(self.signed(*arguments, **named)).statement)

    def copy(self):
        """The weights somewhere else, to be changed."""
        place = self.tmp_path / "copy" / self.weights.name
        place.parent.mkdir()
        (shutil.copytree if self.weights.is_dir() else shutil.copy)(self.weights, place)
        return place


@pytest.fixture(params=SHAPES)
def here(request, world, tmp_path):
    return Here(world, request.param, tmp_path)


@pytest.fixture
def folder(world, tmp_path):
    return Here(world, "folder", tmp_path)


@pytest.mark.parametrize("algorithm", ["sha256", "blake3"])
def test_model_signing_verifies_the_signature_of_weights(here, algorithm):
    from model_signing import verifying

    file = here.signed(algorithm=algorithm)
    theirs = verifying.Config().use_elliptic_key_verifier(public_key=here.top / "pub.pem")
    theirs.verify(here.weights, file)
    place = here.copy()
    (place / "a.bin" if place.is_dir() else place).write_bytes(b"other")
    with pytest.raises(ValueError, match="mismatch"):
        theirs.verify(place, file)


@pytest.mark.parametrize("algorithm", ["sha256", "blake3"])
def test_what_model_signing_signed_is_verified_on_disk_and_against_the_registry(here, algorithm):
    from model_signing import hashing, signing

    file = here.tmp_path / "theirs.sig"
    how = hashing.Config().use_file_serialization(hashing_algorithm=algorithm)
    signing.Config().use_elliptic_key_signer(private_key=here.top / "key.pem").set_hashing_config(
        how
    ).sign(here.weights, file)
    assert here.verified(file, here.weights).claim.tuple is None
    assert here.verified(file, "churn@1").signed_by == KEY.verifying.fingerprint
    with pytest.raises((IntegrityFailure, StoreUnreachable)):
        here.verified(file, "churn@2")


@pytest.mark.parametrize("algorithm", ["sha256", "blake3"])
def test_bytes_here_and_bytes_in_the_store_give_one_statement(here, algorithm):
    first = here.statement(algorithm=algorithm)
    assert here.statement(algorithm=algorithm, path=here.weights) == first
    place = here.copy()
    (place / "a.bin" if place.is_dir() else place).write_bytes(b"other")
    with pytest.raises(IntegrityFailure, match="is not what was registered"):
        here.signed(algorithm=algorithm, path=place)


def test_bytes_that_changed_in_the_store_are_not_signed(here):
    (large,) = [
        one
        for one in (here.weights.parent / "store").rglob("*")
        if one.is_file() and one.read_bytes() in (b"weights", b"a.bin")
    ]
    before, mode = large.read_bytes(), large.stat().st_mode
    large.chmod(0o644)
    try:
        large.write_bytes(before[::-1])
        with pytest.raises(IntegrityFailure, match="has other bytes of churn@1"):
            here.signed()
    finally:
        large.write_bytes(before)
        large.chmod(mode)


def test_a_file_more_less_or_hidden_is_noticed(folder):
    file = folder.signed()
    place = folder.copy()
    assert folder.verified(file, place)
    (place / ".gitattributes").write_text("passed over, as model-signing does")
    assert folder.verified(file, place)
    (place / "model.sig").write_text(file.read_text())
    assert folder.verified(place / "model.sig", place)
    with pytest.raises(IntegrityFailure, match=r"'model.sig' is there and was not signed"):
        folder.verified(file, place)
    (place / "model.sig").unlink()
    (place / ".lineageignore").write_text(".dvc\n.lineageignore\n")
    with pytest.raises(IntegrityFailure, match="is there and was not signed"):
        folder.verified(file, place)
    (place / ".lineageignore").unlink()
    (place / "a.bin").unlink()
    with pytest.raises(IntegrityFailure, match=r"'a.bin' was signed and is not there"):
        folder.verified(file, place)
    with pytest.raises(CaptureError, match="cannot be read"):
        folder.verified(file, place / "nothing")


@pytest.mark.parametrize(
    ("about", "env", "schema"),
    [
        ("validation", None, ResultOfTests),
        ("validation", "production", ResultOfTests),
        ("decision", "production", VerificationSummary),
        ("decision", "staging", VerificationSummary),
    ],
)
def test_the_official_schemas_of_in_toto_accept_the_statement(here, about, env, schema):
    statement = here.statement(about, env=env)
    whole = Statement.copy_from_pb(ParseDict(
        {("type" if key == "_type" else key): value for key, value in statement.items()},
        Statement([], "", {}).pb,
    ))  # fmt: skip
    whole.validate()
    predicate = {key: value for key, value in statement["predicate"].items() if key != OWN}
    if about == "decision":  # a list in SLSA's text, which rules, and one word in this schema of it
        (predicate["verifiedLevels"],) = predicate["verifiedLevels"]
    assert ParseDict(predicate, schema()) != schema()  # what it does not know is an error


def test_a_verdict_and_a_decision_say_what_the_registry_says(here):
    with here.opened() as registry:
        (verdict,) = registry.validations("churn@1")
        decision = registry.guard("churn@1", "production")
        blake3 = registry.stored("churn@1").blake3
    said = here.statement("validation")["predicate"]
    assert said["result"] == "PASSED"
    assert said[OWN]["validation"] == verdict.id
    assert {"blake3": blake3.value} == here.statement("validation")["subject"][0]["digest"]
    said = here.statement("decision", env="production")["predicate"]
    assert said["verificationResult"] == ("PASSED" if decision else "FAILED")
    assert said["verifiedLevels"] == ["LINEAGE_GUARD_ALLOWED" if decision else "FAILED"]
    assert [check["code"] for check in said[OWN]["checks"]] == [c.code for c in decision.checks]


@pytest.mark.parametrize("about", ["weights", "validation", "decision"])
def test_a_statement_on_one_version_is_none_on_another(here, about):
    file = here.signed(about, env="production" if about == "decision" else None)
    assert here.verified(file, "churn@1").claim.ref == "churn@1"
    assert here.verified(file, here.weights).target == str(here.weights)
    with pytest.raises(IntegrityFailure, match="is not about churn@2"):
        here.verified(file, "churn@2")
    place = here.copy()
    (place / "a.bin" if place.is_dir() else place).write_bytes(b"other")
    with pytest.raises(IntegrityFailure, match=r"not about|is not what"):
        here.verified(file, place)
    with pytest.raises(NotFound):
        here.verified(file, "churn@9")
    with pytest.raises(UsageError):
        here.verified(file, "no version")


@pytest.mark.parametrize(
    ("about", "env", "algorithm", "path", "says"),
    [
        ("wishes", None, "sha256", None, "nothing that is signed"),
        ("weights", None, "md5", None, "no algorithm"),
        ("decision", None, "sha256", None, "one for an environment"),
        ("weights", "production", "sha256", None, "same in every environment"),
        ("validation", None, "sha256", Path(), "Only weights lie at a path"),
    ],
)
def test_what_does_not_go_together_is_refused(about, env, algorithm, path, says):
    with pytest.raises(UsageError, match=says):
        Asked.checked(about, env, algorithm, path)


def test_where_no_pipeline_runs_no_verdict_counts_and_the_remedy_says_how_one_would(folder):
    with pytest.raises(
        NotFound, match="counts in staging: no version of pipeline churn"
    ) as refused:
        folder.signed("validation", env="staging")
    assert "pipeline deploy churn" in refused.value.remedy
