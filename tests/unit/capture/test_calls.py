"""Code that comes in by a call: followed where its name is written out, named where it is computed."""

from __future__ import annotations

import pytest

from .repository import follow, found, unseen

RUN = "python src/run.py"
LIB = {"lib/a.py": "", "src/lib/a.py": "", "other.py": "", "src/other.py": ""}

SEARCHED = {
    "a literal from where it runs": ("import sys\nsys.path.append('lib')\nimport a", "lib/a.py"),
    "insert": ("import sys\nsys.path.insert(0, './lib')\nimport a", "lib/a.py"),
    "beside the source": (
        "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))\nimport a",
        "src/lib/a.py",
    ),
    "above the source": (
        "import os, sys\nsys.path.append(os.path.dirname(__file__) + '/../lib')\nimport a",
        "lib/a.py",
    ),
    "by abspath": (
        "import os, sys\nH = os.path.abspath(os.path.join(__file__, '..', '..', 'lib'))\n"
        "sys.path.append(H)\nimport a",
        "lib/a.py",
    ),
    "pathlib": (
        "import sys\nfrom pathlib import Path\nROOT = Path(__file__).resolve().parent.parent\n"
        "sys.path.insert(0, str(ROOT / 'lib'))\nimport a",
        "lib/a.py",
    ),
    "parents": (
        "import sys\nfrom pathlib import Path\nsys.path += [f'{Path(__file__).parents[1]}/lib']\nimport a",
        "lib/a.py",
    ),
    "joinpath": (
        "import sys, pathlib\nsys.path.append(str(pathlib.Path(__file__).parent.joinpath('lib')))\nimport a",
        "src/lib/a.py",
    ),
    "extend": ("import sys\nsys.path.extend(['lib', 'x'])\nimport a", "lib/a.py"),
    "a slice": ("import sys\nsys.path[:0] = ['lib']\nimport a", "lib/a.py"),
    "a new list": ("import sys\nsys.path = ['lib', *sys.path]\nimport a", "lib/a.py"),
    "a sum": ("import sys\nsys.path = ['lib'] + sys.path\nimport a", "lib/a.py"),
    "another name of sys": ("import sys as s\ns.path.append('lib')\nimport a", "lib/a.py"),
    "from sys": ("from sys import path\npath.append('lib')\nimport a", "lib/a.py"),
    "site": ("import site\nsite.addsitedir('lib')\nimport a", "lib/a.py"),
    "the working folder": (
        "import os, sys\nsys.path.append(os.getcwd() + '/lib')\nimport a",
        "lib/a.py",
    ),
    "after the import": ("import a\nimport sys\nsys.path.append('lib')", "lib/a.py"),
    "spaces": ("import sys\nsys . path . append('lib')\nimport a", "lib/a.py"),
}


@pytest.mark.parametrize("name", SEARCHED)
def test_a_folder_that_is_written_out_is_searched(name: str) -> None:
    source, path = SEARCHED[name]
    files = {"src/run.py": source, **LIB}
    assert path in found(files, RUN)
    assert not [one for one in unseen(files, RUN) if "'x'" not in one[2] and one[2][-2:] != " x"]


def test_a_folder_that_one_module_adds_is_searched_for_all() -> None:
    files = {
        "run.py": "import first, second",
        "first.py": "import sys\nsys.path.append('lib')\nsys.path.append('deeper')",
        "second.py": "import a",
        "lib/a.py": "import b",
        "deeper/b.py": "",
    }
    assert found(files, "python run.py") == {*files}


RUN_FILES = {
    "run_path": "import runpy\nrunpy.run_path('other.py')",
    "exec of a file": "exec(open('other.py').read())",
    "exec of a compiled file": "exec(compile(open('other.py').read(), 'x', 'exec'))",
    "exec by pathlib": "from pathlib import Path\nexec(Path('other.py').read_text())",
    "a spec": "import importlib.util\nimportlib.util.spec_from_file_location('o', 'other.py')",
    "a list": "import subprocess, sys\nsubprocess.run([sys.executable, 'other.py', '-n', str(n)])",
    "a list by name": "import subprocess\nC = ['python', 'other.py']\nsubprocess.check_call(C)",
    "a longer list": "import subprocess\nsubprocess.run(['python', 'other.py'] + args)",
    "a text": "import subprocess\nsubprocess.run('python other.py | tee x', shell=True)",
    "a text with a hole": "import os\nos.system(f'python other.py --n {n}')",
    "a sum of texts": "import os\nos.system('python other.py ' + args)",
    "split": "import subprocess\nsubprocess.run('python other.py'.split())",
    "popen": "from subprocess import Popen\nPopen(args=['python', 'other.py'])",
    "execl": "import os\nos.execl('/usr/bin/python', 'python', 'other.py')",
    "papermill": "import papermill as pm\npm.execute_notebook('other.py', 'out.ipynb')",
    "asyncio": "import asyncio\nasyncio.create_subprocess_exec('python', 'other.py')",
}


