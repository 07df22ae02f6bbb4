"""The verbs of a remote registry that read: they ask, and change nothing."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lineage.contract import addresses, decisions, requests
from lineage.contract.results import (
    Candidate,
    DemandedPackages,
    FoundPipeline,
    NamedPipeline,
    Registered,
    SchemaCheck,
    Serving,
)
from lineage.contract.results.environments import EnvironmentRecord, PipelineShare, SlotReports
from lineage.contract.results.records import (
    Approval,
    Attestation,
    ModelRecord,
    Validation,
    VersionRecord,
)
from lineage.contract.results.reports import HostReport
from lineage.contract.results.service import TokenRecord
from lineage.contract.results.stores import CollectableCopy, StoreRecord
from lineage.display import Listing
from lineage.errors import RegistryUnreachable, UsageError
from lineage.identity.references import Reference, check_name
from lineage.remote.verbs import Verbs, version_address
from lineage.weights.copies import Copy, StoredWeights

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.contract.requests import RetentionPolicy
    from lineage.evidence.profile import Profile
    from lineage.guard.decision import Decision
    from lineage.guard.facts import Verdict

NOBODY = "anonymous"


class RemoteReader(Verbs):
    """The verbs that read."""

    def environments(self) -> Listing[EnvironmentRecord]:
        """Every environment with its slots and deployments, by name."""
        return EnvironmentRecord.listing(self._http.pages(addresses.ENVIRONMENTS), "environments")

    def environment(self, name: str) -> EnvironmentRecord:
        """One environment: its kind, every slot and every pipeline deployment."""
        return EnvironmentRecord(self._http.get(addresses.environment(name)))

    def models(
        self,
        *,
        after: str = "",
        limit: int | None = None,
        among: Iterable[str] | None = None,
        archived: bool = False,
    ) -> Listing[ModelRecord]:
        """The models by name behind ``after`` (``among`` some), each with what serves of it."""
        requests.check_limit(limit)
        names = set(requests.listed(among)) if among is not None else None
        asked = {"archived": True} if archived else {}
        rows = (
            row
            for row in self._http.pages(addresses.MODELS, **asked)
            if row["name"] > after and (names is None or row["name"] in names)
        )
        return ModelRecord.listing(islice(rows, limit), "models")

    def versions(
        self,
        model: str,
        *,
        where: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
        after: str | None = None,
        columns: Sequence[str] = (),
    ) -> Listing[Registered]:
        """A model's versions, the newest first, or those of a search in another order."""
        requests.check_limit(limit)
        names = requests.names_of(columns)
        asked = names or (("number",) if where or sort else ())
        versions: list[Registered] = []
        while limit is None or len(versions) < limit:
            page = self._http.get(
                addresses.versions(model),
                where=where,
                sort=sort,
                columns=",".join(asked) or None,
                cursor=after,
                limit=500 if limit is None else min(limit - len(versions), 500),
            )
            rows = map(Registered.from_json, page["items"])
            versions += (_searched(row, asked, shown=bool(names)) for row in rows)
            after = page["next"]
            if after is None:
                break
        return Listing(tuple(versions), f"versions of {model}", after)

    def show(self, reference: str | Reference) -> VersionRecord:
        """All that is recorded of a version, its validations with it."""
        return VersionRecord(self._http.get(version_address(reference)))

    def validations(self, reference: str | Reference) -> Listing[Validation]:
        """Every verdict on a version, the newest first."""
        return Validation.listing(
            self._http.pages(version_address(reference, addresses.VALIDATIONS)),
            f"validations of {reference}",
        )

    def attestations(
        self, reference: str | Reference, *, limit: int | None = None, after: str | None = None
    ) -> Listing[Attestation]:
        """Every signed statement on a version that was recorded, the newest first; or a page."""
        requests.check_limit(limit)
        path = version_address(reference, addresses.ATTESTATIONS)
        rows: list[dict[str, Any]] = []
        while limit is None or len(rows) < limit:
            most = 500 if limit is None else min(limit - len(rows), 500)
            page = self._http.get(path, cursor=after, limit=most)
            rows += page["items"]
            after = page["next"]
            if after is None:
                break
        return Attestation.listing(rows, f"attestations of {reference}", after)

    def approvals(self, reference: str | Reference) -> Listing[Approval]:
        """Every approval of a version, the oldest first."""
        return Approval.listing(
            self._http.pages(version_address(reference, addresses.APPROVALS)),
            f"approvals of {reference}",
        )

    def verdicts(self, reference: str | Reference) -> tuple[Verdict, ...]:
        """The newest verdict on a version for each pipeline version, the newest of them last."""
        document = self._http.get(version_address(reference, addresses.VERDICTS))
        return tuple(decisions.validation_from_json(row) for row in document["items"])

    def profile(
        self, reference: str | Reference, *, pipeline: str | None = None, digest: str | None = None
    ) -> Profile:
        """What the data looked like on which a version was validated last."""
        from lineage.evidence.profile import Profile

        path = version_address(reference, addresses.PROFILE)
        document = self._http.get(path, pipeline=pipeline, digest=digest)
        try:
            return Profile.parse(document)
        except UsageError:
            raise self._http.foreign() from None

    def pipeline_of(self, reference: str | Reference) -> FoundPipeline:
        """The pipeline version that a model version was registered with."""
        return FoundPipeline.from_json(
            self._http.get(version_address(reference, addresses.PIPELINE_OF_VERSION))
        )

    def pipeline(self, named: NamedPipeline) -> FoundPipeline:
        """A recorded pipeline version."""
        digest = quote(named.digest, safe="")
        if named.name is None:
            return FoundPipeline.from_json(
                self._http.get(f"{addresses.ANY_PIPELINE_VERSION}/{digest}")
            )
        path = f"{addresses.pipeline_versions(named.name)}/{digest}"
        return FoundPipeline.from_json(self._http.get(path))

    def pipeline_versions(self, name: str) -> Listing[FoundPipeline]:
        """Every recorded version of a pipeline, the newest first."""
        return Listing(
            tuple(
                FoundPipeline.from_json(row)
                for row in self._http.pages(addresses.pipeline_versions(name))
            ),
            f"versions of pipeline {name}",
        )

    def pipeline_shares(self, name: str) -> Listing[PipelineShare]:
        """The models that a pipeline is shared with, by name; its namesake needs no share."""
        document = self._http.get(addresses.pipeline_shares(name))
        return PipelineShare.listing(document["items"], f"shares of pipeline {name}")

    def deployed_pipeline(self, environment: str, name: str) -> FoundPipeline:
        """The version of a pipeline that runs in an environment."""
        path = addresses.deployed_pipeline(environment, name)
        return FoundPipeline.from_json(self._http.get(path))

    def guard(
        self,
        reference: str | Reference,
        environment: str,
        *,
        running: CapturedPipelineVersion | None = None,
    ) -> Decision:
        """Decide whether a version may serve; change nothing."""
        from lineage.contract import codec  # a serving host only looks up

        parsed = Reference.parse(reference)
        body: dict[str, Any] = {"version": parsed.selector}
        if running is not None:
            body["pipeline"] = codec.pipeline_to_json(running)
        path = addresses.slot(environment, parsed.model, addresses.GUARD)
        return decisions.decision_from_json(self._http.ask(path, body, NOBODY))

    def serving(
        self,
        model: str,
        environment: str,
        *,
        at: str | None = None,
        pipeline: str | None = None,
    ) -> Serving:
        """What serves for a model in an environment, now or at a past moment."""
        path = addresses.slot(environment, model)
        requests.check_present(at, pipeline)
        if at is not None:
            return Serving.from_json(
                self._http.get(addresses.slot(environment, model, addresses.HISTORY), at=at)
            )
        return Serving.from_json(self._http.get(path, pipeline=pipeline))

    def all_serving(self, environment: str | None = None) -> Listing[Serving]:
        """Every slot (of an environment), by environment and model."""
        environments = [self.environment(environment)] if environment else self.environments()
        return Listing(
            tuple(Serving.from_json(slot) for row in environments for slot in row["slots"]), "slots"
        )

    def demanded_packages(self, reference: str | Reference, environment: str) -> DemandedPackages:
        """What the hosts of a version must have installed, as an environment's policy demands."""
        path = addresses.packages(environment, Reference.parse(reference))
        return DemandedPackages.from_json(self._http.get(path))

    def check(self) -> SchemaCheck:
        """Check the database, its keys and its schema, where the server is."""
        return SchemaCheck.from_json(self._http.get(addresses.DATABASE))

    def observed(
        self, environment: str | None = None, model: str | None = None
    ) -> Listing[SlotReports]:
        """How many instances of each slot are in step with it, lag, are unknown or foreign."""
        return SlotReports.listing(
            self._http.pages(addresses.OBSERVED, environment=environment, model=model),
            "reports by slot",
        )

    def stores(self) -> Listing[StoreRecord]:
        """Every store of weights, by name."""
        return StoreRecord.listing(self._http.pages(addresses.STORES), "stores")

    def copies_in(self, store: str) -> Listing[StoredWeights]:
        """The weights that a store holds, each with that copy alone, by version."""
        rows = self._http.pages(addresses.STORED.format(id=check_name("store", store)))
        return Listing(tuple(StoredWeights.from_json(row) for row in rows), f"weights in {store}")

    def stored(self, reference: str | Reference, *, deleted: bool = False) -> StoredWeights:
        """The weights of a version, and where there are copies of them."""
        asked = {"deleted": True} if deleted else {}
        return StoredWeights.from_json(
            self._http.get(version_address(reference, addresses.WEIGHTS), **asked)
        )

    def copies_of(self, blake3: str) -> tuple[Copy, ...]:
        """The copies of weights, whichever version they were stored for; one for each store."""
        document = self._http.get(addresses.COPIES_OF.format(digest=quote(blake3, safe="")))
        return tuple(Copy.from_json(row) for row in document["items"])

    def backup_candidates(self, model: str, environment: str) -> Listing[Candidate]:
        """Every version that could stand by behind what serves, the best first."""
        document = self._http.get(addresses.slot(environment, model, addresses.CANDIDATES))
        return Listing(
            tuple(Candidate.from_json(row) for row in document["items"]),
            f"candidates for {model} in {environment}",
        )

    def collectable(self, keeping: RetentionPolicy) -> Listing[CollectableCopy]:
        """Each copy of weights that nothing can need any more."""
        rows = self._http.pages(
            addresses.UNNEEDED,
            keep_last=keeping.last,
            keep_days=keeping.days,
            keep_served=keeping.served,
        )
        return CollectableCopy.listing(rows, "copies that nothing needs")

    def observations(self, model: str, environment: str) -> Listing[HostReport]:
        """What each serving host last said that it has loaded, by instance."""
        return HostReport.listing(
            self._http.pages(addresses.slot(environment, model, addresses.OBSERVATIONS)),
            f"reports on {model} in {environment}",
        )

    def tokens(self) -> Listing[TokenRecord]:
        """Every token without its secret, the newest first."""
        return TokenRecord.listing(self._http.pages(addresses.TOKENS), "tokens")


def _searched(row: Registered, asked: Sequence[str], *, shown: bool) -> Registered:
    """A row as it was asked for; its columns tell that the server knows what a search is.

    Raises:
        RegistryUnreachable: the server does not: it answered all versions.
    """
    if asked and row.columns is None:
        raise RegistryUnreachable(
            "The server does not know how to search versions.",
            remedy="Bring the server up to the version of this program.",
        )
    return row if shown else replace(row, columns=None)
