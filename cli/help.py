"""The help of a command: plain text, in which nothing is markup, as wide as the terminal."""

from __future__ import annotations

import inspect
import shutil
from typing import Any, Final

from typer.core import TyperArgument, TyperCommand, TyperGroup

from .wrapping import wrapped

WIDEST: Final = 120
"""Characters of a line; longer ones are hard to read."""

_NAMES: Final = 30
"""Characters of the longest name that its explanation stands beside, and not below."""


class _Page:
    """What a command and a group of commands have in common: how their help is written."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - Typer's own
        """Write the help."""
        formatter.write("\n".join(_page(self, ctx, width())))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401 - Typer's own
        """The words of the usage line behind the command."""
        return [*_usage(self, ctx), *(["COMMAND"] if isinstance(self, TyperGroup) else [])]

    def get_short_help_str(self, limit: int = 0) -> str:
        """What stands beside the command where several are listed."""
        return _paragraphs(getattr(self, "short_help", None) or getattr(self, "help", None))[0]


class Command(_Page, TyperCommand):
    """A command."""

    def __init__(self, *words: Any, **settings: Any) -> None:  # noqa: ANN401 - Typer's own
        super().__init__(*words, **settings)
        for one in self.params:
            if isinstance(one, TyperArgument):
                one.display_type_rich = _no_type  # type: ignore[method-assign]


class Group(_Page, TyperGroup):
    """A group of commands."""


def width() -> int:
    """Characters of a line of help: those of the terminal, 80 where there is none."""
    return min(shutil.get_terminal_size().columns, WIDEST)


def _no_type(ctx: Any) -> None:  # noqa: ANN401 - Typer's own
    """The type of an argument, which its name and its help tell."""


def _usage(command: Any, ctx: Any) -> list[str]:  # noqa: ANN401 - Typer's own
    words = ["[OPTIONS]"]
    for one in command.get_params(ctx):
        if one.param_type_name == "argument" and not getattr(one, "hidden", False):
            name = one.metavar or one.name.upper()
            more = "" if one.nargs == 1 or "…" in name else "…"
            words.append(f"{name}{more}" if one.required else f"[{name}{more}]")
    return words


def _page(command: Any, ctx: Any, width: int) -> list[str]:  # noqa: ANN401 - Typer's own
    """The lines of a command's help."""
    usage = f"Usage: {ctx.command_path} {' '.join(command.collect_usage_pieces(ctx))}"
    lines = [*wrapped(usage, width, hang=7), ""]
    for paragraph in _paragraphs(command.help):
        lines += [*wrapped(f"  {paragraph}", width, hang=2), ""]
    sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
    for one in command.get_params(ctx):
        if not getattr(one, "hidden", False):
            sections[f"{one.param_type_name.capitalize()}s"].append((_name(one), _explained(one)))
    for name, below in getattr(command, "commands", {}).items():
        if not below.hidden:
            title = getattr(below, "rich_help_panel", None) or "Commands"
            row = (name, below.get_short_help_str())
            sections.setdefault(title if isinstance(title, str) else "Commands", []).append(row)
    for title, rows in sections.items():
        if rows:
            lines += [f"{title}:", *_rows(rows, width), ""]
    if command.epilog:
        for paragraph in _paragraphs(command.epilog):
            lines += [*wrapped(paragraph, width, hang=0), ""]
    return lines


def _name(one: Any) -> str:  # noqa: ANN401 - Typer's own
    """How an argument or an option is typed."""
    if one.param_type_name == "argument":
        return str(one.metavar or one.name.upper())
    value = "" if one.is_flag else f" {one.metavar or 'VALUE'}"
    names = ", ".join(sorted(one.opts, key=len))
    return " / ".join([f"{names}{value}", *one.secondary_opts])


def _explained(one: Any) -> str:  # noqa: ANN401 - Typer's own
    """What an argument or an option is for, and what counts where nobody says it."""
    facts = []
    if one.envvar is not None:
        facts.append(f"env var: {one.envvar}")
    if one.show_default and one.secondary_opts:
        facts.append(f"default: {one.opts[0] if one.default else one.secondary_opts[0]}")
    elif one.show_default and one.default not in (None, False, "", []):
        facts.append(f"default: {one.default}")
    if one.required:
        facts.append("required")
    told = f"  [{'; '.join(facts)}]" if facts else ""
    return f"{one.help or ''}{told}".strip()


def _rows(rows: list[tuple[str, str]], width: int) -> list[str]:
    """Names, each with its explanation beside it, or below it where the name is long."""
    most = min(_NAMES, width // 3)
    column = 2 + max((len(name) for name, _ in rows if len(name) <= most), default=most) + 2
    lines = []
    for name, explanation in rows:
        beside = f"  {name}  ".ljust(column)
        if len(beside) > column:
            lines += wrapped(beside.rstrip(), width, hang=4)
            beside = " " * column
        lines += wrapped(f"{beside}{explanation}".rstrip(), width, hang=column)
    return lines


def _paragraphs(text: str | None) -> list[str]:
    """The paragraphs of a text, each on one line."""
    return [" ".join(part.split()) for part in inspect.cleandoc(text or "").split("\n\n")]
