"""What a command says of itself: whole, in words, with an example that works."""

import re

import pytest
import typer
from lineage.cli.app import build

from tests.support.parsing import parse

EXAMPLE = re.compile(r"Example: `(lineage [^`]+)`")


def commands_of(group, before="lineage"):
    """Every command that does something, by its whole name."""
    for name, command in group.commands.items():
        whole = f"{before} {name}"
        below = getattr(command, "commands", {})
        if not below or command.invoke_without_command:
            yield whole, command
        if below:
            yield from commands_of(command, whole)


def contexts_of(command, parent=None, name="lineage"):
    """Every command and every group of commands, each in its context."""
    context = command.context_class(
        command, info_name=name, parent=parent, **command.context_settings
    )
    yield context
    for below, one in getattr(command, "commands", {}).items():
        yield from contexts_of(one, context, below)


COMMANDS = dict(commands_of(typer.main.get_command(build())))
CONTEXTS = {one.command_path: one for one in contexts_of(typer.main.get_command(build()))}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_an_example_that_the_command_line_takes(name):
    """It is the last paragraph of the function's docstring: Example: `lineage …`."""
    examples = EXAMPLE.findall(" ".join(COMMANDS[name].help.split()))
    assert examples, f"{name} shows no example"
    for example in examples:
        assert f"{example} ".startswith(f"{name} ")
        parse(example)


@pytest.mark.parametrize("name", CONTEXTS)
def test_help_fits_the_terminal_and_nothing_of_it_is_cut_or_lost(name, monkeypatch):
    pages = []
    for width in (60, 80, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        page = CONTEXTS[name].get_help()
        assert max(map(len, page.splitlines())) <= min(width, 120)
        pages.append(page.split())
    assert pages[0] == pages[1] == pages[2]
    assert "<" not in page.replace("<=", ""), "the type of a value says nothing"


def test_brackets_stay():
    assert "[artifacts]" in CONTEXTS["lineage register"].get_help()
    assert "[required]" in CONTEXTS["lineage guard"].get_help()


def test_a_switch_takes_no_value():
    line = next(
        line for line in CONTEXTS["lineage guard"].get_help().splitlines() if "--json" in line
    )
    assert line.split()[:3] == ["--json", "Print", "JSON"]


def test_the_commands_stand_in_their_groups():
    page = CONTEXTS["lineage"].get_help()
    titles = re.findall(r"^(\w+):$", page, re.MULTILINE)
    assert titles == ["Options", "Start", "Versions", "Serving", "Registry"]
    assert page.index("Exit codes: 0 done") > page.index("Registry:")
