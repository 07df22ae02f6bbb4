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
from lineage.contract.results.pages import Page
from lineage.errors import RegistryUnreachable
from lineage.identity.references import Reference, check_name
from lineage.remote.verbs import Verbs, version_address
from lineage.weights.copies import Copy, StoredWeights

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.contract.requests import RetentionPolicy
    from lineage.guard.decision import Decision
    from lineage.guard.facts import Verdict

NOBODY = "anonymous"


class RemoteReader(Verbs):
    """The verbs that read."""

    def environments(self) -> list[dict[str, Any]]:
        """Every environment with its slots and deployments, by name."""
        return list(self._http.pages(addresses.ENVIRONMENTS))

    def environment(self, name: str) -> dict[str, Any]:
        """One environment: its kind, every slot and every pipeline deployment."""
        document: dict[str, Any] = self._http.get(addresses.environment(name))
        return document

    def models(
        self,
        *,
        after: str = "",
        limit: int | None = None,
        among: Iterable[str] | None = None,
        archived: bool = False,
    ) -> list[dict[str, Any]]:
        """The models by name behind ``after`` (``among`` some), each with what serves of it."""
        requests.check_limit(limit)
        names = set(requests.listed(among)) if among is not None else None
        asked = {"archived": True} if archived else {}
        rows = (
            row
            for row in self._http.pages(addresses.MODELS, **asked)
            if row["name"] > after and (names is None or row["name"] in names)
        )
        return list(islice(rows, limit))

    def versions(
        self,
        model: str,
        *,
        where: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
        after: str | None = None,
        columns: Sequence[str] = (),
    ) -> Page[Registered]:
        """A model's versions, the newest first, or those of a search in another order."""
        requests.check_limit(limit)
        names = requests.names_of(columns)
        asked = names or (("number",) if where or sort else ())
        versions: Page[Registered] = Page(next=after)
        while limit is None or len(versions) < limit:
            page = self._http.get(
                addresses.versions(model),
                where=where,
                sort=sort,
                columns=",".join(asked) or None,
                cursor=versions.next,
                limit=500 if limit is None else min(limit - len(versions), 500),
            )
            rows = map(Registered.from_json, page["items"])
            versions += (_searched(row, asked, shown=bool(names)) for row in rows)
            versions.next = page["next"]
            if versions.next is None:
                break
        return versions

    def show(self, reference: str | Reference) -> dict[str, Any]:
        """All that is recorded of a version, its validations with it."""
        document: dict[str, Any] = self._http.get(version_address(reference))
        return document

    def validations(self, reference: str | Reference) -> list[dict[str, Any]]:
        """Every verdict on a version, the newest first."""
        return list(self._http.pages(version_address(reference, addresses.VALIDATIONS)))

    def approvals(self, reference: str | Reference) -> list[dict[str, Any]]:
        """Every approval of a version, the oldest first."""
        return list(self._http.pages(version_address(reference, addresses.APPROVALS)))

    def verdicts(self, reference: str | Reference) -> tuple[Verdict, ...]:
        """The newest verdict on a version for each pipeline version, the newest of them last."""
        document = self._http.get(version_address(reference, addresses.VERDICTS))
        return tuple(decisions.validation_from_json(row) for row in document["items"])

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

    def pipeline_versions(self, name: str) -> list[FoundPipeline]:
        """Every recorded version of a pipeline, the newest first."""
        return [
            FoundPipeline.from_json(row)
            for row in self._http.pages(addresses.pipeline_versions(name))
        ]

    def pipeline_shares(self, name: str) -> list[dict[str, Any]]:
        """The models that a pipeline is shared with, by name; its namesake needs no share."""
        document = self._http.get(addresses.pipeline_shares(name))
        return list(document["items"])

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

    def all_serving(self, environment: str | None = None) -> list[Serving]:
        """Every slot (of an environment), by environment and model."""
        environments = [self.environment(environment)] if environment else self.environments()
        return [Serving.from_json(slot) for row in environments for slot in row["slots"]]

    def demanded_packages(self, reference: str | Reference, environment: str) -> DemandedPackages:
        """What the hosts of a version must have installed, as an environment's policy demands."""
        path = addresses.packages(environment, Reference.parse(reference))
        return DemandedPackages.from_json(self._http.get(path))

    def check(self) -> SchemaCheck:
        """Check the database, its keys and its schema, where the server is."""
        return SchemaCheck.from_json(self._http.get(addresses.DATABASE))

    def observed(
        self, environment: str | None = None, model: str | None = None
    ) -> list[dict[str, Any]]:
        """How many instances of each slot are in step with it, lag, are unknown or foreign."""
        return list(self._http.pages(addresses.OBSERVED, environment=environment, model=model))

    def stores(self) -> list[dict[str, Any]]:
        """Every store of weights, by name."""
        return list(self._http.pages(addresses.STORES))

    def copies_in(self, store: str) -> tuple[StoredWeights, ...]:
        """The weights that a store holds, each with that copy alone, by version."""
        rows = self._http.pages(addresses.STORED.format(id=check_name("store", store)))
        return tuple(StoredWeights.from_json(row) for row in rows)

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

    def backup_candidates(self, model: str, environment: str) -> tuple[Candidate, ...]:
        """Every version that could stand by behind what serves, the best first."""
        document = self._http.get(addresses.slot(environment, model, addresses.CANDIDATES))
        return tuple(Candidate.from_json(row) for row in document["items"])

    def collectable(self, keeping: RetentionPolicy) -> list[dict[str, Any]]:
        """Each copy of weights that nothing can need any more."""
        rows = self._http.pages(
            addresses.UNNEEDED,
            keep_last=keeping.last,
            keep_days=keeping.days,
            keep_served=keeping.served,
        )
        return list(rows)

    def observations(self, model: str, environment: str) -> list[dict[str, Any]]:
        """What each serving host last said that it has loaded, by instance."""
        return list(self._http.pages(addresses.slot(environment, model, addresses.OBSERVATIONS)))

    def tokens(self) -> list[dict[str, Any]]:
        """Every token without its secret, the newest first."""
        return list(self._http.pages(addresses.TOKENS))


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
