"""A registry behind a server: the verbs of :class:`lineage.Registry` over HTTP."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lineage.contract import addresses, codec, decisions
from lineage.contract.results import (
    Audit,
    Candidate,
    FoundPipeline,
    Moved,
    NamedPipeline,
    PlannedChange,
    Registered,
    SchemaCheck,
    Serving,
)
from lineage.identity.components import EnvironmentKind, Kind
from lineage.identity.digest import check_beginning
from lineage.identity.references import Reference, check_environment_name, check_name
from lineage.remote.transport import Transport
from lineage.weights.copies import Copy, StoredWeights

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lineage.contract.captured import Captured, CapturedPipelineVersion
    from lineage.contract.requests import (
        DeclaredEnvironment,
        Direction,
        Keeping,
        NewToken,
        Observed,
        WaiverRequest,
    )
    from lineage.guard.decision import Decision
    from lineage.guard.facts import Verdict
    from lineage.guard.requirements import Outcome
    from lineage.identity.components import DataVersion
    from lineage.identity.pipeline import PipelineVersion
    from lineage.weights.copies import Look, NewCopy, StoreAddress

NOBODY = "anonymous"


def connect(url: str, token: str | None = None) -> RemoteRegistry:
    """A registry behind a server; nothing is sent yet.

    Args:
        url: its address.
        token: a bearer token; by default ``LINEAGE_TOKEN``.

    Raises:
        UsageError: the address or the token cannot be used.
    """
    return RemoteRegistry(
        Transport(url, token or os.environ.get("LINEAGE_TOKEN", "").strip() or None)
    )


class RemoteRegistry:
    """A registry behind a server; use it as a context manager, or :meth:`close` it.

    Each verb does, answers and raises what that of :class:`lineage.Registry` does. Who
    acts is who the token speaks for; ``actor`` counts only on a server that asks for no tokens.
    """

    def __init__(self, transport: Transport) -> None:
        self._http = transport

    def __enter__(self) -> RemoteRegistry:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The server's address."""
        return self._http.url

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    # what it tells

    def environments(self) -> list[dict[str, Any]]:
        """Every environment with its slots and deployments, by name."""
        return list(self._http.pages(addresses.ENVIRONMENTS))

    def environment(self, name: str) -> dict[str, Any]:
        """One environment: its kind, every slot and every pipeline deployment."""
        found: dict[str, Any] = self._http.get(addresses.environment(name))
        return found

    def models(
        self, *, after: str = "", limit: int | None = None, among: Iterable[str] | None = None
    ) -> list[dict[str, Any]]:
        """The models by name (``among`` some), each with its newest version, behind ``after``."""
        wanted = set(among) if among is not None else None
        rows = (
            row
            for row in self._http.pages(addresses.MODELS)
            if row["name"] > after and (wanted is None or row["name"] in wanted)
        )
        return list(islice(rows, limit))

    def versions(
        self, model: str, *, before: int | None = None, limit: int | None = None
    ) -> list[Registered]:
        """A model's versions, the newest first; those numbered below ``before``."""
        found = []
        for row in self._http.pages(addresses.versions(model), limit=min(limit or 500, 500)):
            if before is None or row["version"] < before:
                found.append(Registered.from_json(row))
            if limit is not None and len(found) >= limit:
                break
        return found

    def show(self, reference: str) -> dict[str, Any]:
        """All that is recorded of a version, its validations with it."""
        found: dict[str, Any] = self._http.get(_version(reference))
        return found

    def validations(self, reference: str) -> list[dict[str, Any]]:
        """Every verdict on a version, the newest first."""
        return list(self._http.pages(f"{_version(reference)}/validations"))

    def approvals(self, reference: str) -> list[dict[str, Any]]:
        """Every approval of a version, the oldest first."""
        return list(self._http.pages(f"{_version(reference)}/approvals"))

    def verdicts(self, reference: str) -> tuple[Verdict, ...]:
        """The newest verdict on a version for each pipeline version, the newest of them last."""
        found = self._http.get(f"{_version(reference)}/verdicts")
        return tuple(decisions.validation_from_json(row) for row in found["items"])

    def pipeline_of(self, reference: str) -> FoundPipeline:
        """The pipeline version that a model version was registered with."""
        return FoundPipeline.from_json(self._http.get(f"{_version(reference)}/pipeline"))

    def pipeline(self, named: NamedPipeline) -> FoundPipeline:
        """A recorded pipeline version."""
        digest = quote(check_beginning(named.digest), safe="")
        if named.name is None:
            return FoundPipeline.from_json(self._http.get(f"/v1/pipeline-versions/{digest}"))
        path = f"{addresses.pipeline_versions(named.name)}/{digest}"
        return FoundPipeline.from_json(self._http.get(path))

    def pipeline_versions(self, name: str) -> list[FoundPipeline]:
        """Every recorded version of a pipeline, the newest first."""
        return [
            FoundPipeline.from_json(row)
            for row in self._http.pages(addresses.pipeline_versions(name))
        ]

    def deployed_pipeline(self, environment: str, name: str) -> FoundPipeline:
        """The version of a pipeline that runs in an environment."""
        path = addresses.deployed_pipeline(environment, name)
        return FoundPipeline.from_json(self._http.get(path))

    def guard(
        self, reference: str, environment: str, *, running: PipelineVersion | None = None
    ) -> Decision:
        """Decide whether a version may serve; change nothing."""
        parsed = Reference.parse(reference)
        body: dict[str, Any] = {"version": parsed.selector}
        if running is not None:
            body["pipeline"] = (
                {"stated": running.stated}
                if running.manifest is None
                else {"manifest": running.manifest.to_json()}
            )
        path = f"{addresses.slot(environment, parsed.model)}/guard"
        return decisions.decision_from_json(self._http.ask(path, body, NOBODY))

    def serving(self, model: str, environment: str, *, at: str | None = None) -> Serving:
        """What serves for a model in an environment, now or at a past moment."""
        path = addresses.slot(environment, model)
        if at is not None:
            return Serving.from_json(self._http.get(f"{path}/history", at=at))
        return Serving.from_json(self._http.get(path))

    def all_serving(self, environment: str | None = None) -> list[Serving]:
        """Every slot (of an environment), by environment and model."""
        found = [self.environment(environment)] if environment else self.environments()
        return [Serving.from_json(slot) for one in found for slot in one["slots"]]

    def history(
        self, subject: str | None = None, *, limit: int = 50, before: int | None = None
    ) -> list[dict[str, Any]]:
        """The newest events (of a subject), the newest first; those numbered below ``before``."""
        return self._events(subject, "newest", before, limit)

    def events(
        self, *, after: int = 0, subject: str | None = None, limit: int = 100
    ) -> list[dict[str, Any]]:
        """The events (of a subject) behind a number, the oldest first."""
        return self._events(subject, "oldest", after, limit)

    def audit(self) -> Audit:
        """Check the chain of events, and that it tells the present state."""
        return Audit.from_json(self._http.get("/v1/audit"))

    def check(self) -> SchemaCheck:
        """Check the database, its keys and its schema, where the server is."""
        return SchemaCheck.from_json(self._http.get("/v1/database"))

    def lineage(self, digest: str, direction: Direction) -> dict[str, Any]:
        """What made a digest (``up``), or what was made from it (``down``)."""
        path = f"/v1/lineage/{quote(digest, safe='')}"
        found: dict[str, Any] = self._http.get(path, direction=direction.value)
        return found

    def observed(
        self, environment: str | None = None, model: str | None = None
    ) -> list[dict[str, Any]]:
        """How many instances of each slot are in step with it, lag, are unknown or foreign."""
        return list(self._http.pages("/v1/observed", environment=environment, model=model))

    def stores(self) -> list[dict[str, Any]]:
        """Every store of weights, by name."""
        return list(self._http.pages(addresses.STORES))

    def copies_in(self, store: str) -> tuple[StoredWeights, ...]:
        """The weights that a store holds, each with that copy alone, by version."""
        rows = self._http.pages(f"{addresses.STORES}/{check_name('store', store)}/weights")
        return tuple(StoredWeights.from_json(row) for row in rows)

    def stored(self, reference: str) -> StoredWeights:
        """The weights of a version, and where there are copies of them."""
        return StoredWeights.from_json(self._http.get(f"{_version(reference)}/weights"))

    def copies_of(self, blake3: str) -> tuple[Copy, ...]:
        """The copies of weights, whichever version they were stored for; one for each store."""
        found = self._http.get(f"/v1/weights/{quote(blake3, safe='')}/copies")
        return tuple(Copy.from_json(row) for row in found["items"])

    def backup_candidates(self, model: str, environment: str) -> tuple[Candidate, ...]:
        """Every version that could stand by behind what serves, the best first."""
        found = self._http.get(f"{addresses.slot(environment, model)}/backup/candidates")
        return tuple(Candidate.from_json(row) for row in found["items"])

    def unneeded(self, keeping: Keeping) -> list[dict[str, Any]]:
        """Each copy of weights that nothing can need any more."""
        rows = self._http.pages(
            "/v1/unneeded-weights", keep_last=keeping.last, keep_days=keeping.days
        )
        return list(rows)

    def observations(self, model: str, environment: str) -> list[dict[str, Any]]:
        """What each serving host last said that it has loaded, by instance."""
        return list(self._http.pages(f"{addresses.slot(environment, model)}/observations"))

    def tokens(self) -> list[dict[str, Any]]:
        """Every token without its secret, the newest first."""
        return list(self._http.pages(addresses.TOKENS))

    # what it records

    def create_environment(self, name: str, kind: EnvironmentKind, *, actor: str) -> bool:
        """Create an environment; False where it was there already, of the same kind."""
        check_environment_name(name)
        body = {"name": name, "kind": EnvironmentKind(kind).value}
        created: bool = self._http.write("POST", addresses.ENVIRONMENTS, body, actor)["created"]
        return created

    def apply_environments(
        self, declared: Sequence[DeclaredEnvironment], *, dry_run: bool = False, actor: str
    ) -> tuple[PlannedChange, ...]:
        """Make environments what they are declared to be, or tell what that would change."""
        environments = [
            {
                "name": one.name,
                "kind": one.kind.value if one.kind is not None else None,
                "policy": one.policy.to_json(),
            }
            for one in declared
        ]
        body = {"environments": environments, "dry_run": dry_run}
        found = self._http.write("PUT", addresses.ENVIRONMENTS, body, actor)
        return tuple(PlannedChange.from_json(change) for change in found["plan"])

    def add_model(self, name: str, *, actor: str) -> bool:
        """Record a model without versions; False where it was there already."""
        body = {"name": check_name("model", name)}
        created: bool = self._http.write("POST", addresses.MODELS, body, actor)["created"]
        return created

    def register(
        self,
        model: str,
        captured: Captured,
        *,
        kind: Kind = Kind.PRODUCTION,
        parent: str | None = None,
        run: dict[str, Any] | None = None,
        actor: str,
    ) -> Registered:
        """Record a model version; the one that already holds this tuple, if there is one."""
        body = codec.captured_to_json(captured) | {
            "kind": kind.value,
            "parent": parent,
            "run": run,
        }
        return Registered.from_json(
            self._http.write("POST", addresses.versions(model), body, actor)
        )

    def add_store(self, address: StoreAddress, *, actor: str) -> bool:
        """Record a store of weights; False where its URL was known already."""
        found = self._http.write("POST", addresses.STORES, address.to_json(), actor)
        created: bool = found["created"]
        return created

    def add_copy(self, reference: str, copy: NewCopy, *, actor: str) -> StoredWeights:
        """Record that a store holds the weights of a version; they were read back from it."""
        path = f"{_version(reference)}/weights/copies"
        return StoredWeights.from_json(self._http.write("POST", path, copy.to_json(), actor))

    def record_looks(
        self,
        reference: str,
        looks: Sequence[Look],
        *,
        backup_in: str | None = None,
        actor: str,
    ) -> StoredWeights:
        """Record what looking into stores for the weights of a version found."""
        body = {"looks": [look.to_json() for look in looks], "backup_in": backup_in}
        path = f"{_version(reference)}/weights/looks"
        return StoredWeights.from_json(self._http.write("POST", path, body, actor))

    def remove_copy(
        self, reference: str, store: str, keeping: Keeping, *, actor: str
    ) -> dict[str, Any]:
        """Record that the copy of a version in a store is taken away; JSON of it."""
        body = {
            "store": check_name("store", store),
            "keep_last": keeping.last,
            "keep_days": keeping.days,
        }
        path = f"{_version(reference)}/weights/removals"
        found: dict[str, Any] = self._http.write("POST", path, body, actor)
        return found

    def record_weights(self, reference: str, state: str, place: str, *, actor: str) -> str:
        """Record what a look for the weights of a version found; the version's reference."""
        body = {"state": state, "place": place}
        path = f"{_version(reference)}/weights-checks"
        ref: str = self._http.write("POST", path, body, actor)["ref"]
        return ref

    def validate(
        self,
        reference: str,
        pipeline: CapturedPipelineVersion | NamedPipeline,
        *,
        passed: bool,
        metrics: Mapping[str, Any] | None = None,
        outcomes: Sequence[Outcome] = (),
        run: dict[str, Any] | None = None,
        data: DataVersion | None = None,
        actor: str,
    ) -> dict[str, Any]:
        """Record a verdict on a version with a pipeline version; JSON of it."""
        body = {
            "pipeline": codec.pipeline_to_json(pipeline),
            "passed": passed,
            "metrics": dict(metrics) if metrics is not None else None,
            "requirements": [outcome.requirement for outcome in outcomes],
            "run": run,
            "data": codec.data_to_json(data),
        }
        return self._validated(reference, body, actor)

    def carry_over(
        self,
        reference: str,
        pipeline: CapturedPipelineVersion | NamedPipeline,
        *,
        rests_on: int,
        difference: str,
        actor: str,
    ) -> dict[str, Any]:
        """Record that a passing verdict holds for a pipeline that behaves alike; JSON of it."""
        body = {
            "pipeline": codec.pipeline_to_json(pipeline),
            "passed": True,
            "carried": {"rests_on": rests_on, "difference": difference},
        }
        return self._validated(reference, body, actor)

    def approve(self, reference: str, environment: str, *, actor: str) -> dict[str, Any]:
        """Record a person's approval of a version for an environment; JSON of it."""
        body = {"environment": check_environment_name(environment)}
        path = f"{_version(reference)}/approvals"
        found: dict[str, Any] = self._http.write("POST", path, body, actor)
        return found

    def promote(
        self,
        reference: str,
        environment: str,
        *,
        expect_revision: int | None = None,
        reason: str | None = None,
        waive: WaiverRequest | None = None,
        actor: str,
    ) -> Moved:
        """Move a slot to a version; what served before becomes the backup."""
        parsed = Reference.parse(reference)
        body = {"version": parsed.selector, "reason": reason, "waiver": _waiver(waive)}
        path = f"{addresses.slot(environment, parsed.model)}/promote"
        return self._moved(path, body, actor, expect_revision)

    def rollback(
        self,
        model: str,
        environment: str,
        *,
        reason: str | None = None,
        expect_revision: int | None = None,
        waive: WaiverRequest | None = None,
        actor: str,
    ) -> Moved:
        """Move a slot to its backup."""
        body = {"reason": reason, "waiver": _waiver(waive)}
        return self._moved(
            f"{addresses.slot(environment, model)}/rollback", body, actor, expect_revision
        )

    def set_backup(
        self,
        reference: str,
        environment: str,
        *,
        expect_revision: int | None = None,
        reason: str | None = None,
        actor: str,
    ) -> Moved:
        """Let a version stand by behind what serves, if it could take over at once."""
        parsed = Reference.parse(reference)
        body = {"version": parsed.selector, "reason": reason}
        path = f"{addresses.slot(environment, parsed.model)}/backup"
        return self._moved(path, body, actor, expect_revision, method="PUT")

    def retire(
        self,
        model: str,
        environment: str,
        *,
        reason: str | None = None,
        expect_revision: int | None = None,
        actor: str,
    ) -> Moved:
        """Empty a slot."""
        body = {"reason": reason}
        return self._moved(
            f"{addresses.slot(environment, model)}/retire", body, actor, expect_revision
        )

    def release(
        self,
        environment: str,
        pipeline: CapturedPipelineVersion | NamedPipeline,
        references: Sequence[str] = (),
        *,
        reason: str | None = None,
        waive: WaiverRequest | None = None,
        seen: Mapping[str, int] | None = None,
        dry_run: bool = False,
        actor: str,
    ) -> Moved:
        """Move a pipeline and models that ride on it in one step; without models, deploy it."""
        for text in references:
            Reference.parse(text)
        body = {
            "pipeline": codec.pipeline_to_json(pipeline),
            "versions": list(references),
            "reason": reason,
            "waiver": _waiver(waive),
            "seen": dict(seen) if seen is not None else None,
            "dry_run": dry_run,
        }
        path = f"{addresses.environment(environment)}/releases"
        return Moved.from_whole_json(self._http.write("POST", path, body, actor))

    def report(
        self, model: str, environment: str, observed: Observed, *, actor: str
    ) -> dict[str, Any]:
        """Record what a serving host says that it has loaded; JSON of it."""
        body = {
            "instance": observed.instance,
            "weights": observed.weights,
            "pipeline": observed.pipeline,
            "loaded_at": observed.loaded_at,
            "holds_for": observed.holds_for,
        }
        path = f"{addresses.slot(environment, model)}/observations"
        found: dict[str, Any] = self._http.write("POST", path, body, actor)
        return found

    def create_token(self, new: NewToken, *, actor: str) -> dict[str, Any]:
        """Make a bearer token; JSON of it with the ``token`` itself, which is never shown again.

        It is not repeated where no answer came: nothing is kept by which it could be answered.
        """
        body = {
            "name": new.name,
            "scopes": list(new.scopes),
            "environments": list(new.environments) if new.environments is not None else None,
            "models": list(new.models) if new.models is not None else None,
            "expires_at": new.expires_at,
        }
        found: dict[str, Any] = self._http.write("POST", addresses.TOKENS, body, actor, once=False)
        return found

    def revoke_token(self, identity: str, *, actor: str) -> dict[str, Any]:
        """Let a token open nothing from now on; JSON of it."""
        path = f"{addresses.TOKENS}/{quote(identity, safe='')}"
        found: dict[str, Any] = self._http.write("DELETE", path, None, actor)
        return found

    def _validated(self, reference: str, body: dict[str, Any], actor: str) -> dict[str, Any]:
        path = f"{_version(reference)}/validations"
        found: dict[str, Any] = self._http.write("POST", path, body, actor)
        return found

    def _moved(
        self,
        path: str,
        body: dict[str, Any],
        actor: str,
        expect_revision: int | None,
        method: str = "POST",
    ) -> Moved:
        found = self._http.write(method, path, body, actor, revision=expect_revision)
        return Moved.from_whole_json(found["move"])

    def _events(
        self, subject: str | None, order: str, after: int | None, limit: int
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while len(found) < limit:
            page = self._http.get(
                "/v1/events",
                subject=subject,
                order=order,
                after=after,
                limit=min(limit - len(found), 500),
            )
            found += page["items"]
            after = page["next"]
            if after is None:
                break
        return found


def _version(reference: str) -> str:
    return addresses.version(Reference.parse(reference))


def _waiver(waive: WaiverRequest | None) -> dict[str, Any] | None:
    if waive is None:
        return None
    return {"codes": list(waive.codes), "reason": waive.reason, "until": waive.until}
