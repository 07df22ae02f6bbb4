"""Stores, pulling, backups and retention, by the installed command."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from lineage.connection import connect
from lineage.weights.copies import NewCopy, StoreAddress
from tests.support import commands
from tests.support.weights_stores import CREDENTIALS, ENDPOINT, new_bucket

from ..conftest import BIN, ENVIRONMENT, FILE_AND_SERVER


def _serve(project) -> None:
    project.env["LINEAGE_CACHE"] = str(project.path.with_name("cache"))
    for number in (1, 2, 3):
        train(project, number)
        project.ok("validate", f"churn@{number}")
    project.ok("pipeline", "deploy", "churn", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")
    project.ok("promote", "churn@2", "--env", "production")


@pytest.fixture
def copied(request, copied, made_in_place):
    return made_in_place(_serve) if "serving" in request.fixturenames else copied


@pytest.fixture
def serving(project, tmp_path):
    """churn@1 to churn@3, trained, stored and validated; churn@2 serves, churn@1 stands by."""
    project.env["LINEAGE_CACHE"] = str(tmp_path / "cache")
    return project


def train(project, number: int) -> dict:
    if number > 1:
        before = "weights of " if number == 2 else f"weights {number - 1} of "
        project.edit("src/train.py", before, f"weights {number} of ")
        project.dvc("repro", "--quiet")
        project.commit(f"Version {number}")
    return project.ok("register", "churn")


def objects(project) -> dict[str, Path]:
    """The stored file of each version."""
    found = {}
    for number in (1, 2, 3):
        (copy,) = project.ok("show", f"churn@{number}")["stored"]["copies"]
        name = copy["object"]
        store = project.path / ".lineage/store/files/md5"
        found[f"churn@{number}"] = store / name[:2] / name[2:]
    return found


@FILE_AND_SERVER
def test_weights_go_in_and_come_out(serving, tmp_path):
    shown = serving.lineage("show", "churn@2").out
    assert "stored    local  intact on " in shown
    expected = (serving.path / "models/model.bin").read_text()
    done = serving.ok("pull", "churn@3", "-o", str(tmp_path / "out"))
    assert Path(done["path"]).read_text() == expected
    assert (done["ref"], done["files"], done["size"]) == ("churn@3", 1, len(expected))
    backup = serving.lineage("pull", "churn@production/backup")
    assert Path(backup.out.strip()).read_text() == expected.replace("3 ", "", 1)
    assert serving.lineage("verify", "--all", "--quick").out.count("intact at local") == 3
    path = objects(serving)["churn@3"]
    path.chmod(0o644)
    path.write_text(expected.replace("w", "W", 1))
    shutil.rmtree(serving.env["LINEAGE_CACHE"])
    bad = serving.lineage("pull", "churn@3", "-o", str(tmp_path / "bad"))
    assert bad.code == 6
    assert "are not what was registered" in bad.err
    assert list((tmp_path / "bad").iterdir()) == []


@FILE_AND_SERVER
def test_a_backup_is_checked_found_wanting_and_replaced(serving):
    (checked,) = serving.ok("backup", "check", "--env", "production")
    assert (checked["backup"]["ref"], checked["backup"]["ready"]) == ("churn@1", True)
    objects(serving)["churn@1"].unlink()
    lost = serving.lineage("backup", "check")
    assert lost.code == 6
    assert "missing in local not ready" in " ".join(serving.lineage("log", "churn@1").out.split())
    assert "not ready" in lost.out
    assert "the weights of churn@1 were missing in store local" in lost.out
    assert serving.ok("serving", "churn")["backup"]["ready"] is False
    refused = serving.lineage("rollback", "churn", "--env", "production")
    assert refused.code == 3
    found = serving.ok("backup", "candidates", "churn", "--env", "production")
    assert found["best"] == "churn@3"
    reasons = {row["ref"]: row["reasons"] for row in found["candidates"]}
    assert reasons["churn@2"] == ["churn@2 serves"]
    assert any("missing in store local" in reason for reason in reasons["churn@1"])
    table = serving.lineage("backup", "candidates", "churn", "--env", "production").out
    assert "lineage backup set churn churn@3 --env production" in table
    done = serving.ok("backup", "set", "churn", "churn@3", "--env", "production")
    assert (done["backup"]["ref"], done["changed"]) == ("churn@3", True)
    serving.ok("rollback", "churn", "--env", "production", "--reason", "it failed")
    assert serving.ok("serving", "churn")["serving"]["ref"] == "churn@3"
    back = serving.lineage("promote", "churn@2", "--env", "production")
    assert (back.code, "it failed" in back.out) == (3, True)
    serving.ok("validate", "churn@2", "--elsewhere")
    serving.ok("promote", "churn@2", "--env", "production")


def test_a_promotion_looks_whether_what_is_to_stand_by_is_there(serving):
    """Nobody checked; the bytes are gone; the promotion says what it costs."""
    objects(serving)["churn@2"].unlink()
    objects(serving)["churn@1"].unlink()
    done = serving.lineage("promote", "churn@3", "--env", "production")
    assert done.code == 0
    assert "churn@2 does not stand by: the weights of churn@2 were missing" in done.out
    assert serving.ok("serving", "churn")["backup"]["ref"] == "churn@1", "nobody looked at it"
    objects_gone = serving.lineage("rollback", "churn", "--env", "production")
    assert objects_gone.code == 3, "a rollback looks too"
    serving.write(
        {"environments.toml": '[environments.production]\nkind = "production"\nbackup = true\n'}
    )
    serving.ok("env", "apply", "environments.toml")
    serving.ok("validate", "churn@2", "--elsewhere")
    refused = serving.lineage("guard", "churn@2", "--env", "production", "--json")
    assert "weights-intact" in [c["code"] for c in refused.json["checks"] if c["status"] == "fail"]


def test_a_second_store_does_not_share_the_fate_of_the_first(serving, s3, tmp_path):
    bucket = new_bucket(s3)
    serving.env |= CREDENTIALS
    settings = ("--config", f"endpointurl={s3}")
    added = serving.ok("store", "add", "offsite", f"s3://{bucket.name}/weights", *settings)
    assert added["created"] is True
    done = serving.ok("store", "copy", "churn@1", "--to", "offsite")
    assert [copy["store"]["name"] for copy in done["copies"]] == ["local", "offsite"]
    assert serving.ok("store", "copy", "churn@1", "--to", "offsite")["created"] is False
    assert "offsite  1" in serving.lineage("store", "list").out
    shutil.rmtree(serving.path / ".lineage/store")
    (checked,) = serving.ok("backup", "check", "--env", "production")
    states = {copy["store"]: copy["state"] for copy in checked["backup"]["copies"]}
    assert (states, checked["backup"]["ready"]) == ({"local": "missing", "offsite": "intact"}, True)
    host = tmp_path / "host"
    host.mkdir()
    pull = [str(BIN / "lineage"), "pull", "churn@production/backup", "-o", "."]
    there = {"LINEAGE_REGISTRY": f"sqlite:///{serving.path / '.lineage/registry.db'}"}
    out = commands.run(pull, host, ENVIRONMENT | serving.env | there, 60).out
    assert Path(out.strip()) == host / "model.bin"
    assert (host / "model.bin").read_text().startswith("weights of ")
    serving.ok("store", "copy", "churn@1", "--to", "local")
    assert serving.lineage("verify", "churn@1").code == 0


def test_a_store_that_says_nothing_does_not_hold_up_a_move(serving):
    """A promotion and a rollback glance at what they rest on; they do not wait for it."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        settings = {"endpointurl": f"http://127.0.0.1:{mute.getsockname()[1]}"}
        serving.env |= CREDENTIALS | {ENDPOINT: settings["endpointurl"]}
        database = f"sqlite:///{serving.path / '.lineage/registry.db'}"
        with connect(database) as registry:
            for ref in ("churn@2", "churn@3"):
                (copy,) = registry.stored(ref).copies
                address = StoreAddress("mute", "s3://bucket/x", settings)
                registry.add_copy(ref, NewCopy(address, copy.object), actor="t")
        began = time.monotonic()
        serving.ok("promote", "churn@3", "--env", "production")
        assert time.monotonic() - began < 30
        began = time.monotonic()
        done = serving.ok("rollback", "churn", "--env", "production")
        assert time.monotonic() - began < 20
        assert (done["serving"]["ref"], done["backup"]["ref"]) == ("churn@2", "churn@1")


