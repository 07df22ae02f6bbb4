"""What a checkout holds in the place of a file: refused in one sentence that names it, at once."""

from __future__ import annotations

import os
import shutil
import socket
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECONDS = 30
"""Far above what a refusal takes here, far below what a pipe or a device would."""


def _sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 3 << 30)


def _socket(path: Path) -> None:
    here = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(f"/proc/self/fd/{here}/{path.name}")
    os.close(here)


IN_ITS_PLACE: dict[str, Callable[[Path], None]] = {
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a socket": _socket,
    "a folder": lambda path: path.mkdir(),
    "three gigabytes": _sparse,
    "itself": lambda path: path.symlink_to(path.name),
    "nothing": lambda path: path.symlink_to("nowhere"),
    "no UTF-8": lambda path: path.write_bytes(b"caf\xe9: 1\n"),
    "depth": lambda path: path.write_bytes(b"[" * 10_000 + b"]" * 10_000),
    "one long line": lambda path: path.write_bytes(b'a: "' + b"x" * 10_000_000 + b'"\n'),
}
EXPERIMENT = ("register", "churn", "--kind", "experiment")
CAPTURE = ("pipeline", "capture")
REFUSED = {
    "lineage.toml": (EXPERIMENT, 2, ()),
    "pyproject.toml": (EXPERIMENT, 2, ("no UTF-8", "depth")),  # says nothing of lineage
    "environments.toml": (("env", "apply", "environments.toml"), 2, ()),
    "models/.lineageignore": (
        (*EXPERIMENT, "--weights", "models"), 9, ("depth",),
    ),
    "dvc.yaml": (CAPTURE, 9, ()),
    "params.yaml": (CAPTURE, 9, ()),
    ".dvc/config": (CAPTURE, 9, ()),
    ".dvc/config.local": (CAPTURE, 9, ()),
    "dvc.lock": (EXPERIMENT, 9, ()),
    "data/raw.csv.dvc": (EXPERIMENT, 9, ()),
    "eval/metrics.json": (("validate", "churn@1", "--metrics", "eval/metrics.json"), 9, ()),
}  # fmt: skip
"""The command that reads a file, its exit code, and what in the file's place is none of its business."""


@pytest.mark.parametrize("name", REFUSED)
def test_whatever_lies_in_a_files_place_is_refused_in_a_sentence(project, name):
    command, code, harmless = REFUSED[name]
    project.ok(*EXPERIMENT)
    if name == "pyproject.toml":
        (project.path / "lineage.toml").unlink()
    path = project.path / name
    if path.is_file() and not path.stat().st_size:  # git reads whole what it holds as empty
        path.write_text("[core]\n    check_update = false\n")
        project.commit()
    for what, put in IN_ITS_PLACE.items():
        if what in harmless:
            continue
        _remove(path)
        put(path)
        began = time.monotonic()
        done = project.lineage(*command)
        took = time.monotonic() - began
        assert (done.code, len(done.err.splitlines())) == (code, 2), (what, done.err)
        assert path.name in done.err.splitlines()[0], (what, done.err)
        assert len(done.err) < 1000, what
        assert took < SECONDS, what


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("name", ["data/raw.csv", "models/model.bin"])
def test_a_pipe_in_the_place_of_tracked_bytes_is_not_waited_for(project, name):
    _remove(project.path / name)
    os.mkfifo(project.path / name)
    done = project.lineage(*EXPERIMENT)
    assert done.code == 9
    assert name in done.err.splitlines()[0]


def test_a_configuration_may_begin_with_a_byte_order_mark(project):
    before = project.ok(*CAPTURE)["digest"]
    for name in ("lineage.toml", "dvc.yaml", "params.yaml"):
        path = project.path / name
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert project.ok(*CAPTURE)["digest"] == before


def test_large_weights_are_no_bad_input(project):
    _remove(project.path / "models/model.bin")
    _sparse(project.path / "models/model.bin")
    done = project.ok(*EXPERIMENT)
    assert project.ok("show", done["ref"])["components"]["weights"]["size"] == 3 << 30


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "stages:\n  a:\n    matrix: {a: %s, b: %s, c: %s, d: %s}\n    cmd: echo ${item.a}\n"
            % ((list(range(100)),) * 4),
            "more than 50,000 stages",
        ),
        ("vars:\n" + "- {a: 1}\n" * 100_000 + "stages: {}\n", "lists 100,000 vars"),
        (
            "stages:\n  a:\n    cmd: echo\n    params:\n" + "    - p\n" * 100_000,
            "params of stage a",
        ),
        (
            "stages:\n  a:\n    cmd: echo\n    deps: [%s]\n" % ("a/" * 100_000),
            "is longer than 4,096",
        ),
    ],
    ids=["matrix", "vars", "params", "path"],
)
def test_what_would_take_minutes_is_refused_at_once(project, text, says):
    project.write({"dvc.yaml": text})
    began = time.monotonic()
    done = project.lineage(*CAPTURE)
    assert done.code == 9
    assert says in done.err
    assert time.monotonic() - began < SECONDS


ODD = [
    "line\nerror: forged", "tab\t", "clear\x1b[2J\x1b[31m", "quo\"te's", "-dash", "--json", "a:b", "a@b", "a#b",
    "\u00e9", "e\u0301", "Case", "case", "bell\x07", "back\u202ewards", " lead", "trail ", "back\\slash", "*", "null",
]  # fmt: skip


@pytest.mark.parametrize("declared", ["each", "folder"])
def test_odd_names_are_kept_exactly_and_shown_escaped(repository, declared):
    repository.dvc("init", "--quiet")
    files = [f"d/{name}.py" for name in ODD]
    listed = ["d"] if declared == "folder" else files
    quoted = ", ".join('"' + "".join(map(_escaped, path)) + '"' for path in listed)
    repository.write({path: f"x = {number}\n" for number, path in enumerate(files)})
    repository.write({"dvc.yaml": f"stages:\n  s:\n    cmd: echo\n    deps: [{quoted}]\n"})
    repository.commit()
    here = repository.ok("pipeline", "capture", "odd")
    there = repository.ok("pipeline", "capture", "odd", "--rev", "HEAD")
    assert here["digest"] == there["digest"]
    assert not here["dirty"]
    assert sorted(here["manifest"]["stages"]["s"]["code"]) == sorted(files)
    shown = repository.lineage("pipeline", "capture", "odd").out
    assert not {"\x1b", "\x07", "\t", "\u202e"} & set(shown)
    assert "\nerror: forged" not in shown
    assert "clear\\x1b[2J" in shown


def _escaped(character: str) -> str:
    return f"\\U{ord(character):08x}"


def test_an_error_that_names_an_odd_file_is_one_line(repository):
    repository.dvc("init", "--quiet")
    repository.write({"dvc.yaml": 'stages:\n  s:\n    cmd: echo\n    deps: ["a\\nb\\e[31mc"]\n'})
    done = repository.lineage("pipeline", "capture", "odd")
    assert done.code == 9
    assert len(done.err.splitlines()) == 2
    assert "a\\nb\\x1b[31mc" in done.err


def test_a_name_that_is_not_utf_8_is_refused_by_its_name(repository):
    repository.dvc("init", "--quiet")
    repository.write({"dvc.yaml": "stages:\n  s:\n    cmd: echo\n    deps: [d]\n", "d/a.py": ""})
    (repository.path / os.fsdecode(b"d/caf\xe9.py")).touch()
    repository.commit()
    for words in ((), ("--rev", "HEAD")):
        done = repository.lineage("pipeline", "capture", "odd", *words)
        assert done.code == 2
        assert "caf\\udce9.py" in done.err
