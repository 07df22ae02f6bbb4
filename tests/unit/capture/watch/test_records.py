"""What watched processes wrote is read strictly: what is no record is counted, never believed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.capture.watch import records
from lineage.capture.watch.records import Program, Use, parse, read_all

if TYPE_CHECKING:
    from pathlib import Path

START = b"7 10 start 1//cpython//3.11.7//linux-x86_64\0"


def parsed(*lines: bytes) -> Program:
    program = Program(7)
    parse(START + b"".join(line + b"\0" for line in lines), program)
    return program


def test_a_program_says_what_it_is_and_does():
    program = parsed(
        b"7 11 entry src/train.py",
        b"7 12 read params.yaml",
        b"7 13 read lib/a.py//shared/a.py",
        b"8 14 fork 7",
        b"8 15 made out/x.bin",
        b"7 16 module common.scaling//src/common/scaling.py",
        b"7 17 package numpy///site-packages/numpy/__init__.py",
        b"7 18 launch sh",
        b"7 19 deaf python",
        b"8 20 exec git",
        b"7 21 end 3",
    )
    assert (program.parent, program.version, program.entry) == (1, "3.11.7", "src/train.py")
    assert program.pids == {7, 8}
    assert program.uses == {
        "params.yaml": Use(read=12),
        "lib/a.py": Use(target="shared/a.py", read=13),
        "out/x.bin": Use(made=15),
    }
    assert program.modules == {"common.scaling": ("src/common/scaling.py", 16)}
    assert program.packages == {"numpy": "/site-packages/numpy/__init__.py"}
    assert (program.launches, program.deaf) == ([(7, "sh")], [(7, "python")])
    assert program.replaced == {8: "git"}
    assert (program.ended, program.lost, program.damaged) == ({7}, 3, 0)


def test_a_process_that_speaks_again_did_not_become_another_program():
    assert parsed(b"7 11 exec nothing", b"7 12 read a").replaced == {}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"7 11 read",
        b"7 11 read ",
        b"7 11 unknown x",
        b"x 11 read a",
        b"7 99999999999999999999 read a",
        b"99999999999 1 read a",
        b"7 11 read /etc/passwd",
        b"7 11 read ../x",
        b"7 11 read a/./b",
        b"7 11 read a/../../b",
        b"7 11 read a//../b",
        b"7 11 read " + b"x" * 5000,
        b"8 11 start 1//cpython//3.11//linux",
        b"7 11 start 1//cpython//3.11",
        b"7 11 start x//cpython//3.11//linux",
        b"7 11 start 1//c python//3.11//linux",
        b"7 11 blind 1//2.7",
        b"7 11 fork x",
        b"7 11 end x",
        b"7 11 end -5",
        b"7 11 end +5",
        b"7 11 end \xc2\xb2",
        b"7 11 fork -1",
        b"7 11 module x",
        b"7 11 module 1x//a.py",
        b"7 11 module a b//a.py",
        b"7 11 module a//../b.py",
        b"7 11 package \xff//x",
    ],
)
def test_what_is_no_record_is_counted(line: bytes):
    program = parsed(line)
    assert program.damaged == 1
    assert (program.uses, program.modules, program.packages) == ({}, {}, {})
    assert program.version == "3.11.7"


def test_a_last_record_without_its_end_is_counted():
    program = Program(7)
    parse(START + b"7 11 read a\0" + b"7 12 read b", program)
    assert (set(program.uses), program.damaged) == ({"a"}, 1)


def test_names_of_programs_are_shown_without_what_a_terminal_would_obey():
    assert parsed(b"7 11 launch \x1b[31mred\n").launches == [(7, "?[31mred?")]
    assert len(parsed(b"7 11 launch " + b"x" * 1000).launches[0][1]) == 255


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_fail(data: bytes):
    parse(START + data, Program(7))


@given(
    st.lists(st.tuples(st.sampled_from([*records._TAKERS, "read", "made"]), st.binary(max_size=30)))
)
def test_no_text_of_a_record_makes_the_reader_fail(lines: list[tuple[str, bytes]]):
    program = parsed(*(b"7 1 %s %s" % (word.encode(), text) for word, text in lines))
    assert all(not path.startswith("/") and ".." not in path.split("/") for path in program.uses)


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).write_bytes(data)


def test_a_file_begun_anew_goes_on_with_its_program(tmp_path: Path):
    write(
        tmp_path, {"7-0": START + b"8 11 fork 7\0", "7-1": b"7 12 read a\0", "8-0": b"8 1 read b\0"}
    )
    (program,), is_cut = read_all(tmp_path)
    assert set(program.uses) == {"a", "b"}
    assert not is_cut


def test_two_programs_of_one_process_are_two(tmp_path: Path):
    write(tmp_path, {"7-0": START + b"7 11 exec python\0", "7-1": START})
    programs, is_cut = read_all(tmp_path)
    assert (len(programs), is_cut) == (2, False)


def test_a_python_that_could_not_be_watched_says_so(tmp_path: Path):
    write(tmp_path, {"7-blind": b"7 0 blind 1//2.7.18//NotImplementedError\0"})
    (program,), _ = read_all(tmp_path)
    assert (program.version, program.reason) == ("2.7.18", "NotImplementedError")
    assert not program.is_watched


def test_files_that_are_no_programs_are_not_believed(tmp_path: Path):
    write(tmp_path, {"7-0": START, "9-0": b"9 1 read a\0", "notes": START})
    (tmp_path / "10-0").symlink_to(tmp_path / "7-0")
    os.mkfifo(tmp_path / "11-0")
    (tmp_path / "12-0").mkdir()
    programs, is_cut = read_all(tmp_path)
    assert [program.pid for program in programs] == [7]
    assert is_cut


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(records, "LARGEST", 100)
    write(tmp_path, {"7-0": START, "8-0": b"x" * 101})
    programs, is_cut = read_all(tmp_path)
    assert (len(programs), is_cut) == (1, True)


def test_more_files_than_are_read(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(records, "MOST_FILES", 2)
    write(
        tmp_path, {f"{number}-0": START.replace(b"7 10", b"%d 10" % number) for number in (1, 2, 3)}
    )
    programs, is_cut = read_all(tmp_path)
    assert (len(programs), is_cut) == (2, True)
