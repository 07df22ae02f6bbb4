"""What people may say of a model or a version besides: the form of tags and of descriptions. Pure.

>>> parse_tags(["team=risk", "note=a=b"])
{'team': 'risk', 'note': 'a=b'}
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lineage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TAG: Final = r"[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?"
"""The form of a tag's name, as that of a label's key elsewhere: 1 to 63 characters."""

MOST_TAGS: Final = 64
"""Tags of one model or version."""

LONGEST_VALUE: Final = 256
LONGEST_DESCRIPTION: Final = 10_000

_TAG: Final = re.compile(TAG, re.ASCII)
_UNKEPT: Final = re.compile("[\x00\ud800-\udfff]")
"""What no database keeps."""


def check_tag_name(name: str) -> str:
    """``name`` itself, if a tag may be called so.

    Raises:
        UsageError: it is not 1 to 63 of lowercase letters, digits, ``.``, ``_``, ``/`` and ``-``
            that begin and end with a letter or a digit.
    """
    if _TAG.fullmatch(name) is None:
        raise UsageError(
            f"{_shown(name)} is no name of a tag.",
            remedy="Use 1 to 63 lowercase letters, digits, '.', '_', '/' and '-', with a letter or "
            "a digit at both ends.",
        )
    return name


def check_tags(tags: Mapping[str, str | None]) -> Mapping[str, str | None]:
    """``tags`` themselves, if they may be set; a value of None takes one away.

    Raises:
        UsageError: there are too many, a name is not valid, or a value is too long.
    """
    if len(tags) > MOST_TAGS:
        raise _too_many(len(tags))
    for name, value in tags.items():
        check_tag_name(name)
        if value is not None:
            _check_text(f"value of tag {name}", value, LONGEST_VALUE)
    return tags


def check_count(count: int) -> None:
    """Refuse so many tags of one thing.

    Raises:
        UsageError: they are too many.
    """
    if count > MOST_TAGS:
        raise _too_many(count)


def check_description(text: str) -> str:
    """``text`` itself, if it may describe something.

    Raises:
        UsageError: it is too long, or holds what cannot be kept.
    """
    return _check_text("description", text, LONGEST_DESCRIPTION)


def parse_tags(texts: Iterable[str]) -> dict[str, str]:
    """Tags as a person writes them, each ``NAME=VALUE``.

    Raises:
        UsageError: one is not of this form, or two set one tag.
    """
    tags: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(
                f"{_shown(text)} sets no tag.", remedy="Write NAME=VALUE, for example team=risk."
            )
        if name in tags:
            raise UsageError(f"Tag {_shown(name)} is set twice.", remedy="Write each tag once.")
        tags[name] = value
    return tags


def changes_of(set_: Iterable[str], taken: Iterable[str]) -> dict[str, str | None]:
    """The changes that a person asks for: tags to set, ``NAME=VALUE``, and names to take away.

    Raises:
        UsageError: a text is not of its form, or one tag is both set and taken away.
    """
    tags: dict[str, str | None] = {**parse_tags(set_)}
    for name in taken:
        if tags.get(name) is not None:
            raise UsageError(
                f"Tag {_shown(name)} is both set and taken away.", remedy="Decide for one."
            )
        tags[name] = None
    return tags


def _check_text(what: str, text: str, longest: int) -> str:
    if len(text) > longest:
        raise UsageError(
            f"The {what} has {len(text):,} characters, and at most {longest:,} are kept.",
            remedy="Shorten it, or keep the rest in a document and link to that.",
        )
    if _UNKEPT.search(text) is not None:
        raise UsageError(
            f"The {what} holds a character that cannot be kept.",
            remedy="Leave out null characters and unpaired surrogates.",
        )
    return text


def _too_many(count: int) -> UsageError:
    return UsageError(
        f"There would be {count:,} tags, and at most {MOST_TAGS} are kept of one thing.",
        remedy="Take some away first.",
    )


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")
