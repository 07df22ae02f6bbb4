"""`verify`, `show`, `diff`: check what is recorded of versions, and show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lineage.guard.facts import Sample
from lineage.identity.origin import WeightsOrigin
from lineage.workflows.actor import actor

from .. import output
from ..cells import cell
from ..options import (
    Json,
    Ref,
    opened_registry,
    project_and_registry,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lineage.contract.results.records import VersionRecord

_MOST_VALUES: Final = 8
"""Parameters, or metrics, that a line shows."""
_MOST_CHANGES: Final = 20
"""Changed metrics that `diff` shows."""


def verify(
    ref: Annotated[
        str | None, typer.Argument(metavar="REF", help="A version, such as churn@7.")
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Every version whose weights are in a store.")
    ] = False,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Look at the sizes; read only small weights whole."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the weights of a version in every store, and record what was found.

    Every byte is read, unless --quick is given. Weights that are in no store are looked for at the
    path where they were registered.

    Exit 6 where no store has them as they were registered, or where no branch or tag here leads to
    the commit of a pipeline that it serves with, or is the backup with; 7 where no store answers.

    Example: `lineage verify churn@7`
    """
    from lineage.errors import UsageError
    from lineage.workflows import verify

    if (ref is None) != all_:
        raise UsageError(
            "Either a version or --all is verified.", remedy="Write: lineage verify churn@7"
        )
    with project_and_registry() as (project, registry):
        refs = [ref] if ref is not None else verify.stored_refs(registry)
        who = actor(project)
        rows = []
        for one in refs:
            rows.append(verify.verify(project, registry, one, deep=not quick, actor=who))
            if not as_json:
                _verified(rows[-1])
    if as_json:
        output.emit(rows if all_ else rows[0])
    elif not rows:
        output.say("No weights are in a store.")
    failure = verify.failure(rows)
    if failure is not None:
        raise typer.Exit(failure.exit_code)


def show(ref: Ref, as_json: Json = False) -> None:
    """Show all that is recorded of a version.

    Example: `lineage show churn@7`
    """
    with opened_registry() as registry:
        row = registry.show(ref)
    if as_json:
        output.emit(row)
        return
    parts = row["components"]
    output.say(
        f"{row['ref']} ({row['kind']}), registered {output.moment(row['registered_at'])} by "
        f"{row['registered_by']}"
    )
    output.labels(row)
    output.say(f"  tuple     {row['tuple']}")
    dirty = " (dirty)" if parts["code"]["dirty"] else ""
    where = f"  {parts['code']['remote']}" if parts["code"]["remote"] else ""
    output.say(f"  code      {row['code'] or '-'}{dirty}{where}")
    output.say(f"  data      {row['data'] or '-'}")
    for item in parts["data"]:
        output.say(f"              {item['name']}  {item['digest']}  ({item['known']})")
    output.say(f"  pipeline  {row['pipeline'] or '-'}  {parts['pipeline']['name'] or ''}")
    output.say(f"  weights   {row['weights'] or '-'}  {parts['weights']['path'] or ''}")
    made = parts["weights"]["made"]
    if made is not None:
        output.say(f"  made      the weights {WeightsOrigin.from_json(made).sentence}")
    for copy in row["stored"]["copies"]:
        output.say(
            f"  stored    {copy['store']['name']}  {copy['state']} on "
            f"{output.moment(copy['checked_at'])}  {copy['store']['url']}"
        )
    if row["parent"]:
        output.say(f"  parent    {row['parent']}")
    if row["run"] is not None:
        output.say(f"  trained   {_command(row['run'])}")
    for file, values in row["parameters"].items():
        output.say(f"  with      {file}: {_listed(values)}")
    for run in row["watched"]:
        _watched(run, "  ")
    for verdict in row["validations"]:
        _verdict(verdict)
    _signatures(row)


