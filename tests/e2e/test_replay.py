"""Replays: what is deployed is checked out beside the user's work, run with a version, and removed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import nullcontext

import pytest

import lineage
from lineage.connection import connect
from lineage.contract.requests import NewToken
from lineage.errors import UsageError
from tests.support.once import made_once
from tests.support.processes import has_ended
from tests.support.servers import registry_server
from tests.support.weights_stores import CREDENTIALS, ENDPOINT

from ..conftest import BIN, ENVIRONMENT, PROJECT, Workspace

GOOD = {"auc": 0.9, "slices": {"new": {"auc": 0.8}}}
EVALUATE = f"""\
import json
from pathlib import Path
assert Path("models/model.bin").read_text() == "weights of " + "a,b\\n1,2\\n" * 3 + "!"
assert Path("data/features.csv").read_text() == "a,b\\n1,2\\n" * 2
Path("eval/metrics.json").write_text(json.dumps({GOOD}))
"""
STAGE = """\
  evaluate:
    cmd: python src/evaluate.py
    deps: [data/features.csv, models/model.bin, src/evaluate.py]
"""
MEASURES = f"import json; json.dump({GOOD}, open('eval/metrics.json', 'w'))"


@pytest.fixture(scope="module")
def template(shared_folder, project_template):
    """A project whose first pipeline is deployed, and whose second one made `churn@1`."""
    return made_once(shared_folder, "replayed", lambda folder: _make(folder, project_template))


def _make(folder, project_template):
    shutil.copytree(project_template, folder, symlinks=True, dirs_exist_ok=True)
    made = Workspace(folder)
    made.write({"src/evaluate.py": EVALUATE, "dvc.yaml": PROJECT["dvc.yaml"] + STAGE})
    made.commit("Deployed")
    made.ok("pipeline", "deploy", "churn", "--env", "production")
    made.edit("src/featurize.py", "* 2", "* 3")
    made.edit("src/train.py", ".read())", ".read() + '!')")
    made.edit("lineage.toml", "metrics =", 'evaluate = "python src/evaluate.py"\nmetrics =')
    made.write({"src/later.py": ""})
    made.dvc("repro", "--quiet", "train")
    made.commit("Registered")
    made.ok("register", "churn")


@pytest.fixture
def work(template, tmp_path):
    """A copy of it; `there` is where temporary folders are made."""
    target = tmp_path / "churn"
    shutil.copytree(template, target, symlinks=True)
    for name in ("there", "weights"):
        (tmp_path / name).mkdir()
    places = {"TMPDIR": tmp_path / "there", "LINEAGE_CACHE": tmp_path / "weights"}
    return Workspace(target, {name: str(path) for name, path in places.items()})


def replay(work, *words, env=None):
    return work.lineage("validate", "churn@1", "--in", "production", "--json", *words, env=env)


def refused(work, *words, code=9, env=None):
    """A replay that is refused: what it says; nothing is recorded, and nothing left behind."""
    done = replay(work, *words, env=env)
    assert done.code == code, (done.out, done.err)
    assert_gone(work)
    assert work.ok("show", "churn@1")["validations"] == []
    return done.err


def assert_gone(work):
    """No worktree is left, neither git's note of it nor its folder."""
    assert work.git("worktree", "list").count("\n") == 1
    assert not (work.path / ".git/worktrees").exists()
    assert os.listdir(work.path.parent / "there") == []


def python(code):
    return ("--", "python", "-c", code)


