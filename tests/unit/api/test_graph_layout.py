"""Where the nodes of a graph are drawn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lineage.api.pages.graph_layout import drawing

from lineage.contract.results.graph import GraphEdge, GraphNode, NodeKind


def drawn(pairs, hops):
    nodes = [GraphNode(name, NodeKind.FILE, name) for name in hops]
    found = drawing(nodes, [GraphEdge(*pair, "input") for pair in pairs], hops)
    return {one.node.id: one for one in found.nodes}


def test_what_was_used_stands_left_of_all_that_was_made_of_it():
    places = drawn([("b", "a"), ("c", "a"), ("c", "b")], {"a": 0, "b": 1, "c": 1})
    assert places["c"].x < places["b"].x < places["a"].x


def test_a_circle_by_content_makes_a_drawing_no_wider_than_its_ways():
    """Each of ten stages made again what it used; what follows stands where it would without."""
    pairs = [(f"run{n}", f"{n}") for n in range(10)] + [(f"{n + 1}", f"run{n}") for n in range(10)]
    circles = [(f"{n}", f"run{n}") for n in range(10)]
    names = [name for n in range(10) for name in (f"{n}", f"run{n}")] + ["10"]
    hops = {name: hop for hop, name in enumerate(names)}
    straight, round_again = drawn(pairs, hops), drawn([*pairs, *circles], hops)
    assert {k: (v.x, v.y) for k, v in straight.items()} == {
        k: (v.x, v.y) for k, v in round_again.items()
    }


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=20))
def test_circles_end_and_no_two_nodes_share_a_place(pairs):
    names = [str(number) for number in range(7)]
    places = drawn([(str(a), str(b)) for a, b in pairs], dict.fromkeys(names, 1) | {"0": 0})
    assert len({(one.x, one.y) for one in places.values()}) == len(names)
    made = [(str(a), str(b)) for a, b in pairs if a > b]
    if all(a > b for a, b in pairs):
        assert all(places[a].x < places[b].x for a, b in made)
