"""The cache of facts: it saves time and changes no answer."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from lineage.capture.code_graph import facts_cache
from lineage.capture.code_graph.facts import Blind, Command, Facts, Import, PathUse, Spot
from lineage.capture.code_graph.facts_cache import FactsCache
from lineage.capture.code_graph.graph import CodeGraph
from lineage.capture.code_graph.values import StageCode, StageToFollow, UnseenKind

from .repository import Repository

if TYPE_CHECKING:
    from pathlib import Path

FULL = Facts(
    imports=(Import(Spot(1), "a.b", ("c", "*"), 2, guarded=True, loose=True),),
    searched=(PathUse(Spot(2, 3), "lib", beside=True),),
    runs=(PathUse(Spot(2), "x.py", beside=False),),
    loads=(PathUse(Spot(2), "y.py", beside=False),),
    commands=(Command(Spot(4), ("python", None), shell=False, folder="z", beside=True),),
    exported=None,
    lazy=(".a",),
    blind=(Blind(Spot(5), UnseenKind.COMPUTED_IMPORT, "é"),),
    hollow=True,
    broken=True,
)
FILES = {
    "run.py": "import a, sys\nexec(x)\nsys.path.append('lib')",
    "a.py": "import b",
    "lib/b.py": "",
}


def walk(cache: FactsCache | None, files: dict[str, str] = FILES) -> tuple[StageCode, list[str]]:
    repository = Repository(files)  # type: ignore[arg-type]
    repository.content_ids = lambda paths: {  # type: ignore[method-assign]
        path: f"id of {files[path]!r}" for path in paths
    }
    code = CodeGraph(repository, (), cache).follow(StageToFollow(("python run.py",)))
    return code, repository.read


def test_what_is_remembered_is_what_was_read(tmp_path: Path) -> None:
    with FactsCache(tmp_path / "cache" / "facts.db") as cache:
        cache.remember("one", "PYTHON", FULL)
        cache.remember("two", "PYTHON", Facts())
    with FactsCache(tmp_path / "cache" / "facts.db") as cache:
        assert cache.known(["one", "two", "three"], "PYTHON") == {"one": FULL, "two": Facts()}
        assert cache.known(["one"], "NOTEBOOK") == {}


def test_a_source_that_is_remembered_is_not_read(tmp_path: Path) -> None:
    answers = []
    for expected in (["a.py", "lib/b.py", "run.py"], []):
        with FactsCache(tmp_path / "facts.db") as cache:
            code, read = walk(cache)
        answers.append(code)
        assert sorted(read) == expected
    assert answers[0] == answers[1] == walk(None)[0]


def test_a_changed_source_is_read_again(tmp_path: Path) -> None:
    with FactsCache(tmp_path / "facts.db") as cache:
        walk(cache)
    with FactsCache(tmp_path / "facts.db") as cache:
        code, read = walk(cache, {**FILES, "a.py": "import c", "c.py": "new"})
    assert sorted(read) == ["a.py", "c.py"]
    assert "c.py" in code.files


def test_a_source_that_git_has_not_stored_is_never_remembered(tmp_path: Path) -> None:
    for content in ("import a", "import b"):
        repository = Repository({"a.py": "", "b.py": ""}, untracked={"run.py": content})
        with FactsCache(tmp_path / "facts.db") as cache:
            code = CodeGraph(repository, (), cache).follow(StageToFollow(("python run.py",)))
        assert set(code.files) == {"run.py", f"{content[-1]}.py"}


@pytest.mark.parametrize("damage", [b"", b"no database", b"SQLite format 3\0" + b"\xff" * 500])
def test_a_damaged_cache_changes_nothing_and_heals(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "facts.db"
    path.write_bytes(damage)
    for _ in range(2):
        with FactsCache(path) as cache:
            assert walk(cache)[0] == walk(None)[0]
    with FactsCache(path) as cache:
        assert walk(cache)[1] == []


@pytest.mark.parametrize(
    "content", ["null", "[]", '{"imports": [1]}', '{"hollow": "yes"}', "\xff", "{"]
)
def test_an_entry_of_another_form_is_read_again(tmp_path: Path, content: str) -> None:
    path = tmp_path / "facts.db"
    with FactsCache(path) as cache:
        walk(cache)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE facts SET facts = ?", (content.encode("latin-1"),))
    connection.close()
    with FactsCache(path) as cache:
        assert walk(cache)[0] == walk(None)[0]


def test_a_cache_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with FactsCache(tmp_path / "file" / "facts.db") as cache:
        assert walk(cache)[0] == walk(None)[0]


def test_another_way_of_reading_does_not_see_old_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FactsCache(tmp_path / "facts.db") as cache:
        walk(cache)
    monkeypatch.setattr(facts_cache, "_GRAMMAR", "2/3.99")
    with FactsCache(tmp_path / "facts.db") as cache:
        assert len(walk(cache)[1]) == 3


def test_a_full_cache_forgets_its_oldest_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts_cache, "MOST_ENTRIES", 20)
    monkeypatch.setattr(facts_cache, "_KEPT", 15)
    for start in (0, 10, 20):
        with FactsCache(tmp_path / "facts.db") as cache:
            for number in range(start, start + 10):
                cache.remember(f"{number}", "PYTHON", FULL)
    with FactsCache(tmp_path / "facts.db") as cache:
        kept = cache.known([f"{number}" for number in range(30)], "PYTHON")
    assert sorted(map(int, kept)) == list(range(15, 30))


def test_it_lies_in_the_users_own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with FactsCache.default() as cache:
        walk(cache)
    assert (tmp_path / "lineage-guard" / "code-facts.db").is_file()
