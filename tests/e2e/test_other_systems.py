"""A client where Python lacks what only POSIX has: that is taken away from it here, on Linux.

Libraries are loaded before, as they know Windows themselves. Nothing here was run on Windows.
"""

from __future__ import annotations

import json

import pytest

from lineage.installed import POSIX_ONLY
from tests.conftest import ENVIRONMENT, Workspace, add_validated, captured_pipeline
from tests.support import commands
from tests.support.servers import registry_server

LACKED = {
    "os": ["O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "fchmod", "fork", "geteuid",
           "getuid", "killpg", "pread", "preadv", "readv", "setsid", "statvfs", "sync"],
    "signal": ["SIGALRM", "SIGHUP", "SIGKILL", "SIGUSR1"],
}  # fmt: skip
CLIENT = f"""\
import asyncio, getpass, httpx, importlib.metadata, json, logging, os, random, rich.console
import rich.progress, shutil, signal, subprocess, sys, tempfile, typer.rich_utils, uuid
httpx.Client().close()
sys.modules.update(dict.fromkeys({sorted(POSIX_ONLY)!r}))
for module, names in {LACKED!r}.items():
    for name in names:
        delattr(sys.modules[module], name)
from lineage.cli import main
for words in json.load(open(sys.argv[1])):
    sys.argv[1:] = words
    try:
        main()
    except SystemExit as ended:
        print("ended", ended.code, *words)
"""

ASKING = [
    ("serving",),
    ("serving", "churn", "--env", "production"),
    ("models",),
    ("versions", "churn"),
    ("show", "churn@1"),
    ("diff", "churn@1", "churn@2"),
    ("log", "--limit", "3"),
    ("env", "list"),
    ("env", "show", "production"),
    ("pipeline", "show", "churn"),
    ("model", "edit", "churn", "--tag", "team=risk"),
    ("token", "list"),
    ("webhook", "list"),
    ("store", "list"),
    ("backup", "candidates", "churn", "--env", "production"),
    ("approve", "churn@2", "--env", "production"),
    ("guard", "churn@2", "--env", "production"),
    ("promote", "churn@2", "--env", "production"),
    ("retire", "churn", "--env", "production", "--reason", "tried"),
    ("audit", "verify"),
]


@pytest.fixture
def run(folder, registry, url):
    """Run commands in one process without what Windows lacks: what each ended with, and stderr."""
    for seed in "12":
        add_validated(registry, seed)
    registry.release("production", captured_pipeline("old"), ["churn@1"], actor="t")

    def run(*commands_: tuple[str, ...]) -> tuple[dict[tuple[str, ...], str], str]:
        folder.write({"client.py": CLIENT, "words.json": json.dumps(commands_)})
        words = [str(commands.BIN / "python"), "client.py", "words.json"]
        with registry_server(url, no_auth=True) as server:
            env = ENVIRONMENT | {
                "LINEAGE_REGISTRY": server, "LINEAGE_ACTOR": "ann", "HOME": str(folder.path)
            }  # fmt: skip
            done = commands.run_installed(words, folder.path, env, 120)
        assert "Traceback" not in done.err, done.err
        ends = [line.split(" ") for line in done.out.splitlines() if line.startswith("ended ")]
        return {tuple(words): code for _, code, *words in ends}, done.err

    return run


def test_commands_that_ask_a_server_load_nothing_that_is_posix_alone(run):
    ends, said = run(*ASKING)
    assert ends == dict.fromkeys(ASKING, "0"), said


def test_what_cannot_be_says_so_in_one_sentence(run, folder: Workspace):
    ends, said = run(("pull", "churn@1"), ("nonsense",))
    assert ends == {("pull", "churn@1"): "2", ("nonsense",): "2"}
    first, remedy, *_ = said.splitlines()
    assert first == "error: This command needs Python's fcntl, which this operating system lacks."
    assert remedy == "  Run it elsewhere: it works on Linux and macOS."
    assert not list(folder.path.glob("**/whole/*")), "nothing is half there"
