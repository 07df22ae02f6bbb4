"""What is asked of a registry where some of it is said and some is configured."""

from __future__ import annotations

import pytest

from lineage.config.models import ValueTable
from lineage.workflows.retrain import with_configured

ALL = ValueTable(metric="auc", per_point=40, retrain_cost=900)
ANY = ValueTable(per_point=40, retrain_cost=900)


@pytest.mark.parametrize(
    ("value", "said", "asked"),
    [
        (ALL, (None, None, None), ("auc", 40, 900)),
        (ALL, ("auc", None, 500), ("auc", 40, 500)),
        (ALL, (None, 7, None), ("auc", 7, 900)),
        (ALL, ("f1", None, None), ("f1", None, None)),  # which is worth something else
        (ALL, ("f1", 7, None), ("f1", 7, 900)),
        (ANY, ("f1", None, None), ("f1", 40, 900)),
        (ValueTable(retrain_cost=900), (None, None, None), (None, None, None)),
        (ValueTable(), (None, None, 500), (None, None, 500)),  # which is refused
    ],
)
def test_what_is_not_said_is_as_configured(value, said, asked):
    assert with_configured(value, *said) == asked