@FILE_AND_SERVER
def test_weights_are_put_back_from_wherever_they_are(serving, tmp_path):
    kept = serving.ok("pull", "churn@1", "-o", str(tmp_path / "kept"))["path"]
    objects(serving)["churn@1"].unlink()
    assert serving.lineage("backup", "check").code == 6
    wrong = serving.lineage("store", "put", "churn@1", "models/model.bin")
    assert (wrong.code, "is not what was registered" in wrong.err) == (6, True)
    serving.ok("store", "put", "churn@1", kept)
    assert serving.ok("backup", "check")[0]["backup"]["ready"] is True
    assert serving.lineage("store", "put", "churn@1", kept, "--to", "nowhere").code == 4


def test_register_says_what_is_wrong_with_the_store(project):
    before = project.ok("log")
    project.dvc("remote", "add", "--default", "far", "s3://bucket/x")
    project.dvc("remote", "modify", "far", "endpointurl", "http://127.0.0.1:9")
    project.commit("A remote")
    project.env |= CREDENTIALS | {ENDPOINT: "http://127.0.0.1:9"}
    done = project.lineage("register", "churn")
    assert done.code == 7
    assert "Store far (s3://bucket/x) cannot be used" in done.err
    assert "test-secret" not in done.err
    assert project.ok("log") == before, "nothing was recorded"
    project.edit("lineage.toml", "[models.churn]", "[artifacts]\nremote = false\n\n[models.churn]")
    project.commit("Kept here")
    project.ok("register", "churn")
    project.edit("lineage.toml", "remote = false", 'remote = "nowhere"')
    project.commit("Nowhere")
    assert "DVC knows no remote 'nowhere'" in project.lineage("register", "churn").err


