"""Which files an import brings in: as Python's own finders would, without running anything."""

from __future__ import annotations

import time

import pytest

from lineage.capture.code_graph.graph import CodeGraph
from lineage.capture.code_graph.values import Place, StageToFollow

from .repository import Link, Repository, Submodule, follow, found, unseen

RUN = "python src/run.py"


def imported(source: str | bytes, files: dict[str, str], *cmd: str) -> set[str]:
    """The files that ``src/run.py`` brings in."""
    return found({"src/run.py": source, **files}, *(cmd or (RUN,))) - {"src/run.py"}


PACKAGE = {"src/p/__init__.py": "", "src/p/a.py": "", "src/p/q/__init__.py": "", "src/p/q/b.py": ""}
IN_PACKAGE = {f"src/p/{name}" for name in ("__init__.py", "a.py", "q/__init__.py", "q/b.py")}

SOURCES = {
    "import": ("import p.a", {"src/p/__init__.py", "src/p/a.py"}),
    "import of a package": ("import p", {"src/p/__init__.py"}),
    "import under another name": ("import p.q.b as b", IN_PACKAGE - {"src/p/a.py"}),
    "a submodule by from": ("from p import a", {"src/p/__init__.py", "src/p/a.py"}),
    "a name of a module": ("from p.a import x", {"src/p/__init__.py", "src/p/a.py"}),
    "several names": ("from p import (a,\n  q)", IN_PACKAGE - {"src/p/q/b.py"}),
    "in a function": ("def f():\n  import p.a", {"src/p/__init__.py", "src/p/a.py"}),
    "in a class": ("class C:\n  import p.a", {"src/p/__init__.py", "src/p/a.py"}),
    "in try": ("try:\n  import p.a\nexcept ImportError: pass", {"src/p/__init__.py", "src/p/a.py"}),
    "in except": ("try: pass\nexcept E:\n  import p.a", {"src/p/__init__.py", "src/p/a.py"}),
    "in finally": ("try: pass\nfinally:\n  import p.a", {"src/p/__init__.py", "src/p/a.py"}),
    "in with": ("with x:\n  import p.a", {"src/p/__init__.py", "src/p/a.py"}),
    "in match": ("match x:\n  case 1:\n    import p.a", {"src/p/__init__.py", "src/p/a.py"}),
    "in a loop": ("for i in x: pass\nelse:\n  import p.a", {"src/p/__init__.py", "src/p/a.py"}),
    "behind a semicolon": ("x = 1; import p.a", {"src/p/__init__.py", "src/p/a.py"}),
    "import_module": (
        "import importlib\nimportlib.import_module('p.a')",
        {"src/p/__init__.py", "src/p/a.py"},
    ),
    "import_module under another name": (
        "from importlib import import_module as im\nim(name='p.a')",
        {"src/p/__init__.py", "src/p/a.py"},
    ),
    "import_module with a package": (
        "import importlib\nimportlib.import_module('..a', package='p.q')",
        {"src/p/__init__.py", "src/p/a.py"},
    ),
    "import_module of a table": (
        "import importlib\nT = {'x': 'p.a'}\nimportlib.import_module(T[k])",
        {"src/p/__init__.py", "src/p/a.py"},
    ),
    "__import__": ("__import__('p.a')", {"src/p/__init__.py", "src/p/a.py"}),
    "run_module": (
        "import runpy\nrunpy.run_module('p.a')",
        {"src/p/__init__.py", "src/p/a.py"},
    ),
    "exec of a text": ("exec('import p.a')", {"src/p/__init__.py", "src/p/a.py"}),
    "locate": ("import pydoc\npydoc.locate('p.a.Class.x')", {"src/p/__init__.py", "src/p/a.py"}),
    "a string": ("'import p.a'", set()),
    "a docstring": ('"""\nimport p.a\n"""', set()),
    "a comment": ("# import p.a", set()),
    "another package": ("import numpy, os.path\nfrom sklearn import svm", set()),
    "the longest prefix only": ("import p.a.nothing", {"src/p/__init__.py", "src/p/a.py"}),
}


@pytest.mark.parametrize("name", SOURCES)
def test_an_import_brings_in_the_files_that_python_would_read(name: str) -> None:
    source, expected = SOURCES[name]
    assert imported(source, PACKAGE) == expected