@pytest.mark.parametrize("registry", ["file", "server"])
def test_a_version_is_run_with_what_is_deployed_and_the_guard_lets_it_in(work, registry):
    commit = work.git("rev-parse", "HEAD^").strip()
    work.write({"params.yaml": "featurize:\n  top: 99\n", "new.txt": "unsaved work"})
    database = f"sqlite:///{work.path}/.lineage/registry.db"
    with registry_server(database, no_auth=True) if registry == "server" else nullcontext() as url:
        env = {"LINEAGE_REGISTRY": url} if url else {}
        before = work.lineage("guard", "churn@1", "--env", "production", env=env)
        assert "lineage validate churn@1 --in production" in before.out
        done = replay(work, env=env)
        assert done.code == 0, done.err
        decision = work.lineage("guard", "churn@1", "--env", "production", "--json", env=env).json
    by_code = {check["code"]: check["status"] for check in decision["checks"]}
    assert (by_code["validated"], by_code["pipeline-match"]) == ("pass", "pass")
    verdict = done.json
    deployed = work.ok("env", "show", "production")["pipelines"][0]["digest"]
    assert (verdict["passed"], verdict["basis"]) == (True, "run")
    assert verdict["metrics"] == GOOD | {"command": verdict["metrics"]["command"]}
    assert verdict["pipeline"] == {"name": "churn", "digest": deployed}
    assert verdict["replayed"] == {"environment": "production", "commit": commit}
    assert verdict["notes"] == []
    assert verdict["run"]["command"] == ["python", "src/evaluate.py"]
    assert verdict["run"]["folder"].startswith(str(work.path.parent / "there/lineage-replay-"))
    (watched,) = verdict["watched"]
    assert watched["gaps"] == []
    assert_gone(work)
    assert work.git("status", "--porcelain") == " M params.yaml\n?? new.txt\n"


@pytest.mark.parametrize(
    "how", [("--in", "production"), ("--", "sh", "-c", "cp {0} a && mv a {0}")]
)
def test_whose_token_may_not_say_what_was_run_reads_that_the_verdict_counts_as_stated(work, how):
    metrics = "eval/metrics.json"
    work.write({metrics: "{}"})
    database = f"sqlite:///{work.path}/.lineage/registry.db"
    with connect(database) as registry:
        scopes = ("read", "validate")
        token = registry.create_token(NewToken("job", scopes), actor="t")["token"]
    with registry_server(database) as url:
        env = {"LINEAGE_REGISTRY": url, "LINEAGE_TOKEN": token}
        words = [word.format(metrics) for word in how]
        done = work.lineage("validate", "churn@1", "--passed", *words, env=env)
    assert done.code == 0, done.err
    (note,) = [line for line in done.err.splitlines() if "counts as stated" in line]
    assert "a token with the scope validate:run makes it a run" in note
    assert work.ok("show", "churn@1")["validations"][0]["basis"] == "stated"


def test_a_person_reads_what_was_run_and_at_which_commit(work):
    done = work.lineage("validate", "churn@1", "--in", "production")
    commit = work.git("rev-parse", "--short=12", "HEAD^").strip()
    assert (
        f"replayed at commit {commit}, which production runs\n  ran     python src/eval" in done.out
    )


def test_what_fails_there_is_a_failing_verdict(work):
    crashed = replay(work, *python("raise SystemExit(3)"))
    assert (crashed.code, crashed.json["passed"]) == (0, False)
    assert crashed.json["run"]["exit_status"] == 3
    low = replay(work, *python(MEASURES.replace("0.9", "0.5")))
    assert (low.code, low.json["passed"], low.json["metrics"]["auc"]) == (0, False, 0.5)
    assert_gone(work)


def test_a_stage_is_run_without_those_that_make_its_data_and_forced(work):
    work.edit("lineage.toml", "python src/evaluate.py", "evaluate")
    cache = _files(work.path / ".dvc/cache")
    done = replay(work)
    assert done.code == 0, done.err
    assert done.json["passed"] is True
    command = done.json["run"]["command"]
    assert command[1:3] == ["repro", "--single-item"]
    assert command[-1] == "evaluate"
    assert "dvc push" in done.err.partition("note: ")[0], "DVC hints at what it left there"
    assert "is not for this checkout" in done.err.partition("note: ")[2]
    assert len(done.json["notes"]) == 1
    assert _files(work.path / ".dvc/cache") == cache
    assert_gone(work)


def _files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_stage_that_dvc_does_not_run_is_no_verdict(work):
    work.edit("lineage.toml", "python src/evaluate.py", "evaluate")
    said = refused(work, env={"PATH": _failing_dvc(work)})
    assert "DVC did not run evaluate: it ended with exit status 253." in said


