"""What was touched after a moment: known as long as it can be told apart, and all of it otherwise."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lineage.api.known import RegistryVersion, Shared, Touches

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


def test_what_many_ask_for_is_read_once_for_each_state():
    shared, read = Shared[int](), []

    def count(is_sure=True):
        read.append(1)
        return len(read), is_sure

    same, other = RegistryVersion(1, "state"), RegistryVersion(1, "another")
    touched = RegistryVersion(2, "another")
    found = [shared.at(version, count) for version in (same, same, other, touched, touched)]
    assert found == [1, 1, 2, 3, 3]
    assert shared.at(same, lambda: count(is_sure=False)) == 4
    assert shared.at(same, count) == 5, "what is not sure is nobody else's"
