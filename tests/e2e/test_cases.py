"""Odd and hostile inputs, one file a case in ``tests/cases``.

Each ends in one clear sentence, a remedy, the documented exit code, and an unchanged registry.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tomllib
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ..conftest import BIN, Workspace

CASES = {
    path.stem: tomllib.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parents[1] / "cases").glob("*.toml"))
}
REGISTRY = ".lineage/registry.db"


def _weights_folder(w: Workspace, target: str) -> None:
    w.write({"w/model.bin": "m"})
    (w.path / "w/link").symlink_to(target)


def _link_out(w: Workspace, name: str, file: str) -> None:
    """A folder of the project that is a link to one beside it."""
    outside = w.path.parent / f"outside-{name}"
    outside.mkdir()
    (outside / file).write_text("secret")
    shutil.rmtree(w.path / name, ignore_errors=True)
    (w.path / name).symlink_to(outside)


def _sql(w: Workspace, *statements: str) -> None:
    with sqlite3.connect(w.path / REGISTRY) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def _replace(w: Workspace, data: bytes) -> None:
    (w.path / REGISTRY).write_bytes(data)


def _other_database(w: Workspace) -> None:
    (w.path / REGISTRY).unlink()
    _sql(w, "CREATE TABLE songs (title)")


def _read_only(w: Workspace) -> None:
    (w.path / REGISTRY).chmod(0o444)
    (w.path / REGISTRY).parent.chmod(0o555)


def _register(w: Workspace) -> None:
    w.ok("register", "churn")


PREPARE = {
    "init": lambda w: w.ok("init"),
    "registered": _register,
    "dirty": lambda w: w.edit("src/train.py", "weights", "changed"),
    "untracked_code": lambda w: (
        w.edit("dvc.yaml", "deps: [data/raw.csv, ", "deps: [data/raw.csv, src/new.py, "),
        w.commit(),
        w.write({"src/new.py": ""}),
    ),
    "remove_weights": lambda w: (w.path / "models/model.bin").unlink(),
    "empty_weights": lambda w: (w.path / "models/model.bin").write_bytes(b""),
    "unreadable_weights": lambda w: (w.path / "models/model.bin").chmod(0),
    "models_outside": lambda w: _link_out(w, "models", "model.bin"),
    "linked_outside": lambda w: _link_out(w, "linked", "d.csv"),
    "deep_params": lambda w: w.write(
        {"params.yaml": "featurize:\n  top: " + "[" * 99 + "1" + "]" * 99 + "\n"}
    ),
    "empty_folder": lambda w: (w.path / "nothing").mkdir(),
    "pipe": lambda w: os.mkfifo(w.path / "pipe"),
    "dangling": lambda w: _weights_folder(w, "nowhere"),
    "cyclic": lambda w: _weights_folder(w, "link"),
    "folder_link": lambda w: _weights_folder(w, "../src"),
    "huge": lambda w: (w.path / "dvc.yaml").write_text("# " + "x" * (10 << 20)),
    "deep": lambda w: (w.path / "dvc.yaml").write_text("[" * 100_000),
    "binary": lambda w: (w.path / "dvc.yaml").write_bytes(b"\xff\xfe\x00"),
    "change_data": lambda w: w.write({"data/raw.csv": "changed"}),
    "remove_params": lambda w: (w.path / "params.yaml").unlink(),
    "remove_metrics": lambda w: (w.path / "eval/metrics.json").unlink(),
    "deep_policy": lambda w: w.write(
        {"environments.toml": f'[environments.production]\nrequire = ["{"(" * 100_000}"]\n'}
    ),
    "other_model": lambda w: w.ok(
        "register", "other", "--weights", "models/model.bin", "--data", "data/raw.csv"
    ),
    "deep_metrics": lambda w: w.write({"eval/metrics.json": '{"a":' * 100_000}),
    "remove_registry": lambda w: shutil.rmtree(w.path / ".lineage"),
    "read_only": _read_only,
    "truncated": lambda w: _replace(w, (w.path / REGISTRY).read_bytes()[:20_000]),
    "not_a_database": lambda w: _replace(w, b"This is no database at all. " * 400),
    "empty_registry": lambda w: _replace(w, b""),
    "other_database": _other_database,
    "newer": lambda w: _sql(w, "UPDATE alembic_version SET version_num = '9999'"),
    "older": lambda w: _sql(
        w,
        "DROP TRIGGER schema_never_back_update",
        "UPDATE alembic_version SET version_num = '0000'",
    ),
}

FORBIDDING = {"unreadable_weights", "read_only"}
"""What takes permissions away."""


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _prefix(steps: list[str]) -> list[str]:
    """Root may read and write everything; without that capability it obeys permissions."""
    if os.geteuid() != 0 or not FORBIDDING & set(steps):
        return []
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def _begins_registered(case: dict[str, Any]) -> bool:
    """Whether the project is the usual one when its version is registered."""
    return (
        case["base"] == "project"
        and case.get("prepare", [])[:1] == ["registered"]
        and "files" not in case
    )


@pytest.fixture
def copied(request, copied, made_in_place):
    """The usual project; where a case begins with its version registered, that is done once."""
    named = request.node.callspec.params
    return (
        made_in_place(_register)
        if "case" in named and _begins_registered(named["case"])
        else copied
    )


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_bad_input_is_told_in_one_sentence_and_changes_nothing(case, request):
    workspace: Workspace = request.getfixturevalue(case["base"])
    steps = case.get("prepare", [])
    for name, text in case.get("files", {}).items():
        if name not in ("eval/metrics.json", "lineage.toml") or "registered" not in steps:
            workspace.write({name: text})
    if case["base"] == "project" and "files" in case:
        workspace.commit()
    for name in steps[_begins_registered(case) :]:
        if name != "locked":
            PREPARE[name](workspace)
    if "registered" in steps:
        workspace.write(case.get("files", {}))
    command = [word.replace("LONG", "a" * 10_000) for word in case["command"]]
    registry = workspace.path / REGISTRY
    before = _content(registry)
    with ExitStack() as stack:
        if "locked" in steps:
            holder = sqlite3.connect(registry, isolation_level=None)
            stack.callback(holder.close)
            holder.execute("BEGIN EXCLUSIVE")
        done = workspace.command(*_prefix(steps), str(BIN / "lineage"), *command)
    assert _content(registry) == before, "the registry is as it was"
    told = done.out + done.err
    assert done.code == case["exit"], told
    assert "Traceback" not in told
    assert "hunter2" not in told, "no secret is repeated"
    if case["exit"] == 2 and "Usage:" in done.err:
        assert case["says"] in done.err
        return
    sentence, remedy = done.err.splitlines()[-2:]
    assert sentence.startswith("error: ")
    assert case["says"] in sentence
    assert len(sentence) < 700
    assert remedy.startswith("  ")
    assert remedy.strip()


@pytest.mark.parametrize("name", ["dirty-tree", "version-unknown", "registry-missing", "name-dots"])
def test_an_error_is_json_for_machines(name, project):
    case = CASES[name]
    for step in case.get("prepare", []):
        PREPARE[step](project)
    done = project.lineage(*case["command"], "--json")
    assert done.code == case["exit"]
    error = json.loads(done.out)["error"]
    assert set(error) == {"code", "message", "remedy"}
    assert case["says"] in error["message"]