def _failing_dvc(work):
    """A search path on which `dvc` does what it does where it cannot take its lock."""
    folder = work.path.parent / "bin"
    folder.mkdir()
    (folder / "dvc").write_text(f"#!{sys.executable}\nraise SystemExit(253)\n")
    (folder / "dvc").chmod(0o755)
    return f"{folder}{os.pathsep}{ENVIRONMENT['PATH']}"


def test_a_commit_that_is_not_in_the_clone_is_named_with_what_fetches_it(work):
    commit = work.git("rev-parse", "HEAD^").strip()
    url, registry = work.path.as_uri(), f"sqlite:///{work.path}/.lineage/registry.db"
    for depth, remedy in (
        (("--depth", "1"), "git fetch --unshallow"),
        ((), f"fetch origin {commit}"),
    ):
        clone = Workspace(
            work.path.parent / f"clone{len(depth)}", work.env | {"LINEAGE_REGISTRY": registry}
        )
        if not depth:
            work.git("checkout", "--quiet", "--orphan", "alone")
            work.commit("Without history")
        work.git("clone", "--quiet", "--single-branch", *depth, url, str(clone.path))
        said = refused(clone, code=9)
        assert f"Commit {commit} of pipeline churn xxh3:" in said
        assert remedy in said


def test_data_that_nobody_has_is_named(work):
    shutil.rmtree(work.path / ".dvc/cache/files")
    said = refused(work)
    missing = "data/clean.csv, data/features.csv, data/raw.csv, as commit"
    assert f"Neither DVC's cache here nor a remote has {missing}" in said, "and no weights"
    assert "dvc push" in said


def test_data_that_only_a_remote_has_is_fetched_also_by_a_relative_address(work):
    shutil.copytree(work.path / ".dvc/cache/files", work.path.parent / "storage/files")
    shutil.rmtree(work.path / ".dvc/cache/files")
    remote = "[core]\nremote = storage\n['remote \"storage\"']\nurl = ../../storage\n"
    work.write({".dvc/config.local": remote})
    done = replay(work)
    assert done.code == 0, done.err
    assert done.json["passed"] is True
    assert (work.path / ".dvc/config.local").read_text() == remote


@pytest.mark.parametrize("links", ["hardlink,symlink", "symlink"])
def test_what_runs_cannot_write_into_the_users_cache_through_a_link(work, links):
    """Nor does DVC's own way of writing down several kinds of links stop it."""
    work.write({".dvc/config.local": f"[cache]\ntype = {links}\n"})
    cache = work.path / ".dvc/cache/files"
    before = {path: path.read_bytes() for path in _files(cache)}
    done = replay(work)
    assert (done.code, done.err) == (0, "")
    assert done.json["passed"] is True
    spoils = "import os; os.chmod('data/raw.csv', 0o644); open('data/raw.csv', 'r+').write('x'); "
    replay(work, *python(spoils + MEASURES))
    assert {path: path.read_bytes() for path in _files(cache)} == before


def test_a_cache_that_cannot_be_read_is_told_from_one_that_lacks_the_data(work):
    recorded = (work.path / "data/raw.csv.dvc").read_text().partition("md5: ")[2][:32]
    cached = work.path / ".dvc/cache/files/md5" / recorded[:2] / recorded[2:]
    cached.unlink()
    cached.mkdir()
    said = refused(work)
    assert "data/raw.csv cannot be brought into the temporary worktree: is a directory." in said


