"""Acts: what a person can do next, named apart from how it is typed.

A remedy says in words what to do and names the act between « and »: the product's verb, what it is
done to, and settings as ``name=value``. The command line types it (``lineage validate churn@7``),
the REST interface adds the request (``POST /v1/models/churn/versions/7/validations``).

>>> act("validate", "churn@7", pipeline="xxh3:1f0c")
'«validate churn@7 pipeline=xxh3:1f0c»'
>>> act("validate", "churn@7", "--", "COMMAND", pipeline="xxh3:1f0c")
'«validate churn@7 pipeline=xxh3:1f0c -- COMMAND»'
>>> act("validate", "churn@7", in_="production")
'«validate churn@7 in=production»'
>>> spelled("Validate it: «validate churn@7 carry-over=true».", lambda words, _: " ".join(words))
'Validate it: validate churn@7 carry-over=true.'
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

YES: Final = "true"
"""The value of a setting that is only on or off."""

RUNS: Final = "--"
"""Stands between an act and the program that is run for it."""

_ACT: Final = re.compile(r"«([^«»\n]+)»")
_MARKS: Final = str.maketrans("«»\n", "<> ")


def act(verb: str, *objects: str, **settings: str | bool | None) -> str:
    """Name an act as a remedy does.

    Args:
        verb: what is done, in the words of the command line: ``validate``, ``backup candidates``.
        objects: what it is done to, in order; a word in capitals stands for what a person fills in.
            What follows :data:`RUNS` is a program that is run for it, with its arguments.
        settings: how; True for what is only on, None and False for what is left out. A name that
            Python keeps for itself stands with a ``_`` behind it: ``in_``.
    """
    own, program = split([_word(name) for name in objects])
    words = [verb, *own]
    for name, value in settings.items():
        if value is not None and value is not False:
            text = YES if value is True else _word(value)
            words.append(f"{name.rstrip('_').replace('_', '-')}={text}")
    return f"«{' '.join([*words, *program])}»"


def split(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The words of an act itself, and those of the program that is run for it."""
    end = words.index(RUNS) if RUNS in words else len(words)
    return words[:end], words[end:]


def spelled(text: str, how: Callable[[list[str], str], str]) -> str:
    """A remedy with each act spelled in another way: from its words, and as it stands there."""

    def spell(match: re.Match[str]) -> str:
        try:
            return how(shlex.split(match[1]), match[0])
        except ValueError:
            return match[0]

    return _ACT.sub(spell, text)


def typed(remedy: str) -> str:
    """A remedy with each act as the command that does it.

    >>> typed("Validate it: «validate churn@7 carry-over=true».")
    'Validate it: lineage validate churn@7 --carry-over.'
    """
    return spelled(remedy, _command)


def _command(words: list[str], _: str) -> str:
    own, program = split(words)
    command = ["lineage"]
    for word in own:
        name, equals, value = word.partition("=")
        if not equals:
            command.append(shlex.quote(word))
        elif value == YES:
            command.append(f"--{name}")
        else:
            command.append(f"--{name} {shlex.quote(value)}")
    return " ".join([*command, *map(shlex.quote, program)])


def _word(text: str) -> str:
    """A word that stays one: quoted as a shell quotes it, without what ends the act."""
    return shlex.quote(text.translate(_MARKS))
