"""A ``dvc.yaml`` is held against DVC's own schema, compiled once."""

from __future__ import annotations

import pytest
from dvc.schema import COMPILED_MULTI_STAGE_SCHEMA
from voluptuous import Invalid

from lineage.capture.dvc_schema import pipeline_schema

STAGE = {
    "cmd": "x",
    "deps": ["a"],
    "params": ["p", {"q.yaml": ["r"]}],
    "outs": [{"b": {"cache": False}}],
}
DOCUMENTS = [
    {"stages": {"a": STAGE}},
    {"stages": {"a": {"foreach": [1], "do": STAGE}, "b": {"matrix": {"k": [1]}, "cmd": "x"}}},
    {
        "stages": {"a": STAGE},
        "vars": [{"a": 1}, "b.yaml"],
        "plots": ["p.csv"],
        "metrics": ["m.json"],
    },
    {"stages": {"a": {"deps": []}}},
    {"stages": {"a": {"foreach": [1]}}},
    {"stages": {"a": {"do": STAGE}}},
    {"stages": {"a": {"cmd": 1}}},
    {"stages": {"a": {"cmd": "x", "deps": [1]}}},
    {"stages": {"a": {"cmd": "x", "unknown": 1}}},
    {"stages": {1: STAGE}},
    {"stages": {"a": None}},
    {"stages": ["a"]},
    {"unknown": 1},
    [],
]


def _outcome(schema, document):
    try:
        return schema(document)
    except Invalid as error:
        return str(error)


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_it_says_what_dvcs_own_says(document):
    assert _outcome(pipeline_schema(), document) == _outcome(COMPILED_MULTI_STAGE_SCHEMA, document)
