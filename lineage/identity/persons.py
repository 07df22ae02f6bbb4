"""Persons: tell whether two names are one person's, and keep those of other issuers apart. Pure.

>>> same_person("Strauß ", "STRAUSS")
True
>>> of_issuer("https://gitlab.com", "acme/churn")
'oidc:gitlab.com:acme/churn'
>>> Who("ci").may_be(Who("ci", "ann"))
True
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

ISSUED: Final = "oidc:"
"""How the names of persons begin whom an OpenID Connect issuer vouches for, and no others."""


@dataclass(frozen=True)
class Who:
    """One who acted: a name, and the person it counts for, None where that was not noted.

    What is permitted is permitted to persons. What is forbidden reaches further: it asks whom
    somebody is called, and where a person was not noted, who it may have been.
    """

    name: str
    person: str | None = None

    @property
    def counts_as(self) -> str:
        """The person; the name where none was noted."""
        return self.person or self.name

    def is_called(self, name: str) -> bool:
        """Whether it is the name or the person."""
        return folded(name) in self._called

    def may_be(self, other: Who) -> bool:
        """Whether the two are one person, or may be: one's was not noted, and a name is shared."""
        if self.person is not None and other.person is not None:
            return same_person(self.person, other.person)
        return not self._called.isdisjoint(other._called)

    @property
    def _called(self) -> frozenset[str]:
        return frozenset({folded(self.name), folded(self.counts_as)})


def same_person(first: str, second: str) -> bool:
    """Whether two names are one person's.

    Letter case, width, ligatures and the like (NFKC), and spaces around them do not tell apart;
    but letter case does in what an issuer calls somebody.
    """
    return folded(first) == folded(second)


def folded(name: str) -> str:
    """What two names of one person have in common."""
    plain = _spaced(name)
    lowered = _spaced(plain.casefold())
    if not lowered.startswith(ISSUED):
        return lowered
    scheme, _, issued = plain.partition(":")
    issuer, colon, subject = issued.partition(":")
    return _spaced(f"{scheme}:{issuer}".casefold()) + colon + subject


def distinct(people: Iterable[Who]) -> tuple[str, ...]:
    """One name of each person, sorted; who may be one that is there is none besides."""
    by_whether_noted = sorted(people, key=lambda who: who.person is None)
    found: dict[str, Who] = {}
    for who in by_whether_noted:
        if who.person is not None or not any(who.may_be(other) for other in found.values()):
            found[folded(who.counts_as)] = who
    return tuple(sorted(who.counts_as for who in found.values()))


def of_issuer(issuer: str, subject: str) -> str:
    """The person whom an issuer calls so: ``oidc:``, its address, and its name for them."""
    address = issuer.partition("://")[2].rstrip("/").replace(":", "%3A")
    return f"{ISSUED}{address}:{subject}"


def _spaced(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).split())


def is_issued(name: str) -> bool:
    """Whether a name is one that only an issuer gives."""
    return folded(name).startswith(ISSUED)
