"""The verbs of a remote registry that declare environments and move their slots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.contract import addresses, codec
from lineage.contract.requests import listed
from lineage.contract.results import MoveResult, NamedPipeline, PlannedChange
from lineage.contract.results.reports import HostReport
from lineage.display import Listing
from lineage.identity.components import EnvironmentKind
from lineage.identity.references import Reference, check_environment_name
from lineage.remote.verbs import Verbs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.contract.requests import DeclaredEnvironment, Observed, WaiverRequest


class RemoteSlots(Verbs):
    """The verbs that move a slot, or say what an environment is to be."""

    def create_environment(self, name: str, kind: EnvironmentKind, *, actor: str) -> bool:
        """Create an environment; False where it was there already, of the same kind."""
        check_environment_name(name)
        body = {"name": name, "kind": EnvironmentKind(kind).value}
        created: bool = self._http.write("POST", addresses.ENVIRONMENTS, body, actor)["created"]
        return created

    def apply_environments(
        self, declared: Sequence[DeclaredEnvironment], *, dry_run: bool = False, actor: str
    ) -> Listing[PlannedChange]:
        """Apply declared environments, or tell what that would change."""
        environments = [
            {
                "name": environment.name,
                "kind": environment.kind.value if environment.kind is not None else None,
                "policy": environment.policy.to_json(),
            }
            for environment in declared
        ]
        body = {"environments": environments, "dry_run": dry_run}
        document = self._http.write("PUT", addresses.ENVIRONMENTS, body, actor)
        return Listing(
            tuple(PlannedChange.from_json(change) for change in document["plan"]), "environments"
        )

    def promote(
        self,
        reference: str | Reference,
        environment: str,
        *,
        expect_revision: int | None = None,
        reason: str | None = None,
        waive: WaiverRequest | None = None,
        actor: str,
    ) -> MoveResult:
        """Move a slot to a version; what served before becomes the backup."""
        parsed = Reference.parse(reference)
        body = {"version": parsed.selector, "reason": reason, "waiver": _waiver(waive)}
        path = addresses.slot(environment, parsed.model, addresses.PROMOTE)
        return self._moved(path, body, actor, expect_revision)

    def rollback(
        self,
        model: str,
        environment: str,
        *,
        with_pipeline: bool = False,
        leave: str | Sequence[str] = (),
        reason: str | None = None,
        expect_revision: int | None = None,
        waive: WaiverRequest | None = None,
        seen: Mapping[str, int] | None = None,
        dry_run: bool = False,
        actor: str,
    ) -> MoveResult:
        """Move a slot to its backup, and the pipeline with it where that needs another version."""
        body = {
            "reason": reason,
            "waiver": _waiver(waive),
            "with_pipeline": with_pipeline,
            "leave": list(listed(leave)),
            "seen": dict(seen) if seen is not None else None,
            "dry_run": dry_run,
        }
        return self._moved(
            addresses.slot(environment, model, addresses.ROLLBACK), body, actor, expect_revision
        )

    def set_backup(
        self,
        reference: str | Reference,
        environment: str,
        *,
        pipeline: str | None = None,
        expect_revision: int | None = None,
        reason: str | None = None,
        actor: str,
    ) -> MoveResult:
        """Make a version the backup of what serves, if it could take over at once."""
        parsed = Reference.parse(reference)
        body = {"version": parsed.selector, "pipeline": pipeline, "reason": reason}
        path = addresses.slot(environment, parsed.model, addresses.BACKUP)
        return self._moved(path, body, actor, expect_revision, method="PUT")

    def retire(
        self,
        model: str,
        environment: str,
        *,
        reason: str | None = None,
        expect_revision: int | None = None,
        waive: WaiverRequest | None = None,
        actor: str,
    ) -> MoveResult:
        """Empty a slot, where its environment demands no backup or that is waived."""
        body: dict[str, Any] = {"reason": reason}
        if waive is not None:
            body["waiver"] = _waiver(waive)
        return self._moved(
            addresses.slot(environment, model, addresses.RETIRE), body, actor, expect_revision
        )

    def release(
        self,
        environment: str,
        pipeline: CapturedPipelineVersion | NamedPipeline,
        references: str | Reference | Sequence[str | Reference] = (),
        *,
        reason: str | None = None,
        waive: WaiverRequest | None = None,
        seen: Mapping[str, int] | None = None,
        stage: bool = False,
        dry_run: bool = False,
        actor: str,
    ) -> MoveResult:
        """Move a pipeline and models that ride on it in one step; without models, deploy it."""
        versions = listed(references)
        for text in versions:
            Reference.parse(text)
        body = {
            "pipeline": codec.pipeline_to_json(pipeline),
            "versions": list(versions),
            "reason": reason,
            "waiver": _waiver(waive),
            "seen": dict(seen) if seen is not None else None,
            "stage": stage,
            "dry_run": dry_run,
        }
        path = addresses.environment(environment, addresses.RELEASES)
        return MoveResult.from_whole_json(self._http.write("POST", path, body, actor))

    def finish_release(
        self,
        environment: str,
        pipeline: str,
        *,
        reason: str | None = None,
        waive: WaiverRequest | None = None,
        seen: Mapping[str, int] | None = None,
        dry_run: bool = False,
        actor: str,
    ) -> MoveResult:
        """Make a staged release serve; the guard decides once more."""
        body = {
            "reason": reason,
            "waiver": _waiver(waive),
            "seen": dict(seen) if seen is not None else None,
            "dry_run": dry_run,
        }
        path = addresses.deployed_pipeline(environment, pipeline, addresses.FINISH)
        return MoveResult.from_whole_json(self._http.write("POST", path, body, actor))

    def abort_release(
        self, environment: str, pipeline: str, *, reason: str | None = None, actor: str
    ) -> MoveResult:
        """Withdraw a staged release."""
        path = addresses.deployed_pipeline(environment, pipeline, addresses.ABORT)
        body = {"reason": reason}
        return MoveResult.from_whole_json(self._http.write("POST", path, body, actor))

    def report(self, model: str, environment: str, observed: Observed, *, actor: str) -> HostReport:
        """Record what a serving host says that it has loaded; JSON of it."""
        body = {
            "instance": observed.instance,
            "weights": observed.weights,
            "pipeline": observed.pipeline,
            "loaded_at": observed.loaded_at,
            "holds_for": observed.holds_for,
            "proof": observed.proof.value,
            "differing": [package.to_json() for package in observed.differing]
            if observed.differing is not None
            else None,
            "standby": observed.standby,
            "revision": observed.revision,
        }
        path = addresses.slot(environment, model, addresses.OBSERVATIONS)
        return HostReport(self._http.ask(path, body, actor))

    def _moved(
        self,
        path: str,
        body: dict[str, Any],
        actor: str,
        expect_revision: int | None,
        method: str = "POST",
    ) -> MoveResult:
        document = self._http.write(method, path, body, actor, revision=expect_revision)
        return MoveResult.from_whole_json(document["move"])


def _waiver(waive: WaiverRequest | None) -> dict[str, Any] | None:
    if waive is None:
        return None
    return {"codes": list(waive.codes), "reason": waive.reason, "until": waive.until}
