import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.evidence.distances import jensen_shannon, wasserstein, without_scatter

COUNTS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=8)


def test_distances_by_hand():
    assert jensen_shannon([1, 0], [0, 1]) == 1
    assert jensen_shannon([5, 5], [50, 50]) == 0
    assert jensen_shannon([1, 1], [1, 0]) == pytest.approx(math.sqrt(0.311278), abs=1e-6)
    # a half of the rows moves by the one cell between them, as wide as a half of the reference
    assert wasserstein([1, 1, 2], [1, 2, 1]) == pytest.approx(0.25 * 0.375)
    assert wasserstein([3, 3], [1, 1]) == 0


@given(COUNTS)
def test_a_distance_is_0_of_like_and_at_most_1_and_jensen_shannon_knows_no_direction(pairs):
    p, q = [a for a, _ in pairs], [b for _, b in pairs]
    for distance in (jensen_shannon, wasserstein):
        assert 0 <= distance(p, q) <= 1
        assert distance(p, p) == 0
        assert distance([3 * a for a in p], q) == pytest.approx(distance(p, q), abs=1e-6)
    assert jensen_shannon(p, q) == pytest.approx(jensen_shannon(q, p), abs=1e-6)


@given(
    st.integers(0, 100), st.integers(1, 100), st.lists(st.integers(1, 9), min_size=2, max_size=8)
)
def test_more_rows_that_moved_are_farther(some, more, reference):
    """A part of the rows goes to the last bin: the larger the part, the farther."""

    def moved(part):
        kept = [count * (1000 - part) for count in reference]
        return [*kept[:-1], kept[-1] + part * sum(reference)]

    for distance in (jensen_shannon, wasserstein):
        assert distance(moved(some + more), reference) > distance(moved(some), reference)


def test_wasserstein_knows_how_far_and_jensen_shannon_does_not():
    reference = [10] * 8
    near, far = [20, 0, *[10] * 6], [20, *[10] * 6, 0]
    assert jensen_shannon(near, reference) == pytest.approx(jensen_shannon(far, reference))
    assert wasserstein(far, reference) > 3 * wasserstein(near, reference)


def test_few_rows_are_not_far_for_being_few():
    """Their scatter goes: 40 rows of the reference itself are as near as 40,000 are."""
    reference = [1] * 32
    some = [2, 1, 0, 1, 1, 3, 1, 1, 0, 2, 1, 1, 1, 2, 1, 0] * 2  # 36 rows, drawn from it
    assert jensen_shannon(some, reference) > 0.3
    distance, moved = without_scatter(some, reference, ordered=True)
    assert distance < 0.15
    assert moved < 0.06
    many = [count * 1000 for count in some]
    assert without_scatter(many, reference, ordered=False)[0] > 0.3
    assert without_scatter([0] * 32, reference, ordered=True) == (0, None)


def test_other_cells_are_refused():
    with pytest.raises(ValueError, match="3 cells beside 2"):
        jensen_shannon([1, 2, 3], [1, 2])
