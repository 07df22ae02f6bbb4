"""A service whose packages must be those that its version was validated with."""

from __future__ import annotations

import importlib.metadata
import json
import sys

import pytest

from tests.conftest import ENVIRONMENT, Workspace
from tests.support import commands

EVALUATE = """\
import json
import packaging.version
json.dump({"auc": 0.9, "slices": {"new": {"auc": 0.8}}}, open("eval/metrics.json", "w"))
"""
MAIN = """\
import json, sys, lineage

try:
    with lineage.follow("churn", sys.argv[1], last_known=len(sys.argv) > 2) as served:
        print(json.dumps({"ref": served.ref}))
except lineage.LineageError as error:
    print(json.dumps({"exit": error.exit_code, "code": error.code, "error": str(error),
                      "remedy": error.remedy}))
"""
REPORT = """\
import json, sys, lineage

done = lineage.report("churn", weights=sys.argv[1])
print(json.dumps({key: done[key] for key in ("state", "differing")}))
"""
HERE = importlib.metadata.version("packaging")


@pytest.fixture
def training(project):
    """churn serves in production, validated by a run that imports `packaging`."""
    project.write({"evaluate.py": EVALUATE})
    project.commit("An evaluation")
    project.ok("register", "churn")
    validate(project)
    project.ok("pipeline", "deploy", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")
    return project


def validate(project):
    done = project.lineage("validate", "churn@1", "--", sys.executable, "evaluate.py")
    assert done.code == 0, done.err


@pytest.fixture
def host(training, tmp_path):
    """Another machine, as far as a folder and an environment go."""
    made = Workspace(
        tmp_path / "host",
        {
            "LINEAGE_REGISTRY": f"sqlite:///{training.path / '.lineage/registry.db'}",
            "LINEAGE_PIPELINE": training.ok("pipeline", "capture")["digest"],
            "LINEAGE_CACHE": str(tmp_path / "cache"),
            "XDG_CACHE_HOME": str(tmp_path / "known"),
            "LINEAGE_INSTANCE": "host-1",
        },
    )
    made.write({"main.py": MAIN})
    return made


def demand(training, *names, environment="production"):
    text = f"[environments.{environment}]\nmatch_packages = {json.dumps(list(names))}\n"
    training.write({"e.toml": text})
    return training.lineage("env", "apply", "e.toml")


def with_other_packaging(host, version="0.0.1"):
    """A distribution of another version, found before the installed one."""
    host.write({f"lib/packaging-{version}.dist-info/METADATA": (
        f"Metadata-Version: 2.1\nName: packaging\nVersion: {version}\n"
    )})  # fmt: skip
    host.env["PYTHONPATH"] = str(host.path / "lib")


def serve(host, *words):
    script = [sys.executable, "main.py", *(words or ("production",))]
    done = commands.fork(script, host.path, ENVIRONMENT | host.env, 60)
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_a_host_with_the_validated_packages_serves(host, training):
    assert demand(training, "Packaging", "no.such_package").code == 0
    shown = training.lineage("env", "show", "production").out
    assert "packages   as validated: packaging, no-such-package" in shown
    assert serve(host) == {"ref": "churn@1"}


def test_a_host_with_another_version_is_refused_by_its_name(host, training):
    with_other_packaging(host)
    assert serve(host) == {"ref": "churn@1"}, "nothing is demanded"
    demand(training, "packaging")
    said = serve(host)
    assert (said["exit"], said["code"]) == (3, "package-mismatch")
    assert f"packaging 0.0.1 here, {HERE} validated" in said["error"]
    assert f"pip install packaging=={HERE}" in said["remedy"]
    demand(training, "numpy")
    assert serve(host) == {"ref": "churn@1"}, "the verdict does not rest on it"
    demand(training, "*")
    assert f"packaging 0.0.1 here, {HERE} validated" in serve(host)["error"]


def test_where_nobody_observed_the_environment_a_host_is_refused_and_a_run_mends_it(host, training):
    training.ok("validate", "churn@1", "--passed")
    demand(training, "packaging")
    said = serve(host)
    assert said["exit"] == 3
    assert "it is not known which ones churn@1 was validated with" in said["error"]
    assert "was stated" in said["error"]
    validate(training)
    assert serve(host) == {"ref": "churn@1"}


def test_a_host_is_held_to_what_the_registry_last_said_while_it_is_away(host, training):
    demand(training, "packaging")
    assert serve(host) == {"ref": "churn@1"}
    registry = training.path / ".lineage/registry.db"
    away = registry.with_suffix(".away")
    registry.rename(away)
    assert serve(host, "production", "last-known")["exit"] == 7, "nothing is kept of it yet"
    away.rename(registry)
    assert serve(host, "production", "last-known") == {"ref": "churn@1"}
    registry.rename(away)
    assert serve(host, "production", "last-known") == {"ref": "churn@1"}
    with_other_packaging(host)
    assert serve(host, "production", "last-known")["code"] == "package-mismatch"


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["numpy==1.2"], "'numpy==1.2' is no name of a distribution"),
        ([""], "'' is no name of a distribution"),
        ([3], "match_packages"),
        ([f"p{number}" for number in range(101)], "match_packages"),
    ],
)
def test_a_policy_that_cannot_be_read_is_one_sentence(training, names, says):
    done = demand(training, *names)
    assert done.code == 2
    assert says in done.err
    assert len(done.err.strip().splitlines()) <= 2


def test_a_host_that_serves_already_is_shown_as_skewed(host, training):
    with_other_packaging(host)
    assert serve(host) == {"ref": "churn@1"}
    demand(training, "packaging")
    assert training.ok("serving", "churn")["observed"]["skewed"] == 1, "it compared nothing"
    host.write({"main.py": REPORT})
    weights = training.ok("serving", "churn")["serving"]["weights"]
    assert serve(host, weights) == {
        "state": "skewed",
        "differing": [{"name": "packaging", "here": "0.0.1", "validated": [HERE]}],
    }
    assert "1 skewed of 1 instances" in training.lineage("serving", "churn").out
    del host.env["PYTHONPATH"]
    assert serve(host, weights) == {"state": "in-step", "differing": []}
    host.write({"main.py": MAIN})
    assert serve(host) == {"ref": "churn@1"}
    assert training.ok("serving", "churn")["observed"]["in_step"] == 1
