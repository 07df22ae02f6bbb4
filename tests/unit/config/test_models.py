"""``lineage.toml``."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineage.config.file import DEFAULT_URL, ConfigFile, find, parse, registry_url
from lineage.config.models import Config, validate
from lineage.errors import UsageError


def _parse(text: str) -> Config:
    file = parse(text.encode(), "lineage.toml")
    assert file is not None
    return validate(file)


def test_the_example_of_the_design_is_read():
    config = _parse(
        """
        [registry]
        url = "sqlite:///.lineage/registry.db"
        [models.churn]
        weights = "models/model.pkl"
        data = ["data/raw.csv"]
        metrics = "eval/metrics.json"
        require = ["auc >= 0.80", "slices.new_customers.auc >= 0.75", "latency_p99_ms <= 200"]
        [models.churn.pipeline]
        name = "shared"
        stages = ["prepare", "featurize"]
        files = ["uv.lock"]
        """
    )
    model = config.model("churn")
    assert [r.text for r in model.requirements][1] == "slices.new_customers.auc >= 0.75"
    assert config.pipeline_of("churn") == "shared"
    assert config.pipelines()["shared"].stages == ["prepare", "featurize"]
    assert config.pipeline_of("other") == "other"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[models", "not valid TOML"),
        ("[model.churn]", "no such setting"),
        ("[models.churn]\nweight = 'x'", "models.churn.weight"),
        ("[models.churn]\nweights = 3", "models.churn.weights"),
        ("[models.churn]\ndata = 'x'", "models.churn.data"),
        ("[models.churn]\nrequire = ['auc']", "cannot be read"),
        ("[models.'../x']", "not a valid model name"),
        ("[models.churn.pipeline]\nname = 'A'", "not a valid pipeline name"),
        ("a = " + "[" * 100_000, "not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_its_place(text, says):
    with pytest.raises(UsageError, match=says):
        _parse(text)


def test_two_models_must_describe_a_shared_pipeline_alike():
    config = _parse(
        """
        [models.a.pipeline]
        name = "shared"
        stages = ["x"]
        [models.b.pipeline]
        name = "shared"
        stages = ["y"]
        """
    )
    with pytest.raises(UsageError, match="differently"):
        config.pipelines()


def test_the_nearest_configuration_counts_up_to_the_repository(tmp_path):
    inner = tmp_path / "sub/deep"
    inner.mkdir(parents=True)
    (tmp_path / "lineage.toml").write_text("[models.outer]")
    found = find(inner, tmp_path)
    assert found is not None
    assert found[0] == tmp_path
    (tmp_path / "sub/pyproject.toml").write_text("[tool.lineage.models.inner]\n[project]\nname='x'")
    found = find(inner, tmp_path)
    assert found is not None
    assert list(found[1].table["models"]) == ["inner"]
    assert find(inner, inner) is None


def test_flag_overrides_environment_overrides_file(monkeypatch, tmp_path):
    config = ConfigFile("lineage.toml", {"registry": {"url": "sqlite:///file.db"}})
    monkeypatch.delenv("LINEAGE_REGISTRY", raising=False)
    assert registry_url(config, tmp_path) == f"sqlite:///{tmp_path}/file.db"
    assert registry_url(ConfigFile("lineage.toml", {}), tmp_path).endswith(
        DEFAULT_URL.removeprefix("sqlite:///")
    )
    monkeypatch.setenv("LINEAGE_REGISTRY", "sqlite:///from-env.db")
    assert registry_url(config, tmp_path) == f"sqlite:///{Path.cwd()}/from-env.db"
    assert registry_url(config, tmp_path, "sqlite:////flag.db") == "sqlite:////flag.db"
