"""What a checkup finds: each fault is made for real, and told by its check with what to do."""

from __future__ import annotations

import datetime as dt
import os
import socket
import time
from functools import partial

import pytest
from lineage.api.app import create_app
from lineage.api.settings import Settings

from lineage import timestamps
from lineage.connection import connect
from lineage.contract.requests import NewToken
from lineage.errors import NotFound
from lineage.identity.components import EnvironmentKind
from lineage.workflows.checkup import project as of_project
from lineage.workflows.checkup import registry as of_registry
from lineage.workflows.checkup import storage
from lineage.workflows.checkup.run import checkup
from lineage.workflows.checkup.side_by_side import Examination, examine
from tests.conftest import BOTH, ENVIRONMENT
from tests.support.registries import make_registry, migrate_to
from tests.support.servers import registry_server, serving
from tests.support.weights_stores import ENDPOINT, new_bucket

CONFIGURATION = ("configuration", "paths", "pipelines")
GIT = ("git", "git-history", "git-remote")


@pytest.fixture(autouse=True)
def own_home(monkeypatch, tmp_path_factory):
    """No file of the user's is looked at, and none is left there."""
    home = tmp_path_factory.mktemp("home")
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(home / name))
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"):
        monkeypatch.setenv(name, ENVIRONMENT[name])
    for name in ("LINEAGE_REGISTRY", "LINEAGE_TOKEN", "LINEAGE_CACHE", "LINEAGE_CACHE_SIZE"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def here(project, monkeypatch):
    """The churn project, which the process is in."""
    monkeypatch.chdir(project.path)
    return project


def found(codes, function):
    """What an examination finds, however long it takes: status, exit code, words and remedy."""
    report = examine([Examination(codes, function, 300)])
    return {
        one.check.code: (
            one.check.status.value, one.exit_code, f"{one.check.summary} → {one.check.remedy}"
        )
        for one in report.findings
    }  # fmt: skip


def configuration():
    return found(CONFIGURATION, of_project.configuration)


def registry(url=None):
    return found(of_registry.CODES, partial(of_registry.registry, url_flag=url))


def told(finding, status, exit_code, *words):
    assert finding[:2] == (status, exit_code), finding
    assert all(word in finding[2] for word in words), finding


def test_what_is_set_up_is_well(here):
    report = checkup()
    assert report.exit_code == 0
    assert not report.unfinished
    assert {one.check.code for one in report.findings if one.check.status.value == "warn"} == {
        "git-remote", "git-clean", "store"
    }  # fmt: skip
    here.git("remote", "add", "origin", "https://user:hush@example.com/churn.git")
    assert "example.com/churn.git" in found(GIT, of_project.git)["git-remote"][2]


def test_settings_that_do_not_exist(here):
    here.edit("lineage.toml", "metrics =", "metric =")
    told(configuration()["configuration"], "fail", 2, "metric", "Configuration")
    assert found(("store",), storage.store)["store"][0] == "skipped"
    here.write({"lineage.toml": "[models\n"})
    report = checkup()
    assert (report.exit_code, [one.check.code for one in report.findings]) == (
        2, ["configuration", "cache"]
    )  # fmt: skip


def test_paths_that_are_not_there(here):
    (here.path / "models/model.bin").unlink()
    told(configuration()["paths"], "warn", 0, "models/model.bin (weights of churn)", "dvc repro")
    (here.path / "data/raw.csv").unlink()
    told(configuration()["paths"], "warn", 0, "data/raw.csv (data of churn)", "dvc pull")
    here.edit("lineage.toml", '["data/raw.csv"]', '["data/rw.csv"]')
    told(configuration()["paths"], "fail", 9, "data/rw.csv (data of churn)", "lineage.toml")


def test_pipelines_that_cannot_be_captured(here):
    here.edit("lineage.toml", '"featurize"]', '"featurise"]')
    told(configuration()["pipelines"], "fail", 9, "'featurise'", "prepare")
    here.edit("lineage.toml", '"featurise"]', '"featurize"]\nfiles = ["uv.lock"]')
    told(configuration()["pipelines"], "fail", 9, "'uv.lock'", "matches nothing")
    here.write({"lineage.toml": '[models.churn]\n[models.churn.pipeline]\nfiles = ["*.yaml"]\n'})
    assert configuration()["pipelines"][0] == "pass"
    here.edit("dvc.yaml", "outs: [data/clean.csv]", "out: [data/clean.csv]")
    told(configuration()["pipelines"], "fail", 9, "dvc.yaml", "line 5")


def test_a_configuration_without_models(here):
    here.write({"lineage.toml": ""})
    told(configuration()["configuration"], "warn", 0, "describes no model", "init yes=true")


def test_a_repository_that_is_not_whole(repository, monkeypatch, tmp_path_factory, project):
    monkeypatch.chdir(repository.path)
    bare = found(GIT, of_project.git)
    told(bare["git"], "warn", 0, "no commit")
    told(bare["git-remote"], "warn", 0, "git remote add")
    project.commit("again")
    clone = tmp_path_factory.mktemp("clone") / "churn"
    project.git("clone", "--quiet", "--depth", "1", f"file://{project.path}", str(clone))
    monkeypatch.chdir(clone)
    shallow = found(GIT, of_project.git)
    told(shallow["git-history"], "warn", 0, "shallow", "git fetch --unshallow")
    assert (shallow["git"][0], shallow["git-remote"][0]) == ("pass", "pass")
    monkeypatch.chdir(tmp_path_factory.mktemp("outside"))
    told(found(GIT, of_project.git)["git"], "warn", 0, "git init")


def test_what_git_clean_takes(here, tmp_path_factory):
    look = partial(of_project.git_clean, url_flag=None)
    told(found(("git-clean",), look)["git-clean"], "warn", 0, "git clean", "db copy")
    outside = f"sqlite:///{tmp_path_factory.mktemp('data')}/registry.db"
    look = partial(of_project.git_clean, url_flag=outside)
    assert found(("git-clean",), look)["git-clean"][0] == "pass"
    nothing = partial(of_project.git_clean, url_flag=f"sqlite:///{here.path}/none.db")
    assert found(("git-clean",), nothing)["git-clean"][0] == "skipped"


def test_a_registry_that_is_missing_old_or_damaged(here, tmp_path):
    missing = registry(f"sqlite:///{tmp_path}/none.db")
    told(missing["registry"], "fail", 7, "There is no registry", "init")
    assert {finding[0] for code, finding in missing.items() if code != "registry"} == {"skipped"}
    migrate_to(f"sqlite:///{tmp_path}/old.db", "0016")
    told(registry(f"sqlite:///{tmp_path}/old.db")["registry"], "fail", 7, "0016", "db upgrade")
    (tmp_path / "bad.db").write_bytes(b"no database" * 400)
    told(registry(f"sqlite:///{tmp_path}/bad.db")["registry"], "fail", 6, "damaged", "backup")
    told(registry("mysql://x/y")["registry"], "fail", 2, "not supported")


@BOTH
def test_a_registry_that_another_process_writes_is_waited_for_and_told(database, monkeypatch, here):
    make_registry(database)
    monkeypatch.setattr(of_registry, "_LOCKED", 0.2)
    assert registry(database)["writable"][0] == "pass"
    with connect(database) as other, other.transaction() as writing:
        writing.create_environment("canary", EnvironmentKind.EXPERIMENTAL, actor="ann")
        told(registry(database)["writable"], "fail", 7, "another process")
    with connect(database) as after:
        before = after.head()
        registry(database)
        assert after.head() == before, "nothing is written"


@BOTH
def test_a_clock_that_is_behind_the_history(database, here, monkeypatch):
    make_registry(database)
    assert registry(database)["clock"][0] == "pass"
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)
    with monkeypatch.context() as patch:  # it was written on a machine that is ahead
        patch.setattr(timestamps, "now", lambda: timestamps.written(later))
        with connect(database) as ahead:
            ahead.create_environment("later", EnvironmentKind.EXPERIMENTAL, actor="ann")
    told(registry(database)["clock"], "warn", 0, "s behind the newest event's", "NTP")


