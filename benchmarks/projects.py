"""Projects with git, and DVC where they ask for it: what commands are run in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .measure import BIN, command

if TYPE_CHECKING:
    from pathlib import Path

GIT = ("git", "-c", "user.name=b", "-c", "user.email=b@example.com")


def project(folder: Path, weights: str, remote: str | Path | None = None, **modify: str) -> None:
    """A repository with one model, ``big``, and its registry; with DVC where there is a remote."""
    command("git", "init", "--quiet", cwd=folder)()
    if remote is not None:
        dvc = BIN / "dvc"
        command(dvc, "init", "--quiet", cwd=folder)()
        command(dvc, "remote", "add", "--quiet", "-d", "store", remote, cwd=folder)()
        for name, value in modify.items():
            words = ("remote", "modify", "--quiet", "store", name, value)
            command(dvc, *words, cwd=folder)()
    (folder / "pipeline.py").write_text("print(1)\n")
    if remote is None:  # else DVC says so itself
        (folder / ".gitignore").write_text(f"{weights}\n")
    (folder / "lineage.toml").write_text(
        f'[models.big]\nweights = "{weights}"\n[models.big.pipeline]\nfiles = ["pipeline.py"]\n'
    )
    command("git", "add", "--all", cwd=folder)()
    command(*GIT, "commit", "--quiet", "--message", "x", cwd=folder)()
    lineage(folder, "init")


def lineage(folder: Path, *words: str, **env: str) -> None:
    """Run a command of ours in a project."""
    command(BIN / "lineage", *words, cwd=folder, **env)()


def random_file(path: Path, size: int) -> None:
    """A file that nothing can make smaller."""
    with path.open("wb") as file:
        for _ in range(0, size, 1 << 22):
            file.write(os.urandom(min(size, 1 << 22)))
