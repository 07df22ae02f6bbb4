"""The benchmarks by their names, in the order of the table: each yields its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .costs import costs
from .drift import drift
from .flights import flights
from .graph import graph
from .growth import growth
from .hashing import hashing, tree
from .lists import lists
from .lookups import busy, lookups
from .moves import statements
from .observing import observing
from .pages import pages
from .processes import processes
from .profiles import profiles
from .registering import registering
from .reports import reports
from .rollback import rollback
from .starts import server, starts
from .waiting import waiting
from .watching import watching
from .weights import weights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.bench import Bench
    from benchmarks.rows import Row

BENCHMARKS: Final[dict[str, Callable[[Bench], Iterator[Row]]]] = {
    one.__name__: one
    for one in (
        busy,
        lookups,
        statements,
        growth,
        registering,
        starts,
        weights,
        lists,
        pages,
        graph,
        reports,
        server,
        waiting,
        processes,
        costs,
        rollback,
        hashing,
        tree,
        watching,
        drift,
        flights,
        profiles,
        observing,
    )
}
