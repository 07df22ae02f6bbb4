"""A registry in which half is another team's, and every route of the server with what it answers.

``Thing`` is what a request is about: a model and its pipeline, and an environment. Whatever the
other team wrote holds the word ``canary``, and digests of its own: no token that is bound to the
rest may be told any of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from lineage.contract import codec
from lineage.contract.requests import NewToken, Observed
from lineage.contract.results import NamedPipeline
from lineage.contract.windows import NewWindow, NewWindows
from lineage.identity.components import (
    CodeVersion,
    Components,
    DataItem,
    DataVersion,
    EnvironmentKind,
    Kind,
    Known,
    Proof,
    Weights,
)
from lineage.identity.digest import Digest, blake3_of, xxh3
from lineage.registry.access import OF_ANY, OF_PIPELINES, OF_SERVING, OF_VERSIONS, Scope
from tests.conftest import CapturedPipelineVersion, CapturedVersion, a_copy, pipeline
from tests.support.filled import PROFILE, SEEN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineage.registry.registry import Registry

AT: Final = "2026-11-21T08:00:00Z"


@dataclass(frozen=True)
class Thing:
    """What a request is about, and what else it says of it; ``env_now`` is seen by look-ups."""

    model: str
    pipeline: str
    env: str
    digest: str
    """The pipeline version of the model."""

    weights: str

    def phantom(self, closed: str) -> Thing:
        """The same where what is not open (``m`` or ``e``) is not there at all."""
        made = self
        if "m" in closed:
            made = replace(
                made,
                model="phantom-model",
                pipeline="phantom-pipe",
                digest="xxh3:" + "0123456789abcdef" * 2,
                weights="blake3:" + "0123456789abcdef" * 4,
            )
        return replace(made, env="phantom-env") if "e" in closed else made


@dataclass(frozen=True)
class Row:
    """A request, what it needs, and what it answers.

    ``of`` says what must be open for it: ``m`` the model, ``p`` its pipeline, ``e`` the
    environment, ``*`` everything (a token that is bound to nothing), ``-`` nothing. An upper-case
    ``M`` or ``E`` says that the token may not be bound to any models, or any environments.
    ``closed`` is the answer where it is not: 403 where the request says a name, 404 where it is
    found by a digest.
    """

    method: str
    path: str
    scope: Scope | None
    of: str
    ok: int | tuple[int, ...] = 200
    body: Callable[[Thing], Any] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    query: str = ""
    closed: int = 403
    digest: Callable[[Thing], str] | None = None
    mine: bool = False
    """Whether the body names one's own pipeline besides."""

    @property
    def also(self) -> tuple[Scope, ...]:
        """The further scopes whose verbs look at it."""
        return LOOKED_AT.get((self.method, self.route), ())

    def url(self, thing: Thing) -> str:
        """The address, about a thing."""
        digest = self.digest(thing) if self.digest is not None else thing.digest
        path = self.path.format(
            env=thing.env, model=thing.model, n="1", pipeline=thing.pipeline, digest=digest,
            id=self._id, seq="1",
        )  # fmt: skip
        return path + self.query.format(env=thing.env, model=thing.model, digest=digest)

    @property
    def _id(self) -> str:
        if "/webhooks/" in self.path:
            return "1"
        return REVOKED if "/tokens/" in self.path else "main"

    @property
    def route(self) -> str:
        """The route's template, as the OpenAPI document has it."""
        path = self.path
        for own, name in (
            ("/environments/production", "/environments/{env}"),
            ("/models/alpha", "/models/{model}"),
            ("/versions/1", "/versions/{n}"),
            ("/versions/3", "/versions/{n}"),
            ("/versions/{env}", "/versions/{n}"),
            ("/packages/{env}", "/packages/{n}"),
            ("/pipelines/features", "/pipelines/{pipeline}"),
        ):
            path = path.replace(own, name)
        return path


REVOKED: Final = "id"
"""Stands for the id of a token that is revoked already."""

