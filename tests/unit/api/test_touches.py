"""What was touched after a moment: known as long as it can be told apart, and all of it otherwise."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lineage.api.known import Touches

THINGS = st.sampled_from([("slot", "production", name) for name in "abc"] + [("tokens",)])


@given(st.lists(st.one_of(st.none(), st.frozensets(THINGS)), max_size=12), st.integers(0, 12))
def test_what_was_touched_after_a_moment_is_told(noted, since):
    touches = Touches()
    for things in noted:
        touches.note(things)
    later = noted[since:]
    if None in later:
        assert touches.after(since) is None
    else:
        assert touches.after(since) == frozenset().union(*later)
