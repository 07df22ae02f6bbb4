"""Repositories that are looked at elsewhere: addresses of a commit, and of two side by side. Pure.

What a remote is called comes from whoever registered a version. A link is made of hosts that are
known and of names that are nothing but names; of everything else there is none.
"""

from __future__ import annotations

import re
from typing import Final

_REMOTE: Final = re.compile(
    r"(?:https://|ssh://git@|git@)(?P<host>github\.com|gitlab\.com|bitbucket\.org)[:/]"
    r"(?P<path>(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}/){1,10}[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}?)"
    r"(?:\.git)?/?",
    re.ASCII,
)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}", re.ASCII)

_ONE: Final = {
    "github.com": "/commit/{0}",
    "gitlab.com": "/-/commit/{0}",
    "bitbucket.org": "/commits/{0}",
}
_TWO: Final = {
    "github.com": "/compare/{0}...{1}",
    "gitlab.com": "/-/compare/{0}...{1}",
    "bitbucket.org": "/branches/compare/{1}..{0}",
}


def commit_page(remote: str | None, commit: str | None) -> str | None:
    """The page of a commit; None where none is known."""
    return _page(_ONE, remote, commit)


def compare_page(remote: str | None, first: str | None, second: str | None) -> str | None:
    """The page of what differs from one commit to another; None where none is known."""
    return _page(_TWO, remote, first, second) if first != second else None


def commit_of(digest: str | None) -> str | None:
    """The commit of a code's digest, ``git:…``, whatever differed from it in the working tree."""
    return digest.removeprefix("git:").partition("+")[0] if digest else None


def _page(pages: dict[str, str], remote: str | None, *commits: str | None) -> str | None:
    found = _REMOTE.fullmatch(remote or "")
    named = [commit for commit in commits if commit and _COMMIT.fullmatch(commit)]
    if found is None or len(named) < len(commits):
        return None
    return f"https://{found['host']}/{found['path']}" + pages[found["host"]].format(*named)