ETAG: Final = (("If-Match", '"77777"'),)
READ, REGISTER, VALIDATE, APPROVE = Scope.READ, Scope.REGISTER, Scope.VALIDATE, Scope.APPROVE
DEPLOY, OBSERVE, LOOKS, ADMIN = Scope.DEPLOY, Scope.OBSERVE, Scope.OBSERVE_WEIGHTS, Scope.ADMIN

ENV, MODEL = "/v1/environments/{env}", "/v1/models/{model}"
SLOT, N, PIPELINE = ENV + "/models/{model}", MODEL + "/versions/{n}", "/v1/pipelines/{pipeline}"


OWN_MODEL, OWN_ENV = "/v1/models/alpha/versions", "/v1/environments/production"
OWN_SLOT, OWN_N = OWN_ENV + "/models/alpha", OWN_MODEL + "/1"
OWN: Final = Thing("alpha", "alpha", "production", pipeline("alpha-parameter").xxh3, "")


def named(thing: Thing) -> dict[str, str]:
    """The pipeline version of a thing, by its digest."""
    return {"name": thing.pipeline, "digest": thing.digest}


def window(thing: Thing) -> dict[str, Any]:
    """A window of what the version that serves saw."""
    one = NewWindow(
        version=2,
        pipeline=thing.digest,
        profile=str(PROFILE.digest),
        start=AT,
        seconds=60,
        counts=SEEN,
        sequence=1,
    )
    new = NewWindows(instance="h1", stream="s1", windows=(one,), batch=True)
    return json_of(new.to_json())


def _manifest(thing: Thing) -> dict[str, Any]:
    """A new version of the pipeline of a thing."""
    captured = CapturedPipelineVersion(thing.pipeline, pipeline("new"))
    return dict(codec.pipeline_to_json(captured))


def _stored(thing: Thing) -> dict[str, Any]:
    return json_of(a_copy(thing.model, "main").to_json())


def json_of(value: Any) -> Any:
    return json.loads(json.dumps(value))


