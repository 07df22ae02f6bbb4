"""Whatever Python imports when drawn modules run is among the files that were followed."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from lineage.capture.code_graph.command.makefile import recipes
from lineage.capture.code_graph.command.shell import read_shell
from lineage.capture.code_graph.packaging import PACKAGING_FILES, read_layout
from lineage.capture.code_graph.python.notebook import read_notebook
from lineage.capture.code_graph.python.source import read_python
from tests.support import LONG

from .repository import follow

EXAMPLES = 200 if LONG else 20
"""Each runs a Python."""

ORACLE = """
import json, os, runpy, sys
kind, name, *folders = sys.argv[1:]
sys.argv = [name]
sys.path[0:1] = folders
sys.dont_write_bytecode = True
try:
    if kind == "script":
        runpy.run_path(name, run_name="__main__")
    else:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
except BaseException:
    pass
here = os.getcwd()
files = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
files = [os.path.realpath(f) for f in files if f]
print(json.dumps([os.path.relpath(f, here) for f in files if f.startswith(here + os.sep)]))
"""

PATHS = [
    *(
        "a.py",
        "b.py",
        "run.py",
        "p/__main__.py",
        "p/__init__.py",
        "p/a.py",
        "p/b.py",
        "p/q/__init__.py",
        "p/q/a.py",
    ),
    *("p/q/b.py", "n/a.py", "n/m/b.py", "q.py", "q/__init__.py", "q/b.py", "lib/a.py", "lib/c.py"),
    *("src/c.py", "src/p/c.py", "src/d/__init__.py", "src/d/a.py", "jobs/run.py", "jobs/b.py"),
]
NAMES = ["a", "b", "c", "p", "q", "n", "m", "d"]
MODULES = ["a", "b", "c", "q", "q.b", "p", "p.a", "p.b", "p.c", "p.q", "p.q.a", "p.q.b", "n.a"]
MODULES += ["n.m.b", "d", "d.a", "lib.a", "lib.c", "src.p.c", "src.d.a", "jobs.b"]
dotted = st.sampled_from(MODULES) | st.lists(st.sampled_from(NAMES), max_size=3, min_size=1).map(
    ".".join
)
name = st.sampled_from([*NAMES, "*", "X"])
relative = st.builds(lambda dots, rest: "." * dots + rest, st.integers(1, 3), st.just("") | dotted)
simple = st.one_of(
    st.builds("import {}".format, dotted),
    st.builds("import {} as x".format, dotted),
    st.builds("from {} import {}".format, dotted, name),
    st.builds("from {} import {}".format, relative, name),
    st.builds("__import__({!r})".format, dotted),
    st.builds("import importlib; importlib.import_module({!r})".format, dotted),
    st.builds("import importlib; importlib.import_module({!r}, __package__)".format, relative),
    st.builds("exec({!r})".format, st.builds("import {}".format, dotted)),
    st.sampled_from(
        [
            "import sys; sys.path.insert(0, 'lib')",
            "import sys; sys.path.append('src')",
            "import sys, os; sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))",
            "import sys; from pathlib import Path; sys.path.append(str(Path(__file__).parent))",
            "import runpy; runpy.run_path('lib/a.py')",
            "import runpy; runpy.run_module('p.a')",
            "X = 1",
        ]
    ),
)


def block(line: str) -> str:
    """A statement that may fail, and whose failure stops nothing."""
    return f"try:\n    {line}\nexcept Exception: pass\n"


def function(line: str) -> str:
    """A statement in a function that is called; a star is not allowed there."""
    return (
        block(line) if "*" in line else f"def f():\n    {line}\ntry: f()\nexcept Exception: pass\n"
    )


statement = st.one_of(
    simple.map(block),
    simple.map(function),
    st.builds("__all__ = {!r}\n".format, st.lists(st.sampled_from(NAMES), max_size=2)),
    st.builds(
        "def __getattr__(name):\n    from . import {}\n    raise AttributeError(name)\n".format,
        st.sampled_from(NAMES),
    ),
)
source = st.lists(statement, max_size=4).map("".join)
main = st.lists(statement, min_size=5, max_size=10).map("".join)
trees = st.dictionaries(st.sampled_from(PATHS), source, min_size=10, max_size=len(PATHS))


def imported(folder: Path, kind: str, started: str, *search: str) -> set[str]:
    """The files that Python has imported when it ends; files that run each other may never."""
    command = [sys.executable, "-S", "-B", "-c", ORACLE, kind, started, *search]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=10, check=True
        )
    except subprocess.TimeoutExpired:
        reject()
    return set(json.loads(done.stdout.splitlines()[-1]))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees, st.sampled_from(["run.py", "jobs/run.py"]), main)
def test_what_a_script_imports_is_followed(tree: dict[str, str], script: str, text: str) -> None:
    tree[script] = text
    code = follow(dict(tree), f"python {script}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch).resolve() / "repository"  # what lies beside it is nobody's
        for path, content in tree.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
        beside = str((folder / script).parent)
        assert imported(folder, "script", script, beside) <= set(code.files)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees, st.sampled_from(MODULES), st.booleans())
def test_what_a_module_imports_is_followed(
    tree: dict[str, str], module: str, python_path: bool
) -> None:
    command = f"python -m {module}"
    code = follow(dict(tree), f"PYTHONPATH=src {command}" if python_path else command)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch).resolve() / "repository"  # what lies beside it is nobody's
        for path, content in tree.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
        search = [str(folder), *([str(folder / "src")] if python_path else [])]
        assert imported(folder, "module", module, *search) <= set(code.files)


@settings(deadline=None)
@given(trees, st.randoms())
def test_the_order_of_the_files_changes_nothing(tree: dict[str, str], random: object) -> None:
    tree["run.py"] = "import a, p.q\nfrom p import *"
    shuffled = list(tree)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first = follow(dict(tree), "python run.py", declared=sorted(tree))
    second = follow({path: tree[path] for path in shuffled}, "python run.py", declared=sorted(tree))
    assert first == second
    assert [first.why(path) for path in first.files] == [second.why(path) for path in second.files]


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace")))
def test_no_bytes_break_a_reader(data: bytes) -> None:
    read_python([(0, data)])
    read_notebook(data)
    for one in PACKAGING_FILES:
        read_layout(one, data)


SHELL = st.lists(
    st.sampled_from([*"'\"`$(){}<>|&;#\\=*~ \n\t", "$(", "${", "<<A", "\nA\n", "a", "run.py", "python", "-m", "-c", "cd", "bash", "make", "env", "x=1", "eval"]),
    max_size=40,
)  # fmt: skip


@given(SHELL.map("".join))
def test_no_command_breaks_the_reader(text: str) -> None:
    list(read_shell(text))
    recipes(text, ["a"])
    code = follow({"run.py": "import a", "a.py": "", "Makefile": text}, text, text)
    assert all(path in ("run.py", "a.py", "Makefile") for path in code.files)
