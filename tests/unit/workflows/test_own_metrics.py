"""What dvc.lock tells of the weights that a metrics file is of."""

from __future__ import annotations

import io

import pytest
import yaml
from dvc_data.hashfile.hash import fobj_md5

from lineage.capture.project import Project
from lineage.errors import CaptureError
from lineage.workflows.own_metrics import require_own_metrics

WAY = """\
stages:
  predict: {cmd: p, deps: [%s], outs: [preds.csv]}
  evaluate: {cmd: e, deps: [preds.csv], metrics: [{metrics.json: {cache: false}}]}
"""
HERE = {"models/m.pkl": "m@4", "preds.csv": "by m@4", "metrics.json": "{}"}
VERSION = {
    "ref": "m@4",
    "model": "m",
    "weights": "xxh3:1",
    "components": {"weights": {"path": "models/m.pkl"}},
}


@pytest.fixture
def require(repository):
    """Ask for the metrics of `m@4`, where a lock records what was read and made."""

    def ask(lock, reads="models/m.pkl", here=HERE):
        repository.write(
            {
                **here,
                "lineage.toml": '[models.m]\nweights = "models/m.pkl"\n',
                "dvc.yaml": WAY % reads,
                "dvc.lock": yaml.safe_dump({"schema": "2.0", "stages": lock}),
            }
        )
        project = Project.find(repository.path)
        require_own_metrics(project, VERSION, repository.path / "metrics.json", "Run it.")

    return ask


def ran(command, deps, outs):
    return {"cmd": command, "deps": _items(deps), "outs": _items(outs)}


def _items(files):
    return [
        {"path": path, "hash": "md5", "md5": text if text.endswith(".dir") else _md5(text)}
        for path, text in files.items()
    ]


def _md5(text):
    return fobj_md5(io.BytesIO(text.encode()))


EVALUATED = ran("e", {"preds.csv": "by m@4"}, {"metrics.json": "{}"})


def test_metrics_that_the_weights_led_to_are_taken(require):
    require(
        {
            "predict": ran("p", {"models/m.pkl": "m@4"}, {"preds.csv": "by m@4"}),
            "evaluate": EVALUATED,
        }
    )


@pytest.mark.parametrize("others", [{"preds.csv": "by hand"}, {}])
def test_what_the_way_left_need_not_be_here_as_it_was(require, others):
    made = ran("p", {"models/m.pkl": "m@4"}, {"preds.csv": "by m@4"})
    require({"predict": made, "evaluate": EVALUATED}, here={**HERE, **others})


@pytest.mark.parametrize(
    ("predicted", "evaluated", "says"),
    [
        (("m@1", "by m@1"), "by m@1", "predict read others at models/m.pkl"),
        (("m@1", "by m@1"), "by m@4", "predict read others at models/m.pkl"),
        (("m@4", "by m@4"), "by m@1", "evaluate read others at preds.csv"),
        (None, "by m@1", "evaluate read others at preds.csv"),
    ],
)
def test_metrics_of_what_other_weights_led_to_are_refused(require, predicted, evaluated, says):
    lock = {"evaluate": ran("e", {"preds.csv": evaluated}, {"metrics.json": "{}"})}
    if predicted is not None:
        read, made = predicted
        lock["predict"] = ran("p", {"models/m.pkl": read}, {"preds.csv": made})
    with pytest.raises(CaptureError, match=f"dvc.lock records that {says}"):
        require(lock)


@pytest.mark.parametrize(
    ("digest", "is_own"), [("%s.dir", True), ("0123456789abcdef0123456789abcdef.dir", False)]
)
def test_a_folder_that_holds_the_weights_counts_as_they_do(require, digest, is_own):
    listing = f'[{{"md5": "{_md5("m@4")}", "relpath": "m.pkl"}}]'
    read = digest % _md5(listing) if is_own else digest
    made = ran("p", {"models": read}, {"preds.csv": "by m@4"})
    lock = {"predict": made, "evaluate": EVALUATED}
    if is_own:
        require(lock, reads="models")
    else:
        with pytest.raises(CaptureError, match=r"predict read others at models\."):
            require(lock, reads="models")
