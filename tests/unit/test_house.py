"""The house: chapters with one direction, small rooms, and every room in the wheel."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHELL = ("cli", "api", "migrations")
HOOK = "lineage/capture/watch/hook/"
"""What every watched Python loads: data of its package, for Pythons that are not ours."""
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("lineage", *SHELL)
    for path in (ROOT / folder).rglob("*.py")
)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """The modules as they are installed: `cli/`, `api/` and `migrations/` below `lineage/`."""
    top = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "lineage", top / "lineage")
    for name in SHELL:
        shutil.copytree(ROOT / name, top / "lineage" / name)
    shutil.copy(ROOT / "pyproject.toml", top)
    return top


def lint(house):
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=house, env={"PYTHONPATH": str(house)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_chapters_have_one_direction_and_no_circle(house):
    """Imports inside functions and for types alone count too (`[tool.importlinter]`)."""
    done = lint(house)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("lineage/identity/digest.py", "def late():\n    import lineage.guard.policy\n"),
        ("lineage/database/versions.py",
         "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lineage.registry.versions\n"),
        ("lineage/database/engine.py", "def late():\n    import lineage.database.schema\n"),
        ("lineage/migrations/env.py", "import lineage.database.tables\n"),
        ("lineage/api/oidc.py", "import lineage.config.models\n"),
    ],
)  # fmt: skip
def test_a_hidden_import_upward_or_round_about_is_noticed(house, tmp_path, module, line):
    broken = tmp_path / "house"
    shutil.copytree(house, broken)
    with (broken / module).open("a") as file:
        file.write(line)
    assert lint(broken).returncode == 1


def test_a_room_that_no_chapter_names_is_noticed(house, tmp_path):
    broken = tmp_path / "house"
    shutil.copytree(house, broken)
    (broken / "lineage/attic.py").touch()
    assert lint(broken).returncode == 1


@pytest.mark.parametrize("module", MODULES)
def test_no_module_is_longer_than_400_lines(module):
    assert len((ROOT / module).read_text(encoding="utf-8").splitlines()) <= 400


def test_every_package_is_in_the_wheel():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    packages = settings["setuptools"]["packages"]
    homes = settings["setuptools"]["package-dir"]
    modules = [module for module in MODULES if not module.startswith(HOOK)]
    there = {Path(module).parent.as_posix() for module in modules}
    named = set()
    for package in packages:
        known = max((home for home in homes if f"{package}.".startswith(f"{home}.")), key=len)
        named.add(homes[known] + package.removeprefix(known).replace(".", "/"))
    assert named - {"docs", "examples"} == there


def test_every_module_says_what_it_is():
    for module in MODULES:
        text = (ROOT / module).read_text(encoding="utf-8")
        assert text.startswith(('"""', 'r"""', "# The door of the watch")), module


FOUND_BY_SIGHT = ("find_version(", "require_model(", "require_environment(session")
"""What finds something by a name that a request says."""


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("lineage/registry/verbs/")])
def test_verbs_find_what_a_request_names_through_the_one_resolver(module):
    text = (ROOT / module).read_text(encoding="utf-8")
    assert [call for call in FOUND_BY_SIGHT if call in text] == [], "ask self._sight(session)"


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("api/routes/")])
def test_routes_ask_the_registry_as_it_is_open_to_the_one_who_asks(module):
    text = (ROOT / module).read_text(encoding="utf-8")
    found = set(re.findall(r"state\.registry\.(\w+)", text))
    assert found <= {"require_current", "check"}, "use state.seen_by(caller)"
