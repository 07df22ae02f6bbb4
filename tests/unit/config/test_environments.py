"""``environments.toml``: what hosts owe of the pipeline that they run."""

from __future__ import annotations

import pytest

from lineage.config.environments import read
from lineage.contract.policies import policy_of
from lineage.errors import UsageError
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.components import Proof


def test_a_seal_is_demanded_only_where_the_file_says_so(tmp_path):
    file = tmp_path / "environments.toml"
    file.write_text('[environments.a]\nproof = "sealed"\n[environments.b]\n')
    sealed, claimed = read(file)
    assert (sealed.policy.proof, claimed.policy.proof) == (Proof.SEALED, Proof.CLAIMED)
    assert policy_of(sealed.policy.to_json()) == sealed.policy
    file.write_text('[environments.a]\nproof = "sworn"\n')
    with pytest.raises(UsageError, match=r"environments\.a\.proof"):
        read(file)


def test_a_policy_that_was_kept_before_demands_none():
    document = EnvironmentPolicy(backup=True).to_json()
    del document["proof"]
    assert EnvironmentPolicy.from_json(document) == EnvironmentPolicy(backup=True)
    assert policy_of(document) == EnvironmentPolicy(backup=True)
