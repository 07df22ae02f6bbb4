"""Whose tokens a server trusts beside its own: the list of issuers, and what is said without them.

What verifies them (:mod:`oidc`) loads libraries of cryptography and of HTTP, which take a tenth of
a server's start and memory: only one that trusts an issuer does so.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Annotated, Final, NoReturn
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from lineage import bounded_file
from lineage.contract.validation import first_problem
from lineage.errors import NotAuthenticated, RegistryUnreachable, UsageError
from lineage.identity.references import check_environment_name, check_name
from lineage.registry.access import check_scopes

if TYPE_CHECKING:
    from pathlib import Path

LARGEST: Final = 1 << 20
"""Bytes of the list, and of what an issuer answers."""

NOT_TRUSTED: Final = "its issuer is not one that this server trusts"


class IssuerUnreachable(RegistryUnreachable):
    """An issuer's keys cannot be had now, so nobody can tell whether a token is one of its own."""


def check_issuer(url: str) -> str:
    """``url`` itself, if an issuer, or its keys, may be there.

    Raises:
        ValueError: it is neither ``https://`` nor on this machine.
    """
    parts = urlsplit(url)
    loopback = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise ValueError("an issuer is an https:// address")
    return url


class Trust(BaseModel):
    """``[[trust]]``: whose tokens open what. Every claim that is listed must be as it says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: Annotated[str, AfterValidator(check_issuer)]
    audience: Annotated[str, Field(min_length=1)]
    claims: Annotated[dict[str, str | list[str]], Field(min_length=1)]
    scopes: list[str]
    environments: list[str] | None = None
    models: list[str] | None = None
    name: str = "{sub}"


class TrustFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trust: list[Trust] = Field(default_factory=list)


def read(path: Path | None) -> tuple[Trust, ...]:
    """The issuers that a server trusts.

    Raises:
        UsageError: the file cannot be read, or holds what it should not.
    """
    if path is None:
        return ()
    try:
        table = tomllib.loads(bounded_file.read(path, LARGEST).decode())
        trusted = tuple(TrustFile.model_validate(table).trust)
    except bounded_file.Unfit as reason:
        raise UsageError(f"{path} {reason}.", remedy="Mend LINEAGE_TRUST.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {error}.", remedy="Mend LINEAGE_TRUST.") from None
    except ValidationError as error:
        raise UsageError(
            f"{path} is not a valid list of issuers: {first_problem(error)}.",
            remedy="See the page 'A registry for a team' of the documentation.",
        ) from None
    for trust in trusted:
        check_scopes(trust.scopes)
        for name in trust.environments or ():
            check_environment_name(name)
        for name in trust.models or ():
            check_name("model", name)
    return trusted


class NoIssuers:
    """The issuers of a server that trusts none."""

    async def authenticate(self, token: str, *, fetch: bool = True) -> NoReturn:
        """Refuse a token.

        Raises:
            NotAuthenticated: always.
        """
        raise refused(NOT_TRUSTED)


def refused(why: str) -> NotAuthenticated:
    """What one is told whose token an issuer signed."""
    return NotAuthenticated(
        f"The token is not accepted: {why}.",
        remedy="Check the issuer, the audience and the claims that the server trusts.",
    )
