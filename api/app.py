"""The application: puts a server together from its state, its routes, its errors, its documents."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread
from fastapi import FastAPI
from fastapi.routing import APIRoute

from lineage import timestamps
from lineage.database.engine import open_engine
from lineage.patience import CONNECT_TIMEOUT
from lineage.registry.access import Scope
from lineage.registry.checker import Checker, named_stores
from lineage.registry.drift_watch import DriftWatch
from lineage.registry.registry import Registry
from lineage.registry.webhooks.addresses import networks
from lineage.registry.webhooks.deliverer import Deliverer
from lineage.registry.webhooks.sending import Sender
from lineage.registry_url import require_standby

from . import problems, process, trust
from .authentication import Authenticator
from .beside import Beside
from .change_detection import detector_of
from .confirming import Confirming
from .dependencies import AppState
from .environment_cache import EnvironmentCache
from .live import OpenPages
from .metrics import Metrics
from .middleware import Boundary
from .pages import site
from .pages.routes import PAGES
from .problems import Problem
from .quick_lookups import QuickLookups
from .rate_limit import AttemptLimiter
from .refusals import Refusals
from .reporting import Reporting
from .routes import (
    environments,
    history,
    labels,
    lineage,
    models,
    observations,
    operations,
    pipelines,
    retraining,
    serving,
    slots,
    stores,
    tokens,
    validations,
    versions,
    webhooks,
    weights,
    windows,
)
from .serving_cache import ServingCache
from .settings import Settings
from .standby import Standby
from .waiting import WaitingHosts
from .writers import WRITERS, Writers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lineage.explain.checkout import Checkout
    from lineage.identity.notes import Signer

    from .beside import Work
    from .oidc import Issuers

ROUTERS: Final = (
    serving.router,
    slots.router,
    observations.router,
    windows.router,
    environments.router,
    models.router,
    labels.router,
    versions.router,
    validations.router,
    stores.router,
    weights.router,
    pipelines.router,
    history.router,
    lineage.router,
    retraining.router,
    tokens.router,
    webhooks.router,
    operations.router,
)

DESCRIPTION: Final = """\
Know what made each model, what serves, and whether it may.

