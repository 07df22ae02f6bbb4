"""Where weights may lie that a server's registry knows of, by the installed command."""

from __future__ import annotations

import pytest

from lineage.connection import connect
from lineage.contract.requests import NewToken
from tests.support.servers import registry_server
from tests.support.weights_stores import CREDENTIALS, new_bucket


@pytest.fixture
def hosted(project):
    """The churn project on a server, which nobody told of any store."""
    database = f"sqlite:///{project.path / '.lineage/registry.db'}"
    with connect(database) as registry:
        token = registry.create_token(NewToken("admin", ("admin",)), actor="t")["token"]
    with registry_server(database) as address:
        project.env |= {"LINEAGE_REGISTRY": address, "LINEAGE_TOKEN": token}
        yield project


def test_register_says_before_it_trains_that_no_other_host_could_fetch_the_weights(hosted):
    trains = ("register", "churn", "--", "touch", "trained")
    refused = hosted.lineage(*trains)
    assert refused.code == 2
    assert "a folder of this host, and the registry is a server's" in refused.err
    assert "dvc remote add --default main s3://BUCKET/PATH" in refused.err
    folder = (hosted.path / ".lineage/store").as_uri()
    assert f"lineage store add local {folder} --shared" in refused.err
    assert not (hosted.path / "trained").exists()
    assert hosted.ok("register", "churn", "--kind", "experiment")["created"] is True
    assert hosted.lineage("register", "churn", "--kind", "experiment", "--store").code == 2


def test_a_remote_that_is_a_folder_is_a_folder_too(hosted, tmp_path):
    hosted.dvc("remote", "add", "--default", "nas", str(tmp_path / "nas"))
    hosted.commit("A remote")
    refused = hosted.lineage("register", "churn")
    assert (refused.code, str(tmp_path / "nas") in refused.err) == (2, True)
    added = hosted.ok("store", "add", "nas", "--shared")
    assert (added["shared"], added["created"]) == (True, True)
    told = hosted.lineage("store", "add", "nas", "--shared").out
    assert told.rstrip().endswith("was known  a folder that every host mounts")
    hosted.ok("register", "churn")
    hosted.ok("validate", "churn@1")
    hosted.ok("pipeline", "deploy", "churn", "--env", "production")
    hosted.ok("promote", "churn@1", "--env", "production")
    assert hosted.ok("store", "add", "nas", "--one-host")["shared"] is False
    assert "one host's" in hosted.lineage("store", "list").out
    assert hosted.lineage("guard", "churn@1", "--env", "production").code == 0, "what serves stays"


def test_a_server_without_tokens_is_for_one_machine_and_so_are_its_folders(project):
    database = f"sqlite:///{project.path / '.lineage/registry.db'}"
    with registry_server(database, no_auth=True) as address:
        project.env["LINEAGE_REGISTRY"] = address
        project.ok("register", "churn")
        project.ok("validate", "churn@1")
        project.ok("pipeline", "deploy", "churn", "--env", "production")
        project.ok("promote", "churn@1", "--env", "production")


def test_a_job_is_told_before_it_trains_who_records_the_store(hosted, s3):
    """Only an admin says where hosts go with their own credentials."""
    database = f"sqlite:///{hosted.path / '.lineage/registry.db'}"
    hosted.env |= CREDENTIALS
    hosted.dvc("remote", "add", "--default", "far", f"s3://{new_bucket(s3).name}/weights")
    hosted.dvc("remote", "modify", "far", "endpointurl", s3)
    hosted.commit("A remote")
    admin = hosted.env["LINEAGE_TOKEN"]
    with connect(database) as registry:
        job = registry.create_token(
            NewToken("job", ("read", "register"), None, ("churn",)), actor="t"
        )
    hosted.env["LINEAGE_TOKEN"] = job["token"]
    refused = hosted.lineage("register", "churn", "--", "touch", "trained")
    assert refused.code == 8
    assert "is no store of this registry, and only an admin" in refused.err
    assert "lineage store add far" in refused.err
    assert not (hosted.path / "trained").exists()
    assert hosted.lineage("store", "add", "far").code == 8
    hosted.env["LINEAGE_TOKEN"] = admin
    assert hosted.ok("store", "add", "far")["config"]["endpointurl"] == s3
    hosted.env["LINEAGE_TOKEN"] = job["token"]
    assert hosted.ok("register", "churn")["created"] is True
