"""What was pulled before is had again while the registry is away, and is said to be old."""

from __future__ import annotations

import logging
import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

import lineage
from lineage import kept
from lineage.errors import (
    LineageError,
    NotFound,
    PipelineMismatch,
    RegistryUnreachable,
    VersionDeleted,
)
from lineage.hashing.tree import follow_any
from lineage.host import last_known
from lineage.identity.components import Kind
from lineage.weights import upload
from lineage.weights.store import open_store
from tests.conftest import ENVIRONMENT, Workspace, add_validated, captured, pipeline
from tests.support.servers import registry_server
from tests.support.weights import serve_weights, weights_of, write_weights
from tests.support.weights_stores import Folder

if TYPE_CHECKING:
    from pathlib import Path


SETTINGS = ("LINEAGE_CACHE", "LINEAGE_REGISTRY", "LINEAGE_TIMEOUT", "XDG_CACHE_HOME")


@dataclass
class Host:
    """A host that has pulled churn@production."""

    server: str
    folder: Path
    outage: ExitStack

    def lose_all(self) -> None:
        """From now on nobody answers where the server was, and the store is gone."""
        self.outage.close()
        shutil.rmtree(self.folder / "store")


@pytest.fixture
def host(registry, url, tmp_path, monkeypatch):
    write_weights(tmp_path / "weights")
    serve_weights(registry, Folder(tmp_path / "store").address(), tmp_path / "weights")
    for name in ("XDG_CACHE_HOME", "LINEAGE_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("LINEAGE_TIMEOUT", "1")
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        server = stack.enter_context(registry_server(url, no_auth=True))
        monkeypatch.setenv("LINEAGE_REGISTRY", server)
        lineage.pull("churn@production")
        yield Host(server, tmp_path, stack)


@pytest.fixture
def away(host):
    """The folder of a host whose server and store are gone."""
    host.lose_all()
    return host.folder


@pytest.mark.parametrize("reference", ["churn@production", "churn@1"])
def test_what_was_pulled_is_given_again(reference, away, caplog):
    with caplog.at_level(logging.WARNING, "lineage.host"):
        path = lineage.pull(reference, away / "out", last_known=True)
    assert (path / "small").read_bytes() == b"small"
    assert (path / "large.bin").read_bytes() == (away / "weights/large.bin").read_bytes()
    assert "last known: the registry cannot be reached" in caplog.text
    assert "churn@1" in caplog.text


def test_the_command_says_so_beside_and_the_refusal_names_it(away):
    here = Workspace(away)
    env = {**ENVIRONMENT, **{name: os.environ[name] for name in SETTINGS}}
    refused = here.lineage("pull", "churn@production", env=env)
    assert refused.code == 7
    assert "lineage pull churn@production --last-known 12h" in refused.err
    done = here.lineage("pull", "churn@production", "--last-known", "12h", "--json", env=env)
    assert (done.code, done.json["age_seconds"] >= 0) == (0, True)
    assert "last known" in done.err
    assert here.lineage("pull", "churn@production", "--last-known", "0m", env=env).code == 2
    with pytest.raises(RegistryUnreachable, match="too old"):
        lineage.pull("churn@production", last_known=1e-6)


def test_a_version_by_its_number_is_given_without_a_word_of_age(away, caplog):
    with caplog.at_level(logging.WARNING, "lineage.host"):
        assert (lineage.pull("churn@1", away / "out") / "small").read_bytes() == b"small"
    assert "last known" in caplog.text
    with pytest.raises(RegistryUnreachable):
        lineage.pull("churn@production", away / "out")
    with pytest.raises(RegistryUnreachable):
        lineage.pull("churn@2", away / "out")


def test_bytes_that_were_changed_are_not_given(away):
    for path in (away / "LINEAGE_CACHE").rglob("*"):
        if path.is_file() and path.read_bytes() == b"small":
            path.chmod(0o644)
            path.write_bytes(b"SMALL")
    with pytest.raises(LineageError):
        lineage.pull("churn@production", away / "out", last_known=True)
    assert not list(away.glob("out/*"))


def test_what_serves_is_the_newest_that_was_said(host, registry):
    registry.retire("churn", "production", actor="t", reason="none")
    assert lineage.serving("churn", last_known=True).serving is None  # this host is told
    host.lose_all()
    with pytest.raises(RegistryUnreachable, match=r"nothing was churn@production"):
        lineage.pull("churn@production", last_known=True)
    with pytest.raises(RegistryUnreachable, match="never pulled here"):
        lineage.pull("churn@2", last_known=True)
    assert lineage.pull("churn@1", last_known=True).is_dir()


def test_a_pull_that_was_refused_is_the_newest_that_was_said(host, registry):
    assert lineage.serving("churn").ref == "churn@1"
    registry.retire("churn", "production", actor="t", reason="none")
    with pytest.raises(NotFound):
        lineage.pull("churn@production")
    host.lose_all()
    with pytest.raises(RegistryUnreachable, match=r"nothing was churn@production"):
        lineage.pull("churn@production", last_known=True)
    assert lineage.serving("churn", last_known=True).serving is None
    assert lineage.pull("churn@1", last_known=True).is_dir()


def test_a_version_that_was_deleted_is_not_given_again(host, registry):
    tried, weights = captured("2", "old"), weights_of(host.folder / "weights")
    copy = upload.put(
        open_store(Folder(host.folder / "store").address()),
        host.folder / "weights",
        weights,
        follow=follow_any,
    )
    components = replace(tried.components, weights=weights)
    tried = replace(tried, components=components, stored=(copy,))
    registry.register("churn", tried, kind=Kind.EXPERIMENT, actor="t")
    assert lineage.pull("churn@latest").is_dir()
    registry.delete_version("churn@2", actor="t", reason="none")
    with pytest.raises(VersionDeleted):
        lineage.pull("churn@2")
    host.lose_all()
    for reference in ("churn@2", "churn@latest"):  # the latest was that version
        with pytest.raises(RegistryUnreachable, match=r"It last said: churn@2 was deleted"):
            lineage.pull(reference, last_known=True)
    with pytest.raises(RegistryUnreachable, match=r"It last said: churn@2 was deleted"):
        lineage.pull("churn@2")
    assert lineage.pull("churn@production", last_known=True).is_dir()


@pytest.mark.parametrize("how", ["python", "command"])
def test_a_pipeline_whose_pair_is_gone_is_answered_with_it_no_more(how, host, registry):
    asked = {"pipeline": pipeline("old").xxh3}
    assert lineage.serving("churn", **asked).ref == "churn@1"
    registry.retire("churn", "production", actor="t", reason="none")
    if how == "python":
        with pytest.raises(PipelineMismatch, match="nothing serves there"):
            lineage.serving("churn", **asked)
    else:
        env = {**ENVIRONMENT, **{name: os.environ[name] for name in SETTINGS}}
        here = Workspace(host.folder)
        refused = here.lineage("serving", "churn", "--pipeline", asked["pipeline"], env=env)
        assert (refused.code, "nothing serves there" in refused.err) == (3, True)
    host.lose_all()
    with pytest.raises(RegistryUnreachable, match="It last said: No pair of churn in production"):
        lineage.serving("churn", **asked, last_known=True)


def test_what_was_said_of_the_slot_since_counts_for_each_pipeline(host, registry):
    asked = {"pipeline": pipeline("old").xxh3}
    assert lineage.serving("churn", **asked).ref == "churn@1"
    add_validated(registry, "2", "old")
    registry.promote("churn@2", "production", actor="t")
    assert lineage.serving("churn").ref == "churn@2"
    host.lose_all()
    moved = lineage.serving("churn", **asked, last_known=True)
    assert (moved.ref, moved.on_side.ref) == ("churn@2", "churn@1")


def test_a_slot_that_was_said_to_be_empty_is_so_for_each_pipeline(host, registry):
    asked = {"pipeline": pipeline("old").xxh3}
    lineage.serving("churn", **asked)
    registry.retire("churn", "production", actor="t", reason="none")
    lineage.serving("churn")
    host.lose_all()
    with pytest.raises(RegistryUnreachable, match="has moved on from this pipeline"):
        lineage.serving("churn", **asked, last_known=True)


@pytest.mark.parametrize("text", ["{}", "[]", "no", '{"answered_at": "x", "stored": {}}'])
def test_what_is_kept_but_not_whole_is_nothing(text, away, host):
    kept.path("weights", host.server, "churn@1").write_text(text)
    with pytest.raises(RegistryUnreachable, match="never pulled here"):
        lineage.pull("churn@1", last_known=True)


def test_a_model_that_is_gone_is_so_for_each_pipeline(host):
    """As a server says it whose registry was set up anew."""
    pair = pipeline("old").xxh3
    lineage.serving("churn")
    lineage.serving("churn", pipeline=pair)

    def gone():
        raise NotFound("There is no model churn.", remedy="Register it.")

    with pytest.raises(NotFound):
        last_known.serving(host.server, "churn", "production", pipeline=pair, ask=gone)
    host.lose_all()
    for asked in ({}, {"pipeline": pair}):
        with pytest.raises(RegistryUnreachable, match=r"It last said: There is no model churn\."):
            lineage.serving("churn", **asked, last_known=True)
    with pytest.raises(RegistryUnreachable, match=r"nothing was churn@production"):
        lineage.pull("churn@production", last_known=True)
