"""What dvc.lock tells of the weights that a metrics file is of."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import replace

import pytest
import yaml
from dvc_data.hashfile.hash import fobj_md5

from lineage.capture.command import Run
from lineage.capture.project import Project
from lineage.capture.watch.observed import File, Observed
from lineage.errors import CaptureError
from lineage.hashing.files import hash_path
from lineage.workflows.own_metrics import made_of_others, require_own_metrics, require_own_run

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


@pytest.mark.parametrize(
    ("read", "wrote", "says"),
    [
        ("m@4", "{}", "dvc.lock records that predict read those here"),
        ("m@3", "{}", None),
        ("m@4", "by hand", None),
    ],
)
def test_metrics_of_the_weights_here_are_not_those_of_a_version_that_is_elsewhere(
    require, repository, read, wrote, says
):
    lock = {
        "predict": ran("p", {"models/m.pkl": read}, {"preds.csv": "by m@4"}),
        "evaluate": ran("e", {"preds.csv": "by m@4"}, {"metrics.json": wrote}),
    }
    with suppress(CaptureError):
        require(lock)
    project = Project.find(repository.path)
    told = made_of_others(project, VERSION, repository.path / "metrics.json", own_here=False)
    assert told == (says and f"The metrics metrics.json are not of the weights of m@4: {says}.")


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


@pytest.fixture
def moved(repository):
    """A project whose weights are configured at `best.pkl`; those of `m@4` lie where they were."""
    repository.write(
        {
            **HERE,
            "best.pkl": "m@5",
            "lineage.toml": '[models.m]\nweights = "best.pkl"\nevaluate = "evaluate"\n',
            "dvc.yaml": WAY % "best.pkl",
            "dvc.lock": yaml.safe_dump({
                "schema": "2.0",
                "stages": {
                    "predict": ran("p", {"best.pkl": "m@5"}, {"preds.csv": "by m@4"}),
                    "evaluate": EVALUATED,
                },
            }),
        }
    )  # fmt: skip
    return Project.find(repository.path)


def own(project):
    found = hash_path(project.root / "models/m.pkl", with_blake3=True)
    weights = {"path": "models/m.pkl", "blake3": str(found.blake3)}
    return VERSION | {"weights": str(found.xxh3), "components": {"weights": weights}}


def test_metrics_of_the_configured_weights_are_not_those_of_weights_that_lie_elsewhere(moved):
    def ask():
        require_own_metrics(moved, own(moved), moved.root / "metrics.json", "Run it.")

    with pytest.raises(CaptureError, match=r"lie at models/m\.pkl: predict reads those at best"):
        ask()
    (moved.root / "best.pkl").write_text("m@4")
    with pytest.raises(CaptureError, match=r"records that predict read others at best\.pkl"):
        ask()
    (moved.root / "dvc.yaml").write_text(WAY % "models/m.pkl")
    lock = (moved.root / "dvc.lock").read_text()
    (moved.root / "dvc.lock").write_text(lock.replace("best.pkl", "models/m.pkl"))
    with pytest.raises(CaptureError, match="predict read others at models") as caught:
        ask()
    assert "lie at" not in str(caught.value), "they are read where they lie"


def run(project, command, files):
    done = Run(command, ".", "h", "2026-11-20T08:00:00Z", 1.0, 0)
    observed = Observed(0, files, processes=1)
    metrics, place = project.root / "metrics.json", project.root / "models/m.pkl"
    require_own_run(project, own(project), metrics, place, done, observed)


def test_a_program_that_read_what_a_stage_made_of_other_weights_is_refused(require, repository):
    made = ran("p", {"models/m.pkl": "m@1"}, {"preds.csv": "by m@1"})
    read = File("preds.csv", is_input=True, is_written=False, by=("e.py",))
    old = {**HERE, "preds.csv": "by m@1", "metrics.json": "new"}
    require({"predict": made}, here=old)
    project = Project.find(repository.path)
    with pytest.raises(CaptureError, match=r"of what it read, .* predict read others at models"):
        run(project, ("python", "e.py"), (read,))
    run(project, ("python", "e.py"), (replace(read, is_written=True),))
    (repository.path / "preds.csv").write_text("anew, by hand")
    run(project, ("python", "e.py"), (read,))


def test_metrics_of_another_model_are_not_a_versions(moved):
    (moved.root / "lineage.toml").write_text(
        '[models.m]\nweights = "models/m.pkl"\n[models.other]\nweights = "best.pkl"\n'
    )
    project = Project.find(moved.root)

    def ask():
        require_own_metrics(project, own(project), project.root / "metrics.json", "Run it.")

    with pytest.raises(CaptureError, match="predict reads those at best"):
        ask()
    (project.root / "metrics.json").write_text('{"by": "hand"}')
    ask()


@pytest.mark.parametrize(
    ("command", "read", "says"),
    [
        (("dvc", "repro"), (), "predict reads those at best.pkl"),
        (("python", "e.py"), ("best.pkl",), "it read those at best.pkl"),
        (("python", "e.py"), ("best.pkl", "models/m.pkl"), None),
        (("python", "e.py"), ("preds.csv",), None),
    ],
)
def test_a_run_that_measured_the_configured_weights_is_refused(moved, command, read, says):
    files = tuple(File(path, is_input=True, is_written=False, by=("e.py",)) for path in read)

    def ask():
        run(moved, command, files)

    if says is None:
        ask()
    else:
        with pytest.raises(CaptureError, match=says) as caught:
            ask()
        assert "--force predict evaluate" in caught.value.remedy
        (moved.root / "best.pkl").write_text("m@4")
        if command[0] == "python":
            ask()
