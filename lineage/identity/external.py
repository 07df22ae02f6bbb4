"""Models from elsewhere: reads where one comes from, and what somebody says of it. Pure: no I/O.

>>> HubAddress.parse("hf://org/name@v1.0")
HubAddress(repo='org/name', revision='v1.0')
>>> stated_code("https://github.com/org/train@" + "5" * 40).remote
'https://github.com/org/train'
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lineage.errors import CaptureError, UsageError
from lineage.identity.components import CodeVersion
from lineage.masking import recorded_url

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEME: Final = "hf://"

_PART: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_REPO: Final = re.compile(rf"{_PART}(/{_PART})?", re.ASCII)
_REVISION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,199}", re.ASCII)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)
_OTHER_KINDS: Final = frozenset({"datasets", "spaces"})
_FORM: Final = "Write it as hf://ORG/NAME@REVISION, for example hf://google/vit-base@main."


@dataclass(frozen=True)
class HubAddress:
    """A model on a hub: its repository, ``ORG/NAME``, and a branch, a tag or a commit of it."""

    repo: str
    revision: str

    @classmethod
    def parse(cls, text: str) -> HubAddress:
        """Read ``hf://ORG/NAME@REVISION``; without a revision it is ``main``.

        Raises:
            UsageError: it is no such address, or not one of a model.
        """
        repo, at, revision = text.removeprefix(SCHEME).partition("@")
        repo = repo.removeprefix("models/")
        if repo.partition("/")[0] in _OTHER_KINDS:
            raise UsageError(
                f"{_shown(text)} is no model: it begins with {repo.partition('/')[0]}/.",
                remedy=_FORM,
            )
        revision = revision if at else "main"
        well_formed = text.startswith(SCHEME) and all(
            pattern.fullmatch(part) is not None and ".." not in part
            for pattern, part in ((_REPO, repo), (_REVISION, revision))
        )
        if not well_formed:
            raise UsageError(f"{_shown(text)} is no address of a model on a hub.", remedy=_FORM)
        return cls(repo, revision)

    @property
    def place(self) -> str:
        """The address without a revision: ``hf://ORG/NAME``."""
        return SCHEME + self.repo


def is_on_hub(path: str) -> bool:
    """Whether the path of recorded weights is a hub's address."""
    return path.startswith(SCHEME)


def is_commit(text: str) -> bool:
    """Whether a text is a whole id of a git commit."""
    return _COMMIT.fullmatch(text) is not None


def stated_code(text: str) -> CodeVersion:
    """The code that somebody says made a model: ``URL@COMMIT``, or ``COMMIT`` alone.

    Raises:
        UsageError: it names no whole commit.
    """
    place, _, commit = text.rpartition("@")
    commit = commit.removeprefix("git:")
    if not is_commit(commit) or not place.isprintable():
        raise UsageError(
            f"{_shown(text)} names no commit of the code.",
            remedy="Write it as URL@COMMIT, with all 40 digits of the commit.",
        )
    return CodeVersion(commit, remote=recorded_url(place) or None)


def check_file_names(names: Iterable[str], of: str) -> None:
    """Refuse names of files that a hub must not give.

    Args:
        names: paths in the repository.
        of: what they are files of, for the message.

    Raises:
        CaptureError: one leads out of the folder, or is no plain path.
    """
    for name in names:
        parts = name.split("/")
        if (
            not name.isprintable()
            or "\\" in name
            or any(part in ("", ".", "..") for part in parts)
            or (len(parts[0]) > 1 and parts[0][1] == ":")
        ):
            raise CaptureError(
                f"{of} holds a file named {name[:100]!r}, which is no path inside of it.",
                remedy="Do not use this model: no hub gives such a name to a file of its own.",
            )


def _shown(text: str) -> str:
    return repr(recorded_url(text)[:120])
