"""Sources that cannot be parsed, or were made to hurt: each is taken, named, and costs little."""

from __future__ import annotations

import time

import pytest

from lineage.capture.code_graph.command.shell import read_shell
from lineage.capture.code_graph.graph import CodeGraph
from lineage.capture.code_graph.python.source import LARGEST_SOURCE
from lineage.capture.code_graph.values import StageToFollow

from .repository import Repository, found, unseen

RUN = "python run.py"
SIBLINGS = {"a.py": "", "b.py": ""}


def test_a_syntax_error_is_named_with_its_line_and_the_imports_are_taken() -> None:
    files = {"run.py": "import a\n\ndef f(:\n    from b import (\n        x,\n    )\n", **SIBLINGS}
    assert found(files, RUN) == {*files}
    [(where, kind, text)] = unseen(files, RUN)
    assert (where, kind) == ("run.py:3", "unreadable")
    assert text.startswith("not valid Python")


def test_python_2_is_named_and_its_imports_are_taken_as_python_2_had_them() -> None:
    files = {
        "run.py": "import p.m\nprint 'x'\n",
        "p/__init__.py": "",
        "p/m.py": "import beside\nexec 'x'\n",
        "p/beside.py": "",
    }
    assert found(files, RUN) == {*files}
    assert [where for where, _, _ in unseen(files, RUN)] == ["p/m.py:2", "run.py:2"]


