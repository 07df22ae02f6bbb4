"""The verbs of a remote registry that record models, versions, and what is said of a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage import strict_json
from lineage.contract import addresses, codec
from lineage.contract.results import NamedPipeline, Registered
from lineage.contract.results.records import ApprovalRecord, Attestation, Validation
from lineage.contract.results.stores import CollectableCopy
from lineage.identity.components import Kind
from lineage.identity.digest import blake3_of
from lineage.identity.references import check_environment_name, check_name
from lineage.remote.verbs import Verbs, version_address
from lineage.weights.copies import StoredWeights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.contract.captured import CapturedPipelineVersion, CapturedVersion
    from lineage.contract.requests import RetentionPolicy
    from lineage.evidence.profile import Profile
    from lineage.guard.requirements import Outcome
    from lineage.identity.components import DataVersion
    from lineage.identity.references import Reference
    from lineage.identity.watched import WatchedRun
    from lineage.weights.copies import CopyCheck, NewCopy, StoreAddress


class RemoteVersions(Verbs):
    """The verbs that record something about a version."""

    def add_model(self, name: str, *, actor: str) -> bool:
        """Record a model without versions; False where it was there already."""
        body = {"name": check_name("model", name)}
        created: bool = self._http.write("POST", addresses.MODELS, body, actor)["created"]
        return created

    def register(
        self,
        model: str,
        captured: CapturedVersion,
        *,
        kind: Kind = Kind.PRODUCTION,
        parent: str | None = None,
        run: dict[str, Any] | None = None,
        watched: Sequence[WatchedRun] = (),
        dry_run: bool = False,
        actor: str,
    ) -> Registered:
        """Record a model version; the one that already holds this tuple, if there is one."""
        body = codec.captured_to_json(captured) | {
            "kind": kind.value,
            "parent": parent,
            "run": run,
            "watched": codec.watched_to_json(watched),
        }
        path = addresses.versions(model)
        if dry_run:
            return Registered.from_json(self._http.ask(path, body | {"dry_run": True}, actor))
        return Registered.from_json(self._http.write("POST", path, body, actor))

    def validate(
        self,
        reference: str | Reference,
        pipeline: CapturedPipelineVersion | NamedPipeline,
        *,
        passed: bool,
        metrics: Mapping[str, Any] | None = None,
        outcomes: Sequence[Outcome] = (),
        run: dict[str, Any] | None = None,
        data: DataVersion | None = None,
        watched: Sequence[WatchedRun] = (),
        elsewhere: bool = False,
        profile: Profile | None = None,
        dry_run: bool = False,
        actor: str,
    ) -> Validation:
        """Record a verdict on a version with a pipeline version; JSON of it."""
        body = {
            "pipeline": codec.pipeline_to_json(pipeline),
            "passed": passed,
            "metrics": dict(metrics) if metrics is not None else None,
            "requirements": [outcome.requirement for outcome in outcomes],
            "run": run,
            "data": codec.data_to_json(data),
            "watched": codec.watched_to_json(watched),
            "elsewhere": elsewhere,
            "profile": None if profile is None else profile.to_dict(),
        }
        if dry_run:
            path = version_address(reference, addresses.VALIDATIONS)
            return Validation(self._http.ask(path, body | {"dry_run": True}, actor))
        return self._validated(reference, body, actor)

    def carry_over(
        self,
        reference: str | Reference,
        pipeline: CapturedPipelineVersion | NamedPipeline,
        *,
        rests_on: int,
        difference: str,
        actor: str,
    ) -> Validation:
        """Record that a passing verdict holds for a pipeline that behaves alike; JSON of it."""
        body = {
            "pipeline": codec.pipeline_to_json(pipeline),
            "passed": True,
            "carried": {"rests_on": rests_on, "difference": difference},
        }
        return self._validated(reference, body, actor)

    def approve(
        self,
        reference: str | Reference,
        environment: str,
        *,
        pipeline: str | None = None,
        actor: str,
    ) -> ApprovalRecord:
        """Record a person's approval of a version for an environment; JSON of it."""
        body = {"environment": check_environment_name(environment)}
        if pipeline is not None:
            NamedPipeline.parse(pipeline)
            body["pipeline"] = pipeline
        path = version_address(reference, addresses.APPROVALS)
        return ApprovalRecord(self._http.write("POST", path, body, actor))

    def record_attestation(
        self,
        reference: str | Reference,
        document: str,
        public_key: str | None = None,
        *,
        signed_by: str | None = None,
        actor: str,
    ) -> Attestation:
        """Record a signed statement on a version, if it holds; JSON of it."""
        signer = {"public_key": public_key, "signed_by": signed_by}
        body = {"document": document} | {k: v for k, v in signer.items() if v is not None}
        path = version_address(reference, addresses.ATTESTATIONS)
        return Attestation(self._http.write("POST", path, body, actor))

    def add_store(self, address: StoreAddress, *, shared: bool | None = None, actor: str) -> bool:
        """Record a store of weights; False where its URL was known already."""
        body = address.to_json() | ({"shared": shared} if shared is not None else {})
        document = self._http.write("POST", addresses.STORES, body, actor)
        created: bool = document["created"]
        return created

    def add_copy(self, reference: str | Reference, copy: NewCopy, *, actor: str) -> StoredWeights:
        """Record that a store holds the weights of a version; they were read back from it."""
        path = version_address(reference, addresses.COPIES)
        return StoredWeights.from_json(self._http.write("POST", path, copy.to_json(), actor))

    def record_checks(
        self,
        reference: str | Reference,
        looks: Sequence[CopyCheck],
        *,
        backup_in: str | Sequence[str] | None = None,
        actor: str,
    ) -> StoredWeights:
        """Record what looking into stores for the weights of a version found."""
        named = backup_in if backup_in is None or isinstance(backup_in, str) else list(backup_in)
        body = {"looks": [look.to_json() for look in looks], "backup_in": named}
        path = version_address(reference, addresses.LOOKS)
        return StoredWeights.from_json(self._http.write("POST", path, body, actor))

    def remove_copy(
        self, reference: str | Reference, store: str, keeping: RetentionPolicy, *, actor: str
    ) -> CollectableCopy:
        """Record that the copy of a version in a store is taken away; JSON of it."""
        body = {
            "store": check_name("store", store),
            "keep_last": keeping.last,
            "keep_served": keeping.served,
            "keep_days": keeping.days,
        }
        path = version_address(reference, addresses.REMOVALS)
        return CollectableCopy(self._http.write("POST", path, body, actor))

    def record_weights(
        self, reference: str | Reference, state: str, place: str, *, actor: str
    ) -> str:
        """Record what a look for the weights of a version found; the version's reference."""
        body = {"state": state, "place": place}
        path = version_address(reference, addresses.WEIGHTS_CHECKS)
        ref: str = self._http.write("POST", path, body, actor)["ref"]
        return ref

    def _validated(
        self, reference: str | Reference, body: dict[str, Any], actor: str
    ) -> Validation:
        path = version_address(reference, addresses.VALIDATIONS)
        run = body.get("run") or {}
        key = None
        if run.get("started_at") is not None:  # a run ends once, however often it is told
            key = blake3_of(f"{path}\n{strict_json.dumps(body)}".encode()).value
        return Validation(self._http.write("POST", path, body, actor, key=key))
