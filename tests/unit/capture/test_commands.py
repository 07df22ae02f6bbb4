"""What a command names."""

from __future__ import annotations

import time

import pytest

from lineage.capture.code_graph.graph import CodeGraph
from lineage.capture.code_graph.values import StageToFollow

from .repository import Repository, Submodule, follow, found, unseen

FILES = {
    "run.py": "",
    "src/run.py": "import beside",
    "src/beside.py": "",
    "src/pkg/__init__.py": "",
    "src/pkg/main.py": "",
    "src/pkg/__main__.py": "",
    "conf/run.yaml": "",
    "run.sh": "python src/run.py\n",
    "nb.ipynb": "{}",
}
SRC = {"src/run.py", "src/beside.py"}
MAIN = {"src/pkg/__init__.py", "src/pkg/main.py"}

COMMANDS = {
    "a script": ("python src/run.py --top 20", SRC),
    "python3.11": ("python3.11 -u -W ignore -X dev src/run.py", SRC),
    "a path to python": ("/usr/bin/python src/run.py", SRC),
    "a dot": ("python ./src/run.py", SRC),
    "quotes": ("python 'src/run.py' \"x y\"", SRC),
    "a module": ("cd src && python -m pkg.main", MAIN),
    "a module, close": ("cd src && python -mpkg.main", MAIN),
    "a package": ("cd src && python -m pkg", {"src/pkg/__init__.py", "src/pkg/__main__.py"}),
    "PYTHONPATH": ("PYTHONPATH=src python -m pkg.main", MAIN),
    "PYTHONPATH of env": ("env PYTHONPATH=src:$PYTHONPATH python -m pkg.main", MAIN),
    "PYTHONPATH exported": ("export PYTHONPATH=$PWD/src; python -m pkg.main", MAIN),
    "src is searched": ("python -m pkg.main", MAIN),
    "a folder": ("python src/pkg", {"src/pkg/__main__.py"}),
    "a text": ("cd src; python -c 'from pkg import main'", MAIN),
    "a here-document": ("cd src; python - <<EOF\nfrom pkg import main\nEOF\n", MAIN),
    "a here-string": ("cd src; python <<< 'import pkg.main'", MAIN),
    "its input": ("python < src/run.py", SRC),
    "uv": ("uv run --with numpy python src/run.py", SRC),
    "uv, the script": ("uv run src/run.py", SRC),
    "poetry": ("poetry run python -m src.pkg.main", MAIN),
    "conda": ("conda run -n env python src/run.py", SRC),
    "nice": ("nice -n 10 timeout 60 python src/run.py", SRC),
    "torchrun": ("torchrun --nproc_per_node 2 src/run.py", SRC),
    "coverage": ("python -m coverage run -m src.pkg.main", MAIN),
    "a pipe": ("cat x | python src/run.py | tee out", SRC),
    "and, or": ("true && python src/run.py || false", SRC),
    "a subshell": ("(cd src; python run.py); python run.py", {*SRC, "run.py"}),
    "a background": ("python src/run.py & wait", SRC),
    "if": ("if true; then python src/run.py; fi", SRC),
    "a loop": ("for f in src/run.py; do echo $f; done", SRC),
    "lines": ("cd src\npython run.py", SRC),
    "a line that goes on": ("python \\\n  src/run.py", SRC),
    "a comment": ("python run.py # src/run.py", {"run.py"}),
    "bash": ("bash run.sh", {"run.sh", *SRC}),
    "itself": ("./run.sh", {"run.sh", *SRC}),
    "source": ("source run.sh", {"run.sh", *SRC}),
    "bash -c": ("bash -ec 'python src/run.py'", SRC),
    "eval": ('eval "python src/run.py"', SRC),
    "a substitution": ("echo $(python src/run.py)", SRC),
    "backticks": ("echo `python src/run.py`", SRC),
    "a variable of its own": ("S=src/run.py; python $S", SRC),
    "a default": ("python ${S:-src/run.py}", SRC),
    "braces": ('D=src; python "${D}/run.py"', SRC),
    "a value of an option": ("prog --config=conf/run.yaml", {"conf/run.yaml"}),
    "a word": ("prog conf/run.yaml", {"conf/run.yaml"}),
    "an at sign": ("curl -d @conf/run.yaml", {"conf/run.yaml"}),
    "a pattern": ("prog conf/*.yaml", {"conf/run.yaml"}),
    "a path of Windows": ("python src\\run.py", SRC),
    "a test": ("pytest src/run.py::test_x", SRC),
    "a redirection": ("prog > conf/run.yaml", set()),
    "a redirection of errors": ("prog 2>conf/run.yaml", set()),
    "input of a program": ("psql < conf/run.yaml", {"conf/run.yaml"}),
    "names only": ("echo src/run.py", set()),
    "not a file": ("python --version", set()),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_names_files(name: str) -> None:
    command, expected = COMMANDS[name]
    code = follow(FILES, command)
    assert set(code.files) == expected
    assert not [one for one in code.unseen if one.kind.value != "unreadable"]


NAMED = {
    "quotes that do not close": ("python src/run.py 'a b", "command", SRC),
    "double quotes": ('python "src/run.py --x', "command", SRC),
    "a substitution that does not close": ("python $(cat src/run.py", "command", SRC),
    "a variable": ("python $SCRIPT", "command", set()),
    "a program": ("$PYTHON src/run.py", "command", SRC),
    "a module": ("python -m $MODULE", "computed import", set()),
    "a text": ('python -c "$CODE"', "exec or eval", set()),
    "another command's output": ("cat src/run.py | python", "exec or eval", SRC),
    "a folder": ("cd $DIR && python run.py", "command", {"run.py"}),
    "a folder elsewhere": ("cd /opt && python run.py", "command", {"run.py"}),
    "a script that is gone": ("python src/gone.py", "missing", set()),
    "a shell script that is gone": ("bash gone.sh", "missing", set()),
    "a makefile that is gone": ("make all", "missing", set()),
    "a script elsewhere": ("../train.sh", "outside the repository", set()),
    "a container": ("docker run image python src/run.py", "command", SRC),
    "a task": ("just train", "command", set()),
    "PYTHONPATH": ("PYTHONPATH=$LIB python src/run.py", "sys.path entry", SRC),
    "PYTHONPATH elsewhere": (
        "PYTHONPATH=/opt/lib python run.py",
        "outside the repository",
        {"run.py"},
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_what_a_command_leaves_open_is_named(name: str) -> None:
    command, kind, files = NAMED[name]
    code = follow(FILES, command)
    assert [one.kind.value for one in code.unseen] == [kind]
    assert [one.place.path for one in code.unseen] == [None]
    assert set(code.files) == files


def test_several_commands_run_one_after_the_other_each_from_the_start() -> None:
    assert found(FILES, "cd src", "python run.py") == {"run.py"}


def test_words_are_seen_from_where_the_stage_runs() -> None:
    assert found(FILES, "python run.py ../conf/run.yaml", wdir="src") == {*SRC, "conf/run.yaml"}


def test_parameter_files_and_dvcs_own_files_are_not_code() -> None:
    files = {**FILES, "params.yaml": "", "dvc.yaml": "", "data.csv.dvc": ""}
    command = "python run.py params.yaml dvc.yaml data.csv.dvc"
    assert found(files, command, parameters=("params.yaml",)) == {"run.py"}


def test_what_a_stage_makes_is_not_code() -> None:
    assert found(FILES, "python run.py conf/run.yaml", made=["conf"]) == {"run.py"}


def test_papermill_makes_its_second_notebook() -> None:
    files = {"in.ipynb": '{"cells": []}', "out.ipynb": '{"cells": []}'}
    assert found(files, "papermill -p a 1 in.ipynb out.ipynb") == {"in.ipynb"}


def test_scripts_are_followed_through_scripts() -> None:
    files = {
        "a.sh": 'cd "$(dirname "$0")"/sub\nsource ../env.sh\n./b.sh\n',
        "env.sh": "export PYTHONPATH=lib",
        "sub/b.sh": "bash ../a.sh\nset -e\npython run.py\n",
        "sub/run.py": "import helper",
        "sub/helper.py": "",
    }
    code = follow(files, "bash a.sh")
    assert set(code.files) == {*files}
    assert code.why("sub/helper.py").startswith(
        "sub/helper.py ← sub/run.py:1 ← sub/b.sh:3 ← a.sh:3"
    )


def test_a_script_without_a_suffix_is_read_by_its_first_line() -> None:
    files = {
        "train": "#!/usr/bin/env python3\nimport helper",
        "helper.py": "",
        "go": "#!/bin/sh -e\npython x.py",
        "x.py": "",
        "perl": "#!/usr/bin/perl\n",
        "tool": b"\x7fELF\0\0",
    }
    assert found(files, "./train") == {"train", "helper.py"}
    assert found(files, "./go") == {"go", "x.py"}
    assert unseen(files, "./perl")[0][:2] == ("perl", "other language")
    assert unseen(files, "./tool")[0][:2] == ("tool", "binary")


@pytest.mark.parametrize("path", ["plot.R", "a.jl", "x.js", "M.java", "q.scala"])
def test_other_languages_are_taken_and_named(path: str) -> None:
    files = {path: ""}
    assert found(files, f"prog {path}") == {path}
    assert unseen(files, f"prog {path}")[0][:2] == (path, "other language")
    assert unseen(files, declared=[path])[0][:2] == (path, "other language")


def test_data_in_the_repository_is_taken_and_not_named() -> None:
    files = {"run.py": "", "query.sql": "", "names.csv": "", "x.png": b"\0"}
    assert found(files, "python run.py query.sql names.csv x.png") == {*files}
    assert not unseen(files, "python run.py query.sql names.csv x.png")


def test_a_submodule_that_is_searched_is_taken() -> None:
    files = {"run.py": "", "lib": Submodule("0" * 40)}
    assert "lib" in found(files, "PYTHONPATH=lib python run.py")


MAKE = """
PY ?= python
SRC := src
all: features
features: $(SRC)/featurize.py data.csv
\t@$(PY) $(SRC)/featurize.py \\
\t  --x
train: features
\t-cd sub && $(PY) train.py
%.csv: %.py
\tpython $<
include more.mk
other:; python other.py
"""


def test_a_makefiles_targets_are_followed() -> None:
    files = {
        "Makefile": MAKE,
        "src/featurize.py": "import a",
        "src/a.py": "",
        "sub/train.py": "",
        "other.py": "",
        "data.csv": "",
    }
    rest = {"src/featurize.py", "src/a.py", "data.csv", "Makefile"}
    assert found(files, "make") == rest
    assert found(files, "make -j 4 train X=1") == {*rest, "sub/train.py"}
    assert found(files, "make other") == {"Makefile", "other.py"}
    assert follow(files, "make train").why("sub/train.py").startswith("sub/train.py ← Makefile:9")
    assert ("Makefile:12", "command", "include more.mk") in unseen(files, "make")
    assert ("Makefile", "command", "gone") in unseen(files, "make gone")


def test_a_makefile_in_another_folder_runs_there() -> None:
    files = {"sub/Makefile": "go:\n\tpython run.py", "sub/run.py": "", "run.py": ""}
    assert found(files, "make -C sub go") == {"sub/Makefile", "sub/run.py"}


def test_a_command_that_the_project_installs_is_followed() -> None:
    files = {
        "pyproject.toml": '[project.scripts]\nchurn-train = "churn.cli:main"',
        "src/churn/__init__.py": "",
        "src/churn/cli.py": "",
    }
    assert found(files, "churn-train --top 1") == {"src/churn/__init__.py", "src/churn/cli.py"}
    assert found(files, "uv run churn-train") == {"src/churn/__init__.py", "src/churn/cli.py"}


def test_the_classes_of_a_hydra_configuration_are_followed() -> None:
    config = "model:\n  _target_: models.net.Net\n  x:\n    - _target_: 'models.opt.Adam'\n"
    files = {"run.py": "", "c.yaml": config, "models/net.py": "", "models/opt.py": ""}
    code = follow(files, "python run.py --config c.yaml")
    assert set(code.files) == {*files}


TARGETS = {
    "flow style": "model: {_target_: models.Net, k: 3}",
    "at its end": "model: {k: 3, _target_: models.Net}",
    "quoted": """model: {"_target_": 'models.Net', "k": 3}""",
    "as JSON": '{"model":{"k":3,"_target_":"models.Net"}}',
    "over lines": "model: {\n  k: 3,\n  _target_: models.Net,\n}",
    "two in a line": "a: {_target_: other.A, b: {_target_: models.Net}}",
    "in a list": "a: [{_target_: models.Net}]",
    "before a comment": "_target_: models.Net # the net",
}


@pytest.mark.parametrize("name", TARGETS)
def test_a_class_is_found_however_it_is_written(name: str) -> None:
    files = {"run.py": "", "c.yaml": TARGETS[name], "models.py": ""}
    assert found(files, "python run.py c.yaml") == {*files}
    assert unseen(files, "python run.py c.yaml") == []


@pytest.mark.parametrize("value", ["${net}", "", "models.Net${x}", "&a models.Net", "a." * 600])
def test_a_class_that_is_computed_is_named_by_its_line(value: str) -> None:
    files = {"run.py": "", "c.yaml": f"a:\n  x: 1\n  b: {{_target_: {value}}}\n"}
    [(where, kind, text)] = unseen(files, "python run.py c.yaml")
    assert (where, kind) == ("c.yaml:3", "computed import")
    assert text.startswith("_target_: ")


def test_a_configuration_that_is_too_large_is_read_to_a_line_and_named() -> None:
    lines = "_target_: models.Net\n" * 60_000
    files = {"run.py": "", "c.yaml": lines, "models.py": ""}
    start = time.process_time()
    assert found(files, "python run.py c.yaml") == {*files}
    assert time.process_time() - start < 20
    [(where, kind, _)] = unseen(files, "python run.py c.yaml")
    read = (1 << 20) // len("_target_: models.Net\n")
    assert (where, kind) == (f"c.yaml:{read + 1}", "too large")
    data = "x: 1\n" * 300_000
    assert unseen({**files, "c.yaml": data}, "python run.py c.yaml") == []


def test_a_script_that_names_too_much_is_cut_and_named() -> None:
    files = {"run.sh": "python run.py\n" * 30_000, "run.py": ""}
    kinds = {kind for _, kind, _ in unseen(files, "bash run.sh")}
    assert "too large" in kinds


def test_what_is_read_of_a_repository_is_only_what_runs() -> None:
    repository = Repository({"run.py": "import a", "a.py": "", "b.py": "", "data.csv": "x"})
    CodeGraph(repository).follow(StageToFollow(("python run.py data.csv",)))
    assert sorted(set(repository.read)) == ["a.py", "run.py"]


MODULE_BEHIND_AN_OPTION = [
    "torchrun --nproc_per_node 2 -m a",
    "accelerate launch --module a --x",
    "deepspeed --module=a",
    "coverage run -m a",
    "uv run -m a",
    "python -m torch.distributed.run --module a",
    "unknown-launcher -m a",
    "py -3 -m a",
    "python3-dbg -m a",
    "python3.13t -m a",
    "venv\\Scripts\\python.exe -m a",
    "uv run --directory . python -m a",
    "poetry -C . run python -m a",
    "conda run -n python python -m a",
    "hatch run dev:python -m a",
    "bash -o pipefail -c 'python -m a'",
    "bash -euo pipefail -c 'python -m a'",
    "fish -c 'python -m a'",
    "pwsh -Command 'python -m a'",
    "cmd /c python -m a",
    "busybox sh -c 'python -m a'",
]


@pytest.mark.parametrize("command", MODULE_BEHIND_AN_OPTION)
def test_a_module_is_followed_whatever_launches_it(command: str) -> None:
    code = follow({"a.py": ""}, command)
    assert set(code.files) == {"a.py"}
    assert not code.unseen


def test_a_wrapper_that_moves_runs_its_program_there_and_what_follows_here() -> None:
    files = {"sub/a.py": "", "b.py": ""}
    assert found(files, "uv run --directory sub python a.py; python b.py") == {*files}
    assert not unseen(files, "env -C sub python a.py; python b.py")


def test_a_word_behind_m_that_is_no_module_says_nothing() -> None:
    assert follow({"a.py": ""}, 'git commit -m "$x"; grep -m 1 x; yq -m slow').unseen == ()


@pytest.mark.parametrize("runner", ["hatch", "pdm", "pixi", "pipenv", "rye"])
def test_a_task_of_a_project_is_named(runner: str) -> None:
    files = {"pyproject.toml": "", "a.py": ""}
    assert unseen(files, f"{runner} run train --x")[0][1] == "command"
    assert not unseen(files, f"{runner} run python a.py")


@pytest.mark.parametrize("command", ["train", "./.venv/bin/train", "train.exe", "nice -n 5 train"])
def test_a_console_script_is_followed_where_a_file_has_its_name(command: str) -> None:
    files = {"pyproject.toml": "[project.scripts]\ntrain = 'a:main'", "a.py": "", "train": "data"}
    assert "a.py" in found(files, command)


MAKE_VARIABLES = {
    "given": ("make t M=a", "M = b\nt:\n\tpython -m $(M)\n"),
    "at once": ("make t", "M := a\nX := $(M)\nM := b\nt:\n\tpython -m $(X)\n"),
    "added": ("make t", "M = -m\nM += a\nt:\n\tpython $(M)\n"),
    "if none": ("make t", "M = a\nM ?= b\nt:\n\tpython -m $(M)\n"),
    "exported": ("make t", "export PYTHONPATH = lib\nt:\n\tpython -m in_lib\n"),
    "all exported": ("make t", "PYTHONPATH := lib\nexport\nt:\n\tpython -m in_lib\n"),
}


@pytest.mark.parametrize("name", MAKE_VARIABLES)
def test_the_variables_of_make_are_put_in_as_make_does(name: str) -> None:
    command, makefile = MAKE_VARIABLES[name]
    files = {"Makefile": makefile, "a.py": "", "b.py": "", "lib/in_lib.py": ""}
    expected = "lib/in_lib.py" if "export" in name else "a.py"
    assert found(files, command) == {"Makefile", expected}
    assert not unseen(files, command)


@pytest.mark.parametrize(
    "command",
    [
        "trap 'python -m a' EXIT; true",
        "alias it='python -m a'; it",
        "env -S 'python -m a'",
        "set PYTHONPATH=lib&& python -m a",
    ],
)
def test_a_command_that_is_kept_in_a_word_is_read(command: str) -> None:
    files = {"lib/a.py": ""} if "lib" in command else {"a.py": ""}
    assert found(files, command) == {*files}
    assert not unseen(files, command)


@pytest.mark.parametrize("table", ["project.entry-points.console_scripts", "tool.flit.scripts"])
def test_a_console_script_is_followed_from_each_table(table: str) -> None:
    files = {"pyproject.toml": f"[{table}]\ntrain = 'a:main'", "a.py": ""}
    assert "a.py" in found(files, "train --x")


def test_folders_that_pytest_searches_are_searched() -> None:
    told = "[tool.pytest.ini_options]\npythonpath = ['code']"
    files = {"pyproject.toml": told, "run.py": "import mine", "code/mine.py": ""}
    assert found(files, "python run.py") == {"run.py", "code/mine.py"}


TESTS = {"conftest.py": "import a", "tests/conftest.py": "", "tests/test_a.py": "", "a.py": ""}


@pytest.mark.parametrize(
    "command", ["pytest tests/test_a.py", "python -m pytest tests/test_a.py::test_x -q"]
)
def test_tests_that_are_named_bring_their_conftests(command: str) -> None:
    code = follow(dict(TESTS), command)
    assert set(code.files) == set(TESTS)
    assert code.unseen == ()


@pytest.mark.parametrize(
    "command",
    ["pytest", "pytest tests", "uv run pytest -k x", "coverage run -m pytest", "python -m unittest tests.test_a"],
)  # fmt: skip
def test_a_program_that_looks_for_what_it_runs_is_named(command: str) -> None:
    (unseen,) = follow(dict(TESTS), command).unseen
    assert unseen.kind.value == "command"
    assert unseen.text.startswith("it looks for what it runs")


@pytest.mark.parametrize(
    ("command", "script"),
    [
        ("python bin/run", "import a"),
        ("bash bin/run", "python bin/a.py"),
        ("source bin/run", "python bin/a.py"),
        ("python < bin/run", "import a"),
    ],
)
def test_the_program_says_what_a_script_without_an_ending_is(command: str, script: str) -> None:
    files = {"bin/run": script, "bin/a.py": "", "a.py": ""}
    assert len(found(files, command)) == 2