TYPE_CHECKING = {
    "from typing": ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import a", False),
    "typing itself": ("import typing\nif typing.TYPE_CHECKING:\n  import a", False),
    "typing under another name": ("import typing as t\nif t.TYPE_CHECKING:\n  import a", False),
    "under another name": ("from typing import TYPE_CHECKING as T\nif T:\n  import a", False),
    "set to False": ("TYPE_CHECKING = False\nif TYPE_CHECKING:\n  import a", False),
    "with and": ("from typing import TYPE_CHECKING\nif TYPE_CHECKING and x:\n  import a", False),
    "a call under it": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  __import__('a')",
        False,
    ),
    "its else": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING: pass\nelse:\n  import a",
        True,
    ),
    "not it": ("from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n  import a", True),
    "with or": ("from typing import TYPE_CHECKING\nif TYPE_CHECKING or x:\n  import a", True),
    "set to True": ("TYPE_CHECKING = True\nif TYPE_CHECKING:\n  import a", True),
    "from elsewhere": ("from settings import TYPE_CHECKING\nif TYPE_CHECKING:\n  import a", True),
    "of another module": ("import settings\nif settings.TYPE_CHECKING:\n  import a", True),
    "a parameter": ("def f(TYPE_CHECKING):\n  if TYPE_CHECKING:\n    import a", True),
    "a walrus": ("(TYPE_CHECKING := 1)\nif TYPE_CHECKING:\n  import a", True),
    "a loop's name": ("for TYPE_CHECKING in [1]:\n  if TYPE_CHECKING:\n    import a", True),
    "a with's name": ("with x as TYPE_CHECKING:\n  if TYPE_CHECKING:\n    import a", True),
}


@pytest.mark.parametrize("name", TYPE_CHECKING)
def test_what_only_a_type_checker_reads_is_left_out(name: str) -> None:
    source, runs = TYPE_CHECKING[name]
    assert imported(source, {"src/a.py": ""}) == ({"src/a.py"} if runs else set())


def test_imports_are_followed_through_cycles() -> None:
    files = {"src/a.py": "import b", "src/b.py": "import a\nimport run", "src/c.py": ""}
    assert imported("import a", files) == {"src/a.py", "src/b.py"}


def test_the_way_of_a_file_is_told() -> None:
    files = {
        "src/run.py": "import os\n\nfrom common import scaling\n",
        "src/common/__init__.py": "",
        "src/common/scaling.py": "import math\nfrom . import units",
        "src/common/units.py": "",
    }
    code = follow(files, RUN)
    assert code.why("src/common/units.py") == (
        "src/common/units.py ← src/common/scaling.py:2 ← src/run.py:3 ← the command"
    )
    assert code.way("src/common/scaling.py") == (Place("src/run.py", 3), Place(None))


def test_a_declared_file_is_where_its_imports_come_from() -> None:
    files = {"src/a.py": "import b", "src/b.py": ""}
    assert (
        follow(files, declared=["src/a.py"]).why("src/b.py") == "src/b.py ← src/a.py:1 ← declared"
    )


RELATIVE = {
    "a sibling": ("from . import a", {"src/p/a.py"}),
    "a sibling's name": ("from .a import x", {"src/p/a.py"}),
    "above": ("from .. import c", {"src/c.py", "src/__init__.py"}),
    "above and down": (
        "from ..r.d import x",
        {"src/__init__.py", "src/r/__init__.py", "src/r/d.py"},
    ),
    "by import_module": (
        "import importlib\nimportlib.import_module('.a', __package__)",
        {"src/p/a.py"},
    ),
}


@pytest.mark.parametrize("name", RELATIVE)
def test_relative_imports_start_at_their_own_folder(name: str) -> None:
    source, expected = RELATIVE[name]
    files = {
        "src/__init__.py": "",
        "src/p/__init__.py": "",
        "src/p/m.py": source,
        "src/p/a.py": "",
        "src/c.py": "",
        "src/r/__init__.py": "",
        "src/r/d.py": "",
    }
    code = follow(files, "python -m src.p.m")
    passed = {"src/__init__.py", "src/p/__init__.py", "src/p/m.py"}
    assert set(code.files) == passed | expected
    assert not code.unseen


def test_a_relative_import_beyond_the_top_is_named() -> None:
    assert unseen({"run.py": "from ... import x"}, "python run.py") == [
        ("run.py:1", "missing", "... is beyond the top")
    ]


def test_a_package_wins_over_a_module_of_its_name() -> None:
    assert imported("import a", {"src/a.py": "", "src/a/__init__.py": ""}) == {"src/a/__init__.py"}


def test_a_module_wins_over_a_folder_of_its_name() -> None:
    assert imported("import a", {"src/a.py": "", "src/a/b.py": ""}) == {"src/a.py"}


