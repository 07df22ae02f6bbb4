"""Evidence: what a verdict rests on, and which of it an environment takes. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from lineage.identity.persons import same_person

if TYPE_CHECKING:
    from collections.abc import Mapping


class Basis(StrEnum):
    """How a verdict came about."""

    STATED = "stated"
    RUN = "run"
    """A command was run for it, and nothing changed meanwhile."""
    CARRIED = "carried"
    """It rests on another, whose pipeline differs only in what changes nothing."""


BASES: Final = (Basis.RUN, Basis.CARRIED, Basis.STATED)
"""From what is known best to what is only said."""


class SignedThing(StrEnum):
    """What an environment may demand a signature of."""

    WEIGHTS = "weights"
    VALIDATION = "validation"
    """The verdict that counts."""


@dataclass(frozen=True)
class Signature:
    """A signed statement on a version that holds: by which key, on what, and who recorded it.

    ``key`` is a fingerprint or an identity, ``about`` one of :class:`SignedThing` or another word,
    ``validation`` the verdict that it is on.
    """

    key: str
    about: str
    validation: int | None
    at: str
    by: str


@dataclass(frozen=True)
class Evidence:
    """Which verdicts an environment takes: ``accept`` names their bases, ``validators`` the people.

    ``validators`` None takes anybody's; ``not_registrant`` takes none of the one who registered the
    version. What a carried verdict rests on must be taken too. ``signed_by`` are fingerprints of
    keys, or identities, one of which must have signed each of ``signed``; without any nothing need
    be signed.
    """

    accept: tuple[Basis, ...] = BASES
    validators: tuple[str, ...] | None = None
    not_registrant: bool = False
    signed_by: tuple[str, ...] = ()
    signed: tuple[SignedThing, ...] = (SignedThing.WEIGHTS,)

    def accepts(self, basis: Basis) -> bool:
        """Whether verdicts of a basis count."""
        return basis in self.accept

    def may_validate(self, person: str) -> bool:
        """Whether a person's verdicts count."""
        if self.validators is None:
            return True
        return any(same_person(name, person) for name in self.validators)

    @property
    def counts_persons(self) -> bool:
        """Whether it matters who validates."""
        return self.validators is not None or self.not_registrant

    def without(self, basis: Basis) -> Evidence:
        """The same, but for a basis that does not count."""
        return replace(self, accept=tuple(one for one in self.accept if one is not basis))

    def to_json(self) -> dict[str, Any]:
        """``evidence`` in the JSON of a policy."""
        return {
            "accept": [basis.value for basis in self.accept],
            "validators": list(self.validators) if self.validators is not None else None,
            "not_registrant": self.not_registrant,
            "signed_by": list(self.signed_by),
            "signed": [thing.value for thing in self.signed],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Evidence:
        """Read back what :meth:`to_json` wrote; before 0023 nothing was said of signatures."""
        validators = body["validators"]
        return cls(
            tuple(Basis(basis) for basis in body["accept"]),
            tuple(validators) if validators is not None else None,
            body["not_registrant"],
            tuple(body.get("signed_by", ())),
            tuple(SignedThing(thing) for thing in body.get("signed", (SignedThing.WEIGHTS,))),
        )
