"""What a person reads: refusals, warnings, and lines as wide as the terminal."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import termios

import pytest

from ..conftest import BIN, ENVIRONMENT
from ..support import commands


@pytest.fixture
def refused(project):
    """churn@1 serves; churn@2 was made with other features than run in production."""
    project.ok("register", "churn")
    project.ok("validate", "churn@1", "--passed")
    project.ok("pipeline", "deploy", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")
    project.edit("params.yaml", "top: 20", "top: 40")
    project.commit("More features")
    project.dvc("repro", "--quiet")
    project.commit("Train")
    project.ok("register", "churn")
    project.ok("validate", "churn@2", "--passed")
    return project


def on_a_terminal(project, *words, columns=80, **env):
    """What a command says on a terminal so wide."""
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    env = {**ENVIRONMENT, **project.env, "NO_COLOR": "1", "TERM": "xterm", **env}
    with commands.Forked([str(BIN / "lineage"), *words], project.path, env, its, its) as process:
        os.close(its)
        said = b""
        try:
            while part := os.read(ours, 65536):
                said += part
        except OSError:  # the terminal is closed when the command has ended
            pass
        code = process.wait(60)
    os.close(ours)
    return commands.Result(code, said.decode().replace("\r\n", "\n"), "")


def test_a_refusal_tells_what_fails_first_whole_and_once(refused):
    done = refused.lineage("promote", "churn@latest", "--env", "production")
    assert done.code == 3
    lines = done.out.splitlines()
    assert lines[0] == "churn@2 may not enter production"
    assert lines[1].split()[:2] == ["fail", "pipeline-match"]
    assert "featurize: parameter featurize.top 40 → 20" in lines[2]
    told = done.out + done.err
    assert told.count("was validated with pipeline churn@xxh3:") == 1
    assert told.count("lineage release --env production") == 1
    assert re.search(r"^  \d+ more hold, \d are skipped \(-v shows them\)$", done.out, re.MULTILINE)
    assert "  pass " not in done.out
    error, remedy = done.err.splitlines()
    assert error == "error: churn@2 may not enter production: pipeline-match."
    assert remedy.startswith("  ")
    whole = refused.lineage("promote", "churn@2", "--env", "production", "-v")
    assert "  pass     kind " in whole.out
    assert "  skipped  validated " in whole.out
    assert "more hold" not in whole.out


def test_a_promotion_tells_what_the_guard_warns_of(refused):
    warns = "  warn     pipeline-complete  no run of churn@1 was watched"
    assert warns in refused.lineage("guard", "churn@1", "--env", "production").out
    done = refused.lineage("promote", "churn@1", "--env", "production")
    assert done.out.startswith("churn@1 already serves in production\n")
    assert warns in done.out
    assert "→ Watch its stages (lineage run --force)" in done.out.replace(" at its commit", "")
    assert "  pass " not in done.out


def test_the_newest_is_told_by_its_number(refused):
    release = ("release", "--env", "production", "--pipeline", "churn", "--model", "churn@latest")
    assert "churn@2" in refused.lineage(*release).out
    for words in (
        ("promote", "churn@latest", "--env", "production"),
        ("approve", "churn@latest", "--env", "production"),
        ("validate", "churn@latest", "--passed"),
        ("show", "churn@latest"),
        ("verify", "churn@latest"),
        ("guard", "churn@latest", "--env", "production"),
        ("backup", "set", "churn", "churn@latest", "--env", "production"),
        ("model", "edit", "churn@latest", "--tag", "team=risk"),
        ("pull", "churn@latest", "-o", "pulled"),
    ):
        done = refused.lineage(*words)
        assert "latest" not in done.out + done.err, words
        assert "churn@2" in done.out + done.err or words[0] == "pull", words


@pytest.mark.parametrize("columns", [60, 100, 200])
def test_lines_are_as_wide_as_the_terminal(refused, columns):
    for words in (
        ("guard", "churn@2", "--env", "production", "-v"),
        ("versions", "churn"),
        ("log",),
        ("show", "churn@2"),
        ("promote", "churn@9", "--env", "production"),
        ("promote", "churn@2"),
    ):
        piped = refused.lineage(*words)
        shown = on_a_terminal(refused, *words, columns=columns)
        assert shown.code == piped.code
        for line in shown.out.splitlines():
            assert len(line) <= columns or len(line.split()) <= 2, (words, line)
        digests = re.findall(r"xxh3:[0-9a-f]+", piped.out + piped.err)
        assert sorted(re.findall(r"xxh3:[0-9a-f]+", shown.out)) == sorted(digests), words
    narrower = on_a_terminal(refused, "show", "churn@2", columns=200, COLUMNS=str(columns))
    assert narrower.out == on_a_terminal(refused, "show", "churn@2", columns=columns).out


def test_what_is_piped_stays_on_its_lines(refused):
    words = ("guard", "churn@2", "--env", "production")
    piped = refused.lineage(*words, env={"COLUMNS": "60"})
    assert piped == refused.lineage(*words)
    assert max(map(len, piped.out.splitlines())) > 100


def test_backup_check_says_why_it_fails(refused):
    done = refused.lineage("backup", "check")
    assert done.code == 6
    error, remedy = done.err.splitlines()
    assert error == ("error: churn in production has no backup that is ready: nothing stands by.")
    assert remedy.endswith("lineage backup candidates churn --env production")


def test_a_retirement_is_asked_for_its_reason(refused):
    words = ("retire", "churn", "--env", "production")
    for reason in ((), ("--reason", " ")):
        done = refused.lineage(*words, *reason)
        assert (done.code, "--reason TEXT" in done.err) == (2, True)
    refused.write(
        {"environments.toml": "[environments.production]\nkind = 'production'\nbackup = true\n"}
    )
    refused.ok("env", "apply", "environments.toml")
    done = refused.lineage(*words, "--reason", "unused")
    assert done.code == 3
    assert done.out.startswith("churn@1 may not leave production\n")
    assert "--waive backup-ready --reason TEXT" in done.out


def test_a_pipeline_version_has_one_spelling(refused):
    digest = refused.ok("show", "churn@1")["pipeline"]
    short = f"churn@{digest[:17]}"
    refused.ok("validate", "churn@1", "--pipeline", short, "--elsewhere", "--passed")
    refused.ok("backup", "candidates", "churn", "--env", "production")
    assert refused.ok("serving", "churn", "--pipeline", short)["side"] == "serving"
    assert (
        refused.ok("pipeline", "deploy", short, "--env", "staging")["pipeline"]["digest"] == digest
    )
    other = refused.lineage("serving", "churn", "--pipeline", f"uplift@{digest}")
    assert (other.code, "rides on pipeline churn" in other.err) == (2, True)
    other = refused.lineage("validate", "churn@1", "--pipeline", f"uplift@{digest}", "--passed")
    assert other.code == 4
    other = refused.lineage("register", "churn", "--pipeline", "uplift@sha256:abc")
    assert (other.code, "rides on pipeline churn" in other.err) == (2, True)
    for before, now in (
        (("pipeline", "deploy", "churn", "--digest", digest, "--env", "staging"), "NAME@DIGEST"),
        (("register", "churn", "--pipeline-version", "sha256:abc"), "--pipeline NAME@DIGEST"),
    ):
        done = refused.lineage(*before)
        assert done.code == 0
        assert f"goes with the next version: write {now}." in done.err
    twice = refused.lineage("pipeline", "deploy", short, "--digest", digest, "--env", "staging")
    assert twice.code == 2


def test_a_person_is_told_soon_that_a_server_is_not_there(folder):
    """A client that nobody watches goes on for 30 seconds."""
    done = on_a_terminal(folder, "--registry", "http://127.0.0.1:9", "serving")
    assert done.code == 7
    assert "cannot be reached" in done.out
