"""The packages that an environment demands of hosts: what the registry says, and what follows."""

from __future__ import annotations

import dataclasses
import logging

import pytest

from lineage.contract.requests import DeclaredEnvironment
from lineage.contract.results import DemandedPackages
from lineage.errors import NotFound, PackageMismatch, RegistryUnreachable
from lineage.guard.policy import EnvironmentPolicy
from lineage.host import packages
from lineage.identity.watched import Distribution, Interpreter, WatchedRun
from tests.conftest import EVERYWHERE, captured, captured_pipeline

pytestmark = EVERYWHERE

RUN = WatchedRun(
    {"command": ["python", "evaluate.py"]},
    code=("featurize.py",),
    distributions=(Distribution("Scikit_Learn", "1.7.0"), Distribution("numpy", "2.4.6")),
    interpreters=(Interpreter("cpython", "3.11.7", "linux-x86_64", 1),),
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def serving(registry):
    """churn@1 serves in both environments, validated by a watched run."""
    registry.register("churn", captured(), actor="ann")
    registry.validate(
        "churn@1", captured_pipeline(), passed=True, run=RUN.run, watched=[RUN], actor="ann"
    )
    for environment in ("production", "staging"):
        registry.release(environment, captured_pipeline(), ["churn@1"], actor="ann")
    return registry


def demand(registry, *names, environment="production"):
    policy = EnvironmentPolicy(match_packages=names)
    return registry.apply_environments([DeclaredEnvironment(environment, policy)], actor="t")


def has(monkeypatch, **versions):
    monkeypatch.setattr(packages, "installed", lambda name: versions.get(name.replace("-", "_")))


def test_nothing_is_looked_up_where_nothing_is_demanded(serving):
    assert serving.demanded_packages("churn@1", "production") == DemandedPackages(
        "production", "production", "churn@1"
    )


def test_what_is_demanded_is_told_as_it_was_validated(serving):
    demand(serving, "scikit-learn", "torch")
    found = serving.demanded_packages("churn@production", "production")
    assert (found.ref, found.validation, found.unknown) == ("churn@1", 1, None)
    assert found.packages == {"scikit-learn": ("1.7.0",)}
    demand(serving, "*")
    assert set(serving.demanded_packages("churn@1", "production").packages) == {
        "numpy", "scikit-learn",
    }  # fmt: skip
    for reference, environment in (("churn@9", "production"), ("churn@1", "nowhere")):
        with pytest.raises(NotFound):
            serving.demanded_packages(reference, environment)


def test_a_policy_of_packages_is_kept_and_told(serving):
    (change,) = demand(serving, "numpy")
    assert change.lines == ('match_packages: none → ["numpy"]',)
    assert serving.environment("production")["policy"]["match_packages"] == ["numpy"]
    (again,) = demand(serving, "numpy")
    assert again.action == "keep"


def test_other_versions_and_missing_ones_are_refused_by_name(serving, url, monkeypatch):
    demand(serving, "scikit-learn", "numpy")
    has(monkeypatch, scikit_learn="1.7.0", numpy="2.4.6")
    packages.require(url, "churn@1", "production", offline=False)
    has(monkeypatch, scikit_learn="1.5.2")
    for offline in (False, True):
        with pytest.raises(PackageMismatch) as refused:
            packages.require(url, "churn@1", "production", offline=offline)
        assert str(refused.value) == (
            "This host has other packages than churn@1 was validated with: numpy not installed "
            "here, 2.4.6 validated; scikit-learn 1.5.2 here, 1.7.0 validated."
        )
        assert "pip install numpy==2.4.6 scikit-learn==1.7.0" in refused.value.remedy


def test_what_was_never_asked_is_not_known_offline(serving, url, tmp_path, monkeypatch):
    has(monkeypatch)
    with pytest.raises(RegistryUnreachable, match="not known which packages production demands"):
        packages.require(url, "churn@1", "production", offline=True)
    packages.require(url, "churn@1", "production", offline=False)
    packages.require(url, "churn@1", "production", offline=True)
    (file,) = (tmp_path / "cache").rglob("*.packages.json")
    for data in (b"", b"[]", b'{"kind": "production"}', b"\xff"):
        file.write_bytes(data)
        with pytest.raises(RegistryUnreachable):
            packages.require(url, "churn@1", "production", offline=True)


def test_an_environment_that_nobody_observed_is_refused_with_a_sentence(serving, url, monkeypatch):
    has(monkeypatch, numpy="2.4.6")
    demand(serving, "numpy")
    validate = {"passed": True, "actor": "ann"}
    blind = dataclasses.replace(RUN, interpreters=(), distributions=())
    gaps = dataclasses.replace(RUN, distributions=(), gaps=("a.out was not observed",))
    for watched, says in (
        ([], "was stated"),
        ([RUN], "was stated"),
        ([blind], "no Python"),
        ([gaps], "whether churn@1 was validated with numpy: a.out was not observed"),
    ):
        run = None if says == "was stated" else RUN.run
        serving.validate("churn@1", captured_pipeline(), run=run, watched=watched, **validate)
        with pytest.raises(PackageMismatch, match=says):
            packages.require(url, "churn@1", "production", offline=False)
    serving.validate("churn@1", captured_pipeline(), run=RUN.run, watched=[RUN], **validate)
    packages.require(url, "churn@1", "production", offline=False)
    serving.validate("churn@1", captured_pipeline(), passed=False, actor="ann")
    packages.require(url, "churn@1", "production", offline=False)
    serving.register("churn", captured("2"), actor="ann")
    with pytest.raises(PackageMismatch, match="has no pass with the pipeline"):
        packages.require(url, "churn@2", "production", offline=False)


def test_an_experimental_environment_only_warns(serving, url, monkeypatch, caplog):
    has(monkeypatch)
    demand(serving, "numpy", environment="staging")
    with caplog.at_level(logging.WARNING):
        packages.require(url, "churn@1", "staging", offline=False)
    assert "numpy not installed here, 2.4.6 validated" in caplog.text


def test_a_verdict_that_was_carried_over_was_reached_where_its_own_one_was(
    serving, url, monkeypatch
):
    demand(serving, "numpy")
    serving.carry_over(
        "churn@1", captured_pipeline("new"), rests_on=1, difference="comments", actor="ann"
    )
    serving.release("production", captured_pipeline("new"), ["churn@1"], actor="ann")
    found = serving.demanded_packages("churn@1", "production")
    assert (found.validation, found.basis) == (2, "carried")
    assert found.packages == {"numpy": ("2.4.6",)}
    has(monkeypatch, numpy="2.4.6")
    packages.require(url, "churn@1", "production", offline=False)
    has(monkeypatch, numpy="2.4.5")
    with pytest.raises(PackageMismatch, match=r"numpy 2\.4\.5 here, 2\.4\.6 validated"):
        packages.require(url, "churn@1", "production", offline=False)
