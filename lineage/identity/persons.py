"""Persons: tell whether two names are one person's, and keep those of other issuers apart. Pure.

>>> same_person("Strauß ", "STRAUSS")
True
>>> of_issuer("https://gitlab.com", "acme/churn")
'oidc:gitlab.com:acme/churn'
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

ISSUED: Final = "oidc:"
"""How the names of persons begin whom an OpenID Connect issuer vouches for, and no others."""


def same_person(first: str, second: str) -> bool:
    """Whether two names are one person's.

    Letter case, width, ligatures and the like (NFKC), and spaces around them do not tell apart.
    """
    return folded(first) == folded(second)


def folded(name: str) -> str:
    """What two names of one person have in common."""
    lowered = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(unicodedata.normalize("NFKC", lowered).split())


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """One name of each person, sorted."""
    return tuple(sorted({folded(name): name for name in names}.values()))


def of_issuer(issuer: str, subject: str) -> str:
    """The person whom an issuer calls so: ``oidc:``, its address, and its name for them."""
    address = issuer.partition("://")[2].rstrip("/").replace(":", "%3A")
    return f"{ISSUED}{address}:{subject}"


def is_issued(name: str) -> bool:
    """Whether a name is one that only an issuer gives."""
    return folded(name).startswith(ISSUED)
