"""A model from elsewhere, of a hub or of a folder: no DVC, and no commit of one's own."""

from __future__ import annotations

import json
import os

import pytest

import lineage
from lineage.errors import CaptureError, UsageError
from tests.conftest import Workspace
from tests.support.hub import COMMITS, TOKEN, running_hub
from tests.support.servers import registry_server

V1 = "hf://acme/tiny@v1"
COMMIT = "0123456789" * 4
CODE = f"https://github.com/acme/train@{COMMIT}"
DATA = "events=s3://acme/events@v42"
IMAGE = "sha256:" + "ab" * 32


@pytest.fixture
def hub():
    with running_hub() as running:
        yield running


@pytest.fixture(params=["file", "server"])
def place(request, tmp_path, hub):
    """A folder that is no repository, with a registry: a file, or behind a server."""
    (tmp_path / "work").mkdir()
    made = Workspace(tmp_path / "work", hub.environment(str(tmp_path / "hf")))
    made.ok("init")
    if request.param == "file":
        yield made
        return
    made.ok("store", "add", "local", ".lineage/store", "--shared")
    database = f"sqlite:///{made.path / '.lineage/registry.db'}"
    with registry_server(database, no_auth=True) as address:
        made.env |= {"LINEAGE_REGISTRY": address}
        yield made


@pytest.fixture
def local(tmp_path, hub):
    """A folder that is no repository, with a registry in a file."""
    made = Workspace(tmp_path, hub.environment(str(tmp_path / "hf")))
    made.ok("init")
    return made


def test_a_hubs_model_comes_to_serve_and_is_moved_on(place, hub):
    done = place.lineage("register", "tiny", "--external", V1, "--pipeline", IMAGE)
    assert done.code == 0, done.err
    assert "tiny@1 registered (production)" in done.out
    assert f"come from elsewhere: hf://acme/tiny@{COMMITS['v1']}" in done.out
    assert "nobody says what data" in done.err
    shown = place.ok("show", "tiny@1")
    parts = shown["components"]
    assert shown["code"] == f"git:{COMMITS['v1']}"
    assert (parts["code"]["remote"], parts["code"]["branch"]) == (f"{hub.endpoint}/acme/tiny", "v1")
    assert parts["data"] == [
        {
            "name": "hf://acme/tiny",
            "digest": f"uri:hf://acme/tiny@{COMMITS['v1']}",
            "known": "asserted",
            "size": None,
        }
    ]
    assert (parts["weights"]["path"], parts["weights"]["files"]) == ("hf://acme/tiny", 4)
    assert parts["weights"]["made"]["state"] == "external"
    assert "come from elsewhere" in place.lineage("show", "tiny@1").out
    place.ok("pipeline", "deploy", "tiny", "--digest", IMAGE, "--env", "production")
    place.ok("validate", "tiny@1", "--passed", "--pipeline", IMAGE)
    guard = place.ok("guard", "tiny@1", "--env", "production")
    assert guard["allowed"]
    place.ok("promote", "tiny@1", "--env", "production")
    assert place.ok("verify", "tiny@1")["state"] == "intact"
    place.ok("pull", "tiny@1", "--out", "out")
    assert (place.path / "out/tiny/onnx/model.onnx").read_bytes() == b"\x20" * 500
    named = ("--pipeline", f"tiny@{IMAGE[:20]}")
    assert place.ok("register", "tiny", "--external", "hf://acme/tiny", *named)["ref"] == "tiny@2"
    assert place.ok("register", "tiny", "--external", "hf://acme/tiny", *named)["created"] is False
    assert [row["ref"] for row in place.ok("versions", "tiny")] == ["tiny@2", "tiny@1"]
    diff = place.ok("diff", "tiny@1", "tiny@2")
    assert (diff["pipeline"]["same"], diff["weights"]["same"]) == (True, False)
    assert place.lineage("diff", "tiny@1", "tiny@2").code == 0
    assert "None" not in place.lineage("log", "tiny").out
    if "LINEAGE_REGISTRY" not in place.env:
        place.ok("audit", "verify")