def _signatures(row: VersionRecord) -> None:
    """Who signed what of a version; a server of an earlier version does not say it."""
    for one in row.attestations:
        about, signed = output.signed(one)
        output.say(f"  signed    {about}, {signed}")
    if row.get("more_attestations"):
        count = row["more_attestations"]
        output.say(f"            and {count} older: lineage attest list {row.ref}")


def _verdict(verdict: dict[str, Any]) -> None:
    """One verdict on a version: what it came to, its metrics, and where it was reached."""
    from lineage.evidence.attributions import in_words, is_of_attributions, relied_on
    from lineage.guard.flat_metrics import flattened

    word = "passed" if verdict["passed"] else "failed"
    basis = {"carried": f", carried from {verdict['rests_on']}", "run": ", run here"}
    where = ", elsewhere" if verdict["elsewhere"] else ""
    output.say(
        f"  {word}    validation {verdict['id']} "
        f"with {output.short(verdict['pipeline']['digest'])} "
        f"{output.moment(verdict['validated_at'])} by {verdict['validated_by']}"
        f"{basis.get(verdict['basis'], '')}{where}"
    )
    flat = flattened(verdict["metrics"] or {})
    measured = {name: number for name, number in flat.items() if not is_of_attributions(name)}
    if measured:
        output.say(f"    metrics   {_listed(measured)}")
    relied = relied_on(verdict["metrics"])
    if relied is not None:
        digest = f" {output.short(relied.blake3)}" if relied.blake3 is not None else ""
        output.say(f"    relies on {in_words(relied.shares)}  (by {relied.measure}{digest})")
    if verdict.get("profile") is not None:
        output.say(f"    profile   {output.short(verdict['profile'])}")
    _environment(verdict.get("environment"), "    ")
    for run in verdict["watched"]:
        _watched(run, "    ")


def _command(run: dict[str, Any]) -> str:
    """A command that was run, where, and for how long, as far as a client told it."""
    words, seconds = run.get("command"), run.get("seconds")
    said = " ".join(map(str, words)) if isinstance(words, list) else "-"
    took = f", {seconds:,.0f} s" if isinstance(seconds, (int, float)) else ""
    return f"{said}  on {run.get('host') or '-'}{took}"


def _listed(values: Mapping[str, Any]) -> str:
    """Values by their names, on a line."""
    shown = [f"{name} {cell(value)}" for name, value in list(values.items())[:_MOST_VALUES]]
    more = f" and {len(values) - len(shown)} more (see --json)" if len(values) > len(shown) else ""
    return ", ".join(shown) + more


def _environment(known: dict[str, Any] | None, indent: str) -> None:
    """The environment that a verdict was reached in, and what changed of it."""
    if known is None:
        output.say(f"{indent}in        an environment that nobody observed")
        return
    where = f"{', '.join(known['interpreters'])} on {', '.join(known['platforms'])}"
    output.say(f"{indent}in        {where}, {len(known['packages'])} packages")
    since = known["since"]
    if since is not None and since["explanation"]:
        output.say(f"{indent}          other than in validation {since['validation']}:")
        output.environment_lines(since, f"{indent}            ")