ROWS: Final = (
    Row("GET", "/healthz", None, "-"),
    Row("GET", "/readyz", None, "-"),
    Row("GET", "/metrics", READ, "*"),
    Row("GET", "/v1/database", ADMIN, "*"),
    Row("GET", "/v1/principal", READ, "-"),
    # environments
    Row("GET", "/v1/environments", READ, "-"),
    Row("POST", "/v1/environments", ADMIN, "*", (200, 201),
        lambda t: {"name": t.env, "kind": KINDS.get(t.env, "production")}),
    Row("PUT", "/v1/environments", ADMIN, "eM", 200,
        lambda t: {"environments": [{"name": t.env}], "dry_run": True}),
    Row("GET", ENV, READ, "e"),
    Row("GET", ENV + "/pipelines/{pipeline}", READ, "pe"),
    Row("PUT", ENV + "/pipelines/{pipeline}", DEPLOY, "pe", 200,
        lambda t: {"pipeline": named(t), "dry_run": True}),
    Row("PUT", ENV + "/pipelines/{pipeline}", DEPLOY, "pe", (200, 409),
        lambda t: {"pipeline": _manifest(t), "dry_run": True}),
    Row("POST", ENV + "/releases", DEPLOY, "pe", 200,
        lambda t: {"pipeline": named(t), "versions": [f"{t.model}@2"], "dry_run": True}),
    Row("POST", ENV + "/releases", DEPLOY, "me", 200,
        lambda t: {"pipeline": named(t), "versions": [f"{t.model}@{t.env}"], "dry_run": True}),
    Row("POST", ENV + "/releases", DEPLOY, "pe", 200,
        lambda t: {"pipeline": {"digest": t.digest}, "dry_run": True}, closed=404),
    Row("POST", ENV + "/releases/{pipeline}/finish", DEPLOY, "pe", 404, lambda t: {"dry_run": True}),
    Row("POST", ENV + "/releases/{pipeline}/abort", DEPLOY, "pe", 404),
    # slots
    Row("GET", SLOT, READ, "me"),
    Row("GET", SLOT + "/history", READ, "me", query="?at=2030-01-01T00:00:00Z"),
    Row("POST", SLOT + "/guard", READ, "me", 200, lambda t: {"version": "2"}),
    Row("POST", SLOT + "/guard", READ, "me", 200, lambda t: {"version": t.env}),
    Row("POST", SLOT + "/guard", READ, "me", 200, lambda t: {"version": "2", "pipeline": named(t)}),
    Row("POST", SLOT + "/guard", READ, "me", 200,
        lambda t: {"version": "2", "pipeline": _manifest(t)}),
    Row("POST", SLOT + "/promote", DEPLOY, "me", 412, lambda t: {"version": "2"}, ETAG),
    Row("POST", SLOT + "/promote", DEPLOY, "me", 412, lambda t: {"version": t.env}, ETAG),
    Row("POST", SLOT + "/rollback", DEPLOY, "me", 412, None, ETAG),
    Row("POST", SLOT + "/rollback", DEPLOY, "me", 200, lambda t: {"dry_run": True}),
    Row("POST", SLOT + "/retire", DEPLOY, "me", 412, None, ETAG),
    Row("PUT", SLOT + "/backup", DEPLOY, "me", 412, lambda t: {"version": "1"}, ETAG),
    Row("PUT", SLOT + "/backup", DEPLOY, "me", 412,
        lambda t: {"version": f"{t.env}:backup", "pipeline": t.digest}, ETAG),
    Row("GET", SLOT + "/backup/candidates", READ, "me"),
    Row("GET", SLOT + "/packages/{n}", READ, "me"),
    Row("GET", SLOT + "/observations", READ, "me"),
    Row("POST", SLOT + "/observations", OBSERVE, "me", 201,
        lambda t: {"instance": "h1", "weights": t.weights, "loaded_at": AT}),
    Row("GET", SLOT + "/windows", READ, "me"),
    Row("GET", SLOT + "/outcomes", READ, "me"),
    Row("GET", SLOT + "/drift", READ, "me"),
    Row("POST", SLOT + "/windows", OBSERVE, "me", 201, window),
    Row("GET", "/v1/observed", READ, "-"),
    Row("GET", "/v1/observed", READ, "me", query="?environment={env}&model={model}"),
    # models and versions
    Row("GET", "/v1/models", READ, "-"),
    Row("POST", "/v1/models", REGISTER, "m", 200, lambda t: {"name": t.model}),
    Row("GET", MODEL, READ, "m"),
    Row("PATCH", MODEL, REGISTER, "m", 200, lambda t: {"tags": {"seen": None}}),
    Row("PATCH", N, REGISTER, "m", 200, lambda t: {"tags": {"seen": None}}),
    Row("PATCH", MODEL + "/versions/{env}", REGISTER, "me", 200, lambda t: {"tags": {}}),
    Row("POST", MODEL + "/rename", ADMIN, "mE", 200, lambda t: {"to": t.model}),
    Row("POST", "/v1/models/alpha/rename", ADMIN, "mE", (200, 409), lambda t: {"to": t.model}),
    Row("POST", MODEL + "/archive", ADMIN, "mE", 200, lambda t: {"restore": True}),
    Row("POST", MODEL + "/archive", ADMIN, "mE", 409, lambda t: {}),
    Row("DELETE", N, ADMIN, "mE", 409),
    Row("GET", MODEL + "/versions", READ, "m"),
    Row("POST", MODEL + "/versions", REGISTER, "m", (200, 201),
        lambda t: {"kind": "experiment", "pipeline": _manifest(t)}),
    Row("POST", MODEL + "/versions", REGISTER, "m", (200, 201),
        lambda t: {"kind": "experiment", "parent": f"{t.model}@1"}),
    Row("POST", MODEL + "/versions", REGISTER, "me", (200, 201),
        lambda t: {"kind": "experiment", "parent": f"{t.model}@{t.env}"}),
    Row("POST", MODEL + "/versions", REGISTER, "m", 200,
        lambda t: {"kind": "experiment", "pipeline": _manifest(t), "dry_run": True}),
    Row("GET", MODEL + "/retraining", READ, "m", query="?metric={model}-metric"),
    Row("GET", N, READ, "m"),
    Row("GET", MODEL + "/versions/{env}", READ, "me"),
    Row("GET", MODEL + "/versions/3", READ, "m", (200, 404)),
    Row("GET", N + "/pipeline", READ, "m"),
    Row("GET", N + "/export", READ, "m", query="?format=card"),
    Row("GET", N + "/export", READ, "em", query="?format=openlineage&environment={env}"),
    Row("GET", N + "/trace", READ, "m"),
    Row("GET", N + "/leak", READ, "m"),
    Row("GET", "/v1/impact", READ, "m", query="?of={model}@1"),
    Row("GET", N + "/verdicts", READ, "m"),
    Row("GET", N + "/profile", READ, "m"),
    Row("GET", N + "/validations", READ, "m"),
    Row("POST", N + "/validations", VALIDATE, "m", 201,
        lambda t: {"pipeline": named(t), "passed": True}),
    Row("POST", N + "/validations", VALIDATE, "m", 404,
        lambda t: {"pipeline": named(t), "passed": True,
                   "carried": {"rests_on": 2**31 - 1, "difference": "none"}}),
    Row("POST", N + "/validations", VALIDATE, "m", 200,
        lambda t: {"pipeline": named(t), "passed": True, "dry_run": True}),
    Row("GET", N + "/approvals", READ, "m"),
    Row("POST", N + "/approvals", APPROVE, "me", 201, lambda t: {"environment": t.env}),
    Row("GET", N + "/attestations", READ, "m"),
    Row("POST", N + "/attestations", VALIDATE, "m", 422,
        lambda t: {"document": "{}", "public_key": "none"}),
    Row("GET", N + "/weights", READ, "m"),
    Row("POST", N + "/weights/copies", REGISTER, "m", 201, _stored),
    Row("POST", N + "/weights/looks", LOOKS, "m", 201,
        lambda t: {"looks": [{"store": "main", "state": "intact", "deep": True}]}),
    Row("POST", N + "/weights/looks", LOOKS, "me", 201,
        lambda t: {"looks": [{"store": "main", "state": "intact", "deep": True}],
                   "backup_in": t.env}),
    Row("POST", N + "/weights/removals", ADMIN, "mE", 412, lambda t: {"store": "main"}),
    Row("POST", N + "/weights-checks", LOOKS, "m", 201,
        lambda t: {"state": "intact", "place": "here"}),
    # pipelines
    Row("GET", PIPELINE + "/versions", READ, "p"),
    Row("GET", PIPELINE + "/versions/{digest}", READ, "p"),
    Row("GET", PIPELINE + "/models", READ, "p"),
    Row("PUT", PIPELINE + "/models/{model}", ADMIN, "*", 200),
    Row("DELETE", "/v1/pipelines/features/models/{model}", ADMIN, "*", 200),
    Row("GET", "/v1/pipeline-versions/{digest}", READ, "p", closed=404),
    Row("GET", "/v1/pipeline-versions/{digest}", READ, "p", closed=404,
        digest=lambda t: t.digest[:16]),
    Row("GET", "/v1/pipeline-versions/{digest}", READ, "p", closed=404, ok=(404, 422),
        digest=lambda t: t.digest[:6]),
    # weights and stores
    Row("GET", "/v1/weights/{digest}/copies", READ, "-", digest=lambda t: t.weights),
    Row("GET", "/v1/unneeded-weights", READ, "*"),
    Row("GET", "/v1/stores", READ, "-"),
    Row("POST", "/v1/stores", REGISTER, "-", 200,
        lambda t: {"name": "main", "url": "s3://main/weights"}),
    Row("POST", "/v1/stores", ADMIN, "*", (200, 201),
        lambda t: {"name": "poison", "url": "s3://poison/weights",
                   "config": {"endpointurl": "http://poison.example"}}),
    Row("POST", "/v1/stores", ADMIN, "*", 200,
        lambda t: {"name": "main", "url": "s3://main/weights", "shared": True}),
    Row("GET", "/v1/stores/{id}/weights", READ, "*"),
    # one's own in the address, another's in the body
    Row("POST", OWN_SLOT + "/guard", READ, "p", (200, 422),
        lambda t: {"version": "1", "pipeline": named(t)}),
    Row("POST", OWN_SLOT + "/guard", READ, "p", closed=404, ok=(200, 404, 422),
        body=lambda t: {"version": "1", "pipeline": {"digest": t.digest}}),
    Row("POST", OWN_SLOT + "/guard", READ, "e", 200, lambda t: {"version": t.env}),
    Row("POST", OWN_SLOT + "/promote", DEPLOY, "e", 412, lambda t: {"version": t.env}, ETAG),
    Row("PUT", OWN_SLOT + "/backup", DEPLOY, "e", 412, lambda t: {"version": t.env}, ETAG),
    Row("PUT", OWN_SLOT + "/backup", DEPLOY, "-", (404, 412),
        lambda t: {"version": "1", "pipeline": t.digest}, ETAG),
    Row("POST", OWN_SLOT + "/rollback", DEPLOY, "m", (200, 412),
        lambda t: {"leave": [t.model], "dry_run": True}),
    Row("GET", OWN_SLOT, READ, "-", (200, 409), query="?pipeline={digest}"),
    Row("GET", OWN_SLOT + "/packages/{env}", READ, "e"),
    Row("POST", OWN_ENV + "/releases", DEPLOY, "m", (200, 422), lambda t: {
        "pipeline": named(OWN), "versions": [f"{t.model}@2"], "dry_run": True}, mine=True),
    Row("POST", OWN_ENV + "/releases", DEPLOY, "e", 200, lambda t: {
        "pipeline": named(OWN), "versions": [f"alpha@{t.env}"], "dry_run": True}, mine=True),
    Row("POST", OWN_MODEL, REGISTER, "m", (200, 201),
        lambda t: {"kind": "experiment", "parent": f"{t.model}@1"}),
    Row("POST", OWN_MODEL, REGISTER, "e", (200, 201),
        lambda t: {"kind": "experiment", "parent": f"alpha@{t.env}"}),
    Row("POST", OWN_N + "/validations", VALIDATE, "p", (201, 422),
        lambda t: {"pipeline": named(t), "passed": True}),
    Row("POST", OWN_N + "/validations", VALIDATE, "p", (201, 422),
        lambda t: {"pipeline": _manifest(t), "passed": True}),
    Row("POST", OWN_N + "/validations", VALIDATE, "-", (201, 404, 412), lambda t: {
        "pipeline": named(OWN), "passed": True,
        "carried": {"rests_on": 1 if t.model == "alpha" else 3, "difference": "none"}}),
    # all of it
    Row("GET", "/v1/lineage/{digest}", READ, "*"),
    Row("GET", "/v1/events", READ, "*"),
    Row("GET", "/v1/audit", READ, "*"),
    Row("GET", "/v1/audit/checkpoint", READ, "*"),
    Row("GET", "/v1/audit/consistency", READ, "*", query="?size=1"),
    Row("GET", "/v1/audit/proofs/{seq}", READ, "*"),
    Row("GET", "/v1/head", READ, "-"),
    Row("GET", "/v1/tokens", ADMIN, "*"),
    Row("POST", "/v1/tokens", ADMIN, "*", 201, lambda t: {"name": "x", "scopes": ["read"]}),
    Row("DELETE", "/v1/tokens/{id}", ADMIN, "*"),
    Row("GET", "/v1/webhooks", ADMIN, "*"),
    Row("POST", "/v1/webhooks", ADMIN, "*", 422, lambda t: {"url": "https://127.0.0.1/hook"}),
    Row("POST", "/v1/webhooks/{id}/secret", ADMIN, "*", 404),
    Row("POST", "/v1/webhooks/{id}/test", ADMIN, "*", 404),
    Row("GET", "/v1/webhooks/{id}/deliveries", ADMIN, "*", 404),
    Row("DELETE", "/v1/webhooks/{id}", ADMIN, "*", 404),
)  # fmt: skip
"""Every route, with each way in which a request names something."""

