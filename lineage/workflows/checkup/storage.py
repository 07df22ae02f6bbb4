"""What the places of weights are examined for: the project's store, and this host's cache."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from lineage import timestamps
from lineage.acts import act
from lineage.capture.project import opened
from lineage.errors import UsageError
from lineage.weights import cache_bounds
from lineage.weights.cache import WeightsCache
from lineage.weights.store import open_store
from lineage.workflows.stores import dvc_remote_of, local_store_of

if TYPE_CHECKING:
    from lineage.workflows.checkup.findings import Examined


def store(examined: Examined) -> None:
    """The store of the project's weights, read and written to: ``store``."""
    with opened() as project:
        try:
            is_said = project.config.artifacts.remote is False
        except UsageError:
            examined.skipped("store", "which store it is stands in the configuration")
            return
        remote = dvc_remote_of(project)
        address = remote or local_store_of(project)
    opened_store = open_store(address)
    opened_store.marker()
    with examined.taking_back():
        is_there = opened_store.try_writing()
    if remote is None and not is_said:
        examined.warned(
            "store",
            "there is no DVC remote: weights are stored in this checkout alone, in .lineage/store",
            "Name one that other hosts reach: dvc remote add --default main s3://BUCKET/PATH",
        )
    elif is_there:
        examined.passed("store", f"{address.name} ({address.url}) can be read and written")
    else:
        examined.passed("store", f"{address.name} ({address.url}) is made with the first weights")


def cache(examined: Examined) -> None:
    """The weights that this host fetched, and what it allows of them: ``cache``."""
    bounds = cache_bounds.Bounds.of_host()
    usage = cache_bounds.usage(WeightsCache.default())
    holds = f"{usage.folder} holds {usage.size:,} bytes of weights"
    if bounds.at_most is not None and usage.size > bounds.at_most:
        remedy = act("cache clean", at_most=str(bounds.at_most))
        examined.warned(
            "cache", f"{holds}, and may hold {bounds.at_most:,}", f"Take the rest away: {remedy}"
        )
    elif bounds.older_than is not None and _is_older(usage.oldest, bounds.older_than):
        days = max(1, bounds.older_than // dt.timedelta(days=1))
        remedy = act("cache clean", older_than=f"{days}d")
        examined.warned(
            "cache",
            f"{holds}, some unused for longer than {bounds.older_than}",
            f"Take those away: {remedy}",
        )
    else:
        examined.passed("cache", holds)


def _is_older(oldest: str | None, span: dt.timedelta) -> bool:
    return oldest is not None and dt.datetime.now(dt.UTC) - timestamps.moment(oldest) > span
