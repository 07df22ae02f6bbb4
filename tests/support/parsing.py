"""Reading a command as the real command line does, without carrying it out."""

import shlex

import typer.main
from lineage.cli.app import build


def parse(command):
    """Let the command line read a command, and stop before it is carried out."""
    words = shlex.split(command)[1:]
    group, name = typer.main.get_command(build(words)), "lineage"
    while words and hasattr(group, "resolve_command"):
        context = group.context_class(group, info_name=name)
        name, group, words = group.resolve_command(context, words)
        assert group is not None, command
    group.make_context(name, list(words))
