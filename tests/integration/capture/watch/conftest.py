"""A repository to run watched commands in."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from lineage.capture.watch import Observed, watch
from tests.conftest import ENVIRONMENT, Workspace

if TYPE_CHECKING:
    from pathlib import Path

Watched = Callable[..., Observed]


@pytest.fixture
def tree(repository: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A git repository with code, parameters and data, and the current folder in it."""
    repository.write(
        {
            "params.yaml": "top: 20\n",
            "data/raw.csv": "a,b\n1,2\n",
            "src/common/__init__.py": "",
            "src/common/scaling.py": "def scale(value): return value * 2\n",
            ".gitignore": "__pycache__/\n",
        }
    )
    repository.commit()
    monkeypatch.chdir(repository.path)
    for name in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return repository


@pytest.fixture
def watched(tree: Workspace) -> Watched:
    """Runs a command, or a script of so many lines, and gives what was observed of it."""

    def run(*command: str, script: str | None = None, status: int = 0) -> Observed:
        if script is not None:
            tree.write({"run.py": script})
            command = (*(command or (sys.executable,)), "run.py")
        ran, observed = watch(command, tree.path, quiet_stdout=True)
        assert ran.exit_status == observed.exit_status == status
        assert observed.failures == ()
        return observed

    return run


def inputs(observed: Observed) -> set[str]:
    """The inputs but for the script itself."""
    return {file.path for file in observed.inputs} - {"run.py"}


def written(observed: Observed) -> set[str]:
    return {file.path for file in observed.files if file.is_written}


def others(observed: Observed) -> dict[str, int]:
    """The programs that were not observed."""
    return {one.program: one.count for one in observed.unobserved}


def root_of(tree: Workspace) -> Path:
    return tree.path.resolve()
