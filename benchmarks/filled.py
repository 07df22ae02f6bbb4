"""Registries that are filled through the product's own door, as a user's would be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lineage.connection import connect
from lineage.contract import codec
from lineage.contract.captured import CapturedPipelineVersion, CapturedVersion
from lineage.contract.requests import NewToken
from lineage.database.schema import upgrade
from lineage.identity.components import (
    CodeVersion,
    Components,
    DataItem,
    DataVersion,
    EnvironmentKind,
    Known,
    Weights,
)
from lineage.identity.digest import Digest, blake3_of, xxh3
from lineage.identity.pipeline import Manifest, PipelineVersion, Stage
from lineage.weights.copies import NewCopy, StoreAddress

if TYPE_CHECKING:
    from lineage.connection import AnyRegistry

WIDE = "wide"
"""A model with many validated versions: each may be the next backup."""
CANDIDATES = 50


@dataclass(frozen=True)
class Filled:
    """A filled registry: a token that may do everything, and the models that serve in it."""

    url: str
    token: str
    models: tuple[str, ...]

    @property
    def paths(self) -> list[str]:
        """Where each slot is looked up."""
        return [slot(model) for model in self.models]


def slot(model: str, environment: str = "production") -> str:
    """A slot's place in a server."""
    return f"/v1/environments/{environment}/models/{model}"


def pipeline() -> CapturedPipelineVersion:
    """The pipeline that all models ride on."""
    stage = Stage(cmd=("python featurize.py",), code={"featurize.py": blake3_of(b"code")})
    return CapturedPipelineVersion("features", PipelineVersion(Manifest({"featurize": stage})))


def captured(seed: str) -> CapturedVersion:
    """A whole tuple whose weights are stored; ``seed`` tells it from others. Nothing opens them."""
    text = seed.encode()
    items = (DataItem("raw.csv", Digest("md5:" + "a" * 32), Known.VERIFIED, 8),)
    components = Components(
        CodeVersion(xxh3(text).value + "0" * 8),
        DataVersion(items),
        pipeline().version,
        Weights(xxh3(text), blake3_of(text), "model.bin", 8),
    )
    copy = NewCopy(StoreAddress("store", "s3://bucket/weights"), blake3_of(text).value[:32])
    return CapturedVersion(components, "features", stored=(copy,))


def version_body(seed: str) -> dict[str, Any]:
    """The body of its registration over HTTP."""
    return codec.captured_to_json(captured(seed))


def fill(url: str, slots: int, *, wide: bool = False) -> Filled:
    """A registry with some models: version 2 serves, version 1 stands by.

    ``wide`` adds a model that serves one of :data:`CANDIDATES` + 2 validated versions.
    """
    upgrade(url)
    models = tuple(f"model-{number:04}" for number in range(slots))
    with connect(url) as registry:
        registry.create_environment("production", EnvironmentKind.PRODUCTION, actor="bench")
        registry.create_environment("staging", EnvironmentKind.EXPERIMENTAL, actor="bench")
        for model in models:
            _validated(registry, model, 2)
        if wide:
            _validated(registry, WIDE, CANDIDATES + 2)
        serving = [f"{model}@1" for model in (*models, *([WIDE] if wide else ()))]
        registry.release("production", pipeline(), serving, actor="bench")
        registry.release("staging", pipeline(), [], actor="bench")
        for ref in serving:  # a backup stands behind each
            registry.promote(ref.replace("@1", "@2"), "production", actor="bench")
        token = registry.create_token(NewToken("bench", ("admin",)), actor="bench")["token"]
    return Filled(url, str(token), models)


def _validated(registry: AnyRegistry, model: str, versions: int) -> None:
    for number in range(versions):
        ref = registry.register(model, captured(f"{model}-{number}"), actor="bench").ref
        found = replace(pipeline(), commit=None)
        registry.validate(ref, found, passed=True, actor="bench")
