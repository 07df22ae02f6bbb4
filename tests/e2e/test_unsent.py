"""An hour of training is never lost: asked before it, kept after it, sent later."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import sys
import time
from contextlib import ExitStack

import pytest

from lineage.connection import connect
from lineage.contract.requests import NewToken
from lineage.workflows.unsent import MOST

from ..conftest import BIN, ENVIRONMENT, FILE_AND_SERVER
from ..support import commands
from ..support.servers import registry_server

TRAIN = "import pathlib; f = pathlib.Path('models/model.bin'); f.write_text(f.read_text())"
RAN = f"open('ran', 'w').close(); {TRAIN}"
TRAINS = (
    "import pathlib, time\n"
    "f = pathlib.Path('models/model.bin'); f.write_text(f.read_text())\n"
    "f = pathlib.Path('eval/metrics.json'); f.write_text(f.read_text())\n"
)
WAITS = (
    f"{TRAINS}"
    "pathlib.Path('.git/ready').touch()\n"
    "while not pathlib.Path('.git/go').exists(): time.sleep(0.01)\n"
)
"""A training that says when it is done, and ends when it may."""
MEASURES = (
    "import pathlib, time\n"
    "f = pathlib.Path('eval/metrics.json'); f.write_text(f.read_text())\n"
    "pathlib.Path('.git/ready').touch()\n"
    "while not pathlib.Path('.git/go').exists(): time.sleep(0.01)\n"
)
REFUSES = (
    "import sqlite3\n"
    "base = sqlite3.connect('.lineage/registry.db')\n"
    "base.execute(\"CREATE TRIGGER no BEFORE INSERT ON model_version BEGIN SELECT RAISE(ABORT, 'no'); END\")\n"
    "base.commit()\n"
)
"""From then on the database takes no version, until :func:`_allow`."""


def _allow(project) -> None:
    with sqlite3.connect(project.path / ".lineage/registry.db") as database:
        database.execute("DROP TRIGGER no")


def _python(code: str) -> list[str]:
    return ["--", sys.executable, "-c", code]


def _database(project) -> str:
    return f"sqlite:///{project.path / '.lineage/registry.db'}"


def _unsent(project) -> list:
    return sorted((project.path / ".lineage/unsent").glob("*.json"))


def _measured_while_it_is_away(project, auc: float) -> None:
    """A validation whose registry goes away meanwhile, and is back afterwards."""
    measures = (
        "import json, os, pathlib\n"
        f"values = {{'auc': {auc}, 'slices': {{'new': {{'auc': 0.8}}}}}}\n"
        "pathlib.Path('eval/metrics.json').write_text(json.dumps(values))\n"
        "os.rename('.lineage/registry.db', '.lineage/away.db')\n"
    )
    done = project.lineage("validate", "churn@1", *_python(measures))
    assert (done.code, "lineage validate --resume" in done.err) == (7, True), done.err
    (project.path / ".lineage/away.db").rename(project.path / ".lineage/registry.db")


def _until(true, what: str) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def _start(project, *words: str):
    process = commands.start(
        [str(BIN / "lineage"), *words], project.path, ENVIRONMENT | project.env
    )
    _until((project.path / ".git/ready").exists, "the command does not start")
    return process


def _go(project) -> None:
    (project.path / ".git/go").touch()


@pytest.fixture
def team(project):
    """The project with a server that asks for tokens; gives one."""
    project.ok("store", "add", "local", str(project.path / ".lineage/store"), "--shared")
    with registry_server(_database(project)) as address, connect(_database(project)) as registry:

        def token(*scopes: str, **more) -> dict:
            return registry.create_token(NewToken("ci", scopes, **more), actor="t")

        project.env["LINEAGE_REGISTRY"] = address
        yield project, token


class TestAskedBefore:
    """What would be refused at the end is refused before a command runs, in the same words."""

    def _refused(self, project, words, code, says) -> None:
        done = project.lineage(*words)
        assert (done.code, says in done.err) == (code, True), done.err
        assert not (project.path / "ran").exists()
        assert _unsent(project) == []

    @pytest.mark.parametrize(
        ("scopes", "more", "says"),
        [
            (("validate",), {}, "lacks the scope register"),
            (("register",), {"models": ("other",)}, "is bound to other models than churn"),
        ],
    )
    def test_a_token(self, team, scopes, more, says):
        project, token = team
        project.env["LINEAGE_TOKEN"] = token(*scopes, **more)["token"]
        self._refused(project, ["register", "churn", *_python(RAN)], 8, says)

    def test_a_token_that_may_not_validate(self, team):
        project, token = team
        project.env["LINEAGE_TOKEN"] = token("register")["token"]
        project.ok("register", "churn")
        words = ["validate", "churn@1", *_python("open('ran', 'w')")]
        self._refused(project, words, 8, "lacks the scope validate")

    @FILE_AND_SERVER
    def test_a_parent_an_archived_model_and_a_store(self, project):
        project.ok("store", "add", "local", str(project.path / ".lineage/store"), "--shared")
        words = ["register", "churn", *_python(RAN)]
        self._refused(
            project, [*words[:2], "--parent", "churn@9", *words[2:]], 4, "no model 'churn'"
        )
        store = project.path / ".lineage/store"
        shutil.rmtree(store)
        store.write_text("no folder")
        self._refused(project, words, 7, "Store local")
        store.unlink()
        project.ok("register", "churn")
        project.ok("model", "archive", "churn")
        self._refused(project, words, 5, "archived")
        validate = ["validate", "churn@1", "--in", "production", *_python(RAN)]
        self._refused(project, validate, 4, "production")

    def test_a_server_that_is_away(self, project):
        project.env |= {"LINEAGE_REGISTRY": "http://127.0.0.1:9", "LINEAGE_TIMEOUT": "0.2"}
        self._refused(project, ["register", "churn", *_python(RAN)], 7, "cannot be reached")

    def test_a_registry_that_cannot_be_written(self, project):
        with sqlite3.connect(project.path / ".lineage/registry.db") as database:
            database.execute(
                "CREATE TRIGGER no BEFORE INSERT ON model_version BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        done = project.lineage("register", "churn", *_python(RAN))
        assert done.code != 0
        assert not (project.path / "ran").exists()

    def test_a_project_without_a_pipeline(self, project):
        project.write({"lineage.toml": '[models.bare]\nweights = "models/model.bin"\n'})
        project.git("rm", "--quiet", "dvc.yaml", "dvc.lock")
        project.commit("No pipeline")
        self._refused(project, ["register", "bare", *_python(RAN)], 9, "needs its pipeline")

    @FILE_AND_SERVER
    def test_asking_records_nothing(self, project):
        project.ok("store", "add", "local", str(project.path / ".lineage/store"), "--shared")
        before, store = project.ok("log"), project.path / ".lineage/store"
        held = sorted(store.rglob("*"))
        done = project.lineage("register", "churn", *_python("raise SystemExit(3)"))
        assert (done.code, "exit status 3" in done.err) == (9, True)
        assert project.ok("log") == before
        assert project.ok("audit", "verify")["valid"] is True
        assert sorted(store.rglob("*")) == held

    def test_no_room_for_another(self, project):
        folder = project.path / ".lineage/unsent"
        folder.mkdir()
        for number in range(MOST):
            (folder / f"2026112703000{number % 10}-{number:06x}.json").touch()
        done = project.lineage("register", "churn", *_python(RAN))
        assert (done.code, "wait in" in done.err) == (2, True)
        assert not (project.path / "ran").exists()


class TestKept:
    """What was captured waits until it is recorded, once."""

    def test_a_token_that_is_revoked_while_it_trains(self, team):
        project, token = team
        made = token("register")
        project.env["LINEAGE_TOKEN"] = made["token"]
        process = _start(project, "register", "churn", *_python(WAITS))
        with connect(_database(project)) as registry:
            registry.revoke_token(made["id"], actor="t")
        _go(project)
        assert process.wait(60) == 8
        (kept,) = _unsent(project)
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
        assert made["token"] not in kept.read_text()
        # the checkout goes on: what was captured is sent, not what is there by now
        first = project.git("rev-parse", "HEAD").strip()
        project.edit("params.yaml", "top: 20", "top: 21")
        project.commit("Another pipeline")
        project.env["LINEAGE_TOKEN"] = token("register", "validate")["token"]
        (row,) = project.ok("unsent", "list")
        assert (row["verb"], row["about"]) == ("register", "churn")
        (done,) = project.ok("register", "--resume")
        assert (done["ref"], done["code"], done["created"]) == ("churn@1", f"git:{first}", True)
        assert project.ok("show", "churn@1")["run"]["command"][0] == sys.executable
        assert _unsent(project) == []
        assert "Nothing waits" in project.lineage("register", "--resume").out

    def test_a_server_that_dies_while_it_trains(self, project):
        project.ok("store", "add", "local", str(project.path / ".lineage/store"), "--shared")
        project.env["LINEAGE_TIMEOUT"] = "0.5"
        with ExitStack() as alive:
            server = registry_server(_database(project), no_auth=True)
            project.env["LINEAGE_REGISTRY"] = alive.enter_context(server)
            process = _start(project, "register", "churn", *_python(WAITS))
        _go(project)
        assert process.wait(60) == 7
        done = project.lineage("register", "--resume")
        assert (done.code, len(_unsent(project))) == (7, 1)
        with registry_server(_database(project), no_auth=True) as address:
            project.env["LINEAGE_REGISTRY"] = address
            assert project.ok("register", "--resume", "other") == []
            assert "churn@1 registered" in project.lineage("register", "--resume", "churn").out

    def test_the_error_says_so_in_a_line(self, project):
        revoked = (
            "import sqlite3\n"
            "base = sqlite3.connect('.lineage/registry.db')\n"
            "base.execute(\"CREATE TRIGGER no BEFORE INSERT ON {} BEGIN SELECT RAISE(ABORT, 'no'); END\")\n"
            "base.commit()\n"
            "import pathlib; f = pathlib.Path('eval/metrics.json'); f.write_text(f.read_text())\n"
        )
        training = f"{TRAIN}\n{revoked.format('model_version')}"
        done = project.lineage("register", "churn", *_python(training))
        assert done.code != 0
        assert "send it: lineage register --resume" in done.err.splitlines()[-1]
        with sqlite3.connect(project.path / ".lineage/registry.db") as database:
            database.execute("DROP TRIGGER no")
        project.ok("register", "--resume")
        done = project.lineage(
            "validate", "churn@1", "--profile", "data/raw.csv",
            *_python(revoked.format("validation")),
        )  # fmt: skip
        assert "send it: lineage validate --resume" in done.err.splitlines()[-1], done.err
        with sqlite3.connect(project.path / ".lineage/registry.db") as database:
            database.execute("DROP TRIGGER no")
        (verdict,) = project.ok("validate", "--resume")
        assert verdict["profile"].startswith("xxh3:")
        assert (verdict["ref"], verdict["basis"], verdict["passed"]) == ("churn@1", "run", True)

    def test_a_store_that_fails_while_it_trains(self, project):
        full = "import shutil; shutil.rmtree('.lineage/store'); open('.lineage/store', 'w').close()"
        done = project.lineage("register", "churn", *_python(f"{TRAIN}; {full}"))
        assert done.code == 7, done.err
        assert "send it: lineage register --resume" in done.err
        (project.path / ".lineage/store").unlink()
        (version,) = project.ok("register", "--resume")
        assert version["ref"] == "churn@1"
        assert project.lineage("verify", "churn@1").code == 0

    def _killed(self, project, *words: str) -> None:
        """A command that is killed once what it captured is kept, and before it is recorded."""
        process = _start(project, *words)
        with sqlite3.connect(project.path / ".lineage/registry.db") as database:
            database.execute("BEGIN IMMEDIATE")
            _go(project)
            _until(lambda: _unsent(project), "nothing is kept")
            process.kill()
            process.wait(60)
            database.rollback()
        for name in ("ready", "go"):
            (project.path / ".git" / name).unlink()

    def test_a_command_that_is_killed_before_it_is_recorded(self, project):
        self._killed(project, "register", "churn", *_python(WAITS))
        with pytest.raises(AssertionError):
            project.ok("show", "churn@1")
        (version,) = project.ok("register", "--resume")
        assert (version["ref"], version["created"]) == ("churn@1", True)
        self._killed(project, "validate", "churn@1", *_python(MEASURES))
        (verdict,) = project.ok("validate", "--resume")
        assert (verdict["basis"], verdict["passed"]) == ("run", True)
        assert project.ok("audit", "verify")["valid"] is True

    @FILE_AND_SERVER
    def test_what_had_arrived_is_recorded_once(self, project):
        project.ok("store", "add", "local", str(project.path / ".lineage/store"), "--shared")
        for words, code in (
            (("register", "churn"), WAITS),
            (("validate", "churn@1"), MEASURES),
        ):
            process = _start(project, *words, *_python(code))
            with sqlite3.connect(project.path / ".lineage/registry.db") as database:
                database.execute("BEGIN IMMEDIATE")
                _go(project)
                _until(lambda: _unsent(project), "nothing is kept")
                (kept,) = _unsent(project)
                shutil.copy2(kept, project.path / ".git/kept")
                database.rollback()
            assert process.wait(60) == 0
            assert _unsent(project) == []
            shutil.copy2(project.path / ".git/kept", kept)  # as if it had been killed only then
            for name in ("ready", "go"):
                (project.path / ".git" / name).unlink()
            (done,) = project.ok(words[0], "--resume")
            assert done["ref"] == "churn@1"
            assert _unsent(project) == []
        assert [row["ref"] for row in project.ok("versions", "churn")] == ["churn@1"]
        assert len(project.ok("show", "churn@1")["validations"]) == 1

    def test_weights_that_are_others_by_now(self, project):
        self._killed(project, "register", "churn", *_python(WAITS))
        shutil.rmtree(project.path / ".lineage/store", ignore_errors=True)
        trained = (project.path / "models/model.bin").read_text()
        project.write({"models/model.bin": "another training"})
        done = project.lineage("register", "--resume")
        assert (done.code, "is not what was captured" in done.err) == (6, True), done.err
        assert "lineage unsent drop " in done.err
        project.write({"models/model.bin": trained})
        assert project.ok("register", "--resume")[0]["ref"] == "churn@1"

    def test_weights_that_are_in_the_store_are_needed_no_more(self, project):
        assert project.lineage("register", "churn", *_python(f"{TRAIN}\n{REFUSES}")).code != 0
        (kept,) = _unsent(project)
        assert json.loads(kept.read_text())["body"]["request"]["stored"], "the store has them"
        _allow(project)
        project.write({"models/model.bin": "another training"})
        assert project.ok("register", "--resume")[0]["ref"] == "churn@1"
        assert project.lineage("verify", "churn@1").code == 0

    def test_what_is_just_being_recorded_is_sent_by_nobody_else(self, project):
        project.ok("register", "churn")
        process = _start(project, "validate", "churn@1", *_python(MEASURES))
        with sqlite3.connect(project.path / ".lineage/registry.db") as database:
            database.execute("BEGIN IMMEDIATE")
            _go(project)
            _until(lambda: _unsent(project), "nothing is kept")
            assert project.ok("validate", "--resume") == []
            database.rollback()
        assert process.wait(60) == 0
        assert len(project.ok("show", "churn@1")["validations"]) == 1
        assert list((project.path / ".lineage/unsent").iterdir()) == []

    def test_a_verdict_is_sent_of_the_version_that_is_named(self, project):
        project.ok("register", "churn")
        self._killed(project, "validate", "churn@1", *_python(MEASURES))
        for moving in ("churn@latest", "churn@production", "churn"):
            done = project.lineage("validate", moving, "--resume")
            assert (done.code, len(_unsent(project))) == (2, 1), done.err
        assert project.ok("validate", "churn@2", "--resume") == []
        assert project.ok("validate", "churn@1", "--resume")[0]["ref"] == "churn@1"

    def test_a_newer_verdict_is_not_outweighed(self, project):
        project.ok("register", "churn")
        self._killed(project, "validate", "churn@1", *_python(MEASURES))
        project.ok("validate", "churn@1", "--failed")
        done = project.lineage("validate", "--resume")
        assert (done.code, "was validated anew since" in done.err) == (5, True), done.err
        (row,) = project.ok("unsent", "list")
        project.ok("unsent", "drop", row["id"])
        assert project.lineage("unsent", "drop", row["id"]).code == 4
        assert [one["passed"] for one in project.ok("show", "churn@1")["validations"]] == [False]

    @FILE_AND_SERVER
    def test_an_older_training_does_not_become_the_latest_silently(self, project):
        project.ok("store", "add", "local", str(project.path / ".lineage/store"), "--shared")
        assert project.lineage("register", "churn", *_python(TRAINS + REFUSES)).code != 0
        _allow(project)
        trained = (project.path / "models/model.bin").read_text()
        project.write({"models/model.bin": "a newer training"})
        project.ok("register", "churn", "--kind", "experiment")
        project.write({"models/model.bin": trained})
        done = project.lineage("register", "--resume")
        assert (done.code, "would be churn@latest" in done.err) == (5, True), done.err
        assert project.ok("show", "churn@latest")["ref"] == "churn@1"
        assert "lineage register churn --resume --as-latest" in done.err
        assert project.ok("register", "churn", "--resume", "--as-latest")[0]["ref"] == "churn@2"

    def test_several_trainings_that_wait_are_registered_in_their_order(self, project):
        for weights in ("first", "second"):
            training = (
                f"import os, pathlib; pathlib.Path('models/model.bin').write_text('{weights}')\n"
                "os.rename('.lineage/registry.db', '.lineage/away.db')\n"
            )
            words = ["register", "churn", "--kind", "experiment", *_python(training)]
            assert project.lineage(*words).code == 7
            (project.path / ".lineage/away.db").rename(project.path / ".lineage/registry.db")
        assert [row["ref"] for row in project.ok("register", "--resume")] == ["churn@1", "churn@2"]

    def test_a_failure_that_waits_outweighs_the_pass_that_waited_longer(self, project):
        project.ok("register", "churn")
        for auc in (0.9, 0.1):
            _measured_while_it_is_away(project, auc)
        assert [row["passed"] for row in project.ok("unsent", "list")] == [True, False]
        sent = project.ok("validate", "--resume")
        assert [one["passed"] for one in sent] == [True, False]
        assert project.ok("show", "churn@1")["validations"][0]["passed"] is False
        assert _unsent(project) == []

    def test_a_failure_is_not_dropped_silently(self, project):
        project.ok("register", "churn")
        _measured_while_it_is_away(project, 0.1)
        project.ok("validate", "churn@1")
        done = project.lineage("validate", "--resume")
        assert (done.code, "which loses that it failed" in done.err) == (5, True), done.err
        (row,) = project.ok("unsent", "list")
        done = project.lineage("unsent", "drop", row["id"])
        assert (done.code, "that churn@1 failed is recorded nowhere" in done.err) == (0, True)

    def test_a_verdict_goes_to_no_other_version(self, project, tmp_path):
        project.ok("register", "churn")
        self._killed(project, "validate", "churn@1", *_python(MEASURES))
        project.env["LINEAGE_REGISTRY"] = f"sqlite:///{tmp_path / 'other.db'}"
        project.ok("init")
        project.write({"models/model.bin": "another training"})
        project.ok("register", "churn", "--kind", "experiment")
        done = project.lineage("validate", "--resume")
        assert (done.code, "was made for the registry" in done.err) == (5, True), done.err
        assert "lineage validate churn@1 --resume --another-registry" in done.err
        done = project.lineage("validate", "churn@1", "--resume", "--another-registry")
        assert (done.code, "is another version" in done.err) == (5, True), done.err

    def test_a_training_goes_to_no_other_registry_unless_it_is_said(self, project, tmp_path):
        self._killed(project, "register", "churn", *_python(WAITS))
        project.env["LINEAGE_REGISTRY"] = f"sqlite:///{tmp_path / 'other.db'}"
        project.ok("init")
        done = project.lineage("register", "--resume")
        assert (done.code, f"{_database(project)}; this one is" in done.err) == (5, True), done.err
        assert project.ok("models") == []
        # a copy that lies elsewhere is the same registry
        with sqlite3.connect(project.path / ".lineage/registry.db") as database:
            database.execute("VACUUM INTO ?", [os.fspath(tmp_path / "moved.db")])
        project.env["LINEAGE_REGISTRY"] = f"sqlite:///{tmp_path / 'moved.db'}"
        (kept,) = _unsent(project)
        waits = kept.read_bytes()
        assert project.ok("register", "--resume")[0]["ref"] == "churn@1"
        kept.write_bytes(waits)
        kept.chmod(0o600)
        project.env["LINEAGE_REGISTRY"] = f"sqlite:///{tmp_path / 'other.db'}"
        assert project.ok("register", "--resume", "--another-registry")[0]["ref"] == "churn@1"

    def test_nothing_that_somebody_else_put_there_is_sent(self, project):
        self._killed(project, "register", "churn", *_python(WAITS))
        (kept,) = _unsent(project)

        def problem() -> str | None:
            (row,) = project.ok("unsent", "list")
            assert row["id"] == kept.stem
            return row["problem"]

        kept.chmod(0o644)
        assert "open to others" in problem()
        done = project.lineage("register", "--resume", "other")
        assert (done.code, "open to others" in done.err) == (6, True), done.err
        assert "is not sent: it is open to others" in project.lineage("unsent", "list").out
        kept.chmod(0o600)
        assert problem() is None
        os.link(kept, project.path / "kept")
        kept.unlink()
        kept.symlink_to(project.path / "kept")
        assert problem() == "is no file"
        kept.unlink()
        os.link(project.path / "kept", kept)
        project.git("add", "--force", str(kept))
        assert problem() == "is tracked by git"
        assert project.lineage("register", "--resume").code == 6
        project.git("rm", "--quiet", "--cached", str(kept))
        kept.write_text('{"format": 1, "verb": "register"}')
        assert "another version of lineage-guard" in problem()
        kept.write_text(kept.read_text()[:-9])
        assert problem() == "is damaged"
        assert project.lineage("register", "--resume").code == 6
        project.ok("unsent", "drop", kept.stem)
        assert _unsent(project) == []
        assert project.ok("models") == []

    @pytest.mark.parametrize("link", [".lineage/unsent", ".lineage"])
    def test_a_link_leads_to_no_captures_of_another_project(self, project, tmp_path, link):
        other = tmp_path / "other/.lineage"
        (project.path / ".lineage").rename(other.parent.mkdir() or other)
        (other / "unsent").mkdir(exist_ok=True)
        theirs = other / "unsent/20261127031500-0a1b2c.json"
        theirs.touch(mode=0o600)
        place = project.path / link
        place.parent.mkdir(exist_ok=True)
        place.symlink_to(tmp_path / "other" / link)
        project.env["LINEAGE_REGISTRY"] = f"sqlite:///{other / 'registry.db'}"
        for words in (
            ["unsent", "list"],
            ["unsent", "drop", theirs.stem],
            ["register", "--resume"],
            ["register", "churn", *_python(RAN)],
        ):
            done = project.lineage(*words)
            assert (done.code, "is a link" in done.err) == (2, True), done.err
        assert theirs.exists()
        assert not (project.path / "ran").exists()

    def test_nothing_else_is_said(self, project):
        done = project.lineage("register", "churn", "--resume", "--kind", "experiment", "--store")
        assert (done.code, "sent as it is" in done.err) == (2, True)
        assert project.lineage("validate", "--resume", "--failed").code == 2
        done = project.lineage("register", "churn", "--another-registry")
        assert (done.code, "said with --resume" in done.err) == (2, True)
        for command in ("register", "validate"):
            done = project.lineage(command)
            assert (done.code, "is missing" in done.err) == (2, True)
