"""The first hour as a newcomer has it: pip, the wheel and a home with nothing in it.

`tests/e2e/test_recipes.py` plays the same page with the commands that are here; this is how long it takes
from `pip install` on, offline, with the locked versions:

    LINEAGE_LONG_TESTS=1 .venv/bin/python -m pytest -n0 -s tests/e2e/test_first_hour.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ..support import LONG
from ..support.recipes import Shell, blocks_of, play
from ..support.workspaces import workspace
from .test_package import wheel  # noqa: F401 - a fixture

ROOT = Path(__file__).parents[2]
PAGE = "docs/guides/first-hour.md"


@pytest.mark.skipif(not LONG, reason="an environment more: LINEAGE_LONG_TESTS=1")
def test_the_first_hour_from_the_wheel_on(request, wheel, tmp_path):  # noqa: F811
    house, home = wheel.parent, tmp_path / "environment"
    _run("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--require-hashes",
         "-r", ROOT / "requirements/runtime.txt", "-w", house)  # fmt: skip
    _run("-m", "venv", home)
    with workspace("nothing", request) as made:
        made.env |= {
            "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(house),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "LOGNAME": "ana",  # as whom the page is typed
        }
        del made.env["LINEAGE_ACTOR"]
        spent = []
        with Shell(made, tmp_path / "typed") as shell:
            before = time.monotonic()
            for block in blocks_of((ROOT / PAGE).read_text(encoding="utf-8")):
                for typed in play(shell, block, PAGE):
                    spent.append(time.monotonic() - before)
                    print(f"{spent[-1]:7.1f} s  {typed.text.splitlines()[0]}")
                    before = time.monotonic()
    print(f"{len(spent)} commands, {sum(spent):.0f} s")


def _run(*words: str | Path) -> None:
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
