"""`ui`: show the registry's pages in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import output
from ..options import State


def ui(
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="PORT",
            min=1,
            max=65_535,
            help="The port; default: one that is free.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show the registry in a browser, to this machine alone; nothing can be changed there.

    It prints the address, and serves it until you end it. Of a registry that is a server it prints
    the address alone: its pages are there.

    Example: `lineage ui`
    """
    from lineage.acts import act
    from lineage.capture.project import opened
    from lineage.errors import UsageError
    from lineage.registry_url import is_postgresql, is_remote, server_of

    with opened() as project:
        url = project.registry_url(State.registry)
    if is_remote(url):
        output.say(server_of(url) + "/")
        return
    if is_postgresql(url):
        raise UsageError(
            "This shows a registry in a file, and this one is a PostgreSQL database.",
            remedy=f"Start a server of it: {act('serve')}",
        )
    from ..browsing import show

    show(url, Path.cwd(), port or 0)
