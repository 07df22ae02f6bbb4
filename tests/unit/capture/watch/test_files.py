"""Which files are inputs, from who used them when; and how too many are told."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from lineage.capture.watch import files as watched_files
from lineage.capture.watch.files import UsedFiles, folded
from lineage.capture.watch.observed import File, Folder
from lineage.capture.watch.records import Program, Use
from lineage.capture.watch.sampling import Held

if TYPE_CHECKING:
    from pathlib import Path

CHANGED = 2_000_000_000
OLD = 4_000_000_000_000_000_000


def used(root: Path, *uses: dict[str, Use], started: int = CHANGED, held=()) -> list[File]:
    files = UsedFiles(str(root), started)
    for number, one in enumerate(uses):
        files.add_program(Program(number, uses=one), f"{number}.py")
    files.add_held(held)
    return files.files()


@pytest.mark.parametrize(
    ("uses", "is_input", "is_written"),
    [
        ([Use(read=5)], True, False),
        ([Use(made=4), Use(read=5)], False, True),
        ([Use(read=5), Use(made=6)], True, True),
        ([Use(read=5, made=5)], False, True),
        ([Use(fresh=5)], None, None),
        ([Use(made=4), Use(fresh=5)], False, True),
        ([Use(updated=4), Use(fresh=5)], True, True),
        ([Use(updated=6), Use(fresh=5)], False, True),
        ([Use(read=5), Use(fresh=9)], True, False),
        ([Use(updated=4)], False, True),
        ([Use(made=8), Use(read=9), Use(read=5)], True, True),
    ],
)
def test_who_was_first(tmp_path: Path, uses, is_input, is_written):
    (tmp_path / "x").write_text("1")
    found = used(tmp_path, *({"x": use} for use in uses))
    seen = [(file.is_input, file.is_written) for file in found]
    assert seen == ([] if is_input is None else [(is_input, is_written)])


def test_a_claim_to_have_made_what_has_not_changed_is_not_believed(tmp_path: Path):
    (tmp_path / "x").write_text("1")
    (file,) = used(tmp_path, {"x": Use(made=1)}, {"x": Use(read=5)}, started=OLD)
    assert (file.is_input, file.is_written) == (True, False)


def test_what_was_made_and_is_gone_is_no_file_but_a_read_one_is(tmp_path: Path):
    assert used(tmp_path, {"gone": Use(made=1), "read": Use(read=1)}) == [
        File("read", True, False, None, ("0.py",))
    ]


def test_a_cache_counts_as_its_source(tmp_path: Path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack/mod.py").write_text("")
    (tmp_path / "top.py").write_text("")
    found = used(
        tmp_path,
        {
            "pack/__pycache__/mod.cpython-311.pyc": Use(read=1),
            "__pycache__/top.cpython-38.opt-1.pyc": Use(fresh=1),
            "pack/__pycache__/gone.cpython-311.pyc": Use(read=1),
            "pack/__pycache__/made.cpython-311.pyc": Use(made=1),
            "pack/__pycache__/mod.cpython-311.pyc.4242": Use(made=1),
        },
    )
    assert [(file.path, file.is_input, file.is_written) for file in found] == [
        ("pack/mod.py", True, False),
        ("top.py", True, False),
    ]


def test_the_tools_own_folders_are_left_out(tmp_path: Path):
    assert used(tmp_path, {".git/HEAD": Use(read=1), ".dvc/config": Use(read=1)}) == []


def test_a_module_is_a_file_that_was_read(tmp_path: Path):
    files = UsedFiles(str(tmp_path), CHANGED)
    files.add_program(Program(1, modules={"a.b": ("src/a/b.py", 5)}), "x.py")
    assert files.files() == [File("src/a/b.py", True, False, None, ("x.py",))]


def test_what_was_held_open_counts(tmp_path: Path):
    (tmp_path / "b").write_text("1")
    held = [Held("a", 5, False), Held("b", 5, True)]
    assert [(file.path, file.is_input) for file in used(tmp_path, held=held)] == [
        ("a", True),
        ("b", False),
    ]


def test_names_that_are_no_text_are_written_out(tmp_path: Path):
    (file,) = used(tmp_path, {os.fsdecode(b"caf\xe9"): Use(read=1)})
    assert file.path == "caf\\xe9"


def inputs(*paths: str) -> list[File]:
    return [File(path, True, False) for path in paths]


def test_few_files_are_named_one_by_one():
    files = inputs(*(f"data/{number}.png" for number in range(100)))
    assert folded(files) == (tuple(files), (), False)


def test_folders_of_data_are_told_by_number_and_code_is_not(monkeypatch):
    monkeypatch.setattr(watched_files, "MOST", 100)
    data = inputs(*(f"data/{name}/{number}.png" for name in "ab" for number in range(80)))
    code = inputs(*(f"src/{number}.py" for number in range(60)), "params.yaml", "few/x.bin")
    named, folders, is_cut = folded([*data, *code])
    assert set(named) == set(code)
    assert folders == (Folder("data/a", 80, True, False), Folder("data/b", 80, True, False))
    assert not is_cut


def test_files_in_many_folders_are_told_by_the_folder_above(monkeypatch):
    monkeypatch.setattr(watched_files, "MOST", 100)
    files = inputs(*(f"data/{number}/x.png" for number in range(300)))
    written = [File(f"out/{number}/x.png", False, True) for number in range(60)]
    assert folded([*files, *written]) == (
        (),
        (Folder("data", 300, True, False), Folder("out", 60, False, True)),
        False,
    )


def test_more_code_than_is_kept_is_cut(monkeypatch):
    monkeypatch.setattr(watched_files, "MOST", 100)
    named, folders, is_cut = folded(inputs(*(f"src/{number}.py" for number in range(200))))
    assert (len(named), folders, is_cut) == (100, (), True)
