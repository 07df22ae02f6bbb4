"""The verbs on the registry itself: its tokens, its schema, the answers it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.contract.results.service import NewTokenRecord, TokenRecord
from lineage.database import clock, schema
from lineage.registry.verbs.base import Verbs

if TYPE_CHECKING:
    from lineage.contract.requests import NewToken
    from lineage.contract.results import SchemaCheck
    from lineage.database.basis import Basis
    from lineage.display import Listing
    from lineage.registry.access import Principal
    from lineage.registry.tokens import TokenSecret


class ServiceVerbs(Verbs):
    """Verbs on the registry itself."""

    def require_current(self) -> None:
        """Refuse a schema that this program does not know.

        Raises:
            RegistryUnreachable: the database cannot be reached, or its schema is another one.
        """
        schema.require_current(self._engine)

    def check(self) -> SchemaCheck:
        """Check the database file, its keys and its schema."""
        return schema.check(self._engine)

    def tokens(self) -> Listing[TokenRecord]:
        """Every token without its secret, the newest first."""
        from lineage.registry import tokens

        with self._read() as session:
            self._sight(session).require_all()
            return TokenRecord.listing(tokens.listed(session), "tokens")

    def authenticate(self, token: str) -> Principal:
        """The one who speaks with a token.

        Raises:
            NotAuthenticated: it is none of this registry's, revoked, or over.
        """
        from lineage.registry import tokens

        with self._read() as session:
            return tokens.authenticate(session, token, clock.now(session))

    def called(self, principal: Principal) -> Principal:
        """One who speaks, with all the names of the models that they are bound to."""
        from lineage.registry import tokens

        with self._read() as session:
            return tokens.with_names(session, principal)

    def token_secrets(self) -> dict[str, TokenSecret]:
        """What tells whether a text is a token that was not revoked, by its id."""
        from lineage.registry import tokens

        with self._read() as session:
            return tokens.secrets_of(session)

    def basis(self) -> Basis:
        """A number for each slot of the rows that its answers are made of."""
        from lineage.database import basis

        with self._read() as session:
            return basis.of_all(session.connection())

    def create_token(self, new: NewToken, *, actor: str) -> NewTokenRecord:
        """Create a bearer token; JSON of it with the ``token`` itself, which is never shown again.

        Raises:
            UsageError: a name or a scope is not valid, or the token would be over already.
            NotPermitted: who speaks is bound: no token is wider than the one that made it.
        """
        from lineage.registry import tokens

        with self._write() as session:
            self._sight(session).require_all()
            return NewTokenRecord(tokens.create(session, new, clock.stamp(session), actor))

    def revoke_token(self, identity: str, *, actor: str) -> TokenRecord:
        """Revoke a token; JSON of it.

        Raises:
            NotFound: there is no such token.
            NotPermitted: who speaks is bound.
        """
        from lineage.registry import tokens

        with self._write() as session:
            self._sight(session).require_all()
            return TokenRecord(tokens.revoke(session, identity, clock.stamp(session), actor))

    def token_used(self, identity: str, at: str) -> None:
        """Note when a token was used last."""
        from lineage.registry import tokens

        with self._write() as session:
            tokens.used(session, identity, at)

    def kept_answer(self, principal: str, key: str, request: str) -> tuple[int, str] | None:
        """What a write under an idempotency key was answered; None where it was never made.

        Args:
            principal: who made it.
            key: the key.
            request: what tells the request from others under the same key.

        Raises:
            KeyReused: the key was used for another request.
        """
        from lineage.database import idempotency

        with self._write() as session:
            return idempotency.find(session, principal, key, request)

    def keep_answer(self, principal: str, key: str, request: str, status: int, body: str) -> None:
        """Record the answer to a write under an idempotency key, in the write's transaction."""
        from lineage.database import idempotency

        with self._write() as session:
            idempotency.keep(session, principal, key, request, (status, body), clock.stamp(session))
