"""An address that the client fills is one that the server's routes read."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from lineage.api.app import ROUTERS
from starlette.routing import Match

from lineage.contract import addresses
from lineage.errors import UsageError
from lineage.identity.references import Reference

from ..identity.test_references import ENVIRONMENTS, NAMES, REFERENCES


def _matched(path: str) -> tuple[str, dict[str, str]]:
    """The template that a server reads an address by, and what it reads."""
    scope = {"type": "http", "method": "GET", "path": path, "root_path": ""}
    for router in ROUTERS:
        for route in router.routes:
            match, child = route.matches(scope)
            if match is Match.FULL:
                return route.path, child["path_params"]
    raise AssertionError(path)


@given(REFERENCES)
def test_a_version_goes_to_the_server_and_comes_back_the_same(reference):
    address = addresses.version(reference)
    assert quote(address, safe="/:") == address
    template, read = _matched(address)
    assert template == addresses.VERSION
    assert Reference.from_selector(read["model"], read["n"]) == reference


@given(ENVIRONMENTS, NAMES)
def test_names_come_back_the_same(environment, name):
    assert _matched(addresses.environment(environment)) == (
        addresses.ENVIRONMENT, {"env": environment},
    )  # fmt: skip
    assert _matched(addresses.slot(environment, name)) == (
        addresses.SLOT, {"env": environment, "model": name},
    )  # fmt: skip
    assert _matched(addresses.deployed_pipeline(environment, name)) == (
        addresses.DEPLOYED_PIPELINE, {"env": environment, "pipeline": name},
    )  # fmt: skip
    assert _matched(addresses.versions(name)) == (addresses.VERSIONS, {"model": name})
    assert _matched(addresses.pipeline_versions(name)) == (
        addresses.PIPELINE_VERSIONS, {"pipeline": name},
    )  # fmt: skip


@pytest.mark.parametrize("name", ["..", "a/b", "a?b", "a#b", "", "%2e%2e", "a\n"])
def test_no_name_leads_to_another_address(name):
    for filled in (
        lambda: addresses.environment(name),
        lambda: addresses.slot("production", name),
        lambda: addresses.slot(name, "churn"),
        lambda: addresses.deployed_pipeline("production", name),
        lambda: addresses.versions(name),
        lambda: addresses.version(Reference(name, number=1)),
        lambda: addresses.pipeline_versions(name),
    ):
        with pytest.raises(UsageError):
            filled()


@given(ENVIRONMENTS, REFERENCES)
def test_the_packages_of_a_version_are_found_by_environment_and_version(environment, reference):
    template, read = _matched(addresses.packages(environment, reference))
    assert template == addresses.PACKAGES
    assert read["env"] == environment
    assert Reference.from_selector(read["model"], read["n"]) == reference