Every error is an RFC 9457 problem with a stable `code` and a `remedy`. Lists come by pages: give
`next` as `cursor`. Writes take an `Idempotency-Key`. The slot's `ETag` is its revision: `If-Match`
guards a write, `If-None-Match` saves a read.
"""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application for a registry's database.

    Args:
        settings: what it is told; by default the environment's ``LINEAGE_…`` variables.

    Raises:
        UsageError: the registry's URL, its standby's or the list of trusted issuers cannot be read.
        RegistryUnreachable: there is no such database file.
    """
    settings = settings or Settings()
    if settings.standby:
        require_standby(settings.registry, settings.standby)
    engine = open_engine(
        settings.registry,
        lock_timeout=settings.lock_timeout,
        # who writes a report under a key needs two; others: the whole history, batches of reports
        # and what is told beside answers: refusals, webhooks
        connections=settings.threads + 2 * WRITERS + 5,
        shared=not settings.no_auth,  # that is for this machine alone
        connect_timeout=CONNECT_TIMEOUT,  # no person waits for the server's own connections
        read_only=settings.read_only,
    )
    registry = Registry(engine)
    detector = detector_of(settings.registry, settings.lock_timeout, engine.dispose)
    writers = Writers(WRITERS, settings.lock_timeout)
    authenticator = Authenticator(
        registry,
        detector,
        writers,
        _issuers(settings),
        AttemptLimiter(settings.failed_logins),
        open_to_all=settings.no_auth,
        anybody=Scope.READ if settings.read_only else Scope.ADMIN,
    )
    drifts = DriftWatch(registry.drifts)
    metrics = Metrics(registry, drifts)
    signer = _signer(settings)
    standby = Standby(settings.standby, engine) if settings.standby else None
    cache = ServingCache(registry, detector, standby, metrics.read_from)
    waiting = WaitingHosts(cache, settings.max_waiting)
    environment_cache = EnvironmentCache()
    confirming = Confirming(registry, detector, cache, environment_cache, authenticator)
    state = AppState(
        registry,
        authenticator,
        metrics,
        cache,
        environment_cache,
        waiting,
        OpenPages(cache, registry),
        writers,
        Writers(1, settings.lock_timeout),
        Writers(1, settings.lock_timeout, "Others have been reading the whole history"),
        Reporting(registry),
        Refusals(registry),
        networks(settings.webhook_allow),
        signer=signer,
        checkout=_checkout(settings),
    )

    beside = Beside(_beside(registry, settings, metrics, drifts, signer), settings.beside_lock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        """As many threads of readers as may read at once; all are let go at the end."""
        anyio.to_thread.current_default_thread_limiter().total_tokens = settings.threads
        beside.start()
        confirming.start()
        with process.tuned():
            yield
        await confirming.stop()
        await beside.stop()
        state.refusals.close()
        waiting.close()
        state.open_pages.close()
        await detector.close()
        if standby is not None:
            standby.close()
        registry.close()

    app = FastAPI(
        title="lineage-guard",
        version=installed("lineage-guard"),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation,
    )
    app.state.server = state
    app.state.most = settings.max_body
    for router in (*ROUTERS, *PAGES):
        app.include_router(router)
    app.state.routes = [route for router in (*ROUTERS, *PAGES) for route in router.routes]
    problems.install(app)
    site.install(app)
    app.add_middleware(QuickLookups, state=state)
    boundary = partial(
        Boundary, metrics=metrics, max_body=settings.max_body, log_all=settings.log_all
    )
    app.add_middleware(boundary)
    state.waiting.again = boundary(QuickLookups(serving.answer_again, state=state))
    _document(app, open_to_all=settings.no_auth)
    return app


def _signer(settings: Settings) -> Signer | None:
    """What signs checkpoints, where the server is told to."""
    if settings.checkpoint_key is None:
        return None
    from lineage.registry.checkpoints import signer_of

    return signer_of(settings.checkpoint_key)


def _checkout(settings: Settings) -> Checkout | None:
    """Where pages look for lines of code; a server of a team stands in no checkout."""
    if settings.checkout is None:
        return None
    from lineage.explain.checkout import Checkout

    return Checkout(settings.checkout)


def _issuers(settings: Settings) -> Issuers | trust.NoIssuers:
    """Those whose tokens count too; what verifies these is loaded only where there are any."""
    trusted = trust.read(settings.trust)
    if not trusted:
        return trust.NoIssuers()
    from .oidc import Issuers

    return Issuers(trusted)


def _beside(
    registry: Registry,
    settings: Settings,
    metrics: Metrics,
    drifts: DriftWatch,
    signer: Signer | None,
) -> list[Work]:
    """What this server does beside answering: look at weights, put checkpoints out, tell others."""
    work: list[Work] = []
    if settings.read_only:
        return work
    if settings.check_every is not None:
        stores = named_stores(settings.check_stores)
        work.append(Checker(registry, timestamps.span(settings.check_every), stores))
    if settings.checkpoint_to is not None:
        from lineage.registry.checkpoints import Checkpointer, place_of

        work.append(Checkpointer(registry, place_of(settings.checkpoint_to), signer))
    if settings.webhooks:
        sender = Sender(networks(settings.webhook_allow))
        told = metrics.told
        work.append(Deliverer(registry.outbox, registry.all_serving, drifts.known, sender, told))
    return work


def _operation(route: APIRoute) -> str:
    """The name that a generated client gives to a route: its group and its function."""
    return f"{route.tags[0]}_{route.name}"


def _document(app: FastAPI, *, open_to_all: bool) -> None:
    """Every error is a problem, also those that FastAPI documents in its own way.

    A server that asks for no tokens documents none.
    """
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            schemas = document["components"]["schemas"]
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            schemas["Problem"] = Problem.model_json_schema()
            if open_to_all:
                document["components"].pop("securitySchemes")
                for path in document["paths"].values():
                    for operation in path.values():
                        operation.pop("security", None)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
