"""The wheel as a user installs it."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_gives_a_working_command_with_migrations(tmp_path):
    """The new environment finds the dependencies here, but lineage only in the wheel."""
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", tmp_path, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("lineage_guard-*.whl")
    home = tmp_path / "env"
    venv.create(home, with_pip=False)
    site = next(home.glob("lib/python*/site-packages"))
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", home / "bin/python", "install", "--quiet",
         "--no-deps", wheel],
        check=True, capture_output=True,
    )  # fmt: skip
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    work = tmp_path / "work"
    work.mkdir()
    for words in (["init"], ["db", "check"], ["env", "list"]):
        done = subprocess.run(
            [home / "bin/lineage", *words, "--json"],
            cwd=work,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    names = ("lineage", "lineage.cli", "lineage.api", "lineage.migrations")
    code = f"import {', '.join(names)}; print({', '.join(f'{n}.__file__' for n in names)})"
    where = subprocess.run(
        [home / "bin/python", "-c", code], cwd=work, capture_output=True, text=True, check=True
    ).stdout.split()
    assert all(name.startswith(str(site)) for name in where)
    assert {path.name for path in site.iterdir()} & {"cli", "api", "migrations", "tests"} == set()
    assert (site / "lineage/examples/flight-delays/src/train.py").is_file()
