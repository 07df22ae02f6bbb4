"""Rows: what they say, and that the pages say the same. Nothing here measures time."""

from __future__ import annotations

import json

import pytest

from benchmarks import page
from benchmarks.rows import Row, at_least, at_most
from benchmarks.work import BENCHMARKS


def test_the_median_of_the_turns_is_held_against_the_goal():
    assert Row("pull", (1.0, 1.4, 9.0), goal=at_most(1.5)).met is True
    assert Row("pull", (1.0, 1.6, 1.6), goal=at_most(1.5)).met is False
    assert Row("look-up", (0.9, 0.7, 0.7), goal=at_least(0.8)).met is False
    assert Row("look-up", (0.9,)).met is None


def test_a_row_is_printed_with_its_spread_its_goal_and_what_it_comes_from():
    row = Row(
        "pull", (1.234, 2.0, 1.0), "dvc pull", goal=at_most(1.5), figures={"dvc pull": "2.10 s"}
    )
    assert str(row) == (
        "  pull against dvc pull: 1.23 × (1 to 2)   goal ≤ 1.50: met\n      dvc pull: 2.10 s"
    )
    rate = Row("look-up", (0.5, 0.9, 0.7), "bare", goal=at_least(0.8))
    assert str(rate) == "  look-up against bare: 0.70 × (0.90 to 0.50)   goal ≥ 0.80: MISSED"


RUN = {
    "began": "2026-11-26 18:00 UTC",
    "minutes": 20,
    "sizes": "full",
    "machine": {"cores": "2"},
    "versions": {"DVC": "3.67"},
    "benchmarks": [
        {
            "name": "weights",
            "rows": [Row("pull", (2.0,), "dvc pull", goal=at_most(1.5)).to_json()],
            "before": "1 % busy",
            "during": "load 1.00",
            "seconds": 60,
        },
        {"name": "lists", "rows": [], "left_out": "mlflow cannot be installed: no index"}
        | {"before": "", "during": "", "seconds": 0},
    ],
}


def test_a_part_of_a_page_is_made_from_a_run_and_the_rest_is_kept():
    text = "# Mine\n\n<!-- goals -->\nold\n<!-- end -->\n\nmine\n\n<!-- weights -->\n<!-- end -->\n"
    made = page.written(text, RUN)
    assert made.startswith("# Mine\n\n<!-- goals -->\n0 of 1 goals are met.\n")
    assert "| [weights](#weights) | pull | 2 × | ≤ 1.50 |" in made
    assert "lists: left out: mlflow cannot be installed: no index" in made
    assert "\n<!-- end -->\n\nmine\n\n<!-- weights -->\n" in made
    assert "| pull | dvc pull | 2 × | ≤ 1.50: MISSED |" in made
    assert page.written(made, RUN) == made


def test_a_part_that_no_run_has_is_an_error():
    with pytest.raises(ValueError, match="no benchmark pipeline"):
        page.written("<!-- pipeline -->\n<!-- end -->", RUN)


def test_the_page_has_a_part_for_every_benchmark():
    text = page.BENCHMARKS.read_text()
    assert [name for name in BENCHMARKS if f"\n## {name}\n" not in text] == []
    assert [name for name in BENCHMARKS if f"<!-- {name} -->" not in text] == []


@pytest.mark.skipif(not page.RUN.exists(), reason="no run was kept yet")
@pytest.mark.parametrize("place", [page.BENCHMARKS, page.SCALING], ids=lambda place: place.stem)
def test_the_tables_are_those_of_the_run_that_was_kept(place):
    assert page.written(place.read_text(), json.loads(page.RUN.read_text())) == place.read_text()
