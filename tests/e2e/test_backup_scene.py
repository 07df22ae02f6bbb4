"""The scene that the backup is for: the example, S3, two serving processes, and a rollback."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
from blake3 import blake3

from lineage.connection import connect
from lineage.contract.requests import NewToken
from tests.support import commands
from tests.support.servers import registry_server
from tests.support.weights_stores import CREDENTIALS, new_bucket

from ..conftest import BIN, ENVIRONMENT, Workspace

MODEL = "flight-delays"
SERVICE = Path(__file__).with_name("service.py")


class Host:
    """A serving process in a folder of its own, with neither git nor DVC in it."""

    def __init__(self, model: str, folder: Path, name: str, env: dict[str, str]) -> None:
        folder.mkdir()
        self._log = folder / "log"
        self._out = folder / "out"
        own = {
            "LINEAGE_INSTANCE": name,
            "LINEAGE_CACHE": str(folder / "c"),
            "XDG_CACHE_HOME": str(folder / "x"),
        }
        with self._out.open("w") as out, self._log.open("w") as log:
            self.process = commands.start(
                [sys.executable, SERVICE, model], folder, ENVIRONMENT | env | own, to=(out, log)
            )

    def says(self) -> dict[str, str]:
        lines = self._out.read_text().splitlines()
        return json.loads(lines[-1]) if lines else {}

    def waits_for(self, ref: str) -> dict[str, str]:
        end = time.monotonic() + 60
        while self.says().get("ref") != ref:
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < end, (self.says(), self._log.read_text())
            time.sleep(0.1)
        return self.says()

    def stop(self) -> str:
        self.process.terminate()
        self.process.wait(20)
        return self._log.read_text()


@pytest.fixture
def example(tmp_path, s3):
    """The example with a bucket as its DVC remote; its registry behind a server, with tokens.

    Its pipeline runs by a Python that is forked, and on little data.
    """
    folder = tmp_path / "example"
    (place,) = find_spec("lineage.examples").submodule_search_locations
    shutil.copytree(Path(place) / MODEL, folder)
    work = Workspace(folder, CREDENTIALS | {"PATH": commands.path(example=True)})
    bucket = new_bucket(s3)
    work.git("init", "--quiet", "--initial-branch", "main")
    work.dvc("init", "--quiet")
    work.dvc("remote", "add", "--default", "bucket", f"s3://{bucket.name}/weights")
    work.dvc("remote", "modify", "bucket", "endpointurl", s3)
    _export(work, "3")
    work.ok("init")
    with registry_server(f"sqlite:///{folder / '.lineage/registry.db'}") as address:
        with connect(f"sqlite:///{folder / '.lineage/registry.db'}") as registry:
            tokens = {
                name: registry.create_token(NewToken(name, scopes), actor="t")["token"]
                for name, scopes in (("admin", ("admin",)), ("host", ("read", "observe")))
            }
        work.env |= {"LINEAGE_REGISTRY": address, "LINEAGE_TOKEN": tokens["admin"]}
        yield work, bucket, tokens["host"], address


def _export(work: Workspace, months: str) -> None:
    done = work.command("python", "export.py", months, "data/departures.csv")
    assert done.code == 0, done.err
    work.dvc("add", "--quiet", "data/departures.csv")


def _version(work: Workspace, number: int) -> dict:
    work.dvc("repro", "--quiet")
    work.commit(f"Version {number}")
    made = work.ok("register", MODEL)
    assert made["version"] == number
    work.ok("validate", made["ref"])
    return made


def test_both_hosts_serve_the_backups_verified_bytes_after_a_rollback(example, tmp_path):
    work, bucket, token, address = example
    trained = {}
    for number, months in ((1, "3"), (2, "4")):
        if number == 2:
            _export(work, months)
        _version(work, number)
        trained[number] = blake3((work.path / "models/model.pkl").read_bytes()).hexdigest()
        if number == 1:
            work.ok("pipeline", "deploy", MODEL, "--env", "production")
        work.ok("promote", f"{MODEL}@{number}", "--env", "production")
    assert trained[1] != trained[2]
    digest = work.ok("pipeline", "capture")["digest"]
    env = CREDENTIALS | {
        "LINEAGE_REGISTRY": address,
        "LINEAGE_TOKEN": token,
        "LINEAGE_PIPELINE": digest,
    }
    with contextlib.ExitStack() as stopping:
        hosts = [Host(MODEL, tmp_path / name, name, env) for name in ("host-a", "host-b")]
        for host in hosts:
            stopping.callback(host.stop)
            assert host.waits_for(f"{MODEL}@2")["blake3"] == trained[2]
        slot = work.ok("serving", MODEL, "--env", "production")
        assert (slot["observed"]["state"], slot["observed"]["in_step"]) == ("in-step", 2)
        assert slot["backup"]["ready"] is True

        key = bucket.key(work.ok("show", f"{MODEL}@2")["stored"]["copies"][0]["object"])
        body = bytearray(bucket.client.get_object(Bucket=bucket.name, Key=key)["Body"].read())
        body[len(body) // 2] ^= 1
        bucket.client.put_object(Bucket=bucket.name, Key=key, Body=bytes(body))
        assert work.lineage("verify", f"{MODEL}@2").code == 6
        pulled = work.lineage("pull", f"{MODEL}@production", "-o", "pulled", cwd=".")
        assert (pulled.code, list(work.path.glob("pulled/*"))) == (6, [])
        check = work.ok("guard", f"{MODEL}@2", "--env", "staging")["checks"]
        assert {c["status"] for c in check if c["code"] == "weights-intact"} == {"warn"}

        assert work.lineage("backup", "check", "--env", "production", "--deep").code == 0
        began = time.monotonic()
        work.ok("rollback", MODEL, "--env", "production", "--reason", "its bytes are damaged")
        assert time.monotonic() - began < 30
        for host in hosts:
            said = host.waits_for(f"{MODEL}@1")
            assert said["blake3"] == trained[1]
            assert blake3(Path(said["path"]).read_bytes()).hexdigest() == trained[1]
        for _ in range(100):
            slot = work.ok("serving", MODEL, "--env", "production")
            if slot["observed"]["in_step"] == 2:
                break
            time.sleep(0.1)
        assert (slot["serving"]["ref"], slot["observed"]["in_step"]) == (f"{MODEL}@1", 2)
        kinds = [event["kind"] for event in work.ok("log", f"{MODEL}@production")]
        kinds = [kind for kind in kinds if kind != "backup-held"]  # hosts say so when they do
        assert kinds[:2] == ["rolled-back", "backup-checked"]
        assert "weights-checked" in [event["kind"] for event in work.ok("log", f"{MODEL}@2")]
        metrics = httpx.get(
            f"{address}/metrics", headers={"Authorization": f"Bearer {work.env['LINEAGE_TOKEN']}"}
        ).text.splitlines()
        labels = f'environment="production",model="{MODEL}"'
        assert f'lineage_observed_instances{{{labels},state="in-step"}} 2.0' in metrics
        assert f"lineage_backup_ready{{{labels}}} 0.0" in metrics
        again = work.lineage("promote", f"{MODEL}@2", "--env", "production")
        assert again.code == 3
        assert "its bytes are damaged" in again.out


@pytest.mark.parametrize("project", ["server"], indirect=True)
def test_a_service_with_another_pipeline_does_not_start(project, tmp_path):
    project.ok("register", "churn")
    project.ok("validate", "churn@1")
    project.ok("pipeline", "deploy", "churn", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")
    for given, says in (
        ({"LINEAGE_PIPELINE": "xxh3:" + "0" * 32}, "but production declares"),
        ({}, "Nobody says which pipeline this service runs"),
    ):
        host = Host("churn", tmp_path / f"host{len(given)}", "a", project.env | given)
        assert host.process.wait(60) == 1
        assert says in host.stop()
    assert project.ok("serving", "churn", "--env", "production")["observed"]["instances"] == 0


def test_a_host_starts_from_what_it_knew_while_the_registry_is_away(project, tmp_path, monkeypatch):
    """The bytes are in its cache, the answer on its disk; both are checked."""
    import lineage

    for name, value in (ENVIRONMENT | {"LINEAGE_CACHE": str(tmp_path / "c")}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    monkeypatch.setenv("LINEAGE_TIMEOUT", "2")
    monkeypatch.chdir(project.path)
    project.ok("register", "churn")
    project.ok("validate", "churn@1")
    project.ok("pipeline", "deploy", "churn", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")
    weights = (project.path / "models/model.bin").read_bytes()
    database = f"sqlite:///{project.path / '.lineage/registry.db'}"
    with registry_server(database, no_auth=True) as address:
        monkeypatch.setenv("LINEAGE_REGISTRY", address)
        with lineage.follow("churn", load=Path.read_bytes, last_known=True) as served:
            assert served.value == weights
    shutil.rmtree(project.path / ".lineage/store")
    with pytest.raises(lineage.LineageError):
        lineage.follow("churn")
    with lineage.follow("churn", load=Path.read_bytes, last_known=True) as served:
        assert (served.ref, served.value) == ("churn@1", weights)
    for kept in (tmp_path / "c").rglob("*"):
        if kept.is_file():
            kept.chmod(0o644)
            kept.write_bytes(b"spoiled")
    with pytest.raises(lineage.LineageError):
        lineage.follow("churn", last_known=True)


def test_a_host_keeps_what_it_has_where_what_is_declared_cannot_be_had(
    project, tmp_path, monkeypatch, caplog
):
    """A promotion whose bytes are gone is not followed; once they are there, it is."""
    import lineage

    monkeypatch.setattr("lineage.host.ahead.HELD_FOR", 0.05)  # what is fetched ahead goes too
    for name, value in (ENVIRONMENT | {"LINEAGE_CACHE": str(tmp_path / "c")}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    monkeypatch.chdir(project.path)
    for number in (1, 2):
        if number == 2:
            project.edit("src/train.py", "weights of", "better weights of")
            project.dvc("repro", "--quiet")
            project.commit("better")
        project.ok("register", "churn")
        project.ok("validate", f"churn@{number}")
    project.ok("pipeline", "deploy", "churn", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")
    with lineage.follow("churn", load=Path.read_bytes, every=0.05) as served:
        first = served.loaded
        project.ok("promote", "churn@2", "--env", "production")
        second = (project.path / "models/model.bin").read_bytes()
        end = time.monotonic() + 20
        while served.ref != "churn@2" and time.monotonic() < end:
            time.sleep(0.05)
        assert (served.value, first.ref) == (second, "churn@1")
        files = project.path / ".lineage/store/files"
        with lineage.connect(f"sqlite:///{project.path / '.lineage/registry.db'}") as registry:

            def wait_until_it_holds_the_backup(held: bool) -> None:
                while held != any(
                    row["standby"] for row in registry.observations("churn", "production")
                ):
                    assert time.monotonic() < end, f"the host never says {held}"
                    time.sleep(0.05)

            wait_until_it_holds_the_backup(True)
            files.rename(files.with_name("away"))
            shutil.rmtree(tmp_path / "c")
            wait_until_it_holds_the_backup(False)
        moved = project.lineage("rollback", "churn", "--env", "production")
        assert moved.code == 3, "its bytes are gone, and the guard knows"
        files.with_name("away").rename(files)
        project.ok("verify", "churn@1")
        project.ok("rollback", "churn", "--env", "production")
        end = time.monotonic() + 20
        while served.ref != "churn@1" and time.monotonic() < end:
            time.sleep(0.05)
        assert served.value == first.value
    assert project.command(str(BIN / "lineage"), "audit", "verify").code == 0


def test_a_host_that_may_not_report_follows_all_the_same(project, tmp_path, monkeypatch, caplog):
    import lineage

    for name, value in (ENVIRONMENT | {"LINEAGE_CACHE": str(tmp_path / "c")}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    monkeypatch.chdir(project.path)
    for number in (1, 2):
        project.edit("src/train.py", "weights ", f"weights {number} ")
        project.dvc("repro", "--quiet")
        project.commit(f"number {number}")
        project.ok("register", "churn")
        project.ok("validate", f"churn@{number}")
    project.ok("pipeline", "deploy", "churn", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")
    database = f"sqlite:///{project.path / '.lineage/registry.db'}"
    with connect(database) as registry:
        token = registry.create_token(NewToken("host", ("read",)), actor="t")["token"]
    monkeypatch.setenv("LINEAGE_TOKEN", token)
    with registry_server(database) as address:
        monkeypatch.setenv("LINEAGE_REGISTRY", address)
        with lineage.follow("churn", load=Path.read_bytes, every=0.05) as served:
            assert served.ref == "churn@1"
            project.ok("promote", "churn@2", "--env", "production")
            end = time.monotonic() + 20
            while served.ref != "churn@2" and time.monotonic() < end:
                time.sleep(0.05)
            assert served.value == (project.path / "models/model.bin").read_bytes()
            while "cannot be reported" not in caplog.text and time.monotonic() < end:
                time.sleep(0.05)  # it is tried after the new one is loaded
    assert "churn@2 cannot be reported" in caplog.text
    assert project.ok("serving", "churn", "--env", "production")["observed"]["instances"] == 0