@pytest.mark.parametrize("name", RUN_FILES)
def test_a_file_that_is_run_is_followed(name: str) -> None:
    files = {"src/run.py": RUN_FILES[name], "other.py": "import deep", "deep.py": ""}
    assert found(files, RUN) == {*files}
    assert not unseen(files, RUN)


def test_a_script_beside_the_source_is_followed() -> None:
    source = (
        "import subprocess, sys\nfrom pathlib import Path\n"
        "subprocess.run([sys.executable, Path(__file__).parent / 'other.py'], cwd='/tmp')"
    )
    files = {"src/run.py": source, "src/other.py": ""}
    assert found(files, RUN) == {*files}


NAMED = {
    "import_module": ("import importlib\nimportlib.import_module(name)", "computed import"),
    "a format": ("import importlib\nimportlib.import_module(f'p.{name}')", "computed import"),
    "__import__": ("__import__(name)", "computed import"),
    "passed on": ("import importlib\nload = importlib.import_module\nload('a')", "exec or eval"),
    "exec": ("exec(text)", "exec or eval"),
    "eval": ("eval(text)", "exec or eval"),
    "exec under another name": ("run = exec\nrun(text)", "exec or eval"),
    "builtins": ("import builtins\nbuiltins.exec(text)", "exec or eval"),
    "sys.path": ("import sys, os\nsys.path.append(os.environ['LIB'])", "sys.path entry"),
    "a changed name": ("import sys\np = 'a'\np = f(p)\nsys.path.append(p)", "sys.path entry"),
    "an assignment": ("import sys\nsys.path = paths()", "sys.path entry"),
    "__path__": ("__path__.append(x)", "sys.path entry"),
    "a hook": ("import sys\nsys.meta_path.append(x)", "computed import"),
    "a command": ("import subprocess\nsubprocess.run(cmd)", "command"),
    "a script": ("import subprocess\nsubprocess.run(['python', script])", "command"),
    "a program": ("import subprocess\nsubprocess.run([exe, 'x'])", "command"),
    "torch.hub": ("import torch\ntorch.hub.load('o/r', 'm')", "computed import"),
    "a file of the system": ("exec(open('/etc/x.py').read())", "outside the repository"),
    "a home": ("import sys\nsys.path.append('~/lib')", "outside the repository"),
    "above the repository": ("import sys\nsys.path.append('../../lib')", "outside the repository"),
    "a file that is not there": ("import runpy\nrunpy.run_path('gone.py')", "missing"),
    "an unknown folder": ("import sys\nsys.path.append('gone')", "sys.path entry"),
    "a library": ("import ctypes\nctypes.CDLL(name)", "computed import"),
    "a class by a name": ("from hydra.utils import instantiate\ninstantiate(c)", "computed import"),
}


@pytest.mark.parametrize("name", NAMED)
def test_what_cannot_be_followed_is_named_with_its_line(name: str) -> None:
    source, kind = NAMED[name]
    lines = source.count("\n") + 1
    places = [(where, what) for where, what, _ in unseen({"src/run.py": source}, RUN)]
    assert len(places) == 1
    assert places[0][1] == kind
    assert places[0][0] in {f"src/run.py:{line}" for line in range(1, lines + 1)}