def test_folders_without_init_are_one_package() -> None:
    files = {"src/space/a.py": "", "space/b.py": ""}
    assert imported("import space.a\nfrom space import b", files) == {
        "src/space/a.py",
        "space/b.py",
    }


def test_names_are_told_apart_by_case() -> None:
    files = {"src/Common.py": "", "src/common.py": ""}
    assert imported("import common", files) == {"src/common.py"}
    assert imported("import COMMON", files) == set()


def test_a_script_sees_the_modules_beside_it_before_others() -> None:
    files = {"a/run.py": "import u", "a/u.py": "", "b/run.py": "import u", "b/u.py": "", "u.py": ""}
    assert found(files, "python a/run.py") == {"a/run.py", "a/u.py"}
    assert found(files, "python a/run.py && python b/run.py") == {*files} - {"u.py"}


def test_all_assumed_folders_are_searched() -> None:
    files = {"scripts/run.py": "import u", "u.py": "", "src/u.py": ""}
    assert found(files, "python scripts/run.py") == {*files}


def test_a_star_takes_the_modules_that_the_package_lists() -> None:
    files = {"src/p/__init__.py": "__all__ = ['a', 'NAME']", "src/p/a.py": "", "src/p/b.py": ""}
    assert imported("from p import *", files) == {"src/p/__init__.py", "src/p/a.py"}
    assert imported("import p", files) == {"src/p/__init__.py"}


def test_a_computed_list_of_names_is_named() -> None:
    files = {"src/run.py": "from p import *", "src/p/__init__.py": "__all__ = [x for x in y]"}
    text = "from … import *: the __all__ of src/p/__init__.py is computed"
    assert unseen(files, RUN) == [("src/run.py:1", "computed import", text)]


LAZY = {
    "a table": "_HOMES = {'A': 'p.a'}\ndef __getattr__(n):\n  return import_module(_HOMES[n])",
    "relative texts": "_N = {'A': '.a'}\ndef __getattr__(n):\n  return import_module(_N[n], __name__)",
    "imports inside": "def __getattr__(n):\n  if n == 'A':\n    from .a import A\n    return A",
    "names of modules": "_N = ['a']\ndef __getattr__(n):\n  return import_module(f'.{n}', __name__)",
    "lazy_loader": "import lazy_loader as lazy\nlazy.attach(__name__, submod_attrs={'a': ['A']})",
}


@pytest.mark.parametrize("name", LAZY)
def test_a_package_that_reexports_lazily_brings_in_what_its_texts_name(name: str) -> None:
    init = f"from importlib import import_module\n{LAZY[name]}"
    files = {"src/p/__init__.py": init, "src/p/a.py": "", "src/p/other.py": ""}
    assert imported("from p import A", files) == {"src/p/__init__.py", "src/p/a.py"}


def test_what_a_lazy_package_computes_is_named() -> None:
    init = "from importlib import import_module\ndef __getattr__(n):\n  return import_module(n)"
    files = {"src/run.py": "import p", "src/p/__init__.py": init}
    assert unseen(files, RUN) == [
        ("src/p/__init__.py:3", "computed import", "return import_module(n)")
    ]


MISSING = {
    "a module of a package": ("import p.gone", "git tracks no module p.gone"),
    "a name of it": ("from p.gone import x", "git tracks no module p.gone"),
    "a module beside": ("from .gone import x", "git tracks no module gone"),
    "a name that an empty package cannot have": (
        "from p import gone",
        "git tracks no module gone, and src/p/__init__.py is empty",
    ),
}


@pytest.mark.parametrize("name", MISSING)
def test_a_deleted_module_that_is_still_imported_is_named(name: str) -> None:
    source, text = MISSING[name]
    files = {"src/run.py": source, "src/p/__init__.py": "'a docstring'"}
    assert unseen(files, RUN) == [("src/run.py:1", "missing", text)]


@pytest.mark.parametrize(
    "source",
    [
        "try:\n  import p.gone\nexcept ImportError: pass",
        "try:\n  from p import gone\nexcept (KeyError, ModuleNotFoundError): pass",
        "from contextlib import suppress\nwith suppress(ImportError):\n  import p.gone",
        "try:\n  import p.gone\nexcept: pass",
    ],
)
def test_an_import_that_may_fail_is_not_named(source: str) -> None:
    assert not unseen({"src/run.py": source, "src/p/__init__.py": ""}, RUN)


