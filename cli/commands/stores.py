"""`store add / list / copy / put`, `pull`, `gc`: store weights, fetch them, take them away."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from lineage.workflows.actor import actor

from .. import output
from ..options import Json, LastKnown, Ref, State, opened_registry, project_and_registry

store = typer.Typer(help="Stores: where the weights are kept.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The store.", show_default=False)]


@store.command()
def add(
    name: Name,
    url: Annotated[
        str | None,
        typer.Argument(
            metavar="URL",
            help="A folder, or a URL that DVC reaches; default: that of the DVC remote NAME.",
        ),
    ] = None,
    config: Annotated[
        list[str] | None,
        typer.Option(
            "--config",
            metavar="KEY=VALUE",
            help="A setting of the DVC remote that is no secret, e.g. endpointurl. Repeatable.",
        ),
    ] = None,
    shared: Annotated[
        bool | None,
        typer.Option(
            "--shared/--one-host",
            help="Of a folder: whether every host mounts it, or only this one has it (default).",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Record a store, once it could be opened from here.

    A folder counts on a server only where it is declared `--shared`.

    Example: `lineage store add main s3://models/weights`
    """
    from lineage.errors import UsageError
    from lineage.workflows import stores

    settings: dict[str, Any] = {}
    for text in config or ():
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"{text[:60]!r} is no setting.", remedy="Write it as KEY=VALUE.")
        settings[key] = value
    with project_and_registry() as (project, registry):
        row, created = stores.add_store(
            project, registry, name, url, settings, shared=shared, actor=actor(project)
        )
    if as_json:
        known = {key: row.get(key) for key in ("name", "url", "config", "shared", "marker")}
        output.emit(known | {"created": created})
        return
    if created:
        told = "added"
    else:
        told = "was known" if row["name"] == name else f"was known: {name} is another name of it"
    if shared and row["url"].startswith("file:"):
        alone = "  a folder that every host mounts"
    else:
        alone = "" if row["shared"] else "  a folder of one host"
    output.say(f"{row['name']}  {row['url']} {told}{alone}")
    if row.get("marker") is None:
        output.note("No marker could be written there: it is known by its URL alone.")


@store.command("list")
def list_(as_json: Json = False) -> None:
    """List the stores.

    Example: `lineage store list`
    """
    with opened_registry() as registry:
        rows = registry.stores()
    if as_json:
        output.emit(rows)
        return
    output.table(
        ("store", "copies", "url", ""),
        [(row["name"], str(row["copies"]), row["url"], _remarks(row)) for row in rows],
    )


def _remarks(row: Mapping[str, Any]) -> str:
    """What a person should know of a store."""
    alone = "" if row["shared"] else "one host's"
    return alone if row.get("approved", True) else f"{alone} waits for an admin".strip()


@store.command()
def copy(
    ref: Ref,
    to: Annotated[
        str, typer.Option("--to", metavar="NAME", help="The other store.", show_default=False)
    ],
    as_json: Json = False,
) -> None:
    """Copy the weights of a version to another store, so that the loss of one loses nothing.

    Example: `lineage store copy churn@7 --to offsite`
    """
    from lineage.workflows import weights

    with project_and_registry() as (project, registry):
        stored, new = weights.copy_to(registry, ref, to, actor=actor(project))
    if as_json:
        output.emit(stored.to_json() | {"created": new})
    else:
        output.say(f"{stored.ref} {'copied to' if new else 'is in'} {to}, every byte read back")


@store.command()
def put(
    ref: Ref,
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="The file or folder.", show_default=False)
    ],
    to: Annotated[
        str | None, typer.Option("--to", metavar="NAME", help="The store; default: the project's.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Store the weights of a registered version from a path, if they are what was registered.

    Exit 6 where the path does not hold what was registered.

    Example: `lineage store put churn@7 models/model.pkl`
    """
    from lineage.workflows import weights

    with project_and_registry() as (project, registry):
        stored = weights.put_back(project, registry, ref, path, to, actor=actor(project))
    if as_json:
        output.emit(stored.to_json())
    else:
        where = ", ".join(copy.store.name for copy in stored.copies)
        output.say(f"{stored.ref} is in {where}, every byte read back")


def pull(
    ref: Ref,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="DIR",
            help="The folder to put them in; default: the local cache.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a folder that was not pulled.")
    ] = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Read every byte of what was fetched before once more."),
    ] = False,
    last_known: LastKnown = None,
    as_json: Json = False,
) -> None:
    """Fetch the weights of a version, and print where they are.

    Every byte is read as it comes in and must be what was registered; the folder appears only once
    it is whole. Weights that were fetched before are used again, unless somebody wrote to them.
    While the registry is away, what was pulled before is still found by its number (churn@7), and
    with --last-known what serves is too.

    Exit 6 where no store has them as they were registered: nothing is left behind then.

    Example: `lineage pull churn@production -o /srv/models`
    """
    from lineage.capture.project import opened
    from lineage.host import known_weights
    from lineage.timestamps import span
    from lineage.weights import download

    with opened() as project:
        url = project.registry_url(State.registry)
    stored, age = known_weights.stored(url, ref, span(last_known) if last_known else None)
    if age is not None:
        output.note(known_weights.told(stored.ref, age))
    with output.progress("Pulling", stored.size) as progress:
        path = download.pull(stored, out, force=force, verify=verify, progress=progress)
    if as_json:
        output.emit(
            {
                "ref": stored.ref,
                "path": str(path),
                "weights": stored.xxh3,
                "blake3": stored.blake3,
                "size": stored.size,
                "files": stored.files,
                **({"age_seconds": age} if age is not None else {}),
            }
        )
    else:
        output.say(str(path))


def gc(
    apply: Annotated[
        bool, typer.Option("--apply", help="Delete them; without it nothing is changed.")
    ] = False,
    keep_last: Annotated[
        int, typer.Option("--keep-last", metavar="N", help="Newest versions of each model to keep.")
    ] = 3,
    keep_days: Annotated[
        int,
        typer.Option(
            "--keep-days",
            metavar="N",
            help="Keep what was registered, or served, within so many days.",
        ),
    ] = 30,
    keep_served: Annotated[
        int,
        typer.Option(
            "--keep-served",
            metavar="N",
            help="Keep so many of those that served last in each slot.",
        ),
    ] = 3,
    as_json: Json = False,
) -> None:
    """List the stored weights that nothing needs any more; with --apply, delete them.

    What is kept: what serves, is a backup or could become one; what those were made from; the same
    weights under another version; what served in each slot last; the newest ones and those lately
    used. The versions and their digests stay.

    Example: `lineage gc --keep-last 5`
    """
    from lineage.contract.requests import RetentionPolicy
    from lineage.workflows.gc import collect

    keeping = RetentionPolicy(keep_last, keep_days, keep_served)
    rows: Sequence[Mapping[str, Any]]
    with project_and_registry() as (project, registry):
        if apply:
            rows = collect(registry, keeping, actor=actor(project))
        else:
            rows = registry.collectable(keeping)
    if as_json:
        output.emit({"applied": apply, "removed" if apply else "unneeded": rows})
        return
    for row in rows:
        served = row["last_served_at"]
        when = f"last served {output.moment(served)}" if served else "never served"
        gone = f", {row['freed']:,} bytes freed" if apply else ""
        output.say(f"{row['ref']}  in {row['store']}  {row['size']:,} bytes  {when}{gone}")
    if not rows:
        output.say("Nothing to do: all that is stored may still be needed.")
    elif not apply:
        output.say("Nothing was changed: this is a dry run. Take them away with --apply.")
