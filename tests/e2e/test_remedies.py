"""Every command that a remedy names is one that the real command line takes."""

from __future__ import annotations

import ast
import io
import re
import shlex
import tokenize
from pathlib import Path

import pytest
import typer.main
from lineage.cli.app import COMMANDS, build
from lineage.cli.remedies import typed

from lineage.acts import act

ROOT = Path(__file__).parents[2]
TYPED = re.compile(rf"(?<![\w./-])lineage (?:{'|'.join(COMMANDS)})\b[^,;:()`\"'\n]*")


def acts_of(path):
    """The acts that a module names, with `x` for what is filled in when it runs."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "act":
            verb, *objects = (_constant(argument) for argument in node.args)
            settings = {keyword.arg: _constant(keyword.value) for keyword in node.keywords}
            yield pytest.param(
                act(verb, *objects, **settings), id=f"{path.relative_to(ROOT)}:{node.lineno}"
            )


def _constant(node):
    return node.value if isinstance(node, ast.Constant) else "x"


def typed_in(path):
    """The commands that the strings of a module of the command line spell themselves."""
    text = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.STRING and not token.string.startswith('"""'):
            for match in TYPED.finditer(re.sub(r"\{[^}]*\}", "x", token.string)):
                yield pytest.param(
                    match[0].strip(" ."), id=f"{path.relative_to(ROOT)}:{token.start[0]}"
                )


ACTS = [one for path in sorted((ROOT / "lineage").rglob("*.py")) for one in acts_of(path)]
OWN = [
    one
    for path in sorted((ROOT / "cli").rglob("*.py"))
    if path.name != "demo.py" and "reports" not in path.parts  # runs them, and names no command
    for one in typed_in(path)
]


def parse(command):
    """Let the command line read a command, and stop before it is carried out."""
    words = shlex.split(command)[1:]
    group, name = typer.main.get_command(build(words)), "lineage"
    while hasattr(group, "resolve_command"):
        context = group.context_class(group, info_name=name)
        name, group, words = group.resolve_command(context, words)
        assert group is not None, command
    group.make_context(name, list(words))


@pytest.mark.parametrize("named", ACTS)
def test_the_command_line_takes_every_act_that_a_remedy_names(named):
    command = typed(named)
    assert command.startswith("lineage ")
    parse(command)


@pytest.mark.parametrize("command", OWN)
def test_the_command_line_takes_what_it_says_itself(command):
    parse(command)


def test_a_command_that_does_not_exist_is_noticed():
    for command in ("lineage show-me x", "lineage release", "lineage show x --nonsense y"):
        with pytest.raises(Exception, match=r"No such|Missing"):
            parse(command)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "lineage").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_core_types_no_command(path):
    """It names acts; the command line and the REST interface spell them."""
    text = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.STRING and not token.string.startswith('"""'):
            assert not re.search(rf"\blineage (?:{'|'.join(COMMANDS)})\b", token.string), token