def test_stub_files_and_tests_stay_out() -> None:
    files = {"src/a.py": "", "src/a.pyi": "import b", "src/b.py": "", "tests/test_a.py": "import a"}
    assert imported("import a", files) == {"src/a.py"}


def test_a_compiled_module_is_taken_and_named() -> None:
    files = {"src/run.py": "import fast", "src/fast.cpython-311-x86_64-linux-gnu.so": b"\x7fELF\0"}
    assert found(files, RUN) == {*files}
    assert unseen(files, RUN)[0][1] == "binary"


def test_a_module_and_its_build_are_both_taken() -> None:
    files = {"src/run.py": "import fast", "src/fast.py": "", "src/fast.abi3.so": b"\0"}
    assert found(files, RUN) == {*files}


def test_a_file_that_a_stage_makes_stays_an_input() -> None:
    files = {"src/run.py": "import made", "src/made.py": ""}
    assert found(files, RUN, made=["src/made.py"]) == {"src/run.py"}
    assert unseen(files, RUN, made=["src/made.py"]) == [
        ("src/run.py:1", "made by a stage", "src/made.py")
    ]
    assert not unseen(files, RUN, made=["src/made.py"], inputs=("src/made.py",))


def test_a_made_file_that_git_does_not_track_is_named() -> None:
    files = {"src/run.py": "import made"}
    assert unseen(files, RUN, made=["src/made.py"]) == [
        ("src/run.py:1", "made by a stage", "src/made.py")
    ]


def test_code_counts_where_it_lies_behind_a_link() -> None:
    files = {
        "shared/src/run.py": "import a\nfrom . import b",
        "shared/src/a.py": "",
        "shared/src/b.py": "",
        "src": Link("shared/src"),
        "src2": Link("src"),
    }
    expected = {path for path in files if path.startswith("shared/")}
    assert found(files, "python src/run.py") == expected
    assert found(files, "python src2/run.py") == expected


def test_a_linked_package_is_followed() -> None:
    files = {"run.py": "import p.a", "p": Link("lib/p"), "lib/p/__init__.py": "", "lib/p/a.py": ""}
    assert found(files, "python run.py") == {"run.py", "lib/p/__init__.py", "lib/p/a.py"}


@pytest.mark.parametrize("target", ["/opt/shared", "../../elsewhere"])
def test_a_link_out_of_the_repository_is_named(target: str) -> None:
    files = {"run.py": "import p.a", "p": Link(target)}
    assert found(files, "python run.py") == {"run.py"}
    assert [kind for _, kind, _ in unseen(files, "python run.py")] == ["outside the repository"]


def test_links_in_a_circle_lead_nowhere() -> None:
    files = {"run.py": "import a.b", "a": Link("b"), "b": Link("a"), "c": Link("c/c")}
    assert found(files, "python run.py a/x c/y") == {"run.py"}


def test_a_submodule_is_taken_as_its_commit() -> None:
    files = {"run.py": "import lib.a", "lib": Submodule("0" * 40)}
    assert found(files, "python run.py") == {"run.py", "lib"}
    assert unseen(files, "python run.py") == [
        ("lib", "submodule", "what its code imports is not read")
    ]


def test_a_tracked_file_that_is_not_there_is_named() -> None:
    graph = CodeGraph(Repository({"run.py": "import a"}, gone=["a.py"]))
    code = graph.follow(StageToFollow(("python run.py",)))
    assert set(code.files) == {"run.py", "a.py"}
    assert [one.kind.value for one in code.unseen] == ["missing"]


def test_an_untracked_module_is_taken() -> None:
    graph = CodeGraph(Repository({"run.py": "import a"}, untracked={"a.py": "", "data.csv": ""}))
    assert set(graph.follow(StageToFollow(("python run.py data.csv",))).files) == {"run.py", "a.py"}


def test_a_declared_file_may_be_run_by_something_unseen() -> None:
    files = {"jobs/run.py": "import helper", "jobs/helper.py": ""}
    assert found(files, "docker run image", declared=["jobs/run.py"]) == {*files}


def test_a_declared_file_is_read_once_its_script_says_where_to_search() -> None:
    files = {"jobs/run.py": "", "jobs/helper.py": "", "lib/x.py": "import helper"}
    assert found(files, "python jobs/run.py", declared=["lib/x.py"]) == {*files}


