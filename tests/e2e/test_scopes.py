"""Each command with a token of its own scope alone: it can look at all that it needs to."""

from __future__ import annotations

import sys

import pytest

from lineage.connection import connect
from lineage.contract.requests import NewToken

from ..conftest import BIN
from ..support.servers import registry_server

MEASURING = ["--", sys.executable, "-c",
             "import pathlib; f = pathlib.Path('eval/metrics.json'); f.write_text(f.read_text())"]  # fmt: skip
OWN: tuple[tuple[tuple[str, ...], tuple[list[str], ...]], ...] = (
    (
        ("register",),
        (
            ["register", "churn"],
            ["register", "churn", "--kind", "experiment", "--parent", "churn@1"],
            ["model", "edit", "churn@1", "--tag", "team=risk"],
            ["store", "put", "churn@1", "models/model.bin"],
        ),
    ),
    (
        ("validate", "validate:run"),
        (
            ["validate", "churn@1", *MEASURING],
            ["validate", "churn@latest", "--failed"],
            ["validate", "churn@1"],
        ),
    ),
    (("approve",), (["approve", "churn@1", "--env", "production"],)),
    (
        ("deploy",),
        (
            ["pipeline", "deploy", "churn", "--env", "production"],
            ["promote", "churn@1", "--env", "production"],
            ["backup", "candidates", "churn", "--env", "production"],
            ["release", "--env", "production", "--pipeline", "churn", "--model", "churn@1"],
        ),
    ),
    (
        ("validate", "validate:run"),
        (
            ["validate", "churn@production", "--in", "production", *MEASURING],
            ["validate", "churn@1", "--carry-over"],
        ),
    ),
    (
        ("observe:weights",),
        (["backup", "check"], ["verify", "churn@production"], ["verify", "--all"]),
    ),
    (("deploy",), (["retire", "churn", "--env", "production", "--reason", "x"],)),
)
"""Scopes, and commands that they are enough for, in the order in which a version goes."""

ENDS = {"--carry-over": 4, "check": 6}
"""How those end that find nothing: no verdict to carry over, no backup."""


@pytest.fixture
def team(project):
    """The project with a server that asks for tokens; gives a token of some scopes."""
    database = f"sqlite:///{project.path / '.lineage/registry.db'}"
    project.ok("store", "add", "local", str(project.path / ".lineage/store"), "--shared")
    with registry_server(database) as address, connect(database) as registry:

        def token(*scopes: str) -> str:
            made = registry.create_token(NewToken("-".join(scopes), scopes), actor="t")
            return str(made["token"])

        project.env["LINEAGE_REGISTRY"] = address
        yield project, token


def test_a_scope_alone_is_enough_for_its_commands(team):
    project, token = team
    for scopes, commands in OWN:
        project.env["LINEAGE_TOKEN"] = token(*scopes)
        for words in commands:
            done = project.lineage(*words)
            assert "lacks the scope" not in done.err, (scopes, words, done.err)
            assert done.code == ENDS.get(words[-1], 0), (scopes, words, done.err)


def test_a_host_says_what_it_runs_with_its_scope_alone(team):
    project, token = team
    project.env["LINEAGE_TOKEN"] = token("admin")
    for words in (
        ("register", "churn"),
        ("validate", "churn@1", "--passed"),
        ("release", "--env", "production", "--pipeline", "churn", "--model", "churn@1"),
    ):
        project.ok(*words)
    weights = project.ok("serving", "churn")["serving"]["weights"]
    project.env["LINEAGE_TOKEN"] = token("observe")
    said = f"import lineage; print(lineage.report('churn', weights={weights!r}, instance='h1'))"
    done = project.command(str(BIN / "python"), "-c", said)
    assert done.code == 0, done.err


@pytest.mark.parametrize("command", [["log"], ["gc"], ["audit", "verify"]])
def test_a_scope_that_writes_opens_no_history(team, command):
    project, token = team
    project.env["LINEAGE_TOKEN"] = token("register", "validate", "approve", "deploy", "observe")
    done = project.lineage(*command)
    assert (done.code, "lacks the scope read" in done.err) == (8, True), done.err
