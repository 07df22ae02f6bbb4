"""Which models a project's stages make, by what dvc.yaml declares and by names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.capture.dvc import DvcStage
from lineage.identity.references import NAME
from lineage.workflows.proposal import Facts, propose


def stage(name, deps=(), outs=(), *, file="dvc.yaml", metrics=(), plots=()):
    group = name.partition("@")[0]
    outs = (*outs, *metrics, *plots)
    cmd = (f"python {group}.py",)
    return DvcStage(
        file,
        name,
        group,
        "",
        cmd,
        tuple(deps),
        {},
        outs,
        metrics=tuple(metrics),
        plots=tuple(plots),
    )


def facts(*stages, folder="", **further):
    return Facts(folder, "shop", stages, lambda path: path.endswith(".py"), **further)


def proposed(*stages, **further):
    return {model.name: model.to_json() for model in propose(facts(*stages, **further))}


PREPARE = stage("prepare", ["data/raw.csv", "prepare.py"], ["data/train.csv", "data/test.csv"])
FEATURIZE = stage("featurize", ["data/train.csv"], ["features.npy", "vectorizer.pkl"])
TRAIN = stage("train", ["features.npy", "train.py"], ["model.pkl"], metrics=["train.json"])
EVALUATE = stage(
    "evaluate", ["model.pkl", "data/test.csv"], metrics=["eval.json"], plots=["roc.csv"]
)


def test_four_stages_are_one_model():
    assert proposed(PREPARE, FEATURIZE, TRAIN, EVALUATE, files=("uv.lock",)) == {
        "shop": {
            "weights": "model.pkl",
            "data": ["data/raw.csv"],
            "metrics": "eval.json",
            "evaluate": "evaluate",
            "validation_data": ["data/test.csv"],
            "pipeline": {"stages": ["prepare", "featurize"], "files": ["uv.lock"]},
        }
    }


def test_without_a_judge_the_metrics_are_those_of_training():
    assert proposed(PREPARE, FEATURIZE, TRAIN)["shop"]["metrics"] == "train.json"
    bare = stage("train", ["features.npy"], ["model.pkl"])
    assert "metrics" not in proposed(FEATURIZE, bare)["shop"]
    assert proposed(FEATURIZE, bare, metrics=("live.json",))["shop"]["metrics"] == "live.json"


def test_metrics_that_are_no_json_are_left_out():
    judge = stage("evaluate", ["model.pkl"], metrics=["eval.yaml"])
    assert "evaluate" not in proposed(stage("train", ["a"], ["model.pkl"]), judge)["shop"]


def test_instances_are_models_of_their_own():
    parts = ("de", "us")
    features = [stage(f"featurize@{one}", [f"{one}.csv"], [f"{one}.npy"]) for one in parts]
    trains = [stage(f"train@{one}", [f"{one}.npy"], [f"models/{one}/model.pkl"]) for one in parts]
    found = proposed(*features, *trains)
    assert found == {
        f"shop-{one}": {
            "weights": f"models/{one}/model.pkl",
            "data": [f"{one}.csv"],
            "pipeline": {"stages": [f"featurize@{one}"]},
        }
        for one in parts
    }


def test_models_whose_inputs_the_same_stages_prepare_share_a_pipeline():
    features = [stage(f"featurize@{one}", [f"{one}.csv"], [f"{one}.npy"]) for one in "ab"]
    both = [
        stage(f"train_{one}", ["a.npy", "b.npy"], [f"{one}.joblib"]) for one in ("churn", "shop")
    ]
    found = proposed(*features, *both)
    assert list(found) == ["churn", "shop"]
    for model in found.values():
        assert model["pipeline"] == {"name": "shop-2", "stages": ["featurize"]}


def test_what_is_declared_counts_before_names():
    assert list(proposed(TRAIN, models=(("Churn Model", "features.npy"),))) == ["churn-model"]
    twice = (("clf", "a/model.pkl"), ("clf", "b/model.pkl"))
    assert {name: one["weights"] for name, one in proposed(TRAIN, models=twice).items()} == {
        "clf": "a/model.pkl",
        "clf-2": "b/model.pkl",
    }
    assert proposed(TRAIN, models=(("far", "s3://bucket/model.pkl"),)) == {}


def test_a_training_stage_may_depend_on_nothing_that_is_made():
    found = proposed(stage("train", ["data/raw.csv", "train.py"], ["churn_model.onnx"]))
    assert found["churn"]["pipeline"] == {"stages": ["train"]}


def test_data_that_git_holds_is_code_and_what_training_was_given_is_data():
    raw = stage("prepare", ["prepare.py"], ["clean.csv"])
    found = proposed(raw, stage("train", ["clean.csv"], ["m.pt"]))
    assert found["m"]["data"] == ["clean.csv"]


def test_without_a_training_stage_the_last_weights_count():
    first = stage("one", ["a.csv"], ["encoder.pkl", "base.pt"])
    last = stage("two", ["base.pt"], ["tuned.pt"])
    assert list(proposed(first, last)) == ["tuned"]


def test_what_a_training_stage_writes_among_models_is_one_whatever_its_form():
    churn = stage("train_churn", ["data/train.csv"], ["models/churn.json", "models/loss.png"])
    spend = stage("train_spend", ["data/train.csv"], ["models/spend_model.json"])
    both = stage("evaluate", ["models/churn.json", "models/spend_model.json"], metrics=["e.json"])
    found = proposed(PREPARE, churn, spend, both)
    assert {name: model["weights"] for name, model in found.items()} == {
        "churn": "models/churn.json",
        "spend": "models/spend_model.json",
    }
    assert not any("validation_data" in model for model in found.values()), "others' weights"


def test_what_a_stage_writes_outside_the_repository_is_no_models_weights():
    outside = stage("train", ["data/train.csv"], ["../model.pkl", "/srv/model.pkl", "s3://b/m.pkl"])
    assert proposed(PREPARE, outside) == {}


@pytest.mark.parametrize("name", ["train_test_split", "evaluate", "prepare_training_data"])
def test_a_stage_that_only_speaks_of_training_is_none(name):
    assert proposed(stage(name, ["a.csv"], ["train.csv", "test.csv"])) == {}


def test_stages_of_other_files_are_named_as_dvc_addresses_them():
    parts = ("churn", "uplift")
    stages = [
        made
        for one in parts
        for made in (
            stage("features", [f"{one}/raw.csv"], [f"{one}/x.npy"], file=f"{one}/dvc.yaml"),
            stage("train", [f"{one}/x.npy"], [f"{one}/model.pkl"], file=f"{one}/dvc.yaml"),
        )
    ]
    found = proposed(*stages)
    assert {name: model["pipeline"]["stages"] for name, model in found.items()} == {
        one: [f"{one}/dvc.yaml:features"] for one in parts
    }
    inner = proposed(*stages, folder="churn")
    assert {name: model["weights"] for name, model in inner.items()} == {"shop": "model.pkl"}


def test_stages_that_wait_for_each_other_end():
    """DVC refuses such a circle; whoever only reads must not run in it."""
    found = proposed(stage("train", ["a"], ["b.pkl"]), stage("again", ["b.pkl"], ["a"]))
    assert found["b"]["pipeline"]["stages"] == ["again"]


WORDS = st.text("abt/@. -é", min_size=1, max_size=12).map(lambda text: text.strip("/") or "x")
STAGES = st.builds(
    stage,
    st.sampled_from(["train", "train@a", "fit", "prepare", "evaluate", "x"]),
    st.lists(WORDS, max_size=3),
    st.lists(st.one_of(WORDS, WORDS.map("{}.pkl".format)), max_size=3),
    metrics=st.lists(WORDS.map("{}.json".format), max_size=1),
)


@given(st.lists(STAGES, max_size=6), WORDS)
def test_whatever_the_stages_are_each_model_has_a_name_of_its_own(stages, name):
    models = propose(Facts("", name, tuple(stages), lambda path: False))
    names = [model.name for model in models]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(NAME, one) for one in names)
    assert {model.weights for model in models} <= {out for one in stages for out in one.outs}
