"""A registry's URL: whether a server is behind it, whether it may be away, and how it is shown."""

from __future__ import annotations

import re


def is_remote(url: str) -> bool:
    """Whether a registry's URL is that of a server."""
    return url.startswith(("https://", "http://"))


def without_password(url: str) -> str:
    """A registry's URL as it may be shown."""
    return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:***@", url)


def may_be_away(url: str) -> bool:
    """Whether a registry is reached over a network: a file of this machine is not."""
    return not url.startswith("sqlite:")