ENCODINGS = {
    "latin-1": "# -*- coding: latin-1 -*-\n# é\nimport a".encode("latin-1"),
    "second line": "#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n# €\nimport a".encode(
        "cp1252"
    ),
    "shift-jis": "# coding: shift_jis\nx = 'ソ'\nimport a".encode("shift_jis"),
    "a byte order mark": b"\xef\xbb\xbfimport a",
    "utf-8 names": "import a\ndéjà = 1".encode(),
    "form feed": b"\x0cimport a",
    "carriage returns": b"import a\rimport b\r",
    "windows lines": b"x = 1\r\nimport a\r\n",
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_source_is_read_in_its_own_encoding(name: str) -> None:
    files = {"run.py": ENCODINGS[name], "a.py": ""}
    assert found(files, RUN) == {*files}
    assert not unseen(files, RUN)


UNREADABLE = {
    "an unknown encoding": b"# coding: no-such\nimport a",
    "a codec that is none of text": b"# coding: hex\nimport a",
    "bytes of another encoding": b"import a\nx = '\xe9'",
    "null bytes": b"import a\n\0",
    "parentheses": b"import a\nx = " + b"(" * 100_000,
    "brackets": b"import a\nx = " + b"[" * 50_000 + b"]" * 50_000,
    "minus signs": b"import a\nx = " + b"-" * 500_000 + b"1",
    "attributes": b"import a\nx" + b".y" * 200_000,
    "sums": b"import a\nx = 1" + b"+1" * 200_000,
    "not": b"import a\n" + b"not " * 100_000 + b"x",
    "lambdas": b"import a\n" + b"lambda:" * 50_000 + b"1",
    "elif": b"import a\nif x: pass\n" + b"elif x: pass\n" * 30_000,
    "blocks": b"import a\n" + b"".join(b" " * n + b"if x:\n" for n in range(1000)),
    "a string without end": b"import a\nx = '''" + b"y\n" * 100_000,
    "words": b"import a\n" + b"def class import ) ( : = from\n" * 30_000,
    "dots": b"import a\nimport x" + b".b" * 250_000,
    "formatted strings": b"import a\nx = f'" + b"{a}" * 150_000 + b"'",
    "a template": b"import a\n" + b"{% for x in y %}\nimport {{ x }}\n" * 20_000,
    "from": b"import a\n" + b"from " * 150_000,
    "import and a parenthesis": b"import a\n" + b"from x import (\n" * 30_000,
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_parsed_is_named_in_bounded_time(name: str) -> None:
    files = {"run.py": UNREADABLE[name], "a.py": ""}
    start = time.process_time()
    assert found(files, RUN) == {*files}
    assert [kind for _, kind, _ in unseen(files, RUN)] == ["unreadable"]
    assert time.process_time() - start < 10


COSTLY = {
    "imports": b"import a\n" + b"import x\n" * 30_000,
    "names": b"from a import " + b",".join(b"n%d" % n for n in range(80_000)),
    "levels": b"import a\nfrom " + b"." * 500_000 + b" import x",
    "computed imports": b"import a\n" + b"__import__(x)\n" * 15_000,
    "texts with computed imports": b"import a\n__import__(x)\n" + b"'a.b'\n" * 30_000,
    "nested texts": b"import a\nexec('exec(\"exec(x)\")')\n" * 2_000,
    "folders": b"import a, sys\n" + b"".join(b"sys.path.append('%d')\n" % n for n in range(10_000)),
    "names that stand for each other": b"import a, sys\n"
    + b"".join(b"n%d = n%d + n%d\n" % (n, n + 1, n + 1) for n in range(10_000))
    + b"sys.path.append(n0)\n",
    "commands": b"import a, os\n" + b"os.system('python a.py')\n" * 10_000,
    "joined paths": b"import a, sys\nP = '"
    + b"x" * 4000
    + b"'\nsys.path.append("
    + b"P + " * 500
    + b"P)",
}


@pytest.mark.parametrize("name", COSTLY)
def test_a_source_that_says_much_costs_little(name: str) -> None:
    assert len(COSTLY[name]) <= LARGEST_SOURCE
    files = {"run.py": COSTLY[name], "a.py": ""}
    start = time.process_time()
    assert found(files, RUN) == {*files}
    assert time.process_time() - start < 20


def test_a_generated_file_is_taken_and_not_parsed() -> None:
    files = {"run.py": "import data", "data.py": b"x = [\n" + b"1,\n" * 17_000_000 + b"]\n"}
    start = time.process_time()
    assert found(files, RUN) == {*files}
    [(where, kind, text)] = unseen(files, RUN)
    assert (where, kind) == ("data.py", "too large")
    assert text == "its 51,000,008 bytes are too many to read it for imports"
    assert time.process_time() - start < 5


SHELL = {
    "quotes": "'" * 99_999,
    "double quotes": '"' * 99_999,
    "substitutions": "$(" * 100_000,
    "closed substitutions": "$(" * 20_000 + ")" * 20_000,
    "backticks": "`" * 99_999,
    "braces": "${" * 100_000,
    "parentheses": "(" * 30_000 + ")" * 30_000,
    "backslashes": "\\" * 60_001,
    "here-documents": "cat <<A <<B <<C\n" * 6_000,
    "redirections": "> < >> " * 30_000,
    "semicolons": ";&|\n" * 20_000,
    "hashes": "# x\n" * 20_000,
    "assignments": "A=$A$A " * 10_000,
    "null": "\0" * 10_000,
}


@pytest.mark.parametrize("name", SHELL)
def test_a_command_made_to_hurt_costs_little(name: str) -> None:
    start = time.process_time()
    list(read_shell(SHELL[name]))
    found({"run.py": ""}, SHELL[name] + "\npython run.py")
    assert time.process_time() - start < 20


@pytest.mark.parametrize(
    "text",
    [
        "A=$(B)$(B)\nB=$(C)$(C)\nC=$(D)$(D)\nD=$(E)$(E)\nE=$(F)$(F)\nF="
        + "x" * 4000
        + "\ngo:\n\t$(A)",
        "go: " + "x " * 100_000 + "\n" + "x: " + "y " * 20_000,
        "A = $(A)\ngo:\n\t$(A) $(A)",
        " ".join(f"t{n}" for n in range(20_000)) + ":\n\tpython run.py",
        "go: go\n\tpython run.py",
    ],
)
def test_a_makefile_made_to_hurt_costs_little(text: str) -> None:
    start = time.process_time()
    found({"Makefile": text, "run.py": ""}, "make go")
    assert time.process_time() - start < 20


@pytest.mark.parametrize("path", ["a b.py", "ü.py", "-.py", "a'b.py", "a\nb.py", "a\\b.py", "*.py"])
def test_any_name_of_a_file_can_be_declared(path: str) -> None:
    assert found({path: "import a", "a.py": ""}, declared=[path]) == {path, "a.py"}


def test_a_name_that_is_not_utf_8_can_be_tracked() -> None:
    path = b"\xff.py".decode("utf-8", "surrogateescape")
    files = {"run.py": "import a", "a.py": "", path: ""}
    assert found(files, "python run.py *.py") == {*files}


def _makefile_of(needs: int) -> str:
    return "go: " + " ".join(f"n{n}" for n in range(needs)) + "\n\tpython run.py\n"


CUT = {
    "a pattern": ({f"d/{n}.py": "" for n in range(1_100)}, "python run.py d/*.py", "the command"),
    "a makefile": ({"Makefile": "go:\n\tpython run.py\n" + "# x\n" * 70_000}, "make", "Makefile"),
    "its targets": ({"Makefile": _makefile_of(1_100)}, "make go", "Makefile:1"),
    "what a target needs": (
        {"Makefile": _makefile_of(20_001) + "go: x\n\tpython run.py\n"},
        "make go",
        "Makefile:3",
    ),
    "a variable": (
        {
            "Makefile": "".join(f"V{n} = $(V{n + 1})\n" for n in range(20))
            + "V20 = run.py\ngo:\n\tpython $(V0)\n"
        },
        "make go",
        "Makefile:23",
    ),
    "what a variable needs": (
        {
            "Makefile": "".join(f"V{n} = $(V{n + 1})\n" for n in range(20))
            + "V20 = run.py\ngo: $(V0)\n"
        },
        "make go",
        "Makefile:22",
    ),
    "names of a lazy package": (
        {
            "run.py": "import p",
            "p/__init__.py": "import lazy_loader as lazy\nlazy.attach(__name__, [\n"
            + "".join(f"'n{n}',\n" for n in range(600))
            + "])\n",
            "p/n1.py": "",
        },
        "python run.py",
        "p/__init__.py:503",
    ),
}


@pytest.mark.parametrize("name", CUT)
def test_where_reading_ends_is_named(name: str) -> None:
    files, command, place = CUT[name]
    named = unseen({"run.py": "", **files}, command)
    assert place in [where for where, kind, _ in named if kind == "too large"]


GONE = {
    "run.sh": "bash run.sh",
    "Makefile": "make",
    "c.yaml": "python run.py c.yaml",
    "run": "./run",
}


@pytest.mark.parametrize("path", GONE)
def test_a_file_that_a_command_names_and_that_is_not_there_is_named(path: str) -> None:
    repository = Repository({"run.py": ""}, gone=[path])
    [one] = CodeGraph(repository).follow(StageToFollow((GONE[path],))).unseen
    assert (str(one.place), one.kind.value) == (path, "missing")
