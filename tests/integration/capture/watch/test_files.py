"""Which files of the repository a run reads and writes, however it opens them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lineage.capture.watch import File, watch
from lineage.identity.watched import Module
from tests.integration.capture.watch.conftest import Watched, inputs, written

if TYPE_CHECKING:
    from tests.conftest import Workspace


def test_the_script_its_imports_and_what_it_opens_are_inputs(watched: Watched):
    observed = watched(
        script="""\
import sys
sys.path.insert(0, "src")
import json
from common import scaling
open("params.yaml").read()
"""
    )
    assert [file.path for file in observed.inputs] == [
        "params.yaml",
        "run.py",
        "src/common/__init__.py",
        "src/common/scaling.py",
    ]
    assert {file.by for file in observed.inputs} == {("run.py",)}
    assert observed.modules == (
        Module("common", "src/common/__init__.py"),
        Module("common.scaling", "src/common/scaling.py"),
    )
    assert observed.is_complete, observed.gaps


def test_a_module_that_is_imported_by_a_computed_name_is_said_too(watched: Watched):
    """There is no event of it: at the end of a process what else is loaded is looked at."""
    observed = watched(
        script="""\
import importlib, sys
sys.path.insert(0, "src")
importlib.import_module("common." + "scaling")
"""
    )
    assert observed.modules == (
        Module("common", "src/common/__init__.py"),
        Module("common.scaling", "src/common/scaling.py"),
    )


def test_a_module_loaded_from_its_cache_counts_as_its_source(watched: Watched, tree: Workspace):
    script = 'import sys; sys.path.insert(0, "src")\nfrom common import scaling\n'
    first, second = watched(script=script), watched(script=script)
    assert list(tree.path.glob("src/common/__pycache__/scaling.*.pyc"))
    assert inputs(first) == inputs(second) == {"src/common/__init__.py", "src/common/scaling.py"}
    assert written(first) == set()


def test_a_cache_elsewhere_counts_as_the_source_and_keeps_nothing_of_the_watch(
    watched: Watched, tree: Workspace, tmp_path_factory, monkeypatch
):
    prefix = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(prefix))
    script = 'import sys; sys.path.insert(0, "src")\nfrom common import scaling\n'
    watched(script=script)
    assert inputs(watched(script=script)) == {"src/common/__init__.py", "src/common/scaling.py"}
    assert not [path for path in prefix.rglob("*") if "lineage-watch" in path.name]


def test_a_file_that_the_run_made_is_no_input(watched: Watched):
    observed = watched(
        script="""\
open("made.txt", "w").write("1")
open("made.txt").read()
"""
    )
    assert inputs(observed) == set()
    assert written(observed) == {"made.txt"}


def test_a_file_that_is_read_and_then_written_is_an_input(watched: Watched):
    observed = watched(
        script="""\
text = open("params.yaml").read()
open("params.yaml", "w").write(text)
"""
    )
    assert inputs(observed) == written(observed) == {"params.yaml"}


@pytest.mark.parametrize("mode", ["r+", "a+"])
def test_a_file_that_is_updated_where_it_is_stays_an_input(watched: Watched, mode: str):
    observed = watched(
        script=f"""\
with open("data/raw.csv", "{mode}") as file:
    file.seek(0, 2)
    file.write("3,4")
open("data/raw.csv").read()
"""
    )
    assert inputs(observed) == written(observed) == {"data/raw.csv"}


def test_a_file_that_is_only_appended_to_is_no_input(watched: Watched):
    observed = watched(script='open("data/raw.csv", "a").write("3,4")\n')
    assert (inputs(observed), written(observed)) == (set(), {"data/raw.csv"})


def test_a_file_that_is_opened_to_write_and_left_alone_is_not_written(watched: Watched):
    observed = watched(script='open("data/raw.csv", "r+").read()\n')
    assert (inputs(observed), written(observed)) == ({"data/raw.csv"}, set())


def test_a_file_that_is_renamed_into_place_was_made(watched: Watched):
    observed = watched(
        script="""\
