"""The lines that annotations point at."""

from __future__ import annotations

import pytest

from lineage.capture.project import Project
from lineage.explain.changes import _diff
from lineage.explain.locations import Places
from lineage.identity.change import ABSENT, Change, ChangeKind
from lineage.identity.digest import blake3_of

OLD = "a\nb\nc\nd\ne\nf\ng\nh\n"


@pytest.mark.parametrize(
    ("new", "line"),
    [
        ("A\nb\nc\nd\ne\nf\ng\nh\n", 1),
        ("a\nb\nc\nd\nE\nf\ng\nh\n", 5),
        ("a\nb\nc\nd\ne\nf\ng\nH\n", 8),
        ("a\nb\nnew\nc\nd\ne\nf\ng\nh\n", 3),
        ("a\nb\nc\nd\ne\nf\ng\nh\nnew\n", 9),
        ("a\nb\nd\ne\nf\ng\nh\n", 2),
        ("b\nc\nd\ne\nf\ng\nh\n", 1),
        ("a\nb\nc\nd\ne\nf\ng\n", 7),
        ("a\nX\nc\nd\ne\nf\nY\nh\n", 2),
        ("a\nb\nX\ne\nf\ng\nh\n", 3),
    ],
)
def test_the_first_changed_line_of_a_file(tmp_path, new, line):
    (tmp_path / "f.py").write_text(new)
    change = Change("s", ChangeKind.FILE, "f.py", blake3_of(OLD.encode()), blake3_of(new.encode()))
    diff = _diff("f.py", OLD.encode(), new.encode())
    places = Places(Project.find(tmp_path))
    assert places.of_change(change, [diff]) == {"path": "f.py", "line": line}


def test_no_line_where_the_checkout_holds_another_text(tmp_path):
    (tmp_path / "f.py").write_text("something else\n")
    change = Change("s", ChangeKind.FILE, "f.py", blake3_of(b"x"), blake3_of(b"y"))
    diff = _diff("f.py", OLD.encode(), OLD.replace("c", "C").encode())
    assert Places(Project.find(tmp_path)).of_change(change, [diff])["line"] is None


@pytest.mark.parametrize(
    ("change", "path", "line"),
    [
        (Change("s", ChangeKind.PARAMETER, "f.top", 1, 2), "params.yaml", 3),
        (Change("s", ChangeKind.PARAMETER, "f.gone", 1, ABSENT), "params.yaml", 2),
        (Change("s", ChangeKind.PARAMETER, "conf/p.yaml:x", 1, 2), "conf/p.yaml", 1),
        (Change("s", ChangeKind.PARAMETER, "p.toml:x", 1, 2), "p.toml", None),
        (Change("s@1", ChangeKind.COMMAND, "cmd", ["a"], ["b"]), "dvc.yaml", 2),
        (Change("t", ChangeKind.STAGE, "t", ABSENT, {}), "dvc.yaml", 4),
    ],
)
def test_parameters_and_stages_stand_where_their_key_is(tmp_path, change, path, line):
    (tmp_path / "params.yaml").write_text("# p\nf:\n  top: 1\n")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/p.yaml").write_text("x: 1\n")
    (tmp_path / "dvc.yaml").write_text("stages:\n  s:\n    cmd: b\n  t:\n    cmd: c\n")
    assert Places(Project.find(tmp_path)).of_change(change, []) == {"path": path, "line": line}
