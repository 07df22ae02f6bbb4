"""Bearer tokens: made, looked up, revoked (decision 11). The secret is shown once and never kept.

A token is ``lng_<id>_<secret>`` with 256 random bits of secret. Since those cannot be guessed, a
slow hash would protect nothing; kept is the BLAKE3 of the secret under a key of the token's own.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from blake3 import blake3
from sqlmodel import col, select

from lineage.acts import act
from lineage.contract import requests
from lineage.database import events, names, tables, telling
from lineage.errors import NotAuthenticated, NotFound
from lineage.identity.digest import blake3_of
from lineage.identity.references import check_environment_name, check_name
from lineage.registry.access import Principal, Scope, check_own_name, check_scopes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlmodel import Session

    from lineage.contract.requests import NewToken

PREFIX: Final = "lng"

SUBJECT: Final = "access:tokens"
"""The subject of every event about tokens: a server knows by it that one was revoked."""

_FORM = re.compile(r"lng_([a-z2-7]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True)
class TokenSecret:
    """What a token's secret is compared with: its BLAKE3 under a key of its own."""

    key: bytes
    blake3: str


def create(session: Session, new: NewToken, at: str, actor: str) -> dict[str, Any]:
    """Create a token; JSON of it with the ``token`` itself, which is never shown again.

    Raises:
        UsageError: a name or a scope is not valid, or the token would be over already.
    """
    check_own_name(new.name)
    if new.person is not None:
        check_own_name(new.person)
    for name in new.environments or ():
        check_environment_name(name)
    for name in new.models or ():
        check_name("model", name)
    identity = "".join(secrets.choice(_LETTERS) for _ in range(12))
    secret, key = secrets.token_urlsafe(32), secrets.token_bytes(32)
    digest = _digest(secret, key)
    row = tables.Token(
        id=identity,
        name=new.name,
        person=new.person if new.person is not None else new.name,
        key=key.hex(),
        blake3=digest,
        fingerprint=fingerprint(key.hex(), digest),
        scopes=json.dumps(sorted(check_scopes(new.scopes))),
        environments=_names(new.environments),
        models=_names(new.models),
        created_at=at,
        created_by=actor,
        expires_at=requests.to_come(new.expires_at, at),
    )
    telling.tell(session, row)
    shown = to_json(row)
    told = ("id", "person", "scopes", "environments", "models", "expires_at")
    payload = {key: shown[key] for key in told}
    events.append(
        session,
        at=at,
        actor=actor,
        kind="token-created",
        subject=new.name,
        payload=payload,
        also=[SUBJECT],
    )
    return shown | {"token": f"{PREFIX}_{identity}_{secret}"}


def with_names(session: Session, principal: Principal) -> Principal:
    """One who is bound to models is so under all the names that these have or had."""
    if principal.models is None:
        return principal
    called = names.with_names(session, principal.models)
    return replace(principal, renamed=called - principal.models)


def listed(session: Session) -> list[dict[str, Any]]:
    """Every token without its secret, the newest first."""
    table = tables.Token
    rows = session.exec(select(table).order_by(col(table.created_at).desc(), col(table.id)))
    return [to_json(row) for row in rows]


def revoke(session: Session, identity: str, at: str, actor: str) -> dict[str, Any]:
    """Revoke a token; JSON of it. One that is revoked already stays so.

    Raises:
        NotFound: there is no such token.
    """
    row = session.get(tables.Token, identity)
    if row is None:
        raise NotFound(
            f"There is no token {identity[:40]!r}.", remedy=f"See them: {act('token list')}"
        )
    if row.revoked_at is None:
        row.revoked_at, row.revoked_by = at, actor
        telling.tell(session, row)
        events.append(
            session,
            at=at,
            actor=actor,
            kind="token-revoked",
            subject=row.name,
            payload={"id": row.id},
            also=[SUBJECT],
        )
    return to_json(row)


def authenticate(session: Session, text: str, now: str) -> Principal:
    """The one who speaks with a token.

    Raises:
        NotAuthenticated: it is none of this registry's, revoked, or over.
    """
    form = _FORM.fullmatch(text)
    row = session.get(tables.Token, form[1]) if form is not None else None
    key = bytes.fromhex(row.key) if row is not None else bytes(32)
    presented = _digest(form[2] if form is not None else "", key)
    same = secrets.compare_digest(presented, row.blake3 if row is not None else "0" * 64)
    if row is None or not same:
        raise unknown()
    if row.revoked_at is not None:
        raise NotAuthenticated("The token was revoked.", remedy="Ask for a new one.")
    principal = with_names(session, _principal(row))
    check_time(principal, now)
    return principal


def secrets_of(session: Session) -> dict[str, TokenSecret]:
    """What tells whether a text is a token that was not revoked, by its id."""
    table = tables.Token
    query = select(table.id, table.key, table.blake3).where(col(table.revoked_at).is_(None))
    return {
        identity: TokenSecret(bytes.fromhex(key), digest)
        for identity, key, digest in session.exec(query)
    }


def is_one_of(text: str, known: Mapping[str, TokenSecret]) -> bool:
    """Whether a text is one of some tokens; it is told without the database."""
    form = _FORM.fullmatch(text)
    held = known.get(form[1]) if form is not None else None
    if form is None or held is None:
        return False
    return secrets.compare_digest(_digest(form[2], held.key), held.blake3)


def used(session: Session, identity: str, at: str) -> None:
    """Note that a token was used."""
    row = session.get(tables.Token, identity)
    if row is not None and (row.last_used_at is None or row.last_used_at < at):
        row.last_used_at = at
        session.add(row)


def check_time(principal: Principal, now: str) -> None:
    """Refuse one whose time is over.

    Raises:
        NotAuthenticated: it is.
    """
    if principal.expires_at is not None and principal.expires_at <= now:
        raise NotAuthenticated(
            f"The token was good until {principal.expires_at[:16]}.", remedy="Ask for a new one."
        )


def unknown() -> NotAuthenticated:
    """What is said of a token that is not known: nothing that helps to guess one."""
    return NotAuthenticated(
        "The token is not one of this registry's.",
        remedy="Check LINEAGE_TOKEN, or ask for a token: "
        f"{act('token create', 'NAME', scope='SCOPE')}",
    )


def to_json(row: tables.Token) -> dict[str, Any]:
    """JSON of a token, without its secret."""
    return {
        "id": row.id,
        "name": row.name,
        "person": row.person or row.name,
        "scopes": json.loads(row.scopes),
        "environments": json.loads(row.environments) if row.environments else None,
        "models": json.loads(row.models) if row.models else None,
        "created_at": row.created_at,
        "created_by": row.created_by,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
        "revoked_by": row.revoked_by,
        "last_used_at": row.last_used_at,
    }


def _principal(row: tables.Token) -> Principal:
    return Principal(
        row.name,
        frozenset(Scope(scope) for scope in json.loads(row.scopes)),
        frozenset(json.loads(row.environments)) if row.environments else None,
        frozenset(json.loads(row.models)) if row.models else None,
        row.expires_at,
        row.id,
        row.person,
    )


def _digest(secret: str, key: bytes) -> str:
    return blake3(secret.encode(), key=key).hexdigest()


def fingerprint(key: str, digest: str) -> str:
    """By what the history knows the secrets of a token, without telling them."""
    return str(blake3_of(f"{key}:{digest}".encode()))


def _names(names: Sequence[str] | None) -> str | None:
    return json.dumps(sorted(set(names))) if names is not None else None
