"""The remote registry has the verbs of the other one, to the letter."""

from __future__ import annotations

import inspect
import re

import pytest

from lineage.registry.registry import OF_A_SERVER, Registry
from lineage.remote.client import RemoteRegistry


def _verbs(kind: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(member)
        for name, member in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


def test_both_have_the_same_verbs():
    assert set(_verbs(Registry)) - OF_A_SERVER == set(_verbs(RemoteRegistry))


@pytest.mark.parametrize("name", sorted(_verbs(RemoteRegistry)))
def test_a_verb_takes_and_gives_the_same(name):
    here, there = _verbs(Registry)[name], _verbs(RemoteRegistry)[name]
    assert here.parameters == there.parameters
    assert here.return_annotation == there.return_annotation


def _named(annotation: object) -> set[str]:
    """The names in an annotation; those of what a verb is asked with are not among them."""
    return set(re.findall(r"\w+", str(annotation)))


@pytest.mark.parametrize("name", sorted(_verbs(RemoteRegistry)))
def test_a_verb_gives_a_typed_answer(name):
    given = _verbs(RemoteRegistry)[name].return_annotation
    assert given is not inspect.Signature.empty
    assert not _named(given) & {"Any", "dict", "Mapping", "object", "list", "Sequence"}