HARMLESS = {
    "a method called eval": "model.eval()\ndf.eval('a')",
    "a function called eval": "def eval(x): ...\neval(y)",
    "a name called eval": "eval = Evaluation()\neval.run()",
    "literal_eval": "import ast\nast.literal_eval(x)",
    "regular expressions": "import re\nre.compile(x)",
    "weights": "import joblib, pickle, torch\ntorch.load('m')\njoblib.load('m')\npickle.load(f)",
    "json": "import json\njson.load(f)",
    "a program of the system": "import subprocess\nsubprocess.run(['git', 'log', x])",
    "its path": "import subprocess\nsubprocess.run(['/usr/bin/git', 'log'])",
    "a literal import of a package": "__import__('numpy')",
    "a path that is read": "import os\nos.path.join(x, 'y')",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_brings_in_no_code_is_not_named(name: str) -> None:
    assert not unseen({"src/run.py": HARMLESS[name]}, RUN)


def test_a_line_of_many_things_is_named_once_and_a_long_list_is_cut() -> None:
    source = "exec(a); exec(b)\n" * 1000
    names = unseen({"run.py": source}, "python run.py")
    assert len(names) == 101
    assert ("run.py:100", "exec or eval", "and 900 more of its lines") in names


def test_texts_of_a_module_with_computed_imports_bring_in_the_modules_they_name() -> None:
    source = (
        "import importlib\nMODELS = {'a': ('models.a', 1)}\nimportlib.import_module(MODELS[k][0])"
    )
    files = {"run.py": source, "models/a.py": "", "models/b.py": ""}
    assert found(files, "python run.py") == {"run.py", "models/a.py"}


def test_what_run_path_runs_searches_where_its_caller_does():
    tree = {
        "run.py": "import runpy\nrunpy.run_path('lib/a.py')\n",
        "lib/a.py": "import a\n",
        "a.py": "",
    }
    assert set(follow(tree, "python run.py").files) == {"run.py", "lib/a.py", "a.py"}


FOUND_BY_CALL = {
    "find_spec": "import importlib.util as u\nu.module_from_spec(u.find_spec('other'))",
    "a star of importlib": "from importlib import *\nimport_module('other')",
    "pkgutil": "import pkgutil\npkgutil.resolve_name('other:f')",
    "__builtins__": "__builtins__.__import__('other')",
    "imp": "import imp\nimp.load_module('other', *imp.find_module('other'))",
    "a lazy module": "import lazy_loader\nlazy_loader.load('other')",
    "posix_spawn": "import os\nos.posix_spawn('python', ['python', 'other.py'], {})",
    "pty": "import pty\npty.spawn(['python', 'other.py'])",
    "popen3": "import os\nos.popen3('python other.py')",
    "anyio": "import anyio\nanyio.run_process(['python', 'other.py'])",
}


@pytest.mark.parametrize("name", FOUND_BY_CALL)
def test_what_a_call_names_is_followed(name: str) -> None:
    files = {"run.py": FOUND_BY_CALL[name], "other.py": ""}
    assert found(files, "python run.py") == {*files}


NAMED_CALLS = {
    "getattr": "import importlib\ngetattr(importlib, 'import_module')('other')",
    "getattr of builtins": "import builtins\ngetattr(builtins, '__import__')('other')",
    "an item of builtins": "__builtins__['__import__']('other')",
    "a command's alias": "import subprocess\nrun = subprocess.run\nrun(['python', 'other.py'])",
    "partial": "import functools, subprocess\nfunctools.partial(subprocess.run, ['python', 'other.py'])()",
    "plugins": "import pkgutil\nfor f, n, _ in pkgutil.iter_modules(['.']): f.find_module(n)",
    "a finder": "from importlib.machinery import PathFinder\nPathFinder.find_spec('a', ['lib'])",
    "a spec that is loaded": "import importlib.util as u\nu.module_from_spec(u.find_spec(x))",
    "an interpreter": "import code\ncode.InteractiveInterpreter().runsource(x)",
    "pytest": "import pytest\npytest.main(['tests'])",
}


@pytest.mark.parametrize("name", NAMED_CALLS)
def test_what_a_call_hides_is_named(name: str) -> None:
    assert unseen({"run.py": NAMED_CALLS[name], "other.py": ""}, "python run.py")


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess\ndef f(p: subprocess.Popen[bytes]) -> subprocess.Popen: ...",
        "import subprocess\nassert isinstance(x, subprocess.Popen)",
        "import importlib.util\ndef has(name): return importlib.util.find_spec(name) is not None",
        "import importlib.util\nGPU = importlib.util.find_spec('cupy') is not None",
        "import importlib\nimportlib.reload(x)\nimportlib.metadata.version('x')",
    ],
)
def test_what_only_asks_is_no_finding(source: str) -> None:
    assert not unseen({"run.py": source}, "python run.py")


def doubled(first: str, more: str, last: str) -> str:
    """A source in which each of sixty names says twice what the one before says."""
    lines = [f"a0 = {first}", *(f"a{n + 1} = {more.format(f'a{n}')}" for n in range(60))]
    return "\n".join(["import os, sys, subprocess, x", *lines, last, "import other"])


ENDLESS = {
    "text": doubled("'x'", "{0} + {0}", "exec(a60)"),
    "a template": doubled("'python ' + x.z", "{0} + {0}", "os.system(a60)"),
    "words": doubled("['x']", "{0} + {0}", "subprocess.run(a60)"),
    "folders": doubled("['lib']", "[*{0}, *{0}]", "sys.path = a60"),
    "text of itself": "import os, other\nc = 'x' + c\nos.system(c)",
    "words of themselves": "import subprocess, other\nc = c + ['x']\nsubprocess.run(c)",
    "folders of themselves": "import sys, other\np = [*p]\nsys.path = p",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_names_of_names_end(name: str) -> None:
    code = follow({"run.py": ENDLESS[name], "other.py": ""}, "python run.py")
    assert set(code.files) == {"run.py", "other.py"}
    assert code.unseen