def test_a_registry_without_environments(here, tmp_path):
    here.lineage("--registry", f"sqlite:///{tmp_path}/new.db", "db", "upgrade")
    told(registry(f"sqlite:///{tmp_path}/new.db")["environments"], "warn", 0, "nothing can serve")


def test_files_that_others_may_change_or_read(here, own_home):
    look = partial(found, ("permissions",), partial(of_registry.permissions, url_flag=None))
    assert look()["permissions"][0] == "pass"
    (here.path / ".lineage/registry.db").chmod(0o666)
    told(look()["permissions"], "warn", 0, "registry.db", "0666", "chmod o-w")
    logins = own_home / "XDG_CONFIG_HOME/lineage-guard/logins.json"
    logins.parent.mkdir(parents=True)
    logins.write_text('{"tokens": {}}')
    logins.chmod(0o644)
    told(look()["permissions"], "fail", 2, "open to other users", "chmod 600")


def test_stores_that_can_be_written_or_not(here):
    def store():
        return found(("store",), storage.store)["store"]

    told(store(), "warn", 0, "no DVC remote", "dvc remote add")
    assert not (here.path / ".lineage/store").exists(), "nothing is made"
    here.dvc("remote", "add", "--default", "main", "../elsewhere")
    told(store(), "pass", 0, "is made with the first weights")
    elsewhere = here.path.parent / "elsewhere"
    elsewhere.mkdir()
    told(store(), "pass", 0, "can be read and written")
    assert list(elsewhere.iterdir()) == []
    elsewhere.rmdir()
    elsewhere.write_text("a file in its place")
    told(store(), "fail", 7, "main", "not a directory")
    here.edit("lineage.toml", "[models.churn]\n", '[artifacts]\nremote = "gone"\n[models.churn]\n')
    told(store(), "fail", 2, "'gone'", "dvc remote list")