import os, shutil
open("part", "w").write("1")
os.utime("part", (1, 1))
os.replace("part", "whole")
open("whole").read()
shutil.copy2("params.yaml", "copy.yaml")
open("copy.yaml").read()
"""
    )
    assert inputs(observed) == {"params.yaml"}
    assert written(observed) == {"whole", "copy.yaml"}


def test_a_file_that_an_unobserved_program_made_is_no_input(watched: Watched, tree: Workspace):
    tree.write({"run.py": 'open("made.txt").read()\n'})
    observed = watched("sh", "-c", f"echo 1 > made.txt; exec {sys.executable} run.py")
    assert inputs(observed) == set()


def test_a_link_to_an_input_is_an_input(watched: Watched, tree: Workspace):
    observed = watched(
        script="""\
import os
os.link("data/raw.csv", "hard.csv")
open("hard.csv").read()
"""
    )
    assert "data/raw.csv" in inputs(observed)


def test_what_is_not_there_was_not_read(watched: Watched):
    observed = watched(
        script="""\
for name in ("missing.yaml", "data", "no/such/folder.txt"):
    try:
        open(name)
    except OSError:
        pass
try:
    import no_such_module
except ImportError:
    pass
"""
    )
    assert inputs(observed) == set()
    assert observed.is_complete, observed.gaps


def test_paths_are_seen_from_the_folder_of_the_moment(watched: Watched, tree: Workspace):
    tree.write({"a/x.txt": "1", "b/x.txt": "1"})
    observed = watched(
        script="""\
import os
os.chdir("a")
open("x.txt").read()
os.chdir("../b")
open("x.txt").read()
descriptor = os.open("..", os.O_RDONLY)
os.fchdir(descriptor)
open("params.yaml").read()
open("./a/../data/raw.csv").read()
"""
    )
    assert inputs(observed) == {"a/x.txt", "b/x.txt", "params.yaml", "data/raw.csv"}


def test_a_file_opened_in_a_folders_descriptor_is_found(watched: Watched, tree: Workspace):
    tree.write({"a/x.txt": "1", "b/y.txt": "1", "c/z.txt": "1", "z.txt": "2"})
    observed = watched(
        script="""\
import os
a = os.open("a", os.O_RDONLY | os.O_DIRECTORY)
os.read(os.open("x.txt", os.O_RDONLY, dir_fd=a), 1)
os.close(a)
b = os.open("b", os.O_RDONLY)
open("y.txt", opener=lambda name, flags: os.open(name, flags, dir_fd=b)).read()
c = os.open("c", os.O_RDONLY)
os.read(os.open("z.txt", os.O_RDONLY, dir_fd=c), 1)
made = os.open("made.txt", os.O_WRONLY | os.O_CREAT, dir_fd=c)
os.write(made, b"1")
os.rename("made.txt", "moved.txt", src_dir_fd=c, dst_dir_fd=b)
"""
    )
    assert {"a/x.txt", "b/y.txt", "c/z.txt"} <= inputs(observed)
    assert "b/moved.txt" in written(observed)


def test_a_file_opened_by_the_number_of_a_descriptor_is_found(watched: Watched):
    observed = watched(
        script="""\
import os
open(os.open("params.yaml", os.O_RDONLY)).read()
with os.fdopen(os.open("out.txt", os.O_RDWR | os.O_CREAT), "w") as file:
    file.write("1")
read, write = os.pipe()
open(read, "rb"), open(write, "wb")
"""
    )
    assert (inputs(observed), written(observed)) == ({"params.yaml"}, {"out.txt"})


def test_bytes_paths_and_names_that_are_no_text_are_found(watched: Watched, tree: Workspace):
    name = os.fsdecode(b"data/caf\xe9.csv")
    (tree.path / name).write_text("1")
    (tree.path / "data/日本.csv").write_text("1")
    (tree.path / "data/two\nlines.csv").write_text("1")
    observed = watched(
        script="""\
