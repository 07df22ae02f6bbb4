"""A file is the old one or the new one, never a part of either."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from lineage.whole_file import write_whole

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_there_keeps_its_permissions_and_its_link(tmp_path: Path) -> None:
    place, link = tmp_path / "a", tmp_path / "link"
    place.write_bytes(b"old")
    place.chmod(0o640)
    link.symlink_to("a")
    write_whole(link, b"new")
    assert (place.read_bytes(), link.is_symlink()) == (b"new", True)
    assert place.stat().st_mode & 0o777 == 0o640
    write_whole(tmp_path / "b", b"", mode=0o600)
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "folder", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_two_that_write_at_once_leave_one_of_both(tmp_path: Path) -> None:
    place = tmp_path / "a"
    contents = [bytes([number]) * 100_000 for number in range(8)]
    threads = [threading.Thread(target=write_whole, args=(place, data)) for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert place.read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