def test_a_store_of_s3_is_tried_and_nothing_is_left_of_it(here, s3, monkeypatch):
    bucket = new_bucket(s3)
    monkeypatch.setenv(ENDPOINT, s3)
    here.dvc("remote", "add", "--default", "main", f"s3://{bucket.name}/weights")
    here.dvc("remote", "modify", "main", "endpointurl", s3)
    told(found(("store",), storage.store)["store"], "pass", 0, bucket.name)
    assert "Contents" not in bucket.client.list_objects_v2(Bucket=bucket.name)
    assert "Uploads" not in bucket.client.list_multipart_uploads(Bucket=bucket.name)
    here.dvc("remote", "modify", "main", "url", "s3://no-such-bucket/weights")
    told(found(("store",), storage.store)["store"], "fail", 7, "no-such-bucket")


def test_a_cache_that_holds_more_than_it_may(here, tmp_path, monkeypatch):
    def cache():
        return found(("cache",), storage.cache)["cache"]

    monkeypatch.setenv("LINEAGE_CACHE", str(tmp_path / "cache"))
    here.ok("register", "churn")
    here.env["LINEAGE_CACHE"] = str(tmp_path / "cache")
    here.ok("pull", "churn@1")
    assert cache()[0] == "pass"
    monkeypatch.setenv("LINEAGE_CACHE_SIZE", "1")
    told(cache(), "warn", 0, "may hold 1", "cache clean")
    monkeypatch.setenv("LINEAGE_CACHE_SIZE", "much")
    told(cache(), "fail", 2, "'much'")
    monkeypatch.delenv("LINEAGE_CACHE_SIZE")
    monkeypatch.setenv("LINEAGE_CACHE_AGE", "1s")
    for path in (tmp_path / "cache/leases").iterdir():
        os.utime(path, (time.time() - 100,) * 2)
    told(cache(), "warn", 0, "unused for longer", "cache clean")


@pytest.fixture
def tokens(here):
    """The database of a server, and tokens for it."""
    database = f"sqlite:///{here.path / '.lineage/registry.db'}"
    soon = timestamps.written(dt.datetime.now(dt.UTC) + dt.timedelta(days=3))
    with connect(database) as opened:
        made = {
            name: opened.create_token(NewToken(name, scopes, expires_at=end), actor="root")["token"]
            for name, scopes, end in (
                ("root", ("admin",), None), ("ci", ("read", "register"), soon), ("host", ("observe",), None)
            )
        }  # fmt: skip
    return database, made


