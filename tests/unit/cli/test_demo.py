"""The demo shows what its commands print, line by line."""

from __future__ import annotations

from lineage.cli.demo import Terminal


def test_the_lines_of_a_command_stay_lines(tmp_path, capsys):
    (tmp_path / "two.txt").write_text("one\n  two\n")
    Terminal(tmp_path, quiet=False).run("cat two.txt")
    assert capsys.readouterr().out.splitlines()[-3:] == ["$ cat two.txt", "one", "  two"]