LOOKED_AT: Final[Mapping[tuple[str, str], tuple[Scope, ...]]] = {
    ("GET", "/v1/principal"): OF_ANY,
    ("GET", "/v1/head"): OF_ANY,
    ("GET", "/v1/models"): OF_VERSIONS,
    ("GET", MODEL): OF_VERSIONS,
    ("GET", MODEL + "/versions"): OF_VERSIONS,
    ("GET", MODEL + "/retraining"): OF_VERSIONS,
    ("GET", N): OF_VERSIONS,
    ("GET", N + "/pipeline"): OF_VERSIONS,
    ("GET", N + "/export"): OF_VERSIONS,
    ("GET", N + "/trace"): OF_VERSIONS,
    ("GET", N + "/leak"): OF_VERSIONS,
    ("GET", N + "/verdicts"): OF_VERSIONS,
    ("GET", N + "/profile"): (*OF_VERSIONS, OBSERVE),
    ("GET", SLOT + "/outcomes"): (OBSERVE,),
    ("GET", N + "/validations"): OF_VERSIONS,
    ("GET", N + "/approvals"): OF_VERSIONS,
    ("GET", N + "/attestations"): OF_VERSIONS,
    ("GET", N + "/weights"): OF_VERSIONS,
    ("GET", "/v1/weights/{digest}/copies"): OF_VERSIONS,
    ("GET", "/v1/stores"): OF_VERSIONS,
    ("GET", "/v1/stores/{id}/weights"): (LOOKS,),
    ("GET", PIPELINE + "/versions"): OF_PIPELINES,
    ("GET", PIPELINE + "/versions/{digest}"): OF_PIPELINES,
    ("GET", "/v1/pipeline-versions/{digest}"): OF_PIPELINES,
    ("GET", "/v1/environments"): OF_SERVING,
    ("GET", ENV): OF_SERVING,
    ("GET", ENV + "/pipelines/{pipeline}"): OF_SERVING,
    ("GET", SLOT): OF_SERVING,
    ("GET", SLOT + "/packages/{n}"): OF_SERVING,
    ("GET", SLOT + "/backup/candidates"): OF_SERVING,
    ("POST", SLOT + "/guard"): OF_SERVING,
}
"""What the verbs of other scopes than `read` look at."""