def test_what_dvcs_gc_takes_is_told_at_once(project, tmp_path):
    """Somebody collects the remote's garbage; verify, readiness and metrics say so."""
    remote = tmp_path / "remote"
    project.dvc("remote", "add", "--default", "shared", str(remote))
    project.commit("A remote")
    for number in (1, 2):
        train(project, number)
        project.ok("validate", f"churn@{number}")
    project.ok("pipeline", "deploy", "churn", "--env", "production")
    for number in (1, 2):
        project.ok("promote", f"churn@{number}", "--env", "production")
    assert project.lineage("backup", "check").code == 0
    project.dvc("gc", "--workspace", "--cloud", "--force", "--quiet")
    assert project.lineage("verify", "churn@1").code == 6
    assert project.lineage("verify", "churn@2").code == 0, "the workspace still uses it"
    slot = project.ok("serving", "churn")
    assert slot["backup"]["ready"] is False
    assert project.lineage("backup", "check", "--env", "production").code == 6


@pytest.mark.parametrize("steps", [(), ("--stage",)])
def test_a_release_looks_at_what_is_to_serve_first(serving, steps):
    objects(serving)["churn@3"].unlink()
    words = ("--env", "production", "--pipeline", "churn", "--model", "churn@3")
    done = serving.lineage("release", *words, *steps)
    assert (done.code, "were missing in store local" in done.out) == (3, True)
    assert serving.ok("serving", "churn")["serving"]["ref"] == "churn@2"


