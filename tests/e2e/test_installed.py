"""Every command as it is installed: in a process that loads what of ours it needs.

Other tests fork most of their commands from a process that has loaded all of it; see
``tests/support/commands.py``. The scripts themselves are run below, by ``test_package.py``, and by
``LINEAGE_LONG_TESTS=1`` for every command.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import typer
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lineage.cli.app import build

from ..conftest import BIN, ENVIRONMENT, Workspace
from ..support import commands
from ..support.receivers import receiving
from ..support.servers import registry_server
from ..support.signing import KEY

ELSEWHERE = {"demo", "serve", "ui", "login", "logout", "db grant", "webhook test"}
"""These are run as they are installed by ``test_demo.py``, ``test_serve.py``, ``test_ui.py``,
``integration/remote/test_tokens_go_where_they_belong.py``, and below."""


def _names(group: typer.core.TyperGroup, before: str = "") -> set[str]:
    """The commands of a group, and of the groups in it."""
    found = set()
    for name, command in group.commands.items():
        whole = f"{before} {name}".strip()
        found |= _names(command, whole) if hasattr(command, "commands") else {whole}
    return found


COMMANDS = _names(typer.main.get_command(build()))


class Installed:
    """Runs commands as they are installed, and remembers which commands of ours those were."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.ran: set[str] = set()

    def run(self, text: str, who: str = "tester", code: int = 0) -> commands.Result:
        """A command that must end so, its words divided by spaces; again, it is forked."""
        words = text.split()
        named = {name for name in COMMANDS if f"{text} ".startswith(f"{name} ")}
        if named and named <= self.ran:
            done = self._workspace.lineage(*words, env={"LINEAGE_ACTOR": who})
            assert done.code == code, (text, done)
            return done
        self.ran |= named
        env = ENVIRONMENT | self._workspace.env | {"LINEAGE_ACTOR": who}
        done = commands.fork(
            [str(BIN / "lineage"), *words], self._workspace.path, env, 120, loads_ours=True
        )
        assert (done.code, "Traceback" in done.err) == (code, False), (text, done)
        return done

    def reads(self, text: str) -> commands.Result:
        """A command that changes nothing says the same when it is forked."""
        done = self.run(text)
        assert self._workspace.lineage(*text.split()) == done
        return done


