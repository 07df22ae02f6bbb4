"""The examples in the docstrings of the pure modules."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "lineage.identity.digest",
        "lineage.identity.merkle",
        "lineage.acts",
        "lineage.contract.requests",
        "lineage.display",
        "lineage.guard.requirements",
        "lineage.explain.equivalence",
    ],
)
def test_the_examples_are_true(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted
    assert not found.failed