def test_a_repository_lends_a_fetch_nothing_of_the_users(work):
    shutil.rmtree(work.path / ".dvc/cache/files")
    remote = "url = s3://bucket/x\nconfigpath = aws\nendpointurl = http://127.0.0.1:9\n"
    work.write({".dvc/config.local": f"[core]\nremote = x\n['remote \"x\"']\n{remote}"})
    said = refused(work, code=2, env=CREDENTIALS)
    assert "The repository sets configpath of the DVC remote x, in which it has no say" in said


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("s3://bucket/storage\nendpointurl = http://127.0.0.1:9",
         "a remote cannot be asked: Could not connect to the endpoint URL"),
        ("gs://bucket/storage", "DVC cannot use its remote for the data of commit"),
    ],
)  # fmt: skip
def test_a_remote_that_cannot_be_asked_is_told_from_data_that_is_gone(work, address, says):
    shutil.rmtree(work.path / ".dvc/cache/files")
    remote = f"[core]\nremote = storage\n['remote \"storage\"']\nurl = {address}\n"
    work.write({".dvc/config.local": remote})
    said = refused(
        work, code=7, env={"AWS_MAX_ATTEMPTS": "1"} | CREDENTIALS | {ENDPOINT: "http://127.0.0.1:9"}
    )
    assert says in said
    assert said.count("\n") == 2, "DVC's own words are kept back"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--", "nonsense"), 2, "There is no program 'nonsense'."),
        (("--", "./tools/nonsense"), 2, "There is no program './tools/nonsense'."),
        (("--", "python", "src/later.py"), 9, "The commit does not hold src/later.py, which"),
        (("--", "python", "-m", "src.later"), 9, "The commit does not hold -m src.later, which"),
        (python("pass"), 9, "The command did not write the metrics"),
        (python(f"{MEASURES}; open('src/featurize.py', 'a').write('#')"), 9,
         "While the command ran, the pipeline changed: nothing is recorded."),
        (python(f"{MEASURES}; open('models/model.bin', 'a').write('#')"), 9,
         "While the command ran, the weights changed: nothing is recorded."),
        (python("import os, shutil; shutil.rmtree(os.getcwd())"), 9,
         "The command removed the folder that it ran in: nothing is recorded."),
        (("--pipeline", "xxh3:00000000"), 2, "A replay is made with the pipeline that is dep"),
        (("--carry-over",), 2, "--carry-over takes the verdict"),
        (("--timeout", "soon"), 2, "'soon' is not a span of time."),
    ],
)  # fmt: skip
def test_what_is_refused_records_nothing(work, words, code, says):
    assert says in refused(work, *words, code=code)


def test_metrics_that_are_a_link_to_somewhere_else_are_not_read(work):
    real = work.path.parent / "weights" / "m.json"
    real.write_text(json.dumps(GOOD))
    link = "import os; os.remove('eval/metrics.json'); "
    said = refused(work, *python(f"{link}os.symlink({str(real)!r}, 'eval/metrics.json')"))
    assert f"The metrics eval/metrics.json are a link to {real}, outside the folder" in said


def test_a_folder_of_metrics_that_no_commit_holds_is_there(work):
    code = f"import json; json.dump({GOOD}, open('out/m.json', 'w'))"
    assert json.loads(replay(work, "--metrics", "out/m.json", *python(code)).out)["passed"] is True


def test_a_span_without_a_replay_is_refused(work):
    done = work.lineage("validate", "churn@1", "--timeout", "1m", "--", "true")
    assert (done.code, "--timeout is how long a command may run --in" in done.err) == (2, True)


def test_nothing_to_run_is_said_with_the_key_to_write(work):
    work.edit("lineage.toml", 'evaluate = "python src/evaluate.py"\n', "")
    said = refused(work, code=2)
    assert 'evaluate under [models.churn] in lineage.toml: evaluate = "python src/' in said


def test_a_command_that_hangs_is_killed_with_all_that_it_started(work):
    pid = work.path.parent / "pid"
    code = (
        "import subprocess, time; child = subprocess.Popen(['sleep', '600']); "
        f"open({str(pid)!r}, 'w').write(str(child.pid)); time.sleep(600)"
    )
    said = refused(work, "--timeout", "1s", *python(code))
    assert "The command did not end within 1s and was killed: nothing is recorded." in said
    assert "lineage validate churn@1 --in production --timeout SPAN" in said
    assert has_ended(int(pid.read_text()))


@pytest.mark.parametrize("path", ["params.yaml", "models/model.bin", "new.csv", "draft.txt"])
def test_a_command_that_writes_into_the_users_checkout_is_refused_with_the_file(work, path):
    work.write({"draft.txt": "unsaved"})
    full = str(work.path / path)
    said = refused(work, *python(f"{MEASURES}; open({full!r}, 'a').write('#')"))
    assert f"While the command ran, {path} changed in {work.path}: nothing is recorded." in said