def test_a_server_and_its_tokens(tokens, monkeypatch):
    database, made = tokens
    with registry_server(database) as address:
        monkeypatch.setenv("LINEAGE_REGISTRY", address)
        told(registry()["token"], "fail", 8, "token")
        monkeypatch.setenv("LINEAGE_TOKEN", made["root"])
        well = registry()
        assert [
            code for code, finding in well.items() if finding[0] not in ("pass", "skipped")
        ] == ["store-known"]
        told(well["store-known"], "fail", 2, "a folder of this host", "dvc remote add")
        told(well["token"], "pass", 0, "root may admin")
        monkeypatch.setenv("LINEAGE_TOKEN", made["ci"])
        told(registry()["token"], "warn", 0, "ci ends on", "read, register")
        monkeypatch.setenv("LINEAGE_TOKEN", made["host"])
        told(registry()["token"], "pass", 0, "host may observe")
        with connect(database) as opened:
            opened.revoke_token(made["ci"].split("_")[1], actor="root")
        monkeypatch.setenv("LINEAGE_TOKEN", made["ci"])
        told(registry()["token"], "fail", 8, "revoked")
        assert made["ci"] not in str(registry())


def test_a_server_with_another_clock_and_another_version(tokens, monkeypatch):
    database, _ = tokens
    application = create_app(Settings(registry=database, no_auth=True))
    application.version = "9.9.9"
    headers = [("Date", "Fri, 21 Nov 2025 08:00:00 GMT")]
    with serving(application, date_header=False, headers=headers) as address:
        other = registry(address)
    told(other["clock"], "warn", 0, "ahead of the server's", "NTP")
    told(other["version"], "warn", 0, "9.9.9", "pip install --upgrade")


async def _another_program(scope, receive, send):
    del scope, receive
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"nothing"})


def test_servers_that_are_none(here):
    told(registry("http://127.0.0.1:9")["registry"], "fail", 7, "cannot be reached")
    with serving(_another_program, "h11", lifespan="off") as address:
        told(registry(address)["registry"], "fail", 7, "no registry", "404")
    told(registry("https://user:hush@127.0.0.1:9")["registry"], "fail", 2, "secret")


@pytest.mark.parametrize("nonsense", ["7", "[]", '{"scopes": 7}', '{"name": "n", "scopes": [7]}'])
def test_a_server_that_says_nothing_of_the_token(here, nonsense):
    async def answers(scope, receive, send):
        del receive
        body = nonsense if scope["path"] == "/v1/principal" else "{}"
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body.encode()})

    with serving(answers, "h11", lifespan="off") as address:
        told(registry(address)["token"], "fail", 7, "says nothing of whom the token speaks for")


def test_what_hangs_is_not_waited_for_and_delays_nothing_else(here):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        hangs = Examination(("registry", "token"), lambda _: connect(address).environments(), 0.3)
        quick = Examination(("quick",), lambda examined: examined.passed("quick", "it is there"))
        report = examine([hangs, quick])
    assert [(one.check.code, one.check.status.value) for one in report.findings] == [
        ("registry", "fail"), ("token", "skipped"), ("quick", "pass")
    ]  # fmt: skip
    assert (report.exit_code, report.unfinished) == (7, ("registry", "token"))


def test_what_nobody_foresaw_is_told_like_the_rest():
    def breaks(_):
        raise KeyError("token=hush-hush")

    report = examine([Examination(("one", "two"), breaks)])
    assert report.exit_code == 1
    assert "KeyError" in report.findings[0].check.summary
    assert "hush" not in str(report.to_json())


def test_the_gravest_failure_is_the_exit_code():
    def missing(_):
        raise NotFound("It is not there.", remedy="Look.")

    def late(examined):
        del examined
        time.sleep(5)

    well = Examination(("well",), lambda examined: examined.warned("well", "nearly", "Mend it."))
    assert examine([well]).exit_code == 0
    assert examine([well, Examination(("missing",), missing)]).exit_code == 4
    both = [Examination(("missing",), missing), Examination(("late",), late, 0.01)]
    assert examine(both).exit_code == 7
