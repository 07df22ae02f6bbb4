"""Code that is broken, odd or hostile: each capture ends in a documented answer, never smaller.

``docs/guides/what-runs.md`` says what each kind of unseen thing is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from lineage.capture.project import Project


class Case(NamedTuple):
    """Files beside ``run.py``, which the stage runs; what is code then, and what is unseen."""

    files: dict[str, str | bytes]
    code: set[str]
    unseen: set[tuple[str, str]] = frozenset()
    cmd: str = "python run.py"


ODD: dict[str, Case] = {
    "a syntax error": Case(
        {"run.py": "import a\ndef f(:\n", "a.py": ""}, {"run.py", "a.py"}, {("run.py:2", "unreadable")}
    ),
    "Python 2": Case(
        {"run.py": "import a\nprint 'x'\n", "a.py": ""}, {"run.py", "a.py"}, {("run.py:2", "unreadable")}
    ),
    "50 MB of generated code": Case(
        {"run.py": "import data\n", "data.py": b"x = [\n" + b"1,\n" * 17_000_000 + b"]\n"},
        {"run.py", "data.py"},
        {("data.py", "too large")},
    ),
    "an import cycle": Case(
        {"run.py": "import a", "a.py": "import b", "b.py": "import a, run"}, {"run.py", "a.py", "b.py"}
    ),
    "a module and a package of one name": Case(
        {"run.py": "import p", "p.py": "", "p/__init__.py": ""}, {"run.py", "p/__init__.py"}
    ),
    "a namespace package": Case(
        {"run.py": "import p.a, p.b", "p/a.py": "", "src/p/b.py": ""},
        {"run.py", "p/a.py", "src/p/b.py"},
    ),
    "a relative import beyond the top": Case(
        {"run.py": "import p.a", "p/a.py": "from ...x import y"},
        {"run.py", "p/a.py"},
        {("p/a.py:1", "missing")},
    ),
    "names that differ only in case": Case(
        {"run.py": "import Lib", "Lib.py": "", "lib.py": ""}, {"run.py", "Lib.py"}
    ),
    "a coding line": Case(
        {"run.py": "# -*- coding: latin-1 -*-\nx = 'é'\nimport a\n".encode("latin-1"), "a.py": ""},
        {"run.py", "a.py"},
    ),
    "bytes that no coding line explains": Case(
        {"run.py": b"import a\nx = '\xe9'\n", "a.py": ""}, {"run.py", "a.py"}, {("run.py:2", "unreadable")}
    ),
    "a package that re-exports lazily": Case(
        {
            "run.py": "from p import A",
            "p/__init__.py": "from importlib import import_module\nH = {'A': '.a'}\n"
            "def __getattr__(n):\n    return import_module(H[n], __name__)\n",
            "p/a.py": "",
        },
        {"run.py", "p/__init__.py", "p/a.py"},
    ),
    "a shell pipeline": Case(
        {"run.py": "", "a.py": "", "b.sh": "python a.py\n"},
        {"run.py", "a.py", "b.sh"},
        cmd="cat raw.csv | python run.py && bash b.sh | tee log",
    ),
    "quotes that do not close": Case(
        {"run.py": "import a", "a.py": ""},
        {"run.py", "a.py"},
        {("the command", "command")},
        cmd="python run.py 'a b",
    ),
}  # fmt: skip


def _captured(workspace: Any) -> tuple[set[str], set[tuple[str, str]]]:
    captured = Project.find(workspace.path).capture_pipeline("churn")
    again = Project.find(workspace.path).capture_pipeline("churn", "HEAD")
    assert again.version.blake3 == captured.version.blake3, "a revision gives the same answer"
    unseen = {(thing["where"], thing["what"]) for thing in captured.unseen}
    return set(captured.version.manifest.stages["a"].code), unseen


def _write(workspace: Any, files: dict[str, str | bytes], cmd: str) -> None:
    for name, content in files.items():
        path = workspace.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    words = cmd.replace("'", "''")
    workspace.write({"dvc.yaml": f"stages:\n  a:\n    cmd: '{words}'\n"})
    workspace.commit()


@pytest.mark.parametrize("name", ODD)
def test_odd_code_is_taken_and_what_is_not_followed_is_named(repository, name):
    case = ODD[name]
    _write(repository, case.files, case.cmd)
    assert _captured(repository) == (case.code, set(case.unseen))


def test_a_linked_package_counts_where_it_lies(repository):
    (repository.path / "p").symlink_to("shared/p")
    files = {"run.py": "import p.a", "shared/p/__init__.py": "", "shared/p/a.py": ""}
    _write(repository, files, "python run.py")
    assert _captured(repository) == (set(files), set())


def test_a_submodules_code_is_its_commit(repository, tmp_path_factory):
    library = type(repository)(tmp_path_factory.mktemp("library"))
    library.git("init", "--quiet")
    library.write({"lib/__init__.py": "VALUE = 1\n"})
    library.commit()
    repository.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.path), "ext"
    )
    source = "import sys\nsys.path.append('ext')\nimport lib\n"
    _write(repository, {"run.py": source}, "python run.py")
    code, unseen = _captured(repository)
    assert code == {"run.py", "ext"}
    assert unseen == {("ext", "submodule")}


def test_a_deleted_file_that_is_still_imported_is_named(repository):
    _write(repository, {"run.py": "import p.a", "p/__init__.py": "", "p/a.py": ""}, "python run.py")
    repository.git("rm", "--quiet", "p/a.py")
    repository.commit()
    assert _captured(repository) == ({"run.py", "p/__init__.py"}, {("run.py:1", "missing")})
