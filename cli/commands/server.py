"""`serve`: answer for the registry over HTTP."""

from __future__ import annotations

import logging.config
import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ..browsing import APPLICATION, CONNECTION
from ..options import State

FILES = 65_536
"""Files that a process may open, if the system lets it: each connection is one."""

KEEP_ALIVE = 75
"""Seconds that an idle connection is kept: longer than a proxy keeps it (nginx: 60)."""


def serve(
    host: Annotated[
        str,
        typer.Option(
            "--host", envvar="LINEAGE_HOST", metavar="ADDRESS", help="The address to listen on."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            "--port", envvar="LINEAGE_PORT", metavar="PORT", min=1, max=65_535, help="The port."
        ),
    ] = 8000,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", envvar="LINEAGE_WORKERS", metavar="N", min=1, max=64, help="Processes."
        ),
    ] = 1,
    standby: Annotated[
        str | None,
        typer.Option(
            "--standby",
            envvar="LINEAGE_STANDBY",
            metavar="URL",
            help="A streaming standby of the registry's PostgreSQL: answers about slots are read "
            "from it while it is level with the primary.",
            show_default=False,
        ),
    ] = None,
    no_auth: Annotated[
        bool,
        typer.Option(
            "--no-auth", envvar="LINEAGE_NO_AUTH", help="Ask for no tokens; on loopback only."
        ),
    ] = False,
    migrate: Annotated[
        bool,
        typer.Option(
            "--migrate", envvar="LINEAGE_MIGRATE", help="Bring the database's schema up to date."
        ),
    ] = False,
    trust: Annotated[
        Path | None,
        typer.Option(
            "--trust",
            envvar="LINEAGE_TRUST",
            metavar="FILE",
            help="Trusted OpenID Connect issuers (see the page 'A registry for a team' of the "
            "documentation).",
        ),
    ] = None,
    log_all: Annotated[
        bool,
        typer.Option("--log-all", envvar="LINEAGE_LOG_ALL", help="Log successful reads too."),
    ] = False,
    proxies: Annotated[
        str,
        typer.Option(
            "--proxies",
            envvar="LINEAGE_PROXIES",
            metavar="ADDRESSES",
            help="The proxies in front, by commas: theirs is the X-Forwarded-For that is believed. "
            "Default: nobody's.",
            show_default=False,
        ),
    ] = "",
    check_every: Annotated[
        str | None,
        typer.Option(
            "--check-every",
            envvar="LINEAGE_CHECK_EVERY",
            metavar="SPAN",
            help="How often to look at the stored weights that production rests on, e.g. 6h; "
            "default: never.",
            show_default=False,
        ),
    ] = None,
    check_stores: Annotated[
        str,
        typer.Option(
            "--check-stores",
            envvar="LINEAGE_CHECK_STORES",
            metavar="NAMES",
            help="The stores that may be opened for it, by commas; '*' for every one that any "
            "client records.",
            show_default=False,
        ),
    ] = "",
    checkpoint_to: Annotated[
        str | None,
        typer.Option(
            "--checkpoint-to",
            envvar="LINEAGE_CHECKPOINT_TO",
            metavar="DIR|URL",
            help="Where a checkpoint of the history goes after every move: a folder, or an address "
            "that takes an HTTP PUT.",
            show_default=False,
        ),
    ] = None,
    checkpoint_key: Annotated[
        str | None,
        typer.Option(
            "--checkpoint-key",
            envvar="LINEAGE_CHECKPOINT_KEY",
            metavar="KEY",
            help="What signs checkpoints: a file with an Ed25519 private key, or env:NAME.",
            show_default=False,
        ),
    ] = None,
    webhooks: Annotated[
        bool,
        typer.Option(
            "--webhooks/--no-webhooks",
            envvar="LINEAGE_WEBHOOKS",
            help="Deliver what webhooks are to be told, or leave it to another server.",
        ),
    ] = True,
    webhook_allow: Annotated[
        str,
        typer.Option(
            "--webhook-allow",
            envvar="LINEAGE_WEBHOOK_ALLOW",
            metavar="NETWORKS",
            help="Networks by commas that webhooks may lead to besides public addresses: "
            "10.0.0.0/8,fd00::/8.",
            show_default=False,
        ),
    ] = "",
    grace: Annotated[
        int,
        typer.Option(
            "--grace",
            envvar="LINEAGE_GRACE",
            metavar="SECONDS",
            min=0,
            help="Seconds for requests on their way to end.",
        ),
    ] = 30,
) -> None:
    """Serve the registry over HTTP. TLS is the work of a proxy in front of it.

    Without a token nothing is readable: make one with `lineage token create`.

    Example: `lineage serve --host 0.0.0.0 --port 8000`
    """
    from lineage import timestamps
    from lineage.capture.project import opened
    from lineage.connection import connect
    from lineage.errors import UsageError
    from lineage.registry.checker import named_stores
    from lineage.registry.webhooks.addresses import networks
    from lineage.registry_url import LOOPBACK, is_postgresql, is_remote, named_by

    from .. import listening, logs

    with opened() as project:
        url = project.registry_url(State.registry)
    if is_remote(url):
        raise UsageError(
            "A server serves a database, not another server.",
            remedy="Name the database: LINEAGE_REGISTRY=postgresql+psycopg://… lineage serve",
        )
    if is_postgresql(url) and named_by(url) is not None:
        raise UsageError(
            f"Only {named_by(url)} names the database, and a server opens what its operator names.",
            remedy="If it is yours, name it yourself, in LINEAGE_REGISTRY.",
        )
    _check_standby(url, standby)
    if no_auth and host not in LOOPBACK:
        raise UsageError(
            f"--no-auth is for this machine alone, and {host} is open to others.",
            remedy="Leave --no-auth out and make tokens, or leave --host out.",
        )
    if check_every is not None:
        timestamps.span(check_every)
        named_stores(check_stores)
    networks(webhook_allow)
    if checkpoint_to is not None or checkpoint_key is not None:
        from lineage.registry.checkpoints import place_of, signer_of  # loads cryptography

        if checkpoint_to is not None:
            place_of(checkpoint_to)
        if checkpoint_key is not None:
            signer_of(checkpoint_key)
    if migrate:
        from lineage.database.schema import upgrade

        upgrade(url)
    connect(url).close()
    _warn_owner(url)
    _allow_files()
    os.environ |= (
        {
            "LINEAGE_REGISTRY": url,
            "LINEAGE_NO_AUTH": str(no_auth),
            "LINEAGE_LOG_ALL": str(log_all),
            "LINEAGE_CHECK_STORES": check_stores,
            "LINEAGE_WEBHOOKS": str(webhooks),
            "LINEAGE_WEBHOOK_ALLOW": webhook_allow,
        }
        | ({"LINEAGE_STANDBY": standby} if standby else {})
        | ({"LINEAGE_CHECK_EVERY": check_every} if check_every is not None else {})
        | ({"LINEAGE_CHECKPOINT_TO": checkpoint_to} if checkpoint_to is not None else {})
        | ({"LINEAGE_CHECKPOINT_KEY": checkpoint_key} if checkpoint_key is not None else {})
        | ({"LINEAGE_TRUST": os.fspath(trust.absolute())} if trust is not None else {})
    )
    with tempfile.TemporaryDirectory(prefix="lineage-metrics-") as folder:
        if workers > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
            os.environ["LINEAGE_BESIDE_LOCK"] = os.path.join(folder, "beside.lock")  # noqa: PTH118
        sys.argv[0] = "lineage"
        listening.run(
            APPLICATION,
            host,
            port,
            factory=True,
            workers=workers,
            log_config=logs.CONFIG,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=grace,
            http=CONNECTION,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=[name.strip() for name in proxies.split(",") if name.strip()],
        )


def _check_standby(url: str, standby: str | None) -> None:
    """Refuse what cannot be one before processes start; one that is away may come back."""
    from lineage.database.postgresql import conninfo
    from lineage.registry_url import require_standby

    if standby:
        require_standby(url, standby)
        conninfo(standby)


def _allow_files() -> None:
    """Let each connection be one, also where thousands of hosts wait: shells allow 1,024 files."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FILES:
        most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def _warn_owner(url: str) -> None:
    """Log once that the server could switch off what its database refuses."""
    from lineage.database import grants

    from .. import logs

    warning = grants.warning(url)
    if warning is not None:
        logging.config.dictConfig(logs.CONFIG)
        logging.getLogger("lineage.serve").warning(warning)