def test_every_command_does_its_work_as_it_is_installed(project, tmp_path):
    project.env["LINEAGE_CACHE"] = str(tmp_path / "cache")
    lineage = Installed(project)
    lineage.run("init")
    assert "git-clean" in lineage.run("doctor").out
    assert "What to do:" in lineage.reads("explain guard-refused").out
    assert "refused by the guard" in lineage.reads("explain 3").out
    assert "one model in one environment" in lineage.reads("explain slot").out
    lineage.run("register churn")
    project.edit("src/train.py", "weights of", "better weights of")
    project.dvc("repro", "--quiet")
    project.commit("Better weights")
    lineage.run("register churn --parent churn@1")
    lineage.run("validate churn@1 --elsewhere")
    lineage.run("validate churn@2")
    found = lineage.reads("versions churn --where auc>0.9 --sort -auc --limit 1")
    assert ("churn@2" in found.out, "0.91" in found.out, "--after" in found.err) == (True,) * 3
    assert "# churn@2" in lineage.reads("export churn@2 --format card").out
    key = project.path.parent / "signing.pem"
    key.write_bytes(KEY.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key.with_suffix(".pub").write_bytes(KEY.verifying.pem)
    lineage.run(f"attest sign churn@2 --key {key} -o {tmp_path / 'model.sig'}")
    public = f"--key {key.with_suffix('.pub')}"
    signed = lineage.reads(f"attest verify {tmp_path / 'model.sig'} {public} churn@2").out
    assert "signed the weights of churn@2" in signed
    lineage.run(f"attest record {tmp_path / 'model.sig'} churn@2 {public}")
    assert KEY.verifying.fingerprint in lineage.reads("attest list churn@2").out
    signed = f"signed    weights, signed by {KEY.verifying.fingerprint}"
    assert signed in lineage.reads("show churn@2").out
    assert "weights signed by sha256:" in lineage.reads("log churn@2 --what attested").out
    assert "weights   xxh3:" in lineage.reads("diff churn@1 churn@2").out
    assert "churn@2" in lineage.reads("trace churn@2").out
    assert "churn@1" in lineage.reads("impact churn@1").out
    assert "churn@2" in lineage.reads("leak churn@2").out
    both = "leakage --train data/raw.csv --validation data/raw.csv"
    assert "stand in the" in lineage.reads(both).out
    assert "rows     1" in lineage.reads("profile data/raw.csv").out
    assert "Not enough history of auc" in lineage.reads("retrain churn --metric auc").out
    digest = lineage.reads("pipeline capture --json").json["digest"]
    assert digest in lineage.reads("pipeline show churn").out
    assert lineage.reads("pipeline diff HEAD~1 . --json").json["same"] is True
    assert "Nothing waits" in lineage.reads("unsent list").out
    waiting = project.path / ".lineage/unsent/20261127031500-0a1b2c.json"
    waiting.parent.mkdir()
    waiting.touch()
    lineage.run(f"unsent drop {waiting.stem}")
    lineage.run("run prepare --force")
    assert "Nothing was observed" in lineage.reads("pipeline suggest").out
    lineage.run(f"pipeline seal -o {tmp_path / 'seal.json'}")
    lineage.run("pipeline share churn --model uplift")
    assert "uplift" in lineage.reads("pipeline share churn").out

    lineage.run("model edit churn@1 --tag team=risk")
    lineage.run("model rename churn attrition")
    lineage.run("model rename attrition churn")
    lineage.run("model archive churn")
    lineage.run("model archive churn --restore")
    assert "formerly  attrition" in lineage.reads("model show churn").out
    tried = lineage.run("register churn --kind experiment --json").json["ref"]
    lineage.run(f"model delete {tried}")

    lineage.run("pipeline deploy --env production")
    assert "churn@1 may enter" in lineage.reads("guard churn@1 --env production").out
    lineage.run("promote churn@1 --env production")
    lineage.run("approve churn@2 --env production", who="ann")
    lineage.run("release --env production --pipeline churn --model churn@2")
    assert lineage.reads("serving churn --json").json["backup"]["ref"] == "churn@1"
    assert "churn@2 in production" in lineage.reads("models").out
    assert "promoted" not in lineage.reads("log --model churn --env production --limit 1").out
    rows = tmp_path / "rows.csv"
    rows.write_text("score,late\n0.2,0\n0.7,1\n")
    lineage.run(f"profile {rows} --score score --target late -o {tmp_path}/rows.json")
    lineage.run(f"validate churn@2 --elsewhere --profile {tmp_path}/rows.json")
    seen = lineage.run(f"observe churn --env production --data {rows}").out
    assert "2 rows of churn@2 in production, 1 window" in seen
    came_true = lineage.run(f"outcomes churn --env production --data {rows}").out
    assert "1.000 (0.000 to 1.000)" in came_true
    assert "nobody can tell" in lineage.run("drift churn --env production", code=4).out
    lineage.run("backup check")
    assert "churn@2 serves" in lineage.reads("backup candidates churn --env production").out
    lineage.run("backup set churn churn@1 --env production")
    lineage.run("rollback churn --env production")
    lineage.run("retire churn --env production --reason replaced")

    assert lineage.run("verify --all").out.count("intact") == 2
    pulled = lineage.run("pull churn@2 -o pulled").out.strip()
    assert (project.path / pulled).read_text().startswith("better weights of ")
    assert "in use" in lineage.reads("cache").out
    assert "are left" in lineage.run("cache clean --at-most 1G --older-than 30d").out
    lineage.run(f"store add offsite {tmp_path / 'offsite'}")
    lineage.run("store copy churn@1 --to offsite")
    lineage.run("store put churn@2 models/model.bin --to offsite")
    assert "offsite  2" in lineage.reads("store list").out
    assert "needed" in lineage.reads("gc").out

    lineage.run("env create canary --kind experimental")
    project.write({"environments.toml": '[environments.canary]\nkind = "experimental"\n'})
    lineage.run("env apply environments.toml")
    assert "canary" in lineage.reads("env list").out
    assert "canary" in lineage.reads("env show canary").out
    token = lineage.run("token create job --scope read --json").json
    lineage.run(f"token revoke {token['id']}")
    assert "job" in lineage.reads("token list").out

    hook = lineage.run("webhook add https://hooks.invalid/x --on refused --json").json
    assert lineage.run(f"webhook rotate {hook['id']}").out.startswith("whsec_")
    assert "hooks.invalid/…" in lineage.reads("webhook list").out
    assert "No messages" in lineage.reads(f"webhook deliveries {hook['id']}").out
    lineage.run(f"webhook remove {hook['id']}")

    lineage.run("db upgrade")
    assert lineage.reads("db check --json").json["valid"] is True
    assert lineage.reads("audit verify --json").json["valid"] is True
    lineage.run(f"db backup {tmp_path / 'copy.db'}")
    lineage.run(f"db copy sqlite:///{tmp_path / 'copy.db'} sqlite:///{tmp_path / 'other.db'}")
    copied = lineage.run(f"--registry sqlite:///{tmp_path / 'other.db'} log --json").json
    assert copied == lineage.reads("log --json").json
    lineage.run(f"audit key {tmp_path / 'key.pem'}")
    assert lineage.run("audit checkpoint").out.startswith("lineage-guard/")
    lineage.run(f"audit prove 1 -o {tmp_path / 'proof.json'}")
    assert lineage.ran == COMMANDS - ELSEWHERE


def test_a_webhook_is_tried_as_it_is_installed(project):
    """Added to the database, delivered by a server of it."""
    database = f"sqlite:///{project.path / '.lineage/registry.db'}"
    lineage = Installed(project)
    with (
        receiving() as receiver,
        registry_server(database, no_auth=True, webhook_allow="127.0.0.0/8"),
    ):
        good = lineage.run(f"webhook add {receiver.url()} --on promoted --json").json
        assert lineage.run(f"webhook test {good['id']}").out == "It arrived: HTTP 204.\n"
        assert receiver.next()[0] == "/hook"
        bad = project.ok("webhook", "add", receiver.url("/down"))
        done = project.lineage("webhook", "test", str(bad["id"]))
        assert (done.code, "It did not arrive: HTTP 500" in done.err) == (1, True)


@pytest.mark.parametrize(
    "text",
    [
        "show nobody@1",
        "show NOBODY@1",
        "promote",
        "db grant server",
        "nonsense",
        "--help",
        "--version",
    ],
)
def test_what_is_refused_reads_the_same_when_it_is_forked(project, text):
    words = [str(BIN / "lineage"), *text.split()]
    installed = commands.run_installed(words, project.path, ENVIRONMENT, 120)
    assert project.lineage(*text.split()) == installed


def test_a_forked_command_has_a_folder_and_an_environment_of_its_own(project, tmp_path):
    (tmp_path / "empty").mkdir()
    before = dict(os.environ), Path.cwd()
    other = {"LINEAGE_REGISTRY": f"sqlite:///{tmp_path / 'other.db'}"}
    assert project.lineage("init", "--json", env=other, cwd="../empty").code == 0
    assert (tmp_path / "empty/lineage.toml").exists()
    assert project.lineage("versions", env=other).code == 2, "nothing of it stayed behind"
    assert project.ok("env", "list")[0]["name"] == "production"
    assert (dict(os.environ), Path.cwd()) == before


def test_a_forked_command_that_does_not_end_is_ended(project):
    words = [str(BIN / "lineage"), "register", "churn", "--", "sleep", "30"]
    with pytest.raises(subprocess.TimeoutExpired):
        commands.run(words, project.path, ENVIRONMENT, 2)
    assert project.lineage("versions", "churn").code == 4, "the next one is run"
