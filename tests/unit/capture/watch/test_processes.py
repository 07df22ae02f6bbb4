"""Which programs were not observed, from what programs say and what was seen."""

from __future__ import annotations

import pytest

from lineage.capture.watch.observed import ProgramKind, Unobserved
from lineage.capture.watch.processes import entries, kind_of, unfinished, unobserved
from lineage.capture.watch.records import Program
from lineage.capture.watch.sampling import Sampled

FIRST = (10, "train")


def program(pid: int, parent: int = 1, entry: str = "", **facts) -> Program:
    made = Program(pid, parent, "cpython", "3.11.7", "linux-x86_64", entry=entry, pids={pid})
    for name, value in facts.items():
        setattr(made, name, value)
    made.pids |= set(made.parents)
    return made


def names(*programs: Program, sampled: tuple[Sampled, ...] = (), first=FIRST) -> dict[str, int]:
    found = unobserved(programs, {one.pid: one for one in sampled}, first)
    return {one.program: one.count for one in found}


def test_all_that_was_started_and_reported_leaves_nothing():
    parent = program(10, launches=[(10, "python"), (10, "sh")])
    assert names(parent, program(11, 10), program(12, 10)) == {}


def test_what_did_not_report_is_named():
    assert names(program(10, launches=[(10, "git"), (10, "git"), (10, "sh")])) == {
        "git": 2,
        "sh": 1,
    }


def test_of_pythons_and_shells_the_shells_are_taken_to_be_silent():
    """A shell may have become the Python that reported; both may not be told apart."""
    assert names(program(10, launches=[(10, "sh"), (10, "python")]), program(11, 10)) == {"sh": 1}


def test_the_deaf_never_count_as_reported():
    parent = program(10, launches=[(10, "sh")], deaf=[(10, "python")])
    assert names(parent, program(11, 10)) == {"python": 1}


def test_a_python_that_a_silent_shell_started_is_no_child_of_the_one_that_started_the_shell():
    assert names(program(10, launches=[(10, "sh")]), program(12, 11)) == {"sh": 1}


def test_the_commands_own_process_must_report():
    assert names() == {"train": 1}
    assert names(sampled=(Sampled(10, 1, 1, "bash"),)) == {"bash": 1}
    assert names(program(10)) == {}


def test_what_was_seen_is_what_was_started():
    parent = program(10, launches=[(10, "sh"), (10, "python")])
    seen = (Sampled(11, 10, 5, "dash"), Sampled(12, 10, 6, "python3.11"))
    assert names(parent, sampled=seen) == {"dash": 1, "python3.11": 1}
    assert names(parent, sampled=(*seen, Sampled(13, 12, 7, "perl"))) == {
        "dash": 1,
        "perl": 1,
        "python3.11": 1,
    }


def test_a_fork_that_became_nothing_else_is_not_named():
    assert names(program(10), sampled=(Sampled(11, 10, 5, None),)) == {}


@pytest.mark.parametrize("reports", [True, False])
def test_a_fork_that_became_another_program(reports: bool):
    parent = program(10, parents={11: 10}, replaced={11: "python"})
    after = [program(11, 10)] if reports else []
    assert names(parent, *after) == ({} if reports else {"python": 1})


@pytest.mark.parametrize("reports", [True, False])
def test_a_program_that_became_another_one(reports: bool):
    first = program(10, replaced={10: "python"})
    after = [program(10)] if reports else []
    assert names(first, *after) == ({} if reports else {"python": 1})
    assert unfinished([first, *after]) == ({10} if reports else set())


def test_a_child_that_was_forked_by_subprocess_for_its_own_sake():
    """``preexec_fn`` lets Python run in the child, which becomes the program without a word."""
    parent = program(10, launches=[(10, "python")], parents={11: 10})
    assert names(parent, program(11, 10)) == {}
    assert names(parent) == {"python": 1}


def test_old_pythons_and_other_implementations_are_not_observed():
    old = Program(10, 1, version="2.7.18", reason="NotImplementedError", pids={10})
    assert names(old) == {"python2.7.18": 1}
    other = program(10, implementation="pypy")
    found = unobserved([other], {10: Sampled(10, 1, 1, "pypy3")}, FIRST)
    assert found == (Unobserved("pypy3", ProgramKind.PYTHON, 1),)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("python", ProgramKind.PYTHON),
        ("python3.13t", ProgramKind.PYTHON),
        ("python2.7.18", ProgramKind.PYTHON),
        ("pypy3", ProgramKind.PYTHON),
        ("pythonic-tool", ProgramKind.OTHER),
        ("bash", ProgramKind.LAUNCHER),
        ("uv", ProgramKind.LAUNCHER),
        ("Rscript", ProgramKind.OTHER),
    ],
)
def test_kinds(name: str, kind: ProgramKind):
    assert kind_of(name) is kind


def test_only_programs_end_with_a_word():
    forks = program(10, parents={11: 10}, ended={10})
    assert unfinished([forks, program(12, 10), program(13, 10, implementation="pypy")]) == {12}


def test_doings_are_put_down_to_the_script_that_began_them():
    programs = [
        program(10, entry="dvc"),
        program(11, 10, "src/train.py"),
        program(12, 11, "-c"),
        program(13, 12, "-m joblib.externals.loky.backend"),
        program(14, 99, "-c"),
        program(15, 10, "-m pytest"),
    ]
    assert entries(programs) == [
        "dvc",
        "src/train.py",
        "src/train.py",
        "src/train.py",
        "-c",
        "-m pytest",
    ]


def test_a_circle_of_parents_ends():
    assert entries([program(10, 11, "-c"), program(11, 10, "-c")]) == ["-c", "-c"]
