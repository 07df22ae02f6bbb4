"""The training data in which leakage is looked for is the version's own, however it is named."""

from __future__ import annotations

import pytest

from lineage.capture.project import Project
from lineage.errors import CaptureError, UsageError
from lineage.evidence.leakage import Looking
from lineage.evidence.reading import overlap
from lineage.hashing.files import hash_path
from lineage.workflows.validating import Validating
from lineage.workflows.validation_evidence import Compared, ValidationEvidence

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


@pytest.mark.parametrize("name", ["train.csv", "new.csv"])
@pytest.mark.parametrize("becomes", ["", None])
def test_data_that_is_no_longer_whole_when_it_is_compared_has_changed(
    tmp_path, monkeypatch, name, becomes
):
    train, new = tmp_path / "train.csv", tmp_path / "new.csv"
    for path in (train, new):
        path.write_text("x\n1\n")
    compared = Compared(train, new, Looking(), lambda: None)
    leakage_of = overlap.leakage_of

    def write_and_compare(*data):
        if becomes is None:
            (tmp_path / name).unlink()
        else:
            (tmp_path / name).write_text(becomes)
        return leakage_of(*data)

    monkeypatch.setattr(overlap, "leakage_of", write_and_compare)
    with pytest.raises(CaptureError, match="changed while it was read"):
        compared.leakage()
    monkeypatch.setattr(overlap, "leakage_of", leakage_of)
    with pytest.raises(UsageError):  # so it was before: what is wrong with it is told
        compared.leakage()
