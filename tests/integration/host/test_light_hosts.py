"""A host that serves loads neither DVC nor git, whatever the registry and the store are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import pipeline
from tests.support.servers import registry_server
from tests.support.weights import serve_weights, write_weights
from tests.support.weights_stores import CREDENTIALS, Folder, new_bucket

HOST = """\
import tests.support.host_without
import sys, time
import lineage
folder = sys.argv[1]
assert lineage.pull("churn@production", out=folder).is_dir()
with lineage.follow("churn", pipeline=sys.argv[2], every=0.05) as churn:
    assert sorted(path.name for path in churn.path.iterdir()) == ["large.bin", "small"]
    lineage.report("churn", weights=churn.loaded.weights, pipeline=sys.argv[2])
    print(lineage.serving("churn").serving.ref)
"""


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_host_loads_no_dvc_and_no_git(kind, registry, url, tmp_path, request):
    source = tmp_path / "weights"
    write_weights(source)
    place = (
        Folder(tmp_path / "store")
        if kind == "folder"
        else new_bucket(request.getfixturevalue("s3"))
    )
    serve_weights(registry, place.address(), source)
    project = tmp_path / "project"
    (project / ".dvc").mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", project], check=True)
    (project / ".dvc/config").write_text("[core]\n    remote = main\n")
    with registry_server(url, no_auth=True) as server:
        done = subprocess.run(
            [sys.executable, "-c", HOST, tmp_path / "out", pipeline("old").xxh3],
            cwd=project,
            env=os.environ
            | CREDENTIALS
            | {
                "PYTHONPATH": str(Path(__file__).parents[3]),
                "LINEAGE_REGISTRY": server,
                "LINEAGE_TOKEN": "",
                "LINEAGE_CACHE": str(tmp_path / "cache"),
                "LINEAGE_CACHE_SIZE": "1G",
                "XDG_CACHE_HOME": str(tmp_path / "answers"),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.stdout == "churn@1\n", done.stderr
