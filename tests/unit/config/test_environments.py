"""``environments.toml``: what hosts owe of the pipeline that they run."""

from __future__ import annotations

import pytest

from lineage.config.environments import read
from lineage.contract.policies import policy_of
from lineage.errors import UsageError
from lineage.guard.evidence import BASES, Basis, Evidence
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
    del document["proof"], document["match_packages"]
    assert EnvironmentPolicy.from_json(document) == EnvironmentPolicy(backup=True)
    assert policy_of(document) == EnvironmentPolicy(backup=True)


def test_packages_are_named_as_they_are_compared(tmp_path):
    file = tmp_path / "environments.toml"
    file.write_text(
        '[environments.a]\nmatch_packages = ["Scikit_Learn", "scikit-learn", "numpy", "*"]\n'
    )
    (declared,) = read(file)
    assert declared.policy.match_packages == ("scikit-learn", "numpy", "*")
    assert policy_of(declared.policy.to_json()) == declared.policy


@pytest.mark.parametrize("name", ["numpy>=1", "-numpy", "a b", "", "a" * 101, "näm", "num\npy"])
def test_what_is_no_name_of_a_package_is_refused_in_one_sentence(name):
    document = EnvironmentPolicy().to_json() | {"match_packages": [name]}
    with pytest.raises(UsageError, match="match_packages") as refused:
        policy_of(document)
    assert "\n" not in str(refused.value)


EVIDENCE = "[environments.a]\n{}\n[environments.a.evidence]\n{}\n"


@pytest.mark.parametrize(
    ("carried", "table", "evidence"),
    [
        ("", "", Evidence()),
        ("", 'accept = ["stated", "run", "run"]', Evidence((Basis.RUN, Basis.STATED))),
        ("accept_carried = false", "", Evidence((Basis.RUN, Basis.STATED))),
        ("accept_carried = false", 'accept = ["run"]', Evidence((Basis.RUN,))),
        ("accept_carried = true", 'accept = ["run", "carried"]', Evidence((Basis.RUN, Basis.CARRIED))),
        ("", 'validators = [" ci ", "ann"]\nnot_registrant = true', Evidence(BASES, ("ci", "ann"), True)),
        ("", 'validators = ["ann", "*"]', Evidence(BASES, None, False)),
    ],
)  # fmt: skip
def test_the_evidence_that_a_file_asks_for(tmp_path, carried, table, evidence):
    file = tmp_path / "environments.toml"
    file.write_text(EVIDENCE.format(carried, table))
    (declared,) = read(file)
    assert declared.policy.evidence == evidence
    assert policy_of(declared.policy.to_json()) == declared.policy


@pytest.mark.parametrize(
    ("carried", "table", "says"),
    [
        ("", "accept = []", "an empty list would let nothing in"),
        ("", 'accept = ["carried", "carried"]', "carried alone would let nothing in"),
        ("", 'accept = ["sworn"]', "evidence.accept"),
        ("", "validators = []", "an empty list would let nobody validate"),
        ("", 'validators = [" "]', "a person's name is empty"),
        ("", "validator = 1", "evidence.validator"),
        ("", 'not_registrant = "yes"', "evidence.not_registrant"),
        ("", 'signed_by = ["junk"]', "'junk' is no fingerprint of a key"),
        ("", f'signed_by = ["sha256:{"A" * 64}"]', "is no fingerprint of a key"),
        ("", 'signed_by = ["identity:ana@example.com"]', "is no identity:WHO issuer:URL"),
        ("", 'signed_by = ["identity:*@example.com issuer:https://a.b"]', "is a pattern"),
        ("", 'signed_by = ["identity:ana issuer:http://a.b"]', "is no issuer"),
        ("", r'signed_by = ["identity:a\u001b[1m issuer:https://a.b"]', "is no identity"),
        ("", f'signed_by = ["sha256:{"a" * 64}"]\nsigned = []', "an empty list demands nothing"),
        ("", 'signed = ["validation"]', "signed demands nothing without signed_by"),
        ("", 'signed = ["weights"]', "signed demands nothing without signed_by"),
        ("", 'signed_by = []\nsigned = ["validation"]', "signed demands nothing without signed_by"),
        ("accept_carried = false", 'accept = ["run", "carried"]', "accept_carried = false contradicts"),
        ("accept_carried = true", 'accept = ["run"]', "accept_carried = true contradicts"),
    ],
)  # fmt: skip
def test_evidence_that_makes_no_sense_is_refused_in_one_sentence(tmp_path, carried, table, says):
    file = tmp_path / "environments.toml"
    file.write_text(EVIDENCE.format(carried, table))
    with pytest.raises(UsageError, match=says) as refused:
        read(file)
    assert "\n" not in str(refused.value)
    assert refused.value.remedy
