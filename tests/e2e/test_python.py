"""The functions of the package, as a script and a notebook call them."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import lineage
from lineage.connection import connect

from ..conftest import BIN, ENVIRONMENT, FILE_AND_SERVER
from ..support import LONG
from ..support.signing import KEY

ROOT = Path(__file__).parents[2]
PYRIGHT = "basedpyright@1.40.2"
"""Pyright in a wheel that brings its Node.js, 60 MB: fetched for the one test, and kept by uv."""
FUNCTIONS = [name for name in lineage.__all__ if name[0].islower()]


@FILE_AND_SERVER
def test_a_notebook_goes_its_way(project):
    """The same, and with the same types, on a file and on a server."""
    done = project.command("python", str(ROOT / "tests/typing/notebook.py"))
    assert done.code == 0, done.err


@pytest.mark.skipif(not LONG, reason="fetches a type checker: LINEAGE_LONG_TESTS=1")
def test_pyright_reads_the_types_as_mypy_does(tmp_path):
    """On the package as it is installed; `make lint` lets mypy read the same script."""
    shutil.copy(ROOT / "tests/typing/notebook.py", tmp_path)
    shutil.copytree(ROOT / "lineage", tmp_path / "site/lineage")
    for name in ("cli", "api", "migrations"):
        shutil.copytree(ROOT / name, tmp_path / "site/lineage" / name)
    settings = {"include": ["notebook.py"], "extraPaths": ["site"], "typeCheckingMode": "strict"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [BIN / "uv", "tool", "run", PYRIGHT, "--pythonpath", sys.executable], cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_of_the_page_run(project, monkeypatch):
    monkeypatch.chdir(project.path)
    pem = KEY.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for name, value in {**ENVIRONMENT, "LINEAGE_SIGNING_KEY": pem}.items():
        monkeypatch.setenv(name, value)
    text = (ROOT / "docs/reference/python.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        exec(compile(block, "python.md", "exec"), names)
    assert names["decision"]


def test_the_page_names_what_is_there():
    """`make docs` writes what their docstrings say; here is only asked whether they are there."""
    text = (ROOT / "docs/reference/python.md").read_text(encoding="utf-8")
    named = re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    for name in named:
        module, _, last = name.rpartition(".")
        assert hasattr(importlib.import_module(module), last), name
    homes = {getattr(lineage, name).__module__ for name in FUNCTIONS if name != "connect"}
    assert homes <= {*named}


def test_what_the_package_offers_is_listed_and_is_there():
    assert dir(lineage) == sorted(lineage.__all__)
    for name in FUNCTIONS:
        function = getattr(lineage, name)
        assert inspect.isfunction(function), name
        assert function.__name__ == name
        assert function.__doc__
    with pytest.raises(AttributeError):
        lineage.nothing  # noqa: B018


@pytest.mark.parametrize(
    "first",
    ["import lineage.guard.decision, lineage.export.formats, lineage.attest.keys",
     "from lineage import attest, export, guard", "import lineage.registry"],
)  # fmt: skip
def test_a_function_is_found_whatever_chapter_of_its_name_was_loaded_before(first):
    code = (
        f"{first}; import sys, lineage; from lineage.guard.decision import Decision\n"
        "from lineage.attest.keys import LARGEST; from lineage.export.formats import FORMATS\n"
        "for name in ('attest', 'export', 'guard'):\n"
        "    function = getattr(lineage, name)\n"
        "    assert callable(function) and function.__name__ == name\n"
        "    assert sys.modules[f'lineage.{name}'].__path__"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


@FILE_AND_SERVER
def test_a_connection_shows_the_verbs_and_nothing_else(project):
    url = project.env.get("LINEAGE_REGISTRY", f"sqlite:///{project.path}/.lineage/registry.db")
    with connect(url) as registry:
        names = dir(registry)
        assert {"models", "versions", "show", "history", "guard", "promote", "close"} <= set(names)
        assert not [name for name in names if name.startswith("_")]
        assert not {"transaction", "authenticate", "kept_answer", "token_secrets"} & set(names)
        assert repr(registry).endswith(f"{url}>")
        moved = registry.release(
            "production", project_pipeline(project, registry), "churn@1", actor="t"
        )
        assert [step.serving_after for step in moved.steps] == ["churn@1"]


def project_pipeline(project, registry):
    """The pipeline of churn@1, which passed with it."""
    from lineage.contract.results import NamedPipeline

    project.ok("register", "churn")
    project.ok("validate", "churn@1")
    return NamedPipeline("churn", registry.pipeline_of("churn@1").version.xxh3)