def diff(first: Ref, second: Ref, as_json: Json = False) -> None:
    """Show what differs between two versions, component by component.

    And between their newest verdicts: their metrics, and the environments they were reached in.

    Example: `lineage diff churn@6 churn@7`
    """
    from lineage.explain.compare import compare_versions

    with project_and_registry() as (project, registry):
        changes = compare_versions(project, registry, first, second)
    if as_json:
        output.emit(changes)
        return
    for name in ("code", "data", "pipeline", "weights"):
        part = changes[name]
        if part["same"]:
            output.say(f"{name.ljust(8)}  same")
            continue
        output.say(f"{name.ljust(8)}  {part['first'] or '-'} → {part['second'] or '-'}")
        for line in part["explanation"]:
            output.say(f"            {line}")
        output.explanation(part, "            ")
    environment = changes["environment"]
    words = {True: "reached in the same environment", False: "reached in another environment"}
    output.say(f"verdict   {words.get(environment['same'], 'environments cannot be compared')}")
    output.environment_lines(environment, "            ")
    for line in _metrics_lines(changes["metrics"]):
        output.say(line)
    for line in _attributions_lines(changes["attributions"]):
        output.say(line)
    for line in _profile_lines(changes["profile"]):
        output.say(line)
    sides = changes["registered"]["first"], changes["registered"]["second"]
    when = [f"{output.moment(one['registered_at'])} by {one['registered_by']}" for one in sides]
    output.say(f"recorded  {' → '.join(when)}")
    runs = changes["trained"]["first"], changes["trained"]["second"]
    if any(runs):
        output.say(f"trained   {' → '.join(_command(run) if run else '-' for run in runs)}")


def _metrics_lines(found: dict[str, Any]) -> Iterator[str]:
    """What differs between the metrics of two newest verdicts."""
    words = {True: "same", None: "not known of both", False: "differ"}
    yield f"metrics   {words[found['same']]}"
    changes = found["changes"]
    for change in changes[:_MOST_CHANGES]:
        sides = cell(change["first"]), cell(change["second"])
        yield f"            {change['name']} {sides[0]} → {sides[1]}"
    if len(changes) > _MOST_CHANGES:
        yield f"            and {len(changes) - _MOST_CHANGES} more (see --json)"


def _attributions_lines(found: dict[str, Any]) -> Iterator[str]:
    """Which features the second relies on that the first did not; nothing where neither tells."""
    if found["first"] is None and found["second"] is None:
        return
    rows = [(sign, row) for sign, key in (("+", "new"), ("-", "gone")) for row in found[key]]
    known = "relies on others" if rows else "relies on the same"
    yield f"features  {known if found['measure'] else 'not known of both by one measure'}"
    for sign, row in rows[:_MOST_CHANGES]:
        sides = " → ".join("-" if row[s] is None else f"{row[s]:.1%}" for s in ("first", "second"))
        yield f"            {sign} {row['feature']}  {sides}"
    if len(rows) > _MOST_CHANGES:
        yield f"            and {len(rows) - _MOST_CHANGES} more (see --json)"


def _profile_lines(found: dict[str, Any]) -> Iterator[str]:
    """Which columns differ most in the data of two verdicts; nothing where neither tells."""
    if found["first"] is None and found["second"] is None:
        return
    words = {True: "same", None: "not known of both", False: "differ"}
    yield f"profile   {words[found['same']]}"
    changes = found["changes"]
    for change in changes[:_MOST_CHANGES]:
        sides = f"{change['first'] or '-'} → {change['second'] or '-'}"
        yield f"            {change['column']}  apart {change['distance']:.3f}  {sides}"
    if len(changes) > _MOST_CHANGES:
        yield f"            and {len(changes) - _MOST_CHANGES} more (see --json)"


def _watched(document: dict[str, Any], indent: str) -> None:
    from lineage.identity.watched import WatchedRun

    output.watched_run(
        output.moment(document["recorded_at"]), WatchedRun.from_json(document), indent
    )


def _verified(done: dict[str, Any]) -> None:
    output.say(f"{done['ref']}: the weights are {done['state']} at {done['place']}")
    for look in done["looks"]:
        if look["state"] != "intact":
            detail = f": {look['detail']}" if look["detail"] else ""
            output.say(f"  {look['store']}  {look['state']}{detail}")
        elif look["sample"] is not None:
            output.say(f"  {look['store']}  intact, {Sample.from_json(look['sample'])}")
    for lost in done.get("lost", []):
        output.say(
            f"  no branch or tag here leads to commit {lost['commit'][:12]}, which holds pipeline "
            f"{output.pipeline(lost['pipeline'], lost['digest'])}: git may drop it; tag it"
        )
