"""What a registry last said, kept on disk for the time when it cannot be asked.

A serving host must be able to start while the registry is away. The answer is given only to those
who ask for it, and says how old it is.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from blake3 import blake3

from lineage import timestamps
from lineage.connection import connect
from lineage.contract.results import Serving
from lineage.errors import RegistryUnreachable
from lineage.kept import folder
from lineage.registry_url import may_be_away, without_password

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineage.identity.references import Reference

FORMAT: Final = 1
AHEAD: Final = dt.timedelta(minutes=5)
"""How far a clock may be behind the one that dated the answer."""


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
    path = _path(url, model, environment, pipeline)
    try:
        answer = ask() if ask is not None else _ask(url, model, environment, None, pipeline)
    except RegistryUnreachable as error:
        known = _read(path, model, environment) if oldest is not None else None
        if known is None or oldest is None:
            raise
        seconds = age_of(dt.datetime.fromisoformat(known["answered_at"]), oldest, error)
        return _accepted(replace(Serving.from_json(known["answer"]), age=seconds), accept)
    _write(path, _accepted(answer, accept), model)
    return answer


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
        None where nothing is kept, or the reference names no slot.
    """
    environment = reference.environment
    if environment is None:
        return None
    known = _read(_path(url, reference.model, environment, None), reference.model, environment)
    if known is None:
        return None
    slot = Serving.from_json(known["answer"])
    side = slot.backup if reference.backup else slot.serving
    at = dt.datetime.fromisoformat(known["answered_at"])
    return at, side.ref if side is not None else None


def keep_for_later(url: str, answer: Serving, at: str | None = None) -> None:
    """Keep what a registry just said where that is worth it.

    It is of the present (``at`` None), if the registry may be away when it is asked again.
    """
    if at is None and may_be_away(url):
        path = _path(url, answer.model, answer.environment, None)
        _write(path, answer, answer.model)


def _ask(url: str, model: str, environment: str, at: str | None, pipeline: str | None) -> Serving:
    with connect(url) as registry:
        return registry.serving(model, environment, at=at, pipeline=pipeline)


def _path(url: str, model: str, environment: str, pipeline: str | None) -> Path:
    about = (environment, model) if pipeline is None else (environment, model, pipeline)
    key = "\n".join((without_password(url), *about))
    return folder() / f"{blake3(key.encode()).hexdigest(32)}.json"


def _read(path: Path, model: str, environment: str) -> dict[str, Any] | None:
    """What is kept; None where that is nothing, or nothing whole."""
    try:
        known: dict[str, Any] = json.loads(path.read_bytes())
        whole = known["format"] == FORMAT
        answer = known["answer"]
        asked = known.get("asked", answer["model"])  # a renamed model answers with another name
        same = (asked, answer["environment"]) == (model, environment)
        dt.datetime.fromisoformat(known["answered_at"])
        Serving.from_json(answer)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return known if whole and same else None


def _write(path: Path, answer: Serving, asked: str) -> None:
    """Keep an answer, whole or not at all; not being able to is no reason to fail.

    ``asked`` is the name by which the model was asked for.
    """
    document = {
        "format": FORMAT,
        "answered_at": timestamps.now(),
        "asked": asked,
        "answer": answer.to_json(),
    }
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
        try:
            with os.fdopen(descriptor, "w") as file:
                json.dump(document, file)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise


def oldest_of(last_known: bool | float | dt.timedelta) -> dt.timedelta | None:
    """How old an answer may be; None for not at all."""
    if isinstance(last_known, bool):
        return dt.timedelta.max if last_known else None
    if isinstance(last_known, dt.timedelta):
        return last_known
    return dt.timedelta(seconds=last_known)
