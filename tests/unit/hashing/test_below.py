"""Reading below a folder: nothing leads out of it, and nothing is read without a bound."""

from __future__ import annotations

import os
import tracemalloc

import pytest

from lineage.hashing.below import Unfit, blake3_below, read_below
from lineage.identity.digest import blake3_of

SECRET = b"not to be read"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "secret").write_bytes(SECRET)
    top = tmp_path / "root"
    (top / "src").mkdir(parents=True)
    (top / "src/a.py").write_bytes(b"a = 1\n")
    return top


def test_a_file_and_its_digest(root):
    assert read_below(root, "src/a.py", 6) == b"a = 1\n"
    assert blake3_below(root, "src/a.py", 6) == blake3_of(b"a = 1\n")


def test_links_are_followed_below_the_folder_and_the_folder_itself_may_be_one(root, tmp_path):
    (root / "inner").symlink_to("src")
    (root / "b.py").symlink_to(root / "src/a.py")
    (tmp_path / "link").symlink_to(root)
    assert read_below(tmp_path / "link", "inner/a.py", 10) == b"a = 1\n"
    assert read_below(root, "b.py", 10) == b"a = 1\n"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("../secret", "leads out"),
        ("src/../../secret", "leads out"),
        ("/etc/passwd", "leads out"),
        ("out.py", "leads out"),
        ("far/secret", "leads out"),
        ("around.py", "cannot be read"),
        ("src", "is no file"),
        ("pipe", "is no file"),
        ("none.py", "is missing"),
        ("src/a.py/b.py", "is missing"),
        ("a\0b", "cannot be read"),
        ("x" * 5000, "cannot be read"),
    ],
)
def test_what_is_no_file_below_it_is_refused(root, path, says):
    (root / "out.py").symlink_to("../secret")
    (root / "far").symlink_to("..")
    (root / "around.py").symlink_to("around.py")
    os.mkfifo(root / "pipe")
    for read in (read_below, blake3_below):
        with pytest.raises(Unfit, match=says):
            read(root, path, 100)


def test_a_missing_folder_is_missing(tmp_path):
    with pytest.raises(Unfit, match="is missing"):
        read_below(tmp_path / "none", "a.py", 10)


def test_a_file_of_another_size_is_not_read(root):
    with (root / "huge").open("wb") as file:
        file.truncate(1 << 40)
    tracemalloc.start()
    assert blake3_below(root, "huge", 6) is None
    assert blake3_below(root, "src/a.py", 5) is None
    with pytest.raises(Unfit, match="is larger than 6 bytes"):
        read_below(root, "huge", 6)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    assert blake3_below(root, "src/a.py", 7) is None
