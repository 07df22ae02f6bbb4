"""Inert text: what people wrote, so that it acts on no terminal, no log and no page.

A character that a terminal obeys, that ends a line, that turns the direction of writing or that
shows nothing is written as its escape. So is the beginning of what the log of a CI service would
take for a command (``::add-mask::``, ``##vso[``). This is done where text leaves the program, and
there once.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from typing import Any, Final

from lineage.strict_json import as_json

_ACTING: Final = (
    "\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0e\ufeff\uffa0"
    "\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Unicode's categories Cc, Cf, Cs, Zl and Zp, and what is to be ignored where it is shown; but for
U+FE0F, which makes a sign an emoji, and the joiners of emojis and of scripts, U+200C and U+200D."""


_CI: Final = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")
_COMMAND: Final = re.compile(r"(^\s*|#)(:(?=:)|(?<=#)#(?=\w*\[))", re.MULTILINE)


@cache
def _acting(but: str = "") -> re.Pattern[str]:
    kept = f"(?![{but}])" if but else ""
    return re.compile(rf"{kept}(?![\u200c\u200d])[{_ACTING}]")


def inert(text: str) -> str:
    r"""A text on one line, with what would act written as its escape (``\n``, ``\x1b``)."""
    return _acting().sub(_escape, _without_commands(text, "\\x"))


def inert_lines(text: str, *, commands: bool = False) -> str:
    r"""A document for other programs: its lines stay, what would act is ``\uXXXX`` as in JSON.

    Args:
        text: the document.
        commands: whether it is one of commands to a CI service, and these are ours.
    """
    text = text if commands else _without_commands(text, "\\u00")
    return _acting("\n").sub(_json_escape, text)


def inert_json(value: Any, *, indent: int | None = None) -> str:  # noqa: ANN401 - any JSON value
    """A JSON document whose text acts on nothing: JSON's own escapes do it."""
    return inert_lines(json.dumps(value, indent=indent, ensure_ascii=False, default=as_json))


def _without_commands(text: str, escape: str) -> str:
    """A text in which the log of a CI service finds no command; elsewhere it stays as it is."""
    if ("::" not in text and "##" not in text) or not any(name in os.environ for name in _CI):
        return text
    return _COMMAND.sub(lambda found: f"{found[1]}{escape}{ord(found[2]):02x}", text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def _json_escape(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1] if found[0] != "\x7f" else "\\u007f"