def test_a_commit_in_the_users_checkout_is_noticed(work):
    code = f"{MEASURES}; import subprocess as s; s.run(['git', '-C', {str(work.path)!r}, 'checkout', '-q', 'HEAD^'])"
    said = refused(work, *python(code))
    assert "While the command ran, the commit that is checked out changed in" in said


def test_code_of_the_users_checkout_is_not_taken_for_that_of_the_commit(work):
    src = str(work.path / "src")
    said = refused(work, *python(f"import sys; sys.path[:0] = [{src!r}]; import later; {MEASURES}"))
    assert f"The command imported src/later.py of {work.path}, not of the commit" in said


@pytest.fixture
def stored(work):
    """The same with a store of its own, where alone the weights are."""
    (work.path / ".lineage").rename(work.path.parent / "gone")  # it tells of the template's folder
    work.ok("init")
    work.git("checkout", "--quiet", "HEAD^")
    work.ok("pipeline", "deploy", "churn", "--env", "production")
    work.git("checkout", "--quiet", "main")
    work.ok("register", "churn")
    (work.path / "models/model.bin").write_text("others")
    return work


def test_weights_come_from_a_store_where_they_are_not_here(stored):
    done = replay(stored)
    assert done.code == 0, done.err
    assert done.json["passed"] is True
    assert (stored.path / "models/model.bin").read_text() == "others"


def test_weights_that_are_damaged_in_their_store_are_not_run(stored):
    for path in _files(stored.path / ".lineage/store"):
        path.chmod(0o644)
        path.write_bytes(b"x" * path.stat().st_size)
    assert "The weights of churn@1 in store local are not what was registered" in refused(
        stored, code=6
    )


def test_what_runs_must_be_known_by_a_commit(work):
    none = work.lineage("validate", "churn@1", "--in", "staging")
    assert (none.code, "No version of pipeline churn is deployed in staging." in none.err) == (
        4,
        True,
    )
    work.edit("params.yaml", "20", "21")
    work.ok("pipeline", "deploy", "churn", "--env", "staging")
    dirty = work.lineage("validate", "churn@1", "--in", "staging")
    assert dirty.code == 9
    assert "which runs in staging, was captured with uncommitted changes: no commit is" in dirty.err


def test_a_pipeline_that_the_commit_gives_otherwise_here_is_refused(work):
    work.write({"../config/dvc/config": "[parsing]\nlist = append\n"})
    said = refused(work, env={"XDG_CONFIG_HOME": str(work.path.parent / "config")})
    assert "here, not as xxh3:" in said


def test_nothing_is_left_where_the_replay_is_interrupted(work):
    mark = work.path.parent / "mark"
    code = f"open({str(mark)!r}, 'w'); import time; time.sleep(600)"
    words = [BIN / "lineage", "validate", "churn@1", "--in", "production", *python(code)]
    env = ENVIRONMENT | work.env
    with subprocess.Popen(words, cwd=work.path, env=env, stderr=subprocess.PIPE, text=True) as one:
        until = time.monotonic() + 60
        while not mark.exists() and one.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        assert mark.exists()
        one.send_signal(signal.SIGINT)
        _, said = one.communicate(timeout=60)
    assert (one.returncode, said) == (130, "")
    assert_gone(work)


def test_in_python_a_command_is_run_here_or_with_what_is_deployed(work, monkeypatch):
    monkeypatch.chdir(work.path)
    monkeypatch.setattr("tempfile.tempdir", work.env["TMPDIR"])
    for name, value in (ENVIRONMENT | work.env).items():
        monkeypatch.setenv(name, value)
    there = lineage.validate("churn@1", replay_in="production", command=python(MEASURES)[1:])
    here = lineage.validate("churn@1", command=python(MEASURES)[1:])
    assert (there["passed"], here["passed"]) == (True, True)
    assert there["pipeline"]["digest"] != here["pipeline"]["digest"]
    assert_gone(work)
    with pytest.raises(UsageError, match="on the metrics that the command writes"):
        lineage.validate("churn@1", replay_in="production", metrics=GOOD)