KINDS: Final = {"production": "production", "ecanary": "experimental"}

BINDINGS: Final[Mapping[str, dict[str, tuple[str, ...]]]] = {
    "own model": {"models": ("alpha",)},
    "their model": {"models": ("mcanary",)},
    "own environment": {"environments": ("production",)},
    "their environment": {"environments": ("ecanary",)},
    "own of both": {"models": ("alpha",), "environments": ("production",)},
    "unbound": {},
}


def closed_to(binding: dict[str, tuple[str, ...]], thing: Thing) -> str:
    """What of a thing is closed to a binding: ``m``, ``e``, both or nothing."""
    closed = "m" if thing.model not in binding.get("models", (thing.model,)) else ""
    return closed + ("e" if thing.env not in binding.get("environments", (thing.env,)) else "")


def is_open(row: Row, binding: dict[str, tuple[str, ...]], closed: str) -> bool:
    """Whether a request about a thing of which something is closed is let through."""
    if "*" in row.of:
        return not binding
    if ("M" in row.of and "models" in binding) or ("E" in row.of and "environments" in binding):
        return False
    needs = row.of.replace("p", "m")
    return not any(part in needs for part in closed) and not own_closed(row, binding)


def own_closed(row: Row, binding: dict[str, tuple[str, ...]]) -> bool:
    """Whether the address itself names what is not open, beside the thing."""
    closed = closed_to(binding, OWN)
    return ("m" in closed and (row.mine or "/models/alpha" in row.path)) or (
        "e" in closed and "/environments/production" in row.path
    )