def test_the_kind_is_what_is_known(local):
    local.write({"model/a.bin": "a", "prepare.py": "x = 1\n"})
    done = local.lineage("register", "m", "--external", "model")
    assert "m@1 registered (experiment)" in done.out
    assert "it is an experiment, for nothing says its code, data and pipeline" in done.err
    done = local.lineage("register", "m", "--external", "model", "--kind", "production")
    assert done.code == 9
    assert "nothing says its code, data and pipeline" in done.err
    asked = "--external model --code URL@COMMIT --data NAME=URI@VERSION --pipeline NAME@DIGEST"
    assert f"lineage register m {asked}" in done.err
    said = ("--external", "model", "--code", CODE, "--data", DATA)
    done = local.lineage("register", "m", *said, "--pipeline-file", "prepare.py")
    assert "(experiment)" in done.out
    assert "no commit holds the pipeline's files" in done.err
    done = local.ok("register", "m", *said, "--pipeline", IMAGE)
    assert (done["kind"], done["code"]) == ("production", f"git:{COMMIT}")
    assert local.ok("register", "x", *said, "--kind", "experiment")["kind"] == "experiment"
    guarded = local.lineage("guard", "x@1", "--env", "production")
    assert "lineage register x --external model --pipeline NAME@DIGEST --kind prod" in guarded.out
    assert local.ok("verify", "x@1")["state"] == "intact"


def test_a_pipeline_by_its_files_is_held_by_the_projects_own_commit(repository, hub, tmp_path):
    repository.env |= hub.environment(str(tmp_path / "hf"))
    repository.ok("init")
    repository.write({"src/prepare.py": "x = 1\n", ".gitignore": "hf\n"})
    own = repository.commit()
    files = ("--pipeline-file", "src/*.py")
    done = repository.ok("register", "tiny", "--external", V1, *files)
    assert (done["kind"], done["code"]) == ("production", f"git:{COMMITS['v1']}")
    recorded = repository.ok("pipeline", "show", f"tiny@{done['pipeline']}")
    assert (recorded["commit"], recorded["dirty"]) == (own, False)
    assert list(recorded["manifest"]["files"]) == ["src/prepare.py"]
    repository.write({"src/prepare.py": "x = 2\n"})
    assert repository.ok("register", "tiny", "--external", V1, *files)["kind"] == "experiment"
    done = repository.lineage("register", "tiny", "--external", V1, *files, "--kind", "production")
    assert done.code == 9
    assert "No commit holds the pipeline's files" in done.err


def test_validating_needs_the_hubs_own_files_here(local, hub):
    local.ok("register", "tiny", "--external", V1, "--pipeline", IMAGE)
    passed = ("validate", "tiny@1", "--passed", "--pipeline", IMAGE)
    assert local.ok(*passed)["elsewhere"] is False
    local.env |= {"HF_HOME": str(local.path / "another")}
    done = local.lineage(*passed)
    assert done.code == 9
    assert "lineage pull tiny@1 --out models" in done.err
    local.ok("pull", "tiny@1", "--out", "models")
    (local.path / "lineage.toml").write_text('[models.tiny]\nweights = "models/tiny"\n')
    assert local.ok(*passed)["passed"]


def test_some_of_a_hubs_files_may_be_the_model(local):
    some = ("--include", "*.safetensors", "--include", "*.json")
    shown = local.ok("register", "all", "--external", V1)
    done = local.ok("register", "some", "--external", V1, *some)
    assert local.ok("show", "some@1")["components"]["weights"]["files"] == 2
    assert done["weights"] != shown["weights"]
    none = local.lineage("register", "some", "--external", V1, "--include", "*.gguf")
    assert (none.code, "holds no file that is included" in none.err) == (9, True)


def test_a_hub_that_names_files_elsewhere_is_refused(local, hub):
    for name in ("../../../evil", "/etc/evil"):
        hub.announced = [name]
        done = local.lineage("register", "tiny", "--external", V1)
        assert done.code == 9
        assert "no path inside of it" in done.err
    assert not list(local.path.rglob("*evil*"))
    assert local.ok("models") == []


