"""A service whose image was sealed: it proves what it runs, or it does not start."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

from tests.conftest import ENVIRONMENT, Workspace
from tests.support import commands

FEATURES = """\
def features(text):
    return text * 2


if __name__ == "__main__":
    open('data/features.csv', 'w').write(features(open('data/clean.csv').read()))
"""
MAIN = """\
import json, pathlib, sys, time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))
import featurize
import lineage

named, late = sys.argv[1], sys.argv[2:]

def load(path):
    for name in late:
        __import__(name)
    return path.read_bytes()

try:
    with lineage.follow("churn", load=load, pipeline=named or None, every=0.1) as served:
        print(json.dumps({"ref": served.ref, "features": featurize.features("a")}))
except lineage.LineageError as error:
    print(json.dumps({"code": error.exit_code, "error": str(error), "remedy": error.remedy}))
"""
SERVING = """\
[models.churn.serving]
own = ["app/main.py"]
stages = ["featurize"]

[models.churn.pipeline]"""
SEAL = "pipeline.seal.json"


@pytest.fixture
def copied(made_in_place):
    return made_in_place(_serve)


def _serve(project):
    project.write({"src/featurize.py": FEATURES, "app/main.py": MAIN, "src/other.py": ""})
    project.edit("lineage.toml", "[models.churn.pipeline]", SERVING)
    project.dvc("repro", "--quiet")
    project.commit("A function of features, and a service")
    project.ok("register", "churn")
    project.ok("validate", "churn@1")
    project.ok("pipeline", "deploy", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")


@pytest.fixture
def training(project):
    """churn serves in production; its repository holds the service too."""
    return project


@pytest.fixture
def image(training, tmp_path):
    """What is deployed: the sealed files, and nothing of git and DVC."""
    training.ok("pipeline", "seal")
    made = Workspace(
        tmp_path / "image",
        {
            "LINEAGE_REGISTRY": f"sqlite:///{training.path / '.lineage/registry.db'}",
            "LINEAGE_CACHE": str(tmp_path / "cache"),
            "XDG_CACHE_HOME": str(tmp_path / "known"),
            "LINEAGE_INSTANCE": "host-1",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )
    for name in ("src", "app", "params.yaml", SEAL):
        copy = shutil.copytree if (training.path / name).is_dir() else shutil.copy
        made.path.mkdir(exist_ok=True)
        copy(training.path / name, made.path / name)
    return made


def serve(image, pipeline=SEAL, *late):
    """What the service says; in a Python of its own where what that has loaded is to be proved."""
    words = [sys.executable, "app/main.py", pipeline, *late]
    run = commands.run_installed if pipeline == SEAL else commands.fork
    done = run(words, image.path, ENVIRONMENT | image.env, 120)
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_a_sealed_service_serves_and_reports(image, training):
    assert serve(image) == {"ref": "churn@1", "features": "aa"}
    observed = training.ok("serving", "churn")["observed"]
    assert (observed["in_step"], observed["sealed"], observed["claimed"]) == (1, 1, 0)
    shown = training.lineage("serving", "churn").out
    assert "1 in step of 1 instances; 1 sealed" in shown


def demand_seals(training):
    training.write({"e.toml": '[environments.production]\nkind = "production"\nproof = "sealed"\n'})
    training.ok("env", "apply", "e.toml")


def test_a_service_that_only_claims_is_refused_where_a_seal_is_demanded(image, training):
    digest = training.ok("pipeline", "capture")["digest"]
    assert serve(image, digest)["ref"] == "churn@1"
    before = training.ok("serving", "churn")["observed"]
    assert (before["in_step"], before["sealed"], before["claimed"]) == (1, 0, 1)
    demand_seals(training)
    assert "hosts must be sealed" in training.lineage("env", "show", "production").out
    after = training.ok("serving", "churn")["observed"]
    assert (after["state"], after["in_step"], after["lagging"]) == ("lagging", 0, 1)
    said = serve(image, digest)
    assert said["code"] == 3
    assert "production demands sealed hosts" in said["error"]
    assert serve(image)["ref"] == "churn@1"
    assert training.ok("serving", "churn")["observed"]["in_step"] == 1


LATE = """\
import pathlib, sys, time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))
import lineage.host.follow
import lineage

lineage.host.follow.BEAT = 0
with lineage.follow("churn", pipeline="pipeline.seal.json", every=0.1):
    import other
    time.sleep(2)
"""


def test_a_module_that_comes_in_later_ends_the_proof(image, training):
    training.write({"app/main.py": LATE})
    training.ok("pipeline", "seal", "-o", str(image.path / SEAL))
    shutil.copy(training.path / "app/main.py", image.path / "app/main.py")
    done = image.command(sys.executable, "app/main.py")
    assert done.code == 0, done.err
    assert "churn is no longer proven" in done.err
    observed = training.ok("serving", "churn")["observed"]
    assert (observed["sealed"], observed["claimed"]) == (0, 1)


def test_feature_code_that_returns_another_thing_is_refused(image, training):
    image.edit("src/featurize.py", "* 2", "* 0")
    said = serve(image)
    assert said["code"] == 3
    assert "src/featurize.py differs" in said["error"]
    assert training.ok("serving", "churn")["observed"]["instances"] == 0


def test_a_module_that_loading_brings_in_is_refused(image, training):
    said = serve(image, SEAL, "other")
    assert said["code"] == 3
    assert "other (src/other.py)" in said["error"]
    assert training.ok("serving", "churn")["observed"]["instances"] == 0


def test_a_seal_of_another_pipeline_than_the_declared_one_is_refused(image, training):
    training.edit("params.yaml", "20", "21")
    training.ok("pipeline", "seal")
    for name in ("params.yaml", SEAL):
        shutil.copy(training.path / name, image.path / name)
    said = serve(image)
    assert said["code"] == 3
    assert "but production declares" in said["error"]


def test_a_digest_may_be_short_and_a_missing_seal_is_said(image, training):
    digest = training.ok("pipeline", "capture")["digest"]
    assert serve(image, digest[:13]) == {"ref": "churn@1", "features": "aa"}
    shown = training.ok("serving", "churn")["observed"]
    assert (shown["in_step"], shown["instances"]) == (1, 1)
    assert "runs pipeline xxh3:00000000, but" in serve(image, "xxh3:00000000")["error"]
    assert "is missing" in serve(image, "none.json")["error"]


def test_a_version_that_shares_the_xxh3_alone_is_not_taken_for_the_own_one(image, training):
    """The registry declares another version whose public digest is the same."""
    from lineage.connection import connect
    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.identity.digest import Digest
    from lineage.identity.pipeline import PipelineVersion

    digest = training.ok("pipeline", "capture")["digest"]
    forged = CapturedPipelineVersion("churn", PipelineVersion(None, Digest(digest)))
    with connect(image.env["LINEAGE_REGISTRY"]) as registry:
        registry.validate("churn@1", forged, passed=True, actor="tester")
        registry.release("production", forged, actor="tester")
    assert serve(image) == {"ref": "churn@1", "features": "aa"}
    shown = training.ok("serving", "churn")
    assert shown["backup"]["pipeline"] == shown["serving"]["pipeline"] == digest
    assert shown["observed"]["sides"] == {"serving": 0, "backup": 1, "staged": 0}
