"""What a registry last said, kept on disk for the time when it cannot be asked.

A serving host must be able to start while the registry is away. The answer is given only to those
who ask for it, and says how old it is. A refusal is an answer too: what was said before it is given
no more.
"""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from blake3 import blake3

from lineage import kept, timestamps
from lineage.connection import connect
from lineage.contract.results import Serving, Side
from lineage.errors import NotFound, PipelineMismatch, RegistryUnreachable
from lineage.registry_url import may_be_away, without_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lineage.identity.references import Reference

FORMAT: Final = 1
AHEAD: Final = dt.timedelta(minutes=5)
"""How far a clock may be behind the one that dated the answer."""


@dataclass(frozen=True)
class _Known:
    """What a registry last said of a slot, and when: an answer, or why it gave none."""

    at: dt.datetime
    answer: Serving | None = None
    refused: str = ""


def serving(
    url: str,
    model: str,
    environment: str,
    at: str | None = None,
    oldest: dt.timedelta | None = None,
    pipeline: str | None = None,
    accept: Callable[[Serving], None] | None = None,
    ask: Callable[[], Serving] | None = None,
) -> Serving:
    """What serves; what the registry last said of it where it cannot be asked now.

    Args:
        url: the registry.
        model: the model's name.
        environment: the environment's name.
        at: a past moment, of which nothing is kept; None for now.
        oldest: how old the last answer may be; None never to give it.
        pipeline: the pipeline version that the caller runs: the answer's ``side`` goes with it.
        accept: raises where the answer is not to be taken; such a one is not kept either.
        ask: asks the registry, in another way than over a connection of its own.

    Returns:
        The answer. Its ``age`` is None where it is the registry's own, else in seconds.

    Raises:
        NotFound: there is no such model or environment.
        PipelineMismatch: no pair of the slot goes with the pipeline.
        RegistryUnreachable: the registry cannot be asked, and no answer is kept that is so young.
    """
    if at is not None or (oldest is None and not may_be_away(url)):
        answer = ask() if ask is not None else _ask(url, model, environment, at, pipeline)
        return _accepted(answer, accept)
    try:
        with refusal_kept(url, model, environment, pipeline):
            answer = ask() if ask is not None else _ask(url, model, environment, None, pipeline)
    except RegistryUnreachable as error:
        known = _last_said(url, model, environment, pipeline) if oldest is not None else None
        if known is None or oldest is None:
            raise
        seconds = age_of(known.at, oldest, error)
        if known.answer is None:
            raise RegistryUnreachable(
                f"{error} It last said: {known.refused}", remedy=error.remedy
            ) from None
        return _accepted(replace(known.answer, age=seconds), accept)
    _write(_path(url, model, environment, pipeline), _accepted(answer, accept), model)
    return answer


@contextmanager
def refusal_kept(url: str, model: str, environment: str, pipeline: str | None) -> Iterator[None]:
    """Ask for a slot of the present; a refusal takes the place of the answer that is kept of it.

    Args:
        url: the registry.
        model: the model's name.
        environment: the environment's name.
        pipeline: the pipeline version that is asked with.
    """
    try:
        yield
    except (NotFound, PipelineMismatch) as error:
        # no pair goes with one pipeline; a model or an environment is gone for all of them
        of = {pipeline} if isinstance(error, PipelineMismatch) else {pipeline, None}
        said = {"refused": str(error), "environment": environment}
        for key in of:
            _keep(_path(url, model, environment, key), model, said)
        raise


def _last_said(url: str, model: str, environment: str, pipeline: str | None) -> _Known | None:
    """What is kept of a slot for a pipeline; what was said since of the whole slot counts too."""
    known = _read(_path(url, model, environment, pipeline), model, environment)
    if known is None or known.answer is None or pipeline is None:
        return known
    since = _read(_path(url, model, environment, None), model, environment)
    if since is None or since.at < known.at:
        return known
    if since.answer is None:
        return since
    if since.answer.revision == known.answer.revision:
        return known
    pair = _pair(known.answer)
    for side in Side:
        answer = replace(since.answer, side=side)
        if pair is not None and _pair(answer) == pair:
            return _Known(since.at, answer)
    return _Known(since.at, refused=f"{model} in {environment} has moved on from this pipeline.")