def test_a_file_that_was_changed_in_the_cache_is_not_registered(local, hub, tmp_path):
    assert local.lineage("register", "tiny", "--external", V1).code == 0
    folder = tmp_path / "hf/hub/models--acme--tiny"
    for name in ("model.safetensors", "config.json"):
        file = next(folder.glob(f"snapshots/*/{name}")).resolve()
        kept = file.read_bytes()
        file.write_bytes(kept[:-4] + b"evil")
        done = local.lineage("register", "tiny", "--external", V1)
        assert (done.code, f"{name} of hf://acme/tiny@{COMMITS['v1']}" in done.err) == (9, True)
        assert f"Remove {folder}" in done.err
        file.write_bytes(kept)
    assert local.ok("register", "tiny", "--external", V1)["ref"] == "tiny@1"


@pytest.mark.parametrize("said", [None, [1, 2], {"siblings": [{}]}, {"siblings": 7}])
def test_a_hub_that_answers_nonsense_is_told(local, hub, said):
    hub.said = said
    done = local.lineage("register", "tiny", "--external", V1)
    assert (done.code, "defect" in done.err) in ((7, False), (9, False)), done.err


def test_a_hubs_own_ignore_file_leaves_nothing_out(local, hub):
    hub.files[COMMITS["v1"]][".lineageignore"] = b"*.safetensors\n"
    done = local.lineage("register", "tiny", "--external", V1)
    assert done.code == 9
    assert "'model.safetensors', which would not count" in done.err


def test_what_a_hub_does_not_give_is_told(local, hub, tmp_path):
    def refused(source, *words):
        done = local.lineage("register", "tiny", "--external", source, *words)
        return done.code, done.err

    assert refused("hf://acme/other@v1")[0] == 9
    code, said = refused("hf://acme/tiny@v9")
    assert (code, "has no revision 'v9'" in said) == (9, True)
    hub.private.add("acme/tiny")
    code, said = refused(V1)
    assert (code, "HF_TOKEN" in said) == (9, True)
    local.env |= {"HF_TOKEN": TOKEN}
    assert refused(V1)[0] == 0
    assert TOKEN not in json.dumps(local.ok("log")) + json.dumps(local.ok("show", "tiny@1"))
    hub.revisions["odd"] = "no commit"
    hub.files["no commit"] = {"a": b"a"}
    assert "names no commit" in refused("hf://acme/tiny@odd")[1]
    local.env |= {"HF_ENDPOINT": "http://127.0.0.1:9"}
    code, said = refused("hf://acme/tiny@v2")
    assert (code, "The hub does not give hf://acme/tiny@v2" in said) == (7, True)
    code, said = refused("s3://bucket/model")
    assert (code, "No model is fetched from" in said) == (2, True)


def test_without_the_library_the_extra_is_named(local):
    stub = local.path / "stub/huggingface_hub"
    stub.mkdir(parents=True)
    (stub / "__init__.py").write_text("raise ImportError\n")
    env = {"PYTHONPATH": os.fspath(stub.parent)}
    done = local.lineage("register", "tiny", "--external", V1, env=env)
    assert done.code == 2
    assert "pip install 'lineage-guard[hub]'" in done.err


def test_a_link_out_of_a_models_folder_is_refused(local):
    local.write({"model/a.bin": "a", "secret": "s"})
    (local.path / "model/b.bin").symlink_to("a.bin")
    assert local.ok("register", "m", "--external", "model")["created"]
    (local.path / "model/c.bin").symlink_to("../secret")
    done = local.lineage("register", "m", "--external", "model")
    assert (done.code, "leads out of the model's folder" in done.err) == (9, True)


def test_the_folder_of_a_hubs_cache_may_be_named(local):
    done = local.ok("register", "tiny", "--external", V1)
    (cached,) = (local.path / "hf/hub").glob("models--*/snapshots/*")
    again = local.ok("register", "copied", "--external", os.fspath(cached))
    assert again["weights"] == done["weights"]


def test_a_single_file_is_a_model_too(local):
    local.write({"model.onnx": "weights"})
    done = local.ok("register", "m", "--external", "model.onnx", "--store")
    assert local.ok("show", done["ref"])["stored"]["copies"]
    local.ok("pull", "m@1", "--out", "out")
    assert (local.path / "out/model.onnx").read_text() == "weights"


