from dataclasses import replace

import pytest

from lineage.evidence.columns import CategoryColumn, NumberColumn, Score, TextColumn, TimeColumn
from lineage.evidence.counts import Counts
from lineage.evidence.drift import cells_of
from lineage.evidence.questions import in_words

COMMON = {"rows": 0, "null": 0, "wrong_type": 0}
FARE = NumberColumn(
    **COMMON, nan=0, infinite=0, edges=(1.0, 2.5, 4.0), low=0.0, high=9.0, bins=(0,) * 4,
    below=0, above=0,
)  # fmt: skip
PORT = CategoryColumn(**COMMON, values=("S", "C"), complete=True, counts=(0, 0), other=0, new=0)
NAME = TextColumn(**COMMON, lengths=(0,) * 24, characters=(0,) * 5)
SCORE = Score(**COMMON, edges=(0.5,), bins=(0, 0), positives=None)


@pytest.mark.parametrize(
    ("question", "column", "words"),
    [
        ("contract:null", FARE, "has no value"),
        ("contract:above", FARE, "is more than any value of the reference"),
        ("contract:new", PORT, "is a new category"),
        ("up to:1", FARE, "is at most 1"),
        ("up to:4", FARE, "has a value"),
        ("in:0-2", FARE, "is at most 2.5"),
        ("in:1-3", FARE, "is more than 1 and at most 4"),
        ("in:3-4", FARE, "is more than 4"),
        ("up to:1", SCORE, "is at most 0.5"),
        ("in:2-3", NAME, "has more than 1 and at most 3 characters"),
        ("category:1", PORT, "is 'C'"),
        ("category:2", PORT, "is another one"),
    ],
)
def test_a_question_is_told_in_the_column_s_own_values(question, column, words):
    assert in_words(question, column) == words


def test_every_question_that_is_asked_has_words():
    columns = {
        "fare": FARE,
        "port": PORT,
        "deck": replace(PORT, complete=False),
        "name": NAME,
        "at": TimeColumn(**COMMON, hours=(0,) * 168),
    }
    cells = cells_of(Counts(rows=0, columns=columns))
    for name, column in columns.items():
        for question in cells[name].questions:
            words = in_words(question, column)
            assert words not in (question, question.partition(":")[2])
            assert words.startswith(("is ", "has "))
