"""The verbs on models: telling of one, describing and tagging, renaming, archiving, deleting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.contract.results.records import DeletedVersion, Labels, NamedModel
from lineage.database import clock
from lineage.registry.verbs.environments import EnvironmentVerbs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.contract.results.retraining import Retraining
    from lineage.identity.references import Reference


class ModelVerbs(EnvironmentVerbs):
    """Verbs on what models and versions are called, and what is said of them."""

    def model(self, name: str) -> NamedModel:
        """What is recorded of a model, by its present name or one that it had.

        Raises:
            NotFound: there is none.
        """
        from lineage.registry import models

        with self._read() as session:
            return NamedModel(models.shown(self._sight(session), name))

    def retrain(
        self,
        model: str,
        *,
        metric: str | None = None,
        per_point: float | None = None,
        retrain_cost: float | None = None,
    ) -> Retraining:
        """When to retrain a model: how a metric changes with age, and what pays. Triggers nothing.

        Args:
            model: the model's name.
            metric: the metric, as a search names it; None where verdicts have but one, or outcomes
                alone are known.
            per_point: money a day that 0.01 of the metric is worth; negative where less is better.
            retrain_cost: money of one retraining; both of these, or neither.

        Raises:
            NotFound: there is no such model.
            UsageError: verdicts have several metrics and none is named, or a cost is none.
        """
        from lineage.evidence.retrain import Costs
        from lineage.registry.retraining.advice import retraining

        costs = Costs.checked(per_point, retrain_cost)
        return retraining(self._seeing, model, metric, costs)

    def edit(
        self,
        of: str,
        *,
        description: str | None = None,
        tags: Mapping[str, str | None] | None = None,
        actor: str,
    ) -> Labels:
        """Describe and tag a model, or a version of one; JSON of what is said of it then.

        Args:
            of: a model's name, or a reference to a version.
            description: what it is; an empty one is taken away, None leaves it as it is.
            tags: values by name; None takes a tag away.
            actor: who edits.

        Raises:
            NotFound: it does not exist.
            UsageError: a name or a text is not valid, or there would be too many tags.
        """
        from lineage.registry import models

        with self._write() as session:
            at = clock.stamp(session)
            return Labels(models.edit(self._sight(session), of, description, tags or {}, at, actor))

    def rename_model(self, name: str, to: str, *, actor: str) -> NamedModel:
        """Let a model be called otherwise; JSON of it. The names that it had go on naming it.

        Raises:
            NotFound: there is no such model.
            UsageError: the new name is not valid.
            InUse: another model is or was called so, or a pipeline that the model does not ride on.
            NotPermitted: who speaks is bound to environments, or to other models.
        """
        from lineage.registry import models

        with self._write() as session:
            at = clock.stamp(session)
            before, document = models.rename(self._sight(session), name, to, at, actor)
        if self._session is None and before != to:  # else who gave it does that behind the commit
            self.rename_reports(before, to)
        return NamedModel(document)

    def archive_model(self, name: str, *, restore: bool = False, actor: str) -> NamedModel:
        """Archive a model, or take it up again; JSON of it.

        An archived one takes no new versions and moves nowhere.

        Raises:
            NotFound: there is no such model.
            InUse: a version of it serves, stands by or is staged anywhere.
            NotPermitted: who speaks is bound to environments, or to other models.
        """
        from lineage.registry import models

        with self._write() as session:
            at = clock.stamp(session)
            return NamedModel(
                models.archive(self._sight(session), name, at, actor, restore=restore)
            )

    def delete_version(
        self, reference: str | Reference, *, reason: str | None = None, actor: str
    ) -> DeletedVersion:
        """Delete an experiment that nothing refers to; JSON of what is left of it.

        Raises:
            NotFound: it does not exist.
            UsageError: the reference names no version by its number.
            InUse: it is no experiment, or something refers to it.
            NotPermitted: who speaks is bound to environments, or to other models.
        """
        from lineage.registry import models

        with self._write() as session:
            at = clock.stamp(session)
            return DeletedVersion(models.delete(self._sight(session), reference, reason, at, actor))
