"""The sight of one who speaks: the one place where what a request names is found, or is not.

Every verb finds its model, version, environment and pipeline through it, and nowhere else. A name
that a request says is refused by the binding alone (403), whether anything is called so or not;
what is found by a digest, a beginning of one or a number is looked for among what is open, so that
what is not open is answered exactly like what is not there
(docs/decisions/0028-tokens-see-what-they-are-bound-to.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from lineage.acts import act
from lineage.database import names, versions
from lineage.database.environments import require_environment
from lineage.database.known import Known
from lineage.errors import NotFound, NotPermitted, UsageError
from lineage.identity.digest import check_beginning
from lineage.identity.references import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlmodel import Session

    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.contract.results import NamedPipeline
    from lineage.database import tables
    from lineage.registry.access import Principal


_LARGEST: Final = (1 << 31) - 1
"""The greatest number that a version can have."""


@dataclass(frozen=True)
class Sight:
    """What is open to one who speaks, in a transaction; everything where nobody speaks by a token.

    - A model, and a version of one, is open if the binding names the model or none.
    - What serves in an environment, and what was said for it, is open if the binding names it or
      none.
    - A pipeline is open to one who is bound to models if it is called like one of them, or is
      shared with one: :mod:`lineage.registry.sharing` says by whom.
    """

    session: Session
    principal: Principal | None

    @property
    def models(self) -> frozenset[str] | None:
        """The models that are open; None for all."""
        return self.principal.all_models if self.principal is not None else None

    @property
    def environments(self) -> frozenset[str] | None:
        """The environments that are open; None for all."""
        return self.principal.environments if self.principal is not None else None

    @property
    def pipelines(self) -> frozenset[str] | None:
        """The pipelines that are open; None for all."""
        if self.models is None:
            return None
        from lineage.database.sharing import shared_with

        return self.models | shared_with(self.session, self.models)

    def require_all(self) -> None:
        """Refuse what concerns all to one who is bound.

        Raises:
            NotPermitted: the one who speaks is.
        """
        if self.principal is not None:
            self.principal.require_unbound()

    def require_models(self, *names: str) -> None:
        """Refuse models that are not open.

        Raises:
            NotPermitted: one is not.
        """
        if self.principal is not None:
            self.principal.require_open(models=names)

    def require_environment(self, name: str) -> None:
        """Refuse an environment that is not open.

        Raises:
            NotPermitted: it is not.
        """
        if self.principal is not None:
            self.principal.require_open(environment=name)

    def model(self, name: str, *, for_all: bool = False) -> str:
        """The present name of a model that is registered.

        Args:
            name: what it is called.
            for_all: the answer is for whoever asks, so it names no other model.

        Raises:
            NotPermitted: it is not open.
            NotFound: none is, or was, called so.
        """
        self.require_models(name)
        return names.require_model(self.session, name, frozenset() if for_all else self.models)

    def environment(self, name: str) -> tables.Environment:
        """An environment.

        Raises:
            NotPermitted: it is not open.
            NotFound: there is none of this name.
        """
        self.require_environment(name)
        return require_environment(self.session, name)

    def version(
        self, reference: str | Reference, *, also_deleted: bool = False
    ) -> tables.ModelVersion:
        """The version that a reference names: by its number, as the latest, or as what serves.

        Raises:
            NotPermitted: its model, or the environment that the reference names, is not open.
            NotFound: it does not exist, or nothing serves there.
            VersionDeleted: it was deleted, and only what is there is asked for.
        """
        named = self.named(reference)
        deleted = versions.tombstone(self.session, named) if also_deleted else None
        if deleted is not None:
            return deleted[0]
        return versions.find_version(self.session, named, self.models)

    def named(self, reference: str | Reference) -> Reference:
        """A reference whose model and environment are open, if there are such.

        Raises:
            NotPermitted: one is not open.
        """
        parsed = Reference.parse(reference)
        if self.principal is not None:
            self.principal.require_open(environment=parsed.environment, models=[parsed.model])
        return parsed

    def versions(self, references: Iterable[str | Reference]) -> list[tables.ModelVersion]:
        """The versions that references name, all of them open."""
        parsed = [Reference.parse(reference) for reference in references]
        self.require_models(*(reference.model for reference in parsed))
        return [self.version(reference) for reference in parsed]

    def to_serve(
        self, reference: str | Reference, environment: str
    ) -> tuple[tables.Environment, tables.ModelVersion]:
        """An environment, and a version that is to be judged by what runs there.

        So its pipeline must be open too. All that the judgement rests on is read with it, at once.

        Raises:
            NotPermitted: one of them is not open, or the version's pipeline is not.
            NotFound: one of them does not exist.
            ModelArchived: the model is archived.
        """
        parsed = Reference.parse(reference)
        where, (row,) = self.to_serve_together([parsed], environment)
        if row.pipeline is not None:
            self.pipeline(row.pipeline)
        return where, row

    def to_serve_together(
        self, references: Sequence[Reference], environment: str
    ) -> tuple[tables.Environment, list[tables.ModelVersion]]:
        """The same of versions of one pipeline, which is looked at by itself."""
        self.require_environment(environment)
        known = Known.of(self.session, environment)
        known.load(
            self.session,
            models=[named.model for named in references],
            references=[
                (named.model, number) for named in references if (number := _counted(named))
            ],
        )
        where = self._found(known)
        self.require_models(*(reference.model for reference in references))
        if known.became.keys() & {reference.model for reference in references}:
            references = [
                replace(named, model=known.became.get(named.model, named.model))
                for named in references
            ]
            known.load(self.session, models=[named.model for named in references])
        for reference in references:
            if reference.model in known.archived:
                raise names.archived(reference.model)
        return where, [self._version(known, reference) for reference in references]

    def _version(self, known: Known, reference: Reference) -> tables.ModelVersion:
        """The version that a reference names, as it is known; one that is not, says so itself."""
        number = _counted(reference)
        row = known.find(self.session, reference.model, number) if number is not None else None
        if row is not None:
            return row
        found = self.version(reference)
        return known.version(self.session, found.id or 0)

    def slot(self, model: str, environment: str) -> tuple[tables.Environment, str]:
        """An environment in which the slot of a model is meant, and the model's present name.

        Raises:
            NotPermitted: one of them is not open.
            NotFound: one of them does not exist.
        """
        self.require_environment(environment)
        known = Known.of(self.session, environment).load(self.session, models=[model])
        where = self._found(known)
        self.require_models(model)
        if model not in known.models:
            became = known.became.get(model)
            model = became or names.require_model(self.session, model, self.models)
            known.load(self.session, models=[model])
        return where, model

    def _found(self, known: Known) -> tables.Environment:
        """The environment of what is known, if there is one."""
        return known.environment or require_environment(self.session, known.name)

    def pipeline(self, name: str) -> str:
        """The name of a pipeline, whether anything is recorded of it or not.

        Raises:
            NotPermitted: it is not open.
        """
        opened = self.pipelines
        if opened is not None and name not in opened:
            assert self.principal is not None  # nosec B101 # noqa: S101 - all is open where nobody speaks
            raise NotPermitted(
                f"{self.principal.name} is bound to models of other pipelines than {name}.",
                remedy="Use a token that is open to a model of this pipeline; or have it shared "
                f"with the model: {act('pipeline share', name, model='MODEL')}",
            )
        return name

    def pipeline_version(
        self, named: NamedPipeline, default: str | None = None
    ) -> tables.PipelineVersion:
        """A recorded pipeline version; of any pipeline that is open where none is named.

        Args:
            named: its digest, and perhaps its pipeline.
            default: the pipeline that is meant where ``named`` names none.

        Raises:
            NotPermitted: the pipeline that is named is not open.
            NotFound: it is not recorded.
            Conflict: several are, and begin so.
        """
        from lineage.database.pipelines import find_pipeline

        name = named.name or default
        if name is not None:
            return find_pipeline(self.session, self.pipeline(name), named.digest)
        among = self.pipelines
        check_beginning(named.digest)
        try:
            return find_pipeline(self.session, None, named.digest, among=among)
        except UsageError as too_short:
            if among is None:
                raise
            # nothing but what is open decides what a bound token is answered
            raise NotFound(str(too_short), remedy=too_short.remedy) from None

    def named_pipeline(
        self, pipeline: CapturedPipelineVersion | NamedPipeline
    ) -> CapturedPipelineVersion | NamedPipeline:
        """A pipeline version as a request has it, if the pipeline that it names is open.

        Raises:
            NotPermitted: it is not.
        """
        if pipeline.name is not None:
            self.pipeline(pipeline.name)
        return pipeline

    def sees(self, model: str | None = None, environment: str | None = None) -> bool:
        """Whether a model and an environment are open."""
        who = self.principal
        return who is None or (
            (model is None or who.sees_model(model))
            and (environment is None or who.sees_environment(environment))
        )

    def shown_environment(self, document: dict[str, Any]) -> dict[str, Any]:
        """JSON of an environment with the models and pipelines that are open."""
        if self.models is None:
            return document
        opened = self.pipelines or frozenset()
        policy = document["policy"]
        demands = {name: texts for name, texts in policy["models"].items() if self.sees(name)}
        return document | {
            "policy": policy | {"models": demands},
            "pipelines": [row for row in document["pipelines"] if row["name"] in opened],
            "slots": self.shown_slots(document["slots"]),
        }

    def shown_slots(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those of some rows whose model and environment are open."""
        return [row for row in rows if self.sees(row["model"], row["environment"])]


def _counted(reference: Reference) -> int | None:
    """The number by which a reference names a version, if there may be such a one."""
    number = reference.number
    return number if number is not None and number <= _LARGEST else None
