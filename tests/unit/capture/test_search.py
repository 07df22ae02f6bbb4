"""Where modules are looked for: what packaging files say of packages."""

from __future__ import annotations

import pytest

from lineage.capture.code_graph.packaging import read_layout

from .repository import found, unseen

PACKAGING = {
    "setuptools, where": ("pyproject.toml", "[tool.setuptools.packages.find]\nwhere = ['lib']"),
    "setuptools, package-dir": ("pyproject.toml", "[tool.setuptools.package-dir]\n'' = 'lib'"),
    "setuptools, one package": ("pyproject.toml", "[tool.setuptools.package-dir]\np = 'lib/p'"),
    "poetry": ("pyproject.toml", "[[tool.poetry.packages]]\ninclude = 'p'\nfrom = 'lib'"),
    "hatch": ("pyproject.toml", "[tool.hatch.build.targets.wheel]\npackages = ['lib/p']"),
    "hatch, sources": ("pyproject.toml", "[tool.hatch.build]\nsources = ['lib']"),
    "hatch, a mapping": ("pyproject.toml", "[tool.hatch.build.sources]\n'lib/p' = 'p'"),
    "hatch, editable": ("pyproject.toml", "[tool.hatch.build]\ndev-mode-dirs = ['lib']"),
    "pdm": ("pyproject.toml", "[tool.pdm.build]\npackage-dir = 'lib'"),
    "uv": ("pyproject.toml", "[tool.uv.build-backend]\nmodule-root = 'lib'"),
    "maturin": ("pyproject.toml", "[tool.maturin]\npython-source = 'lib'"),
    "scikit-build": ("pyproject.toml", "[tool.scikit-build.wheel]\npackages = ['lib/p']"),
    "setup.cfg": ("setup.cfg", "[options]\npackage_dir =\n    = lib\npackages = find:"),
    "setup.cfg, where": ("setup.cfg", "[options.packages.find]\nwhere = lib"),
    "setup.py": ("setup.py", "from setuptools import setup\nsetup(package_dir={'': 'lib'})"),
    "setup.py, where": (
        "setup.py",
        "import setuptools\nsetuptools.setup(packages=setuptools.find_packages(where='lib'))",
    ),
}


@pytest.mark.parametrize("name", PACKAGING)
def test_packages_are_where_a_packaging_file_says(name: str) -> None:
    path, text = PACKAGING[name]
    files = {
        path: text,
        "jobs/run.py": "from p import a",
        "lib/p/__init__.py": "",
        "lib/p/a.py": "",
    }
    assert found(files, "python jobs/run.py") == {*files} - {path}


def test_a_package_may_lie_in_a_folder_of_another_name() -> None:
    files = {
        "pyproject.toml": '[tool.setuptools.package-dir]\n"top" = "top"\n"top.cli" = "cli"',
        "jobs/run.py": "from top import cli\nimport top.cli.app",
        "top/__init__.py": "",
        "cli/__init__.py": "",
        "cli/app.py": "",
    }
    assert found(files, "python jobs/run.py") == {*files} - {"pyproject.toml"}


SCRIPTS = {
    "pyproject.toml": [
        "[project.scripts]\ngo = 'p.a:main'",
        "[project.gui-scripts]\ngo = 'p.a:main'",
        "[tool.poetry.scripts]\ngo = 'p.a:main'",
        "[tool.poetry.scripts]\ngo = {reference = 'p.a:main', type = 'console'}",
    ],
    "setup.cfg": ["[options.entry_points]\nconsole_scripts =\n    go = p.a:main"],
    "setup.py": ["setup(entry_points={'console_scripts': ['go=p.a:main']})"],
}


@pytest.mark.parametrize(("path", "text"), [(p, t) for p, texts in SCRIPTS.items() for t in texts])
def test_installed_commands_are_read(path: str, text: str) -> None:
    files = {path: text, "p/__init__.py": "", "p/a.py": ""}
    assert found(files, "go") == {"p/__init__.py", "p/a.py"}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pyproject.toml", "["),
        ("pyproject.toml", "tool = 1\nproject = 2"),
        ("pyproject.toml", "[tool.setuptools]\npackages = 1\npackage-dir = [1]"),
        ("pyproject.toml", "[tool.poetry]\npackages = [1, {include = 2}]\nscripts = {a = 1}"),
        ("pyproject.toml", "[tool.hatch.build]\nsources = 1\npackages = {a = 1}\ntargets = 1"),
        ("setup.cfg", "no section"),
        ("setup.cfg", "[options]\n[options]\npackage_dir = %(x)s"),
        ("setup.py", "def f(:"),
        ("setup.py", "setup(package_dir=f(), entry_points=x)"),
        ("setup.py", "x = " + "(" * 1000),
    ],
)
def test_a_packaging_file_that_says_nothing_readable_changes_nothing(path: str, text: str) -> None:
    files = {path: text, "run.py": "import a", "a.py": ""}
    assert found(files, "python run.py") == {"run.py", "a.py"}


def test_a_packaging_file_that_is_no_text_is_not_read() -> None:
    assert read_layout("pyproject.toml", b"\xff\xfe") is None


def test_no_packaging_file_leads_out_of_the_repository() -> None:
    text = "[tool.setuptools.packages.find]\nwhere = ['../../x', '/opt']"
    files = {"pyproject.toml": text, "run.py": "import a", "a.py": ""}
    assert found(files, "python run.py") == {"run.py", "a.py"}


MONOREPO = {
    "libs/common/pyproject.toml": "",
    "libs/common/src/common/__init__.py": "",
    "libs/common/src/common/util.py": "",
    "a/pyproject.toml": "",
    "a/src/own.py": "",
    "a/train.py": "import own\nfrom common import util",
    "b/pyproject.toml": "",
    "b/src/own.py": "",
    "b/train.py": "import own",
}
COMMON = {"libs/common/src/common/__init__.py", "libs/common/src/common/util.py"}


def test_a_project_of_a_monorepo_uses_another_only_for_what_it_has_not_itself() -> None:
    assert found(MONOREPO, "python train.py", wdir="a", project="a") == {
        "a/train.py",
        "a/src/own.py",
        *COMMON,
    }
    assert found(MONOREPO, "python train.py", wdir="b") == {"b/train.py", "b/src/own.py"}
    assert found(MONOREPO, "python b/train.py") == {"b/train.py", "a/src/own.py", "b/src/own.py"}


def test_the_project_is_searched_from_a_folder_below() -> None:
    files = {"proj/jobs/run.py": "import proj_util", "proj/proj_util.py": ""}
    assert found(files, "python run.py", wdir="proj/jobs", project="proj") == {*files}
    assert not unseen(files, "python run.py", wdir="proj/jobs", project="proj")


def test_packaging_files_that_are_not_read_are_named() -> None:
    large = {"pyproject.toml": "# \n" * 400_000, "run.py": ""}
    [(where, kind, _)] = unseen(large, "python run.py")
    assert (where, kind) == ("pyproject.toml", "too large")
    many = {f"p{n:03}/setup.cfg": "" for n in range(520)}
    [(where, kind, text)] = unseen({**many, "run.py": ""}, "python run.py")
    assert (where, kind) == ("p500/setup.cfg", "too large")
    assert text == "only 500 of 520 packaging files are read"


def test_a_package_that_is_only_assumed_hides_no_folder_that_the_code_adds():
    files = {
        "jobs/run.py": "import sys\nsys.path.append('src')\nimport p.c\n",
        "p/__init__.py": "",
        "src/p/c.py": "",
    }
    assert "src/p/c.py" in found(files, "python jobs/run.py")
