"""A file that is opened to be read alone: what writes is refused by the database itself."""

from __future__ import annotations

import pytest

from lineage.database.engine import open_engine
from lineage.errors import RegistryUnreachable
from lineage.registry.registry import Registry
from tests.conftest import add_validated, make_registry


def test_it_is_read_and_never_written(tmp_path):
    url = f"sqlite:///{tmp_path / 'registry.db'}"
    make_registry(url, lambda registry: add_validated(registry, "1"))
    with Registry(open_engine(url, read_only=True)) as registry:
        assert registry.show("churn@1")["ref"] == "churn@1"
        with pytest.raises(RegistryUnreachable, match="is read-only"):
            registry.add_model("other", actor="t")
