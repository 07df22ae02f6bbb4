"""The options that commands share: which registry they mean, and what they leave unused."""

from __future__ import annotations

import pytest
from lineage.cli.options import State, opened_registry

from lineage.capture.project import opened
from lineage.errors import RegistryUnreachable


@pytest.mark.parametrize("named", [None, "environment", "flag"])
def test_a_token_that_no_server_gets_is_told(named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LINEAGE_TOKEN", "lng_unused")
    monkeypatch.delenv("LINEAGE_REGISTRY", raising=False)
    monkeypatch.setattr(State, "registry", None)
    with opened() as project:
        there = project.registry_url()
    if named == "environment":
        monkeypatch.setenv("LINEAGE_REGISTRY", there)
    elif named == "flag":
        monkeypatch.setattr(State, "registry", there)
    with pytest.raises(RegistryUnreachable), opened_registry():
        pass
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("note: LINEAGE_TOKEN is not used") == (named is None)
