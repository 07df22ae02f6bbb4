"""Scopes, and the principal who holds them: refusing what is not held. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from lineage.acts import act
from lineage.errors import NotPermitted, UsageError
from lineage.identity.digest import blake3_of, canonical_bytes
from lineage.identity.persons import ISSUED, Who, is_issued

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

LONGEST_NAME = 200


class Scope(StrEnum):
    """One thing that a token lets its bearer do; ``admin`` holds all the others."""

    READ = "read"
    REGISTER = "register"
    VALIDATE = "validate"
    VALIDATE_RUN = "validate:run"
    """What it says was run, or compared, is taken to be so."""
    APPROVE = "approve"
    DEPLOY = "deploy"
    OBSERVE = "observe"
    OBSERVE_WEIGHTS = "observe:weights"
    ADMIN = "admin"


OF_VERSIONS: Final = (
    *(Scope.REGISTER, Scope.VALIDATE, Scope.APPROVE, Scope.DEPLOY),
    Scope.OBSERVE_WEIGHTS,
)
"""The scopes whose verbs look at models, at versions and at where their weights are kept."""

OF_PIPELINES: Final = (
    *(Scope.REGISTER, Scope.VALIDATE, Scope.APPROVE, Scope.DEPLOY),
    *(Scope.OBSERVE, Scope.OBSERVE_WEIGHTS),
)
"""The scopes whose verbs look at versions of pipelines."""

OF_SERVING: Final = (
    *(Scope.VALIDATE, Scope.APPROVE, Scope.DEPLOY),
    *(Scope.OBSERVE, Scope.OBSERVE_WEIGHTS),
)
"""The scopes whose verbs look at environments and at what serves in them."""

OF_ANY: Final = tuple(Scope)
"""Every scope: who holds one may know who they are, and how far the history goes."""


@dataclass(frozen=True)
class Actor:
    """The one in whose name something is recorded.

    Events are written in ``name``; where persons are counted, it counts as ``person``. ``claimed``
    tells that no token proves either, ``runs_count`` that what it says was run, or compared, is
    taken to be so. ``noted`` is false of a token that was made before tokens had a person: it
    counts as its name, and rows note no person for it.
    """

    name: str
    person: str
    claimed: bool = False
    runs_count: bool = True
    noted: bool = True

    @property
    def recorded_person(self) -> str | None:
        """The person whom rows note; None where the name alone is known."""
        return self.person if self.noted else None

    @property
    def who(self) -> Who:
        """The name and the person as rows have them, to be compared with those of others."""
        return Who(self.name, self.recorded_person)


def claiming(name: str) -> Actor:
    """One who acts on the database itself, where everybody may call themselves anything."""
    return Actor(name, name, claimed=True)


@dataclass(frozen=True)
class Principal:
    """The one who acts; None for ``environments`` or ``models`` means that all are open.

    ``expires_at`` is ISO 8601 in UTC, ``token`` the id of the token that speaks, if one does.
    ``person`` is whom the principal counts as where persons are counted, by default the name;
    ``claimed`` tells that nothing proves either. ``renamed`` are the other names that the models of
    the binding have or had: whoever is bound to a model is so whatever it is called.
    """

    name: str
    scopes: frozenset[Scope]
    environments: frozenset[str] | None = None
    models: frozenset[str] | None = None
    expires_at: str | None = None
    token: str | None = None
    person: str | None = None
    claimed: bool = False
    renamed: frozenset[str] = frozenset()

    @property
    def all_models(self) -> frozenset[str] | None:
        """The models that are open, under all their names; None for all."""
        return self.models | self.renamed if self.models is not None else None

    @property
    def actor(self) -> Actor:
        """In whose name it acts."""
        return Actor(
            self.name,
            self.person or self.name,
            self.claimed,
            self.may(Scope.VALIDATE_RUN),
            self.person is not None or self.claimed,
        )

    @property
    def bound(self) -> bool:
        """Whether only some environments or models are open."""
        return self.environments is not None or self.models is not None

    @property
    def administers_all(self) -> bool:
        """Whether it may do what concerns all: it is an ``admin``, and bound to nothing."""
        return Scope.ADMIN in self.scopes and not self.bound

    @property
    def answered_as(self) -> str:
        """Whom kept answers are for: tokens of one name with another binding, or person, differ."""
        if not self.bound and self.person in (None, self.name):
            return self.name
        bindings = {
            "environments": _listed(self.environments),
            "models": _listed(self.models),
            "person": self.person,
        }
        return f"{self.name}\n{blake3_of(canonical_bytes(bindings)).value[:32]}"

    def may(self, scope: Scope) -> bool:
        """Whether the scope is held."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def sees_environment(self, name: str) -> bool:
        """Whether an environment is open."""
        return self.environments is None or name in self.environments

    def sees_model(self, name: str) -> bool:
        """Whether a model is open."""
        return self.models is None or name in self.models or name in self.renamed

    def require(
        self,
        scope: Scope,
        *,
        also: Collection[Scope] = (),
        environment: str | None = None,
        models: Iterable[str] = (),
    ) -> None:
        """Refuse what is not held.

        Args:
            scope: what opens it.
            also: scopes that open it too, for their own verbs look at it.
            environment: the environment that it is about.
            models: the models that it is about.

        Raises:
            NotPermitted: the scope, the environment or a model.
        """
        if not self.may(scope) and self.scopes.isdisjoint(also):
            raise NotPermitted(
                f"{self.name} lacks the scope {scope}.",
                remedy=f"Ask for a token with it: {act('token create', 'NAME', scope=scope)}",
            )
        self.require_open(environment=environment, models=models)

    def require_open(self, *, environment: str | None = None, models: Iterable[str] = ()) -> None:
        """Refuse names that are not open: by the binding alone, whether they exist or not.

        Raises:
            NotPermitted: the environment or a model is not.
        """
        if environment is not None and not self.sees_environment(environment):
            raise NotPermitted(
                f"{self.name} is bound to other environments than {environment}.",
                remedy="Use a token that is open to this environment.",
            )
        for model in models:
            if not self.sees_model(model):
                raise NotPermitted(
                    f"{self.name} is bound to other models than {model}.",
                    remedy="Use a token that is open to this model.",
                )

    def require_unbound(self) -> None:
        """Refuse what concerns all environments and models to one who is bound to some.

        Raises:
            NotPermitted: the principal is bound.
        """
        if self.bound:
            raise NotPermitted(
                f"{self.name} is bound to some environments or models, and this concerns all.",
                remedy="Use a token that is not bound.",
            )

    def to_json(self) -> dict[str, Any]:
        """What the principal may do, as `GET /v1/principal` shows it."""
        return {
            "name": self.name,
            "person": self.actor.person,
            "scopes": sorted(self.scopes),
            "environments": _listed(self.environments),
            "models": _listed(self.models),
            "expires_at": self.expires_at,
        }


