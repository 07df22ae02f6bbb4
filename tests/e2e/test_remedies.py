"""Every command that a remedy names is one that the real command line takes."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest
import typer.main
from lineage.cli.app import COMMANDS, build

from lineage.acts import act, typed
from tests.support.parsing import parse
from tests.support.sources import strings_of

ROOT = Path(__file__).parents[2]
TYPED = re.compile(rf"(?<![\w./-])lineage (?:{'|'.join(COMMANDS)})\b[^,;:()`\"'\n]*")


def acts_of(path):
    """The acts that a module names by their lines, with `x` for what is filled in when it runs."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "act":
            verb, *objects = (_constant(argument) for argument in node.args)
            settings = {keyword.arg: _constant(keyword.value) for keyword in node.keywords}
            yield node.lineno, act(verb, *objects, **settings)


def _constant(node):
    return node.value if isinstance(node, ast.Constant) else "x"


def typed_in(path):
    """The commands that the strings of a module of the command line spell themselves."""
    text = path.read_text(encoding="utf-8")
    if not TYPED.search(text):
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.STRING and not token.string.startswith('"""'):
            for match in TYPED.finditer(re.sub(r"\{[^}]*\}", "x", token.string)):
                yield pytest.param(
                    match[0].strip(" ."), id=f"{path.relative_to(ROOT)}:{token.start[0]}"
                )


CORE = sorted((ROOT / "lineage").rglob("*.py"))
ACTING = [
    path
    for path in CORE
    if path.name != "acts.py" and re.search(r"\bact\(", path.read_text(encoding="utf-8"))
]
OWN = [
    one
    for path in sorted((ROOT / "cli").rglob("*.py"))
    if path.name != "demo.py" and "reports" not in path.parts  # runs them, and names no command
    for one in typed_in(path)
]


@pytest.mark.parametrize("path", ACTING, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_command_line_takes_every_act_that_a_remedy_names(path):
    acts = list(acts_of(path))
    assert acts
    for line, named in acts:
        command = typed(named)
        assert command.startswith("lineage "), line
        parse(command)


@pytest.mark.parametrize("command", OWN)
def test_the_command_line_takes_what_it_says_itself(command):
    parse(command)


def test_a_command_that_does_not_exist_is_noticed():
    for command in ("lineage show-me x", "lineage release", "lineage show x --nonsense y"):
        with pytest.raises(Exception, match=r"No such|Missing"):
            parse(command)


def options_of(group):
    """Every option of a command and of those below it, as it is typed."""
    for parameter in group.params:
        if parameter.param_type_name == "option":
            yield from (*parameter.opts, *parameter.secondary_opts)
    for command in getattr(group, "commands", {}).values():
        yield from options_of(command)


OPTIONS = {
    option for words in COMMANDS for option in options_of(typer.main.get_command(build([words])))
} - {"--help"}
TYPED_OPTION = re.compile(r"(?<![\w-])--?[a-z][\w-]*")
OF_OTHERS = re.compile(r"\b(?:dvc|git|pip) [^();.`]*")
"""The commands of other programs, which a remedy may spell."""


def options_in(text):
    """Our options that a text spells; a lone word is an argument, not a text."""
    words = TYPED_OPTION.findall(OF_OTHERS.sub("", text)) if " " in text else ()
    return [word for word in words if word in OPTIONS]


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_types_no_command(path):
    """It names acts; the command line and the REST interface spell them."""
    for line, text in strings_of(path):
        assert not re.search(rf"\blineage (?:{'|'.join(COMMANDS)})\b", text), (line, text)


@pytest.mark.parametrize(
    "path",
    [path for top in ("lineage", "api") for path in sorted((ROOT / top).rglob("*.py"))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_only_the_command_line_types_an_option(path):
    for line, text in strings_of(path):
        assert not options_in(text), (line, text)


def test_a_typed_option_is_noticed():
    assert options_in("Say --passed, or name another folder (-o).") == ["--passed", "-o"]
    assert options_in("Make one (git init --force), or say (--kind experiment)") == ["--kind"]