import os, pathlib
open(b"params.yaml").read()
open(os.fsdecode(b"data/caf\\xe9.csv")).read()
pathlib.Path("data/日本.csv").read_text()
open("data/two\\nlines.csv").read()
"""
    )
    assert inputs(observed) == {
        "params.yaml",
        "data/caf\\xe9.csv",
        "data/日本.csv",
        "data/two\nlines.csv",
    }
    observed.to_json()["files"][0]["path"].encode()


def test_symlinks_tell_both_names(watched: Watched, tree: Workspace, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "big.bin").write_text("1")
    (outside / "back.yaml").symlink_to(tree.path / "params.yaml")
    tree.write({"shared/lib/helper.py": "", "configs/a.yaml": "1"})
    (tree.path / "current.yaml").symlink_to("configs/a.yaml")
    (tree.path / "lib").symlink_to("shared/lib")
    (tree.path / "data/big.bin").symlink_to(outside / "big.bin")
    (tree.path / "again").symlink_to(tree.path)
    observed = watched(
        script=f"""\
open("current.yaml").read()
import lib.helper
open("data/big.bin").read()
open({str(outside / "back.yaml")!r}).read()
open("again/data/raw.csv").read()
"""
    )
    assert {(file.path, file.target) for file in observed.inputs} - {("run.py", None)} == {
        ("current.yaml", "configs/a.yaml"),
        ("lib/helper.py", "shared/lib/helper.py"),
        ("shared/lib/helper.py", None),
        ("data/big.bin", None),
        ("params.yaml", None),
        ("again/data/raw.csv", "data/raw.csv"),
    }


def test_the_caches_of_git_dvc_and_environments_are_no_inputs(watched: Watched, tree: Workspace):
    tree.write(
        {
            ".dvc/cache/files/md5/ab/cd": "1",
            ".dvc/config": "",
            ".lineage/registry.db": "1",
            "venv/lib/python3.11/site-packages/pack/__init__.py": "",
        }
    )
    (tree.path / "data/linked.csv").symlink_to("../.dvc/cache/files/md5/ab/cd")
    observed = watched(
        script="""\
import sys
sys.path.append("venv/lib/python3.11/site-packages")
import pack
for name in (".dvc/cache/files/md5/ab/cd", ".dvc/config", ".lineage/registry.db", ".git/HEAD"):
    open(name).read()
open("data/linked.csv").read()
"""
    )
    assert [file for file in observed.inputs if file.path != "run.py"] == [
        File("data/linked.csv", True, False, None, ("run.py",))
    ]


def test_an_environment_inside_the_repository_is_none_of_it(watched: Watched, tree: Workspace):
    import venv

    venv.create(tree.path / "env", symlinks=True)
    tree.write({"env/lib/note.txt": "1"})
    observed = watched("env/bin/python", script='open("env/lib/note.txt").read()\n')
    assert inputs(observed) == set()


def test_data_that_other_modules_open(watched: Watched, tree: Workspace):
    import sqlite3

    sqlite3.connect(tree.path / "data/old.db").execute("CREATE TABLE t (a)")
    tree.write({"frame.csv": "a\n1\n"})
    observed = watched(
        script="""\
import sqlite3, zipfile, tokenize, mmap, ctypes
sqlite3.connect("data/old.db").execute("SELECT * FROM t")
sqlite3.connect("file:data/old.db?mode=ro", uri=True)
sqlite3.connect("data/new.db").execute("CREATE TABLE t (a)")
sqlite3.connect(":memory:")
zipfile.ZipFile("out.zip", "w").close()
import numpy
numpy.loadtxt("frame.csv", skiprows=1)
with open("data/raw.csv", "rb") as file:
    mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