@FILE_AND_SERVER
def test_retention_is_a_dry_run_until_it_is_told(serving):
    for number in (4, 5):
        train(serving, number)
    before = sorted((serving.path / ".lineage/store/files").rglob("??/*"))
    assert serving.ok("gc") == {"applied": False, "unneeded": []}
    policy = ("--keep-last", "1", "--keep-days", "0")
    (row,) = serving.ok("gc", *policy)["unneeded"]
    assert (row["ref"], row["store"], row["last_served_at"]) == ("churn@4", "local", None)
    assert "dry run" in serving.lineage("gc", *policy).out
    assert sorted((serving.path / ".lineage/store/files").rglob("??/*")) == before
    (gone,) = serving.ok("gc", *policy, "--apply")["removed"]
    assert (gone["ref"], gone["freed"]) == ("churn@4", gone["size"])
    after = sorted((serving.path / ".lineage/store/files").rglob("??/*"))
    assert len(after) == len(before) - 1
    assert serving.ok("show", "churn@4")["weights"]
    missing = serving.lineage("pull", "churn@4")
    assert (missing.code, "knows no store" in missing.err) == (4, True)
    assert serving.ok("gc", *policy, "--apply")["removed"] == []
    assert serving.lineage("verify", "--all").code == 0
    assert serving.ok("log", "churn@4")[0]["kind"] == "weights-removed"
    assert "weights-removed churn@4 in local" in " ".join(
        serving.lineage("log", "churn@4").out.split()
    )


def test_gc_leaves_what_versions_share_file_by_file_and_what_was_there_before(project):
    """Folders share files; what `dvc push` had put there is not ours to take."""
    folder = project.path / "models/folder"
    folder.mkdir()
    project.edit("lineage.toml", "models/model.bin", "models/folder")
    (project.path / ".gitignore").write_text("/models/folder\n")
    for number in (1, 2, 3):
        (folder / "shared").write_text("the same")
        (folder / "own").write_text(f"only in {number}")
        project.commit(f"Version {number}")
        project.ok("register", "churn")
    (gone,) = project.ok("gc", "--keep-last", "2", "--keep-days", "0", "--apply")["removed"]
    assert gone["ref"] == "churn@1"
    names = [path.read_text() for path in (project.path / ".lineage/store/files").rglob("??/*")]
    assert "the same" in names
    assert "only in 1" not in names
    assert {"only in 2", "only in 3"} <= set(names)
    assert project.lineage("verify", "--all").code == 0


def test_an_experiment_stores_its_weights_when_it_is_asked(project):
    bare = project.ok("register", "churn", "--kind", "experiment")
    assert not (project.path / ".lineage/store").exists()
    assert project.lineage("pull", bare["ref"]).code == 4
    again = project.ok("register", "churn", "--kind", "experiment", "--store")
    project.ok("pull", again["ref"])


def test_a_repository_cannot_name_a_program_for_us_to_run(project, tmp_path):
    """An AWS profile may name a command; one that the checkout brings along is not read."""
    evil = tmp_path / "ran"
    project.write({"aws": f"[default]\ncredential_process = touch {evil}\n"})
    project.dvc("remote", "add", "--default", "far", "s3://bucket/x")
    project.dvc("remote", "modify", "far", "endpointurl", "http://127.0.0.1:9")
    project.dvc("remote", "modify", "far", "configpath", str(project.path / "aws"))
    project.dvc("remote", "modify", "far", "credentialpath", str(project.path / "aws"))
    project.commit("A remote")
    done = project.lineage("register", "churn", env={ENDPOINT: "http://127.0.0.1:9"})
    assert done.code == 2
    assert "The repository sets configpath of the DVC remote far" in done.err
    assert not evil.exists()


