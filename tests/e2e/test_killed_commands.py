"""``kill -9`` of each long command at any moment: nothing half-done counts, the next run ends it.

``LINEAGE_KILLS`` says how often each; ``LINEAGE_LONG_TESTS=1`` a hundred times each of all commands.
"""

from __future__ import annotations

import os
import random
import shutil
import time

import pytest

from lineage.connection import connect
from tests.support import LONG, commands

from ..conftest import BIN, ENVIRONMENT

KILLS = int(os.environ.get("LINEAGE_KILLS", 100 if LONG else 1))
OFTEN = ("store copy", "pull")
"""The commands that are killed in every run of the tests."""

MEASURING = (
    "import pathlib, time; time.sleep(0.2); file = pathlib.Path('eval/metrics.json'); "
    "file.write_text(file.read_text())"
)
COMMANDS = {
    "register": ("register", "churn"),
    "validate": ("validate", "churn@1"),
    "validate --in": ("validate", "churn@1", "--in", "production", "--", "python", "-c", MEASURING),
    "store put": ("store", "put", "churn@1", "models/model.bin"),
    "store copy": ("store", "copy", "churn@1", "--to", "second"),
    "pull": ("pull", "churn@1", "-o", "pulled"),
    "verify": ("verify", "--all"),
    "gc": ("gc", "--apply", "--keep-last", "1", "--keep-days", "1"),
    "db backup": ("db", "backup", "copy.db"),
    "release": ("release", "--env", "production", "--pipeline", "churn", "--model", "churn@1"),
}  # fmt: skip


@pytest.fixture
def ready(project):
    """A version with everything that these commands need."""
    (project.path / "second").mkdir()
    project.ok("store", "add", "second", str(project.path / "second"))
    with (project.path / ".git/info/exclude").open("a") as file:
        file.write("/second\n/pulled\n/copy.db\n")
    project.ok("register", "churn")
    project.ok("validate", "churn@1")
    project.ok("pipeline", "deploy", "churn", "--env", "production")
    return project


def _clean(project) -> None:
    """Take away what makes the next run do nothing."""
    (project.path / "copy.db").unlink(missing_ok=True)
    shutil.rmtree(project.path / "pulled", ignore_errors=True)


def _start(project, words):
    command = [str(BIN / "lineage"), *words]
    return commands.start(command, project.path, ENVIRONMENT | project.env)


@pytest.mark.parametrize("name", COMMANDS if LONG else OFTEN)
def test_a_command_that_is_killed_leaves_nothing_half_done(name, ready):
    words = COMMANDS[name]
    began = time.monotonic()
    code = _start(ready, words).wait(120)
    assert code == 0, (words, ready.lineage(*words).err)
    whole = time.monotonic() - began
    chance, killed = random.Random(name), 0
    for _ in range(KILLS):
        _clean(ready)
        process = _start(ready, words)
        time.sleep(whole * chance.uniform(0.3, 1.0))
        killed += process.poll() is None
        process.kill()
        process.wait()
        with connect(f"sqlite:///{ready.path / '.lineage/registry.db'}") as registry:
            assert registry.audit().problems == ()
            assert registry.check().problems == ()
        copy = ready.path / "copy.db"
        if copy.exists():  # a database copy is whole, or is not there
            with connect(f"sqlite:///{copy}") as kept:
                assert kept.check().problems == ()
    assert ready.lineage("verify", "--all").code == 0
    _clean(ready)
    done = ready.lineage(*words)
    assert done.code == 0, done.err
    assert len(ready.git("worktree", "list").splitlines()) == 1, "no worktree is left over"
    assert killed or KILLS == 1
    print(f"{name}: killed {killed} of {KILLS} times before its end")