def captured(seed: str, model: str, name: str) -> CapturedVersion:
    """A whole tuple in which everything says whose it is."""
    weights = f"{model}{seed}".encode()
    parts = Components(
        CodeVersion(f"{xxh3(weights).value:0<40}", None, f"https://{model}-git/x", f"{model}-branch"),
        DataVersion((DataItem(f"{model}-data", Digest("md5:" + xxh3(weights).value), Known.VERIFIED, 8),)),
        pipeline(f"{model}-parameter"),
        Weights(xxh3(weights), blake3_of(weights), f"{model}-weights.bin", len(weights)),
    )  # fmt: skip
    copy = replace(a_copy(f"{model}{seed}", "main"), repository=f"https://{model}-git/x")
    return CapturedVersion(parts, name, stored=(copy,))


def fill(registry: Registry) -> None:
    """Both teams' models serve in both environments, the other's on a pipeline of another name."""
    registry.create_environment("ecanary", EnvironmentKind.EXPERIMENTAL, actor="ecanary-maker")
    for model, name in (("alpha", "alpha"), ("mcanary", "mcanary-pipe")):
        who = f"{model}-person"
        for seed in "12":
            made = registry.register(
                model, captured(seed, model, name), run={"command": [f"{model}-run"]}, actor=who
            )
            manifest = CapturedPipelineVersion(name, pipeline(f"{model}-parameter"))
            registry.validate(
                made.ref,
                manifest,
                passed=True,
                metrics={f"{model}-metric": 0.5},
                profile=PROFILE,
                actor=who,
            )
        for env, by in (("production", who), ("ecanary", f"{model}-ecanary-person")):
            digest = NamedPipeline(name, manifest.version.xxh3)
            registry.release(env, digest, [f"{model}@1"], reason=f"{by}-reason", actor=by)
            registry.promote(f"{model}@2", env, reason=f"{by}-reason", actor=by)
            registry.approve(f"{model}@1", env, actor=f"{by}-approver")
            observed = Observed(f"{by}-host", made.weights, AT, None, 60, Proof.CLAIMED)
            registry.report(model, env, observed, actor=by)
    registry.register(
        "alpha",
        replace(captured("3", "alpha", "alpha"), stored=()),
        kind=Kind.EXPERIMENT,
        parent="mcanary@1",
        actor="alpha-person",
    )
    registry.add_model("lonely-mcanary", actor="mcanary-person")
    registry.share_pipeline("features", "mcanary", actor="mcanary-person")