@FILE_AND_SERVER
def test_watching_prints_what_changes(serving):
    process = subprocess.Popen(
        [BIN / "lineage", "serving", "churn", "--watch", "--every", "0.1", "--json"],
        cwd=serving.path, env=ENVIRONMENT | serving.env, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert json.loads(process.stdout.readline())["serving"]["ref"] == "churn@2"
        began = time.monotonic()
        serving.ok("rollback", "churn", "--env", "production")
        assert json.loads(process.stdout.readline())["serving"]["ref"] == "churn@1"
        assert time.monotonic() - began < 30
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


def test_registering_killed_at_any_time_never_leaves_a_record_without_its_bytes(project):
    """And the next run completes it."""
    project.write({".gitignore": "big.bin\n"})
    project.commit("Weights that no stage makes")
    big = project.path / "big.bin"
    words = [str(BIN / "lineage"), "register", "churn", "--weights", "big.bin"]

    def start(content: int):
        big.unlink(missing_ok=True)
        big.write_bytes(content.to_bytes(8) * (3 << 20))
        return commands.start(words, project.path, ENVIRONMENT | project.env)

    began = time.monotonic()
    assert start(0).wait(60) == 0
    whole = time.monotonic() - began
    killed = 0
    for round_ in range(1, 10):
        process = start(round_)
        time.sleep(whole * (0.2 + 0.1 * round_))
        killed += process.poll() is None
        process.kill()
        process.wait()
        done = project.lineage("verify", "--all", "--json")
        assert done.code == 0, done.out
    project.ok("register", "churn", "--weights", "big.bin")
    assert project.lineage("verify", "--all").code == 0
    assert killed


def test_two_jobs_register_the_same_at_once(project):
    words = [str(BIN / "lineage"), "register", "churn", "--json"]
    jobs = [commands.start(words, project.path, ENVIRONMENT, pipe=True) for _ in range(4)]
    answers = [json.loads(job.communicate(timeout=120)[0]) for job in jobs]
    assert {answer["ref"] for answer in answers} == {"churn@1"}
    assert sum(answer["created"] for answer in answers) == 1
    assert len(project.ok("show", "churn@1")["stored"]["copies"]) == 1


@FILE_AND_SERVER
def test_a_pipeline_whose_commit_no_branch_leads_to_any_more_is_noticed(serving):
    assert "lost" not in serving.ok("verify", "churn@2")
    serving.git("checkout", "--quiet", "-b", "feature")
    serving.edit("params.yaml", "top: 20", "top: 30")
    new = train(serving, 4)
    serving.ok("validate", new["ref"])
    serving.ok("release", "--env", "production", "--pipeline", "churn", "--model", new["ref"])
    assert "lost" not in serving.ok("verify", new["ref"])
    commit = serving.git("rev-parse", "HEAD").strip()
    serving.git("checkout", "--quiet", "main")
    serving.git("branch", "--delete", "--force", "feature")
    done = serving.lineage("verify", new["ref"], "--json")
    assert done.code == 6
    assert done.json["lost"] == [{"pipeline": "churn", "digest": new["pipeline"], "commit": commit}]
    assert f"leads to commit {commit[:12]}" in serving.lineage("verify", new["ref"]).out
    assert serving.lineage("verify", "churn@2").code == 0
    serving.git("tag", "kept", commit)
    assert serving.lineage("verify", new["ref"]).code == 0


@FILE_AND_SERVER
def test_a_copy_that_was_only_looked_for_is_not_called_read(project):
    project.write({".gitignore": "big.bin\n"})
    project.commit("Weights that no stage makes")
    (project.path / "big.bin").write_bytes(bytes(17 << 20))
    for number in (1, 2):
        project.write({"note.txt": str(number)})
        project.commit(f"Version {number}")
        project.ok("register", "churn", "--weights", "big.bin")

    def deep(ref: str) -> bool:
        (copy,) = project.ok("show", ref)["stored"]["copies"]
        return copy["deep"]

    assert (deep("churn@1"), deep("churn@2")) == (True, False)
    project.ok("verify", "churn@2")
    assert deep("churn@2")
