"""The training data in which leakage is looked for is the version's own, however it is named."""

from __future__ import annotations

import pytest

from lineage.capture.project import Project
from lineage.errors import CaptureError
from lineage.hashing.files import hash_path
from lineage.workflows.validating import Validating
from lineage.workflows.validation_evidence import ValidationEvidence

TABLE = '[models.m]\ndata = ["%s"]\n[models.m.evidence]\ndata = "new.csv"\nleakage = "%s"\n'


@pytest.mark.parametrize(
    ("registered", "compared"),
    [
        ("data/train.csv", "data/train.csv"),
        ("data/train.csv", "./data/../data/train.csv"),
        ("data", "data/train.csv"),
        ("data/train.csv", "data"),
    ],
)
def test_other_training_data_is_refused(repository, registered, compared):
    repository.write(
        {
            "data/train.csv": "x\n1\n",
            "new.csv": "x\n1\n2\n",
            "lineage.toml": TABLE % (registered, compared),
        }
    )
    project = Project.find(repository.path)
    digest = str(hash_path(repository.path / registered).xxh3)
    own = {"name": registered, "digest": digest, "known": "verified"}
    version = {"ref": "m@1", "model": "m", "components": {"data": [own]}}
    evidence = ValidationEvidence.of(project, version, Validating(leakage=True))
    assert evidence.compared is not None
    assert evidence.compared.leakage().rows == 1
    repository.write({"data/train.csv": "x\n3\n"})
    with pytest.raises(CaptureError, match=f"not that of m@1: {registered}"):
        evidence.compared.leakage()
    with pytest.raises(CaptureError, match=f"not that of m@1: {registered}"):
        ValidationEvidence.of(project, version, Validating(leakage=True))
