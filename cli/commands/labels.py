"""`model show / edit / rename / archive / delete`: what models and versions are called, and are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from lineage.workflows.actor import actor

from .. import output
from ..options import Json, Model, Reason, opened_registry, project_and_registry

model = typer.Typer(
    help="Names, descriptions and tags of models and versions.", no_args_is_help=True
)


@model.command()
def show(model: Model, as_json: Json = False) -> None:
    """Show a model: its names, its newest version, its description and tags.

    Example: `lineage model show churn`
    """
    with opened_registry() as registry:
        row = registry.model(model)
    if as_json:
        output.emit(row)
        return
    output.say(f"{row['name']}, created {output.moment(row['created_at'])} by {row['created_by']}")
    if row["former_names"]:
        output.say(f"  formerly  {', '.join(row['former_names'])}")
    output.say(f"  latest    {row['latest'] or '-'}")
    if row["archived_at"]:
        output.say(f"  archived  {output.moment(row['archived_at'])} by {row['archived_by']}")
    output.labels(row)


@model.command()
def edit(
    of: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|REF", help="A model, or a version of one.", show_default=False
        ),
    ],
    description: Annotated[
        str | None,
        typer.Option("--description", metavar="TEXT", help="What it is; an empty text removes it."),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="NAME=VALUE", help="Set a tag. Repeatable."),
    ] = None,
    untag: Annotated[
        list[str] | None,
        typer.Option("--untag", metavar="NAME", help="Remove a tag. Repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Describe and tag a model or a version. Its digests do not change by that.

    What you do not name stays as it is. Each change is kept in the history.

    Example: `lineage model edit churn@7 --tag team=risk`
    """
    from lineage.errors import UsageError
    from lineage.identity.labels import changes_of

    tags = changes_of(tag or (), untag or ())
    if description is None and not tags:
        raise UsageError(
            "Nothing is to be changed.",
            remedy="Say what: lineage model edit churn@7 --tag team=risk",
        )
    with project_and_registry() as (project, registry):
        said = registry.edit(of, description=description, tags=tags, actor=actor(project))
    if as_json:
        output.emit(said)
        return
    output.say(f"{said.get('ref') or said['model']} {_changed('edited', said)}")
    output.labels(said)


@model.command()
def rename(
    old: Annotated[str, typer.Argument(metavar="OLD", show_default=False)],
    new: Annotated[str, typer.Argument(metavar="NEW", show_default=False)],
    as_json: Json = False,
) -> None:
    """Rename a model: its versions, slots and history go with it.

    The old name goes on naming it: in references, in lineage.toml, on hosts and in tokens. No other
    model takes it.

    Example: `lineage model rename churn attrition`
    """
    with project_and_registry() as (project, registry):
        row = registry.rename_model(old, new, actor=actor(project))
        configured = old in project.config.models
    if as_json:
        output.emit(row)
        return
    output.say(f"{old} is called {row['name']} {'now' if row['changed'] else 'already'}")
    if configured:
        output.note(
            f"note: {project.file.name} describes [models.{old}]: that goes on working. Where you "
            f"rename it there, keep the pipeline's name: [models.{new}.pipeline] name = "
            f'"{project.config.pipeline_of(old)}".'
        )


@model.command()
def archive(
    model: Model,
    restore: Annotated[bool, typer.Option("--restore", help="Bring it back.")] = False,
    as_json: Json = False,
) -> None:
    """Archive a model: it takes no new versions, moves nowhere, and is in no list of models.

    Example: `lineage model archive churn`
    """
    with project_and_registry() as (project, registry):
        row = registry.archive_model(model, restore=restore, actor=actor(project))
    if as_json:
        output.emit(row)
        return
    word = "taken up again" if restore else "archived"
    output.say(f"{row['name']} {_changed(word, row)}")


@model.command()
def delete(
    ref: Annotated[
        str,
        typer.Argument(
            metavar="REF", help="An experiment by its number: churn@3.", show_default=False
        ),
    ],
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Delete an experiment that nothing refers to.

    Its number is not given again, and the digest of its tuple stays. Weights of it that are stored
    go with the next `lineage gc --apply`.

    Example: `lineage model delete churn@3`
    """
    with project_and_registry() as (project, registry):
        left = registry.delete_version(ref, reason=reason, actor=actor(project))
    if as_json:
        output.emit(left)
        return
    output.say(f"{left['ref']} deleted; its tuple was {left['tuple']}")


def _changed(word: str, row: Mapping[str, Any]) -> str:
    return word if row["changed"] else f"{word} already"
