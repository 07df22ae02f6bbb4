import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.evidence.detector import Question, changed_columns, mean_evidence
from lineage.evidence.expected import Expected, learn, log_beta_binomial, log_e_values

from .worlds import DAY, MONDAY


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 60),
    st.floats(0.01, 0.99),
    st.floats(2, 2000),
    st.floats(0.05, 1),
    st.floats(1, 60),
)
def test_an_e_value_has_a_mean_of_1_at_most_where_nothing_changed(n, level, around, weight, behind):
    """Exactly: over every k, by its beta-binomial probability. Of a power, at most."""
    expected = Expected(level, concentration=around, weight=weight, behind=behind)
    means = [0.0] * expected.alternatives
    whole = 0.0
    for k in range(n + 1):
        log = log_beta_binomial(k, n, around * level, around * (1 - level))
        chance = math.comb(n, k) * math.exp(log)
        whole += chance
        for at, e in enumerate(log_e_values(k, n, level, expected)):
            means[at] += chance * math.exp(e)
    assert whole == pytest.approx(1, abs=1e-6)
    assert max(means) <= 1 + 1e-6


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.floats(0.0001, 1), st.floats(2, 2000))
def test_of_a_contract_also_where_less_breaks_it_than_expected(n, part, around):
    expected = Expected(0.005, concentration=around, contract=True)
    level = 0.005 * part
    means = [0.0] * expected.alternatives
    for k in range(n + 1):
        log = log_beta_binomial(k, n, around * level, around * (1 - level))
        for at, e in enumerate(log_e_values(k, n, 0.005, expected)):
            means[at] += math.comb(n, k) * math.exp(log + e)
    assert max(means) <= 1 + 1e-6


def drawn(rng, number, level=0.3, around=60.0, rows=80):
    shares = [rng.betavariate(around * level, around * (1 - level)) for _ in range(number)]
    return [sum(rng.random() < share for _ in range(rows)) for share in shares]


def test_it_takes_as_long_as_was_granted_until_a_false_alarm():
    """The detector's sum grows by 1 a window on average, so it rarely passes 200 within 50."""
    rng = random.Random(3)
    expected = Expected(0.3, concentration=60.0)
    early = 0
    for _ in range(60):
        question = Question(expected)
        seen = [question.see(at, 0.0, k, 80) for at, k in enumerate(drawn(rng, 50))]
        early += max(seen) >= 200
    assert early <= 60 * 50 / 200


def test_a_change_is_seen_with_the_window_in_which_it_began():
    rng = random.Random(4)
    question = Question(Expected(0.3, concentration=60.0))
    for at, k in enumerate(drawn(rng, 30) + drawn(rng, 8, level=0.7)):
        question.see(at, 0.0, k, 80)
    assert question.evidence > 1e6
    assert question.since == 30
    question.forget()
    assert question.evidence == 0


def test_a_tiny_difference_in_very_many_rows_is_no_matter():
    question = Question(Expected(0.3, concentration=2000.0))
    for at in range(300):
        question.see(at, 0.0, 303_000, 1_000_000)
    assert question.evidence < 1


def test_windows_without_rows_say_nothing():
    question = Question(Expected(0.3))
    assert question.see(0, 0.0, 0, 0) == 0
    assert log_e_values(0, 0, 0.3, Expected(0.3)) == [0] * 6
    assert mean_evidence([]) == 0


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0, 1e9), min_size=1))
def test_what_e_bh_rejects_alone_is_enough_for_the_mean(evidence):
    """So the alarms of all columns together are as rare as was granted."""
    changed = changed_columns(evidence, 365.0)
    if changed:
        assert sum(evidence.values()) / len(evidence) >= 365 * (1 - 1e-9)
    assert changed == sorted(changed, key=lambda name: (-evidence[name], name))


def test_e_bh_by_hand():
    assert changed_columns({"a": 1500.0, "b": 0.0, "c": 0.0, "d": 0.0}, 365.0) == ["a"]
    assert changed_columns({"a": 1400.0, "b": 0.0, "c": 0.0, "d": 0.0}, 365.0) == []
    assert changed_columns({"a": 730.0, "b": 730.0, "c": 0.0, "d": 0.0}, 365.0) == ["a", "b"]


def points(rng, weeks, level, rows=100, around=200.0):
    return [
        (float(MONDAY + day * DAY), drawn(rng, 1, level(day), around, rows)[0], rows)
        for day in range(7 * weeks)
    ]


def test_a_season_is_learned_where_there_is_one():
    rng = random.Random(5)
    weekly = learn(points(rng, 10, lambda day: 0.6 if day % 7 >= 5 else 0.3))
    assert weekly.season == "day of week"
    assert weekly.at(MONDAY) == pytest.approx(0.3, abs=0.05)
    assert weekly.at(MONDAY + 6 * DAY) == pytest.approx(0.6, abs=0.05)
    assert learn(points(rng, 10, lambda _: 0.3)).season == "none"


def test_what_varies_more_is_less_surprising():
    rng = random.Random(6)
    steady = learn(points(rng, 10, lambda _: 0.3, around=2000.0))
    restless = learn(points(rng, 10, lambda _: 0.3, around=10.0))
    assert steady.concentration > 5 * restless.concentration


def test_neighbours_that_resemble_each_other_count_less():
    rng = random.Random(7)
    by_week = [rng.choice([0.25, 0.35]) for _ in range(12)]
    alone = learn(points(rng, 12, lambda _: 0.3, around=300.0))
    alike = learn(points(rng, 12, lambda day: by_week[day // 7], around=300.0))
    assert alike.weight < 0.7 * alone.weight


def test_few_windows_are_asked_for_more():
    few, many = learn([(0.0, 30, 100)]), learn(points(random.Random(8), 10, lambda _: 0.3))
    assert few.concentration < many.concentration
    assert max(log_e_values(60, 100, 0.3, few)) < max(log_e_values(60, 100, 0.3, many))


def test_a_reference_without_rows_is_refused():
    with pytest.raises(ValueError, match="no row"):
        learn([(0.0, 0, 0)])
