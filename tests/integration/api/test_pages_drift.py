"""What a server shows of what changed in what production sees: its page, and its metrics."""

from __future__ import annotations

import time

import pytest

from lineage.connection import connect
from tests.conftest import make_registry
from tests.integration.registry.test_drift import FIRST, moved, sent, serve
from tests.support.servers import registry_server
from tests.support.visiting import visiting
from tests.unit.evidence.test_drift import profile
from tests.unit.evidence.worlds import days

PAGE = "/environments/production/models/churn/drift"


@pytest.fixture
def pipeline(database):
    pipelines = []
    make_registry(database, lambda registry: pipelines.append(serve(registry)))
    with connect(database) as registry:
        return registry.serving("churn", "production").pipeline["digest"]


def test_what_changed_is_drawn_and_told(database, pipeline):
    with registry_server(database, no_auth=True) as address, visiting(address) as visitor:
        assert PAGE in visitor.get("/environments/production/models/churn").links
        read = visitor.get(PAGE)
        assert "unknown Nothing is recorded of what churn@1 sees" in read.text
        assert "lineage observe churn --env production --data BATCH" in read.text
        assert not [tag for tag, _ in read.tags if tag == "svg"]
        with connect(database) as registry:
            served = profile(days(2, 28, FIRST, fault=moved))
            sent(registry, pipeline, served)
            sent(registry, pipeline, served, stream="b", outcomes=True)
        read = visitor.get(PAGE)
        bars = [said["class"] for tag, said in read.tags if tag == "rect"]
        assert bars[:14] == ["bar quiet"] * 14
        assert bars[-1] == "bar hard"
        assert len(bars) == 28
        assert "hard, page since 2025-04-07, (score) is at most 6" in read.text
        assert "estimated loss of AUC" in read.text
        assert "it cannot see concept drift" in read.text
        levels = [said for tag, said in read.tags if said.get("class") == "realised"]
        assert len(levels) == 2, "March and April"
        assert "2025-04 2,400 1 (score)" in read.text
        assert "outside the estimate" in read.text
        one = visitor.get(f"{PAGE}?since=2025-04-20")
        assert one.form("").fields["since"] == "2025-04-20"
        assert len([tag for tag, _ in one.tags if tag == "rect"]) == 1
        while "lineage_drift_changes{" not in (metrics := visitor.client.get("/metrics").text):
            time.sleep(0.1)  # it is looked at beside answering
        for kind, count in (("hard", 1.0), ("drift", 0.0)):
            labels = f'environment="production",kind="{kind}",model="churn",tier="page"'
            assert f"lineage_drift_changes{{{labels}}} {count}" in metrics
        of_slot = '{environment="production",model="churn"}'
        assert f"lineage_drift_estimated_loss{of_slot} 0." in metrics
        assert f"lineage_drift_window_timestamp_seconds{of_slot} 1.74510" in metrics
        assert "is not a time" in visitor.get(f"{PAGE}?since=soon", 422).text
