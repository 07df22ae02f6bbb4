"""Addresses of the pages: the templates of their routes, and one for each thing shown. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlencode

HOME: Final = "/"
SIGN_IN: Final = "/sign-in"
SIGN_OUT: Final = "/sign-out"
ASSET: Final = "/assets/{name}"
SLOT: Final = "/environments/{env}/models/{model}"
PROMOTE: Final = SLOT + "/promote"
ROLLBACK: Final = SLOT + "/rollback"
RELEASE: Final = SLOT + "/release"
MOVED: Final = SLOT + "/moved"
DRIFT: Final = SLOT + "/drift"
LIVE: Final = "/live"
MODELS: Final = "/models"
MODEL: Final = MODELS + "/{model}"
RETRAINING: Final = MODEL + "/retraining"
VERSION: Final = MODEL + "/versions/{n}"
GRAPH: Final = VERSION + "/graph"
EXPORT: Final = VERSION + "/export"
PIPELINE: Final = "/pipelines/{pipeline}"
GUARD: Final = "/guard"
HISTORY: Final = "/history"
SEARCH: Final = "/search"

NAVIGATION: Final = (
    (HOME, "Environments"),
    (MODELS, "Models"),
    (GUARD, "Guard"),
    (HISTORY, "History"),
    (SEARCH, "Search"),
)
"""What every page leads to, with its name."""


def slot(environment: str, model: str, action: str | None = None) -> str:
    """The page of a slot, or of a move of it: ``promote``, ``rollback`` or ``release``.

    ``moved`` tells what moved since such a page was opened, ``drift`` what changed in what it sees.
    """
    page = _filled(SLOT, env=environment, model=model)
    return f"{page}/{action}" if action else page


def model(name: str) -> str:
    """The page of a model."""
    return _filled(MODEL, model=name)


def retraining(name: str) -> str:
    """The page of when to retrain a model."""
    return _filled(RETRAINING, model=name)


def version(reference: str) -> str:
    """The page of a version, by its reference: ``churn@7``."""
    name, _, selector = reference.rpartition("@")
    return _filled(VERSION, model=name, n=selector)


def graph(reference: str) -> str:
    """The page of what made a version, and of what it reaches."""
    return f"{version(reference)}/graph"


def export(reference: str, form: str) -> str:
    """The file of a version in a format of other programs."""
    return with_query(f"{version(reference)}/export", format=form)


def pipeline(name: str, first: str | None = None, second: str | None = None) -> str:
    """The page of a pipeline, with two of its versions side by side where these are said."""
    return with_query(_filled(PIPELINE, pipeline=name), first=first, second=second)


def guard(reference: str | None = None, environment: str | None = None) -> str:
    """The page of the guard, of a version in an environment where these are said."""
    return with_query(GUARD, version=reference, environment=environment)


def with_query(path: str, **query: str | int | None) -> str:
    """An address with what is asked there; nothing of what is None or empty."""
    asked = {name: value for name, value in query.items() if value not in (None, "")}
    written = urlencode(asked, safe="/", quote_via=quote)
    return f"{path}?{written}" if asked else path


def _filled(template: str, **names: str) -> str:
    return template.format_map({key: quote(value, safe="") for key, value in names.items()})
