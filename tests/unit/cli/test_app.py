"""`lineage --help` without loading what it lists."""

import pytest
import typer
from lineage.cli.app import build


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["--version", "--help"]])
def test_what_only_shows_loads_no_command_and_says_what_each_command_says_of_itself(words):
    def shown(app):
        return [
            (name, command.rich_help_panel, (command.short_help or command.help).split("\n\n")[0])
            for name, command in typer.main.get_command(app).commands.items()
        ]

    whole = [(name, panel, " ".join(text.split())) for name, panel, text in shown(build())]
    for panel in dict.fromkeys(panel for _, panel, _ in whole):
        assert [one for one in shown(build(words)) if one[1] == panel] == [
            one for one in whole if one[1] == panel
        ]
    callbacks = {command.callback.__module__ for command in build(words).registered_commands}
    assert callbacks == {"lineage.cli.app"}


@pytest.mark.parametrize("words", [["--", "guard"], ["nothing", "--help"], ["--regis", "x"]])
def test_what_may_run_a_command_has_it(words):
    assert "lineage.cli.commands.deciding" in {
        command.callback.__module__ for command in build(words).registered_commands
    }