try:
    ctypes.CDLL("./params.yaml")
except OSError:
    pass
"""
    )
    assert inputs(observed) == {"data/old.db", "frame.csv", "data/raw.csv", "params.yaml"}
    assert {"data/new.db", "out.zip"} <= written(observed)
    assert "numpy" in {one.name for one in observed.distributions}


def test_threads_lose_nothing(watched: Watched, tree: Workspace):
    tree.write({f"many/{number}.txt": "1" for number in range(400)})
    observed = watched(
        script="""\
import threading
def work(begin):
    for number in range(begin, 400, 8):
        open(f"many/{number}.txt").read()
threads = [threading.Thread(target=work, args=(begin,)) for begin in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
    )
    assert inputs(observed) == {f"many/{number}.txt" for number in range(400)}
    assert observed.is_complete, observed.gaps


def test_paths_outside_of_the_root_and_what_commands_say_are_not_recorded(
    tree: Workspace, tmp_path_factory
):
    secret = tmp_path_factory.mktemp("elsewhere") / "token-5f3e.txt"
    secret.write_text("1")
    (tree.path / "part").mkdir()
    tree.write({"part/run.py": f"open({str(secret)!r}).read(); open('params.yaml').read()\n"})
    command = [sys.executable, "part/run.py", "--password", "hunter2"]
    _, observed = watch(command, tree.path / "part", quiet_stdout=True)
    said = str(observed.to_json())
    assert [file.path for file in observed.inputs] == ["run.py"]
    assert "token-5f3e" not in said
    assert "hunter2" not in said
    assert str(tree.path) not in said


def test_a_root_that_is_reached_by_a_symlink(tree: Workspace, tmp_path_factory, monkeypatch):
    alias = tmp_path_factory.mktemp("alias") / "here"
    alias.symlink_to(tree.path)
    monkeypatch.chdir(alias)
    tree.write({"run.py": f"open({str(alias / 'params.yaml')!r}).read()\n"})
    _, observed = watch([sys.executable, str(alias / "run.py")], alias, quiet_stdout=True)
    assert {file.path for file in observed.inputs} == {"params.yaml", "run.py"}


def test_a_hundred_thousand_files_are_told_by_folders(tree: Workspace):
    for folder in range(10):  # a file has at most some 65,000 names
        (tree.path / f"images/{folder}").mkdir(parents=True)
        first = tree.path / f"images/{folder}/{folder}.png"
        first.write_text("1")
        for number in range(folder + 10, 100_000, 10):
            os.link(first, f"images/{folder}/{number}.png")
    tree.write(
        {
            "read.py": """\
for number in range(100_000):
    open(f"images/{number % 10}/{number}.png").close()
import sys
sys.path.insert(0, "src")
import common.scaling
""",
        }
    )
    _, observed = watch([sys.executable, "read.py"], tree.path, quiet_stdout=True)
    assert observed.is_truncated
    assert [(one.path, one.files) for one in observed.folders] == [
        (f"images/{number}", 10_000) for number in range(10)
    ]
    assert {file.path for file in observed.inputs} == {
        "read.py",
        "src/common/__init__.py",
        "src/common/scaling.py",
    }
    assert len(str(observed.to_json())) < 10_000
    assert "there was more than is kept" in observed.gaps


def test_nothing_is_left_of_the_watching(watched: Watched, tree: Workspace, monkeypatch):
    import tempfile

    folder = tree.path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    observed = watched(
        script="""\
import os, pathlib
path = pathlib.Path(os.environ["PYTHONPATH"].split(os.pathsep)[0]).parent
print(oct(path.stat().st_mode & 0o777), oct((path / "records").stat().st_mode & 0o777))
open("modes.txt", "w").write(oct(path.stat().st_mode & 0o777))
"""
    )
    assert Path("modes.txt").read_text() == "0o700"
    assert inputs(observed) == set()
    assert list(folder.iterdir()) == []
