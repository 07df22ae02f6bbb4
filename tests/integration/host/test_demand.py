"""What an environment demands of hosts, online and while the registry is away."""

from __future__ import annotations

import logging

import pytest

from lineage.contract.requests import DeclaredEnvironment
from lineage.errors import PipelineMismatch, RegistryUnreachable
from lineage.guard.policy import EnvironmentPolicy
from lineage.host.demand import require_claim_enough
from lineage.identity.components import Proof
from tests.conftest import EVERYWHERE

pytestmark = EVERYWHERE


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def demand(registry, environment, proof):
    policy = EnvironmentPolicy(proof=proof)
    registry.apply_environments([DeclaredEnvironment(environment, policy)], actor="t")


def test_what_was_last_known_counts_while_nobody_can_be_asked(url, registry):
    with pytest.raises(RegistryUnreachable, match="not known whether production demands"):
        require_claim_enough(url, "production", offline=True)
    require_claim_enough(url, "production", offline=False)
    require_claim_enough(url, "production", offline=True)
    demand(registry, "production", Proof.SEALED)
    require_claim_enough(url, "production", offline=True)
    for offline in (False, True):
        with pytest.raises(PipelineMismatch, match="production demands sealed hosts"):
            require_claim_enough(url, "production", offline=offline)
    demand(registry, "production", Proof.CLAIMED)
    require_claim_enough(url, "production", offline=False)
    require_claim_enough(url, "production", offline=True)


def test_a_spoiled_answer_is_none(url, tmp_path):
    require_claim_enough(url, "production", offline=False)
    (kept,) = (tmp_path / "cache").rglob("*.demand.json")
    for data in (b"", b"[]", b'{"kind": "production"}', b"\xff"):
        kept.write_bytes(data)
        with pytest.raises(RegistryUnreachable):
            require_claim_enough(url, "production", offline=True)


def test_an_experimental_environment_only_warns(url, registry, caplog):
    demand(registry, "staging", Proof.SEALED)
    with caplog.at_level(logging.WARNING):
        require_claim_enough(url, "staging", offline=False)
    assert "staging demands sealed hosts" in caplog.text