def _pair(answer: Serving) -> tuple[str, str | None] | None:
    """The version on the side that was asked for, and its pipeline version."""
    version = answer.on_side
    if version is None:
        return None
    return version.ref, version.pipeline or answer.pipeline["digest"]


def _accepted(answer: Serving, accept: Callable[[Serving], None] | None) -> Serving:
    if accept is not None:
        accept(answer)
    return answer


def age_of(at: dt.datetime, oldest: dt.timedelta, error: RegistryUnreachable) -> float:
    """The age in seconds of what a registry said.

    Raises:
        RegistryUnreachable: it is too old, or dated by a clock that is far ahead.
    """
    age = dt.datetime.now(dt.UTC) - at
    if age > oldest or (age < -AHEAD and oldest < dt.timedelta.max):
        raise RegistryUnreachable(
            f"{error} What it last said is from {at.isoformat()[:16]}, which is too old.",
            remedy=error.remedy,
        ) from None
    return max(0.0, age.total_seconds())


def kept_slot(url: str, reference: Reference) -> tuple[dt.datetime, str | None] | None:
    """When a registry last said what serves, and what the reference was then: ``churn@7``.

    Returns:
        None where nothing is kept, or the reference names no slot. The reference is None where
        nothing was there.
    """
    environment = reference.environment
    if environment is None:
        return None
    known = _read(_path(url, reference.model, environment, None), reference.model, environment)
    if known is None:
        return None
    if known.answer is None:
        return known.at, None
    side = known.answer.backup if reference.backup else known.answer.serving
    return known.at, side.ref if side is not None else None


def keep_for_later(url: str, answer: Serving) -> None:
    """Keep what a registry just said of a slot of the present."""
    _write(_path(url, answer.model, answer.environment, None), answer, answer.model)


def _ask(url: str, model: str, environment: str, at: str | None, pipeline: str | None) -> Serving:
    with connect(url) as registry:
        return registry.serving(model, environment, at=at, pipeline=pipeline)


def _path(url: str, model: str, environment: str, pipeline: str | None) -> Path:
    about = (environment, model) if pipeline is None else (environment, model, pipeline)
    key = "\n".join((without_password(url), *about))
    return kept.folder() / f"{blake3(key.encode()).hexdigest(32)}.json"


def _read(path: Path, model: str, environment: str) -> _Known | None:
    """What is kept; None where that is nothing, or nothing whole."""
    document = kept.read(path) or {}
    try:
        at = dt.datetime.fromisoformat(document["answered_at"])
        if "refused" in document:
            known, about = _Known(at, refused=str(document["refused"])), document
        else:
            about = document["answer"]
            known = _Known(at, Serving.from_json(about))
        asked = document.get("asked") or about["model"]  # a renamed model answers with another name
        same = (asked, about["environment"]) == (model, environment)
        whole = document["format"] == FORMAT
    except (ValueError, KeyError, TypeError):
        return None
    return known if whole and same else None


def _write(path: Path, answer: Serving, asked: str) -> None:
    """Keep an answer; ``asked`` is the name by which the model was asked for."""
    _keep(path, asked, {"answer": answer.to_json()})


def _keep(path: Path, asked: str, said: dict[str, Any]) -> None:
    kept.write(path, {"format": FORMAT, "answered_at": timestamps.now(), "asked": asked, **said})


def oldest_of(last_known: bool | float | dt.timedelta) -> dt.timedelta | None:
    """How old an answer may be; None for not at all."""
    if isinstance(last_known, bool):
        return dt.timedelta.max if last_known else None
    if isinstance(last_known, dt.timedelta):
        return last_known
    return dt.timedelta(seconds=last_known)
