"""The published test vectors of parameters: what a file's text is written as."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lineage.capture.parameters.files import ParameterFiles
from lineage.capture.parameters.texts import FileTexts
from lineage.capture.source import WorkingTree
from lineage.identity.digest import canonical_bytes

VECTORS = json.loads(
    (Path(__file__).parents[4] / "docs/reference/digest-vectors.json").read_text(encoding="utf-8")
)["parameters"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['file']}:{v['name']}")
def test_a_parameter_is_written_as_published(vector, tmp_path):
    file, name = vector["file"], vector["name"]
    (tmp_path / file).write_text(vector["text"], encoding="utf-8")
    source = WorkingTree(tmp_path, None)
    unordered = [file] if vector["unordered"] else []
    read = ParameterFiles(source, FileTexts(source), unordered).read(
        file, [name] if name else [], "a stage"
    )
    assert read[name].json == vector["value"]
    assert canonical_bytes(read[name].json).decode() == vector["canonical"]