def check_scopes(names: Iterable[str]) -> frozenset[Scope]:
    """Scopes by their names.

    Raises:
        UsageError: there are none, or one does not exist.
    """
    known = {scope.value: scope for scope in Scope}
    scopes_held = set()
    for name in names:
        if name not in known:
            raise UsageError(
                f"{name[:40]!r} is no scope.", remedy=f"Use some of {', '.join(known)}."
            )
        scopes_held.add(known[name])
    if not scopes_held:
        raise UsageError("No scope is named.", remedy=f"Use some of {', '.join(known)}.")
    return frozenset(scopes_held)


def check_actor(name: str) -> str:
    """``name`` itself, if events may be written in it.

    Raises:
        UsageError: it is empty, too long, or holds control characters.
    """
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise UsageError(
            "A name of one who acts is 1 to 200 printable characters.",
            remedy="Name the person or the service, for example ci-release.",
        )
    return name


def check_own_name(name: str) -> str:
    """``name`` itself, if a token of the registry may speak in it, or count as this person.

    Raises:
        UsageError: events may not be written in it, or only an OpenID Connect issuer gives it.
    """
    check_actor(name)
    if is_issued(name):
        raise UsageError(
            f"{name[:40]!r} is a name that only an OpenID Connect issuer gives.",
            remedy=f"Choose a name that does not begin with {ISSUED}",
        )
    return name


def _listed(names: frozenset[str] | None) -> list[str] | None:
    return sorted(names) if names is not None else None