SENSELESS = [
    (("--external", "model", "--weights", "x"), "--weights, --rev"),
    (("--external", "model", "--", "true"), "--weights, --rev"),
    (("--code", CODE), "a model from elsewhere"),
    (("--external", "model", "--pipeline", "churn"), "names no version of a pipeline"),
    (("--external", "model", "--pipeline", "a@b:c", "--pipeline-file", "x"), "more than one"),
    (("--external", "model", "--include", "x"), "this is a path"),
    (("--external", "model", "--code", "main"), "names no commit"),
    (("--external", "hf://datasets/a/b"), "no model"),
    (("--external", "nowhere"), "cannot be read"),
]


def test_what_cannot_be_meant_is_refused(local):
    local.write({"model/a.bin": "a"})
    for words, says in SENSELESS:
        done = local.lineage("register", "m", *words)
        assert done.code == (9 if "nowhere" in words else 2), words
        assert says in done.err


@pytest.mark.parametrize("name", [".", "a\nb"])
def test_weights_that_no_host_could_fetch_are_no_production_version(local, name):
    local.write({"model.bin": "m", "a\nb": "m"})
    known = ("--code", f"{CODE}@{COMMIT}", "--data", DATA, "--pipeline-version", IMAGE)
    done = local.lineage("register", "m", "--external", name, *known)
    assert (done.code, "have no name" in done.err) == (2, True), done.err
    assert local.ok("models") == []


def test_outside_git_a_registration_says_what_to_do(local):
    local.write({"m.bin": "m"})
    done = local.lineage("register", "m", "--weights", "m.bin")
    assert done.code == 9
    assert "is not in a git repository" in done.err
    assert "lineage register m --external m.bin" in done.err


def test_a_notebook_registers_one_too(local, monkeypatch):
    monkeypatch.chdir(local.path)
    monkeypatch.setenv("LINEAGE_ACTOR", "ann@example.com")
    local.write({"model/a.bin": "a"})
    model = local.path / "model"
    done = lineage.register("m", external=model, code=CODE, data=DATA, pipeline=IMAGE)
    assert (done.kind, done.created) == ("production", True)
    named = f"m@{IMAGE}"
    with pytest.warns(DeprecationWarning, match="write pipeline='NAME@DIGEST'"):
        lineage.register("m", external=model, code=CODE, data=DATA, pipeline_version=IMAGE)
    with pytest.raises(UsageError, match="say the same"):
        lineage.register("m", external=model, pipeline=named, pipeline_version=IMAGE)
    own = lineage.register("own", weights=model, pipeline=f"own@{IMAGE}", kind="experiment")
    assert own.pipeline == IMAGE
    assert not lineage.register("m", external=model, code=CODE, data=DATA, pipeline=named).created
    with pytest.raises(CaptureError, match="nothing says its code and data"):
        lineage.register("m", external=model, pipeline=named, kind="production")
    with pytest.raises(UsageError, match="goes only with a model from elsewhere"):
        lineage.register("m", code=CODE)


def test_files_said_at_registration_are_what_is_validated_and_deployed_later(project, tmp_path):
    """In a project whose dvc.yaml makes other models, and whose configuration says nothing of it."""
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor/scorer.bin").write_text("scorer 2.1")
    said = ("--code", CODE, "--data", DATA, "--pipeline-file", "src/prepare.py")
    done = project.ok("register", "scorer", "--external", str(tmp_path / "vendor"), *said)
    assert done["kind"] == "production"
    verdict = project.ok("validate", "scorer@1", "--passed")
    assert (verdict["pipeline"]["digest"], verdict["notes"]) == (done["pipeline"], [])
    deployed = project.ok("pipeline", "deploy", "scorer", "--env", "production")
    assert deployed["pipeline"]["digest"] == done["pipeline"]
    assert project.ok("guard", "scorer@1", "--env", "production", "--working-tree")["allowed"]
    project.ok("promote", "scorer@1", "--env", "production")
    project.edit("src/prepare.py", "lower()", "upper()")
    other = project.lineage("validate", "scorer@1", "--", "python", "-c", "pass")
    assert other.code == 9
    assert "is not the one that scorer@1 was registered with" in other.err
