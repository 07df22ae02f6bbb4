"""The base of a remote registry's verbs: holds the connection they share, and finds a version.

What a server answers is read in each verb; that it cannot be read is said here, for all of them.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from lineage.contract import addresses
from lineage.identity.references import Reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineage.remote.transport import Transport


class Verbs:
    """Verbs of a registry that are sent over one connection."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport

    def __init_subclass__(cls) -> None:
        for name, verb in list(vars(cls).items()):
            if inspect.isfunction(verb) and not name.startswith("_"):
                setattr(cls, name, _of_a_registry(verb))


def _of_a_registry(verb: Callable[..., Any]) -> Callable[..., Any]:
    """A verb that says so where what answers is no registry: JSON that is not the verb's answer.

    What an answer is by is in its line, so one that has none is not what was asked for.
    """

    @functools.wraps(verb)
    def asked(self: Verbs, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - what the verb gives
        before = self._http.answers
        try:
            answer = verb(self, *args, **named)
            repr(answer)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            if self._http.answers == before:
                raise  # nothing was answered: it is what was asked
            raise self._http.foreign() from error
        return answer

    return asked


def version_address(reference: str | Reference, template: str = addresses.VERSION) -> str:
    """The address of a version that is named as a person writes it, or of what is below it.

    Raises:
        UsageError: the text is no reference.
    """
    return addresses.version(Reference.parse(reference), template)
