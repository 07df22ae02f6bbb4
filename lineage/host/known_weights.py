"""Where the weights of a version are, as the registry last said it, for the time when it is away.

A pull keeps what it was told, of what it named and of the version that this was; also that there is
no such version. What serves is then the newest that this host was told, by a pull or by
``serving``.
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lineage import kept, timestamps
from lineage.acts import act
from lineage.connection import connect
from lineage.errors import LineageError, NotFound, RegistryUnreachable, UsageError
from lineage.host import last_known
from lineage.identity.references import Reference
from lineage.registry_url import may_be_away
from lineage.weights.copies import StoredWeights

if TYPE_CHECKING:
    from pathlib import Path


def stored(
    url: str, reference: str, oldest: dt.timedelta | None
) -> tuple[StoredWeights, float | None]:
    """The weights of a version; what the registry last said of them where it cannot be asked now.

    Args:
        url: the registry.
        reference: the version: ``churn@7``, ``churn@production``.
        oldest: how old the last answer may be; None never to give it, but of a version by its
            number: what that names stays.

    Returns:
        The weights, and how old the answer is in seconds; None where it is the registry's own.

    Raises:
        NotFound: there is no such version.
        RegistryUnreachable: the registry cannot be asked, and no answer is kept that is so young.
    """
    named = Reference.parse(reference)
    reference = str(named)
    try:
        with connect(url) as registry:
            answer = registry.stored(reference)
    except NotFound as error:
        if may_be_away(url):
            _keep_refusal(url, named, error)
        raise
    except RegistryUnreachable as error:
        if not may_be_away(url):
            raise
        if oldest is None and named.number is not None and _read(url, reference) is not None:
            oldest = dt.timedelta.max  # what a number names stays
        if oldest is None:
            again = act("pull", reference, last_known="12h")
            raise RegistryUnreachable(
                str(error), remedy=f"{error.remedy} Or take what it last said: {again}"
            ) from None
        return _last_said(url, reference, oldest, error)
    if may_be_away(url):
        document = {"answered_at": timestamps.now(), "stored": answer.to_json()}
        for name in {reference, answer.ref}:
            kept.write(_path(url, name), document)
    return answer, None


def told(ref: str, age: float) -> str:
    """What to say beside weights that come of a last answer."""
    return f"last known: the registry cannot be reached, and said {age:,.0f} s ago that it is {ref}"


def _keep_refusal(url: str, named: Reference, error: NotFound) -> None:
    """Keep that there is no such version; of a slot also what is in it instead."""
    said = {"answered_at": timestamps.now(), "refused": str(error)}
    kept.write(_path(url, str(named)), said)
    if named.environment is not None:
        with suppress(LineageError):
            last_known.serving(url, named.model, named.environment)


def _last_said(
    url: str, reference: str, oldest: dt.timedelta, error: RegistryUnreachable
) -> tuple[StoredWeights, float]:
    at, answer = _read(url, reference) or (None, None)
    slot = last_known.kept_slot(url, Reference.parse(reference))
    if slot is not None and (at is None or at < slot[0]):
        at, version = slot
        if version is None:
            raise RegistryUnreachable(
                f"{error} When it last answered, nothing was {reference}.", remedy=error.remedy
            ) from None
        answer = (_read(url, version) or (None, None))[1]
        if answer is None:
            raise RegistryUnreachable(
                f"{error} It last said that {reference} is {version}, which was never pulled here.",
                remedy=error.remedy,
            ) from None
    if at is None or answer is None:
        raise RegistryUnreachable(
            f"{error} {reference} was never pulled here before.", remedy=error.remedy
        ) from None
    if isinstance(answer, StoredWeights):  # of the version itself something else may be known since
        own = _read(url, answer.ref)
        answer = own[1] if own is not None and isinstance(own[1], str) else answer
    if isinstance(answer, str):
        raise RegistryUnreachable(f"{error} It last said: {answer}", remedy=error.remedy) from None
    return answer, last_known.age_of(at, oldest, error)


def _path(url: str, reference: str) -> Path:
    return kept.path("weights", url, reference)


def _read(url: str, reference: str) -> tuple[dt.datetime, StoredWeights | str] | None:
    """What is kept of a version, and since when: its weights, or why there are none.

    None where that is nothing, or nothing whole.
    """
    document: dict[str, Any] = kept.read(_path(url, reference)) or {}
    try:
        at = dt.datetime.fromisoformat(document["answered_at"])
        if "refused" in document:
            return at, str(document["refused"])
        return at, StoredWeights.from_json(document["stored"])
    except (KeyError, TypeError, ValueError, UsageError):
        return None