def things(registry: Registry) -> dict[str, Thing]:
    """The four things: whose model, and in whose environment."""
    found = {}
    for model, name in (("alpha", "alpha"), ("mcanary", "mcanary-pipe")):
        shown = registry.show(f"{model}@1")
        for env in ("production", "ecanary"):
            weights = shown["components"]["weights"]["blake3"]
            found[f"{model}@{env}"] = Thing(model, name, env, shown["pipeline"], weights)
    return found


def canaries(registry: Registry, binding: dict[str, tuple[str, ...]]) -> list[str]:
    """What a token with a binding is never told."""
    told: list[str] = []
    if binding.get("models") == ("alpha",):
        told.append("mcanary")
        for row in registry.versions("mcanary"):
            shown = registry.show(row.ref)
            told += [row.tuple, shown["code"], shown["components"]["weights"]["blake3"]]
            told += [
                row.weights or "",
                shown["pipeline"],
                shown["components"]["pipeline"]["blake3"],
            ]
            told += [item["digest"] for item in shown["components"]["data"]]
    if binding.get("environments") == ("production",):
        told.append("ecanary")
    return [text for text in told if text]


def tokens(registry: Registry, scope: Scope) -> dict[str, str]:
    """A token with a scope for each binding."""
    return {
        name: registry.create_token(
            NewToken(f"{scope}-{number}", (scope.value,), **binding), actor="t"
        )["token"]
        for number, (name, binding) in enumerate(BINDINGS.items())
    }
