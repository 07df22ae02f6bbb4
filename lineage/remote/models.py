"""The verbs of a remote registry on what models are called, and what is said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.contract import addresses
from lineage.contract.results.records import DeletedVersion, Labels, NamedModel
from lineage.identity.labels import check_description, check_tags
from lineage.identity.references import check_name
from lineage.remote.verbs import Verbs, version_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.contract.results.retraining import Retraining
    from lineage.identity.references import Reference


class RemoteModels(Verbs):
    """The verbs on models."""

    def model(self, name: str) -> NamedModel:
        """What is recorded of a model, by its present name or one that it had."""
        return NamedModel(self._http.get(addresses.model(name)))

    def retrain(
        self,
        model: str,
        *,
        metric: str | None = None,
        per_point: float | None = None,
        retrain_cost: float | None = None,
    ) -> Retraining:
        """When to retrain a model: how a metric changes with age, and what pays."""
        from lineage.contract.results.retraining import Retraining
        from lineage.evidence.retrain import Costs

        Costs.checked(per_point, retrain_cost)
        path = addresses.model(model, addresses.RETRAINING)
        asked = {"metric": metric, "per_point": per_point, "retrain_cost": retrain_cost}
        return Retraining.from_json(self._http.get(path, **asked))

    def edit(
        self,
        of: str,
        *,
        description: str | None = None,
        tags: Mapping[str, str | None] | None = None,
        actor: str,
    ) -> Labels:
        """Describe and tag a model, or a version of one; JSON of what is said of it then."""
        body: dict[str, Any] = {"tags": dict(check_tags(tags or {}))}
        if description is not None:
            body["description"] = check_description(description)
        path = version_address(of) if "@" in of else addresses.model(of)
        return Labels(self._http.write("PATCH", path, body, actor))

    def rename_model(self, name: str, to: str, *, actor: str) -> NamedModel:
        """Let a model be called otherwise; JSON of it. The names that it had go on naming it."""
        body = {"to": check_name("model", to)}
        path = addresses.model(name, addresses.RENAME)
        return NamedModel(self._http.write("POST", path, body, actor))

    def archive_model(self, name: str, *, restore: bool = False, actor: str) -> NamedModel:
        """Archive a model, or take it up again; JSON of it."""
        path = addresses.model(name, addresses.ARCHIVE)
        return NamedModel(self._http.write("POST", path, {"restore": restore}, actor))

    def delete_version(
        self, reference: str | Reference, *, reason: str | None = None, actor: str
    ) -> DeletedVersion:
        """Delete an experiment that nothing refers to; JSON of what is left of it."""
        body = {"reason": reason} if reason is not None else None
        return DeletedVersion(self._http.write("DELETE", version_address(reference), body, actor))