EXPORTED = {
    "extend": "__all__ = []\n__all__.extend(['x'])",
    "append": "__all__ = []\n__all__.append('x')",
}
COMPUTED = {
    "unpacking": "(__all__, z) = (['x'], 1)",
    "an import": "from .names import __all__",
    "globals": "globals()['__all__'] = ['x']",
    "a walrus": "(__all__ := ['x'])",
    "a slice": "__all__ = []\n__all__[:] = ['x']",
    "a function": "def f():\n    global __all__\n    __all__ = ['x']\nf()",
    "insert": "__all__ = []\n__all__.insert(0, 'x')",
}


@pytest.mark.parametrize("name", [*EXPORTED, *COMPUTED])
def test_what_a_star_imports_is_followed_or_named(name: str) -> None:
    files = {
        "run.py": "from pkg import *",
        "pkg/__init__.py": (EXPORTED | COMPUTED)[name],
        "pkg/x.py": "",
        "pkg/names.py": "__all__ = ['x']",
    }
    code = follow(files, "python run.py")
    assert ("pkg/x.py" in code.files) == (name in EXPORTED)
    assert bool(code.unseen) == (name in COMPUTED)


def test_reading_the_names_of_a_star_is_no_finding() -> None:
    init = "__all__ = ['x']\n# __all__ is read\nassert len(__all__) == 1\nfor n in __all__: pass"
    files = {"run.py": "from pkg import *", "pkg/__init__.py": init, "pkg/x.py": ""}
    assert not follow(files, "python run.py").unseen


RUNS_ALL_THE_SAME = {
    "bound again": "from typing import TYPE_CHECKING\nTYPE_CHECKING = True",
    "bound in a function": "from typing import TYPE_CHECKING\ndef f():\n  global TYPE_CHECKING\n  TYPE_CHECKING = 1",
    "by its name": "from typing import TYPE_CHECKING\nglobals()['TYPE_CHECKING'] = 1",
    "imported again": "from typing import TYPE_CHECKING\nfrom cfg import TYPE_CHECKING",
}


@pytest.mark.parametrize("name", RUNS_ALL_THE_SAME)
def test_a_block_of_a_name_that_is_bound_again_runs(name: str) -> None:
    source = f"{RUNS_ALL_THE_SAME[name]}\nif TYPE_CHECKING:\n  import a"
    assert "a.py" in found({"run.py": source, "a.py": "", "cfg.py": ""}, "python run.py")


def test_a_block_of_a_name_of_typing_that_is_set_runs() -> None:
    source = "import typing\ntyping.TYPE_CHECKING = True\nif typing.TYPE_CHECKING:\n  import a"
    assert "a.py" in found({"run.py": source, "a.py": ""}, "python run.py")


def _chain(length: int) -> dict[str, str]:
    """Modules each of which adds the folder of the next one to the search path."""
    add = "import sys\nsys.path.append('d{0}')\nimport m{0}\n"
    modules = {f"d{n}/m{n}.py": add.format(n + 1) for n in range(length)}
    return {"t.py": add.format(0), **modules, f"d{length}/m{length}.py": ""}


def test_a_package_in_a_folder_that_is_added_later_hides_no_mere_folder() -> None:
    files = {
        "run.py": "import a, sys\nsys.path.insert(0, 'late')\nimport q.b",
        "a.py": "from q import b",
        "q/b.py": "",
        "late/q/__init__.py": "",
        "late/q/b.py": "",
    }
    assert found(files, "python run.py") == {*files}


@pytest.mark.parametrize("length", [12, 60])
def test_folders_that_one_module_after_the_other_adds_are_all_searched(length: int) -> None:
    files = _chain(length)
    assert found(files, "python t.py") == {*files}
    assert unseen(files, "python t.py") == []


def test_where_a_walk_through_added_folders_ends_is_named() -> None:
    files = _chain(400)
    start = time.process_time()
    held = found(files, "python t.py")
    assert time.process_time() - start < 20
    assert {"t.py", "d60/m60.py"} < held < {*files}
    [(where, kind, text)] = unseen(files, "python t.py")
    assert (where, kind) == ("t.py", "too large")
    assert text.startswith("modules are not looked for in each of the ")


def test_many_names_in_many_added_folders_cost_little_and_are_named() -> None:
    numbers = range(8_000)
    source = "import a, sys\n" + "".join(f"sys.path.append('d{n}')\nimport n{n}\n" for n in numbers)
    files = {"run.py": source, "a.py": "", **{f"d{n}/x.py": "" for n in numbers}}
    start = time.process_time()
    [(where, kind, _)] = unseen(files, "python run.py")
    assert time.process_time() - start < 20
    assert (where, kind) == ("run.py", "too large")
