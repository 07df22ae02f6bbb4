"""Near-duplicate texts: sketches estimate what two texts share, and the index finds it."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.evidence.near import BINS, Index, alike, sketch

WORDS = ["".join(random.Random(n).choices("abcdefghijklm", k=2 + n % 8)) for n in range(400)]


def shingles(text):
    return {text[at : at + 5] for at in range(max(len(text) - 5, 0) + 1)}


def shared(one, other):
    return len(shingles(one) & shingles(other)) / len(shingles(one) | shingles(other))


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from(WORDS), min_size=40, max_size=60, unique=True),
    st.randoms(),
    st.integers(0, 20),
)
def test_sketches_estimate_the_part_of_shingles_that_two_texts_share(
    words, chance, changed
) -> None:
    other = list(words)
    for at in chance.sample(range(len(words)), min(changed, len(words))):
        other[at] = chance.choice(WORDS)
    one, two = " ".join(words), " ".join(other)
    assert abs(alike(sketch(one), sketch(two)) - shared(one, two)) < 0.3, "4.8 standard errors"


@given(st.text(max_size=60))
def test_case_marks_and_spaces_are_no_difference(text) -> None:
    spaced = f"  {text.replace(' ', ' -- ')}! "
    assert sketch(text) == sketch(spaced)
    assert (sketch(text) is None) == (not any(c.isalnum() for c in text.casefold()))


def test_a_sketch_is_the_same_on_every_machine_and_in_every_version() -> None:
    one = sketch("The quick brown fox")
    assert one is not None
    assert len(one) == BINS
    assert (one[0], one[63]) == (3884690734977097344, 15285405554300295829)
    assert sketch("?!") is None


def test_the_index_finds_what_is_alike_and_nothing_else() -> None:
    chance = random.Random(7)
    texts = [" ".join(chance.choices(WORDS, k=40)) for _ in range(200)]
    index = Index(sketch(text) for text in texts)
    for number in range(0, 200, 5):
        words = texts[number].split()
        words[chance.randrange(40)] = "zebra"
        found = index.like(sketch(" ".join(words)), 0.8)
        assert found == {number}
    assert index.like(sketch("nothing of the kind is there at all"), 0.8) == set()
