"""What a look-up asks, as it is read before the routes: just what its route would read."""

from hypothesis import given
from hypothesis import strategies as st
from lineage.api.quick_lookups import _asked
from lineage.api.waiting import LONGEST
from starlette.datastructures import QueryParams

PARTS = ("pipeline=", "wait=", "&", "xxh3%3Aab", "blake3:00", "30", "61", "0", "+", ";", "=", "%20")


def _scope(query):
    return {
        "type": "http",
        "method": "GET",
        "path": "/v1/environments/production/models/churn",
        "query_string": query.encode(),
    }


@given(st.lists(st.sampled_from(PARTS), max_size=6).map("".join))
def test_what_is_read_is_what_the_route_reads(query):
    asked = _asked(_scope(query))
    if asked is None:
        return
    given_ = QueryParams(query)
    pipeline = given_.get("pipeline")
    assert given_.keys() <= {"pipeline", "wait"}
    assert asked == (
        ("production", "churn", pipeline.strip() if pipeline is not None else None),
        int(given_.get("wait", "0")),
    )


def test_hosts_that_wait_are_read():
    slot = ("production", "churn")
    assert _asked(_scope("wait=30")) == ((*slot, None), 30)
    assert _asked(_scope("pipeline=xxh3%3Aab&wait=30")) == ((*slot, "xxh3:ab"), 30)
    assert _asked(_scope(f"wait={LONGEST + 1}")) is None
