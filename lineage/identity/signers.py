"""Who signs: a key, named by its fingerprint, or an identity that an issuer vouches for. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_KEY: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_WRITTEN: Final = re.compile(r"identity:(.*) issuer:(\S*)")
_ISSUER: Final = re.compile(r"https://[!-)+-~]+", re.ASCII)

LONGEST: Final = 1000
"""Characters of a signer's text."""


@dataclass(frozen=True)
class Identity:
    """Whom an issuer vouches for, as a certificate of sigstore says it; named whole, no pattern.

    Args:
        name: an e-mail address, or the URI of a workflow or a service.
        issuer: the URL of the OpenID Connect issuer.

    Raises:
        ValueError: it names nobody; its text is the end of a sentence that begins with it.
    """

    name: str
    issuer: str

    def __post_init__(self) -> None:
        """Refuse what names nobody, or could be read as somebody else."""
        name, issuer = self.name, self.issuer
        if "*" in name or "*" in issuer:
            raise ValueError(f"{name[:60]!r} is a pattern; name the identity and its issuer whole")
        if not name or name != name.strip() or not name.isprintable() or " issuer:" in name:
            raise ValueError(
                f"{name[:60]!r} is no identity; write the e-mail address or the URI of the "
                "certificate"
            )
        if _ISSUER.fullmatch(issuer) is None:
            raise ValueError(f"{issuer[:60]!r} is no issuer; write its https:// URL")
        if len(str(self)) > LONGEST:
            raise ValueError(f"{name[:60]!r} has with its issuer more than {LONGEST} characters")

    @classmethod
    def parse(cls, text: str) -> Identity:
        """Read back what ``str`` wrote.

        >>> Identity.parse("identity:ana@example.com issuer:https://accounts.google.com").name
        'ana@example.com'

        Raises:
            ValueError: it is none.
        """
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise ValueError(f"{text[:60]!r} is no identity:WHO issuer:URL")
        return cls(*found.groups())

    def __str__(self) -> str:
        return f"identity:{self.name} issuer:{self.issuer}"


def is_identity(signer: str) -> bool:
    """Whether a signer that is recorded or named is an identity, and not a key."""
    return signer.startswith("identity:")


def checked(signer: str) -> str:
    """A signer that a policy may name: a key's fingerprint or an identity.

    Raises:
        ValueError: it is neither.
    """
    if is_identity(signer):
        return str(Identity.parse(signer))
    if _KEY.fullmatch(signer) is None:
        raise ValueError(
            f"{signer[:60]!r} is no fingerprint of a key and no identity; write sha256: and 64 hex "
            "digits, or identity:WHO issuer:URL"
        )
    return signer
