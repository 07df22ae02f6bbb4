"""`cache`: what this host keeps of the weights that it fetched, and taking it away."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import output
from ..options import Json

cache = typer.Typer(
    help="The weights that this host fetched and keeps.\n\nExample: `lineage cache`"
)


@cache.callback(invoke_without_command=True)
def show(context: typer.Context, as_json: Json = False) -> None:
    """Show where the cache is, what it holds, and when the oldest was last used."""
    if context.invoked_subcommand is not None:
        return
    from lineage.weights import cache_bounds
    from lineage.weights.cache import WeightsCache

    usage = cache_bounds.usage(WeightsCache.default())
    if as_json:
        output.emit(usage.to_json())
        return
    output.say(f"folder  {usage.folder}")
    output.say(f"size    {usage.size:,} bytes in {usage.files:,} files")
    output.say(f"weights {usage.weights:,}, {usage.in_use:,} in use")
    if usage.oldest is not None:
        output.say(f"oldest  used {output.moment(usage.oldest)}")
    bounds = cache_bounds.Bounds.of_host()
    output.say(f"bounds  {bounds or 'none: LINEAGE_CACHE_SIZE, LINEAGE_CACHE_AGE'}")


@cache.command()
def clean(
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than", metavar="AGE", help="Delete what was not used for so long: 30d, 12h."
        ),
    ] = None,
    at_most: Annotated[
        str | None,
        typer.Option(
            "--at-most",
            metavar="SIZE",
            help="Delete what was used longest ago, until so much is left: 500M, 20G.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Delete fetched weights: all, or by age or size.

    What a running process uses stays. What is gone is fetched again when it is needed.

    Example: `lineage cache clean --older-than 30d`
    """
    from lineage.weights import cache_bounds
    from lineage.weights.cache import WeightsCache

    bounds = cache_bounds.Bounds.said(at_most, older_than)
    cleaned = cache_bounds.clean(WeightsCache.default(), bounds)
    if as_json:
        output.emit(cleaned.to_json())
        return
    output.say(f"{cleaned.freed:,} bytes are free, {cleaned.size:,} bytes are left")
    if cleaned.in_use:
        output.say(f"{cleaned.in_use:,} in use were left alone")
