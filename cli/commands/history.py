"""The history: `log` shows it, `audit verify / checkpoint / prove / key` hold it to account."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import output
from ..documents import put
from ..options import Json, opened_registry
from .reporting import counted, report

audit = typer.Typer(help="Prove that nobody changed the history.", no_args_is_help=True)

Sign = Annotated[
    str | None,
    typer.Option(
        "--sign",
        metavar="KEY",
        envvar="LINEAGE_CHECKPOINT_KEY",
        help="Sign it: a file with an Ed25519 private key in PEM, or env:NAME for a variable that "
        "holds one.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="Write it there.", show_default=False),
]


def log(
    subject: Annotated[
        str | None,
        typer.Argument(
            metavar="SUBJECT",
            help="A model, a version, a slot (churn@production), an environment or a pipeline.",
        ),
    ] = None,
    who: Annotated[
        str | None, typer.Option("--who", metavar="NAME", help="Only what this person or job did.")
    ] = None,
    what: Annotated[
        str | None,
        typer.Option(
            "--what",
            metavar="KIND",
            help="Only of this kind, such as registered, validated, promoted or rolled-back; a "
            "wrong one lists them all.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="TIME", help="From a time on (2026-11-20), or so long ago (7d)."
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Until a time, likewise.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="Only what concerns this model.")
    ] = None,
    environment: Annotated[
        str | None,
        typer.Option("--env", metavar="ENVIRONMENT", help="Only what concerns this environment."),
    ] = None,
    limit: Annotated[
        int,
        typer.Option(
            "--limit", metavar="N", min=1, max=100_000, help="How many events at the most."
        ),
    ] = 50,
    after: Annotated[
        int | None,
        typer.Option(
            "--after",
            metavar="SEQ",
            min=1,
            max=2**53,
            help="Begin after this event, the last one shown.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the history, the newest event first.

    Example: `lineage log churn --since 7d`
    """
    with opened_registry() as registry:
        rows = registry.history(
            subject, limit=limit, before=after, model=model, environment=environment, who=who,
            what=what, since=since, until=until,
        )  # fmt: skip
    if as_json:
        output.emit(rows)
        return
    if not rows:
        output.say("No events.")
        return
    output.table(
        ("seq", "time", "actor", "event", "subject", "what"),
        [
            (
                str(row["seq"]),
                output.moment(row["at"]),
                row["actor"],
                row["kind"],
                row["subject"],
                _what(row["payload"]),
            )
            for row in rows
        ],
    )
    if len(rows) == limit:
        output.note(f"note: there may be more behind it: --after {rows[-1]['seq']}")


@audit.command("verify")
def verify(
    against: Annotated[
        list[Path] | None,
        typer.Option(
            "--against",
            metavar="CHECKPOINT",
            help="A checkpoint that somebody kept: the history must go on with it. Repeatable.",
            show_default=False,
        ),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key",
            metavar="PUB",
            help="Who must have signed the checkpoints: a public key as `audit key` prints it, or "
            "a file with one. Repeatable.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Prove the history: that nothing in it was changed, and that it leads to the present state.

    With --against, also that it goes on from what a checkpoint saw; without --key the signatures of
    checkpoints are not checked.

    Example: `lineage audit verify`
    """
    from lineage.registry import checkpoints

    keys = tuple(checkpoints.verifier_of(text) for text in key or ())
    kept = [checkpoints.read(os.fspath(path), keys) for path in against or ()]
    with opened_registry() as registry:
        head = registry.head()
        with counted("events", head.events) as progress:
            result = registry.audit(against=kept, progress=progress)
    good = f"{result.events} events, every link holds; the newest is {result.head}"
    if kept:
        good += f"; it goes on with {len(kept)} checkpoint{'s' if len(kept) > 1 else ''}"
    facts = {"events": result.events, "head": result.head}
    report("The history", good, facts, result.problems, as_json)


@audit.command("checkpoint")
def checkpoint(sign: Sign = None, out: Out = None, as_json: Json = False) -> None:
    """Print a checkpoint: the history as it is now, for others to keep (C2SP tlog-checkpoint).

    Example: `lineage audit checkpoint --out checkpoint.txt`
    """
    from lineage.registry import checkpoints

    signer = checkpoints.signer_of(sign) if sign is not None else None
    with opened_registry() as registry:
        made = registry.checkpoint()
    note = checkpoints.noted(made, signer)
    put(note, made.to_json() | {"note": note}, out, as_json)


@audit.command("prove")
def prove(
    event: Annotated[
        int, typer.Argument(metavar="EVENT", min=1, help="Its number.", show_default=False)
    ],
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="CHECKPOINT",
            help="Prove that it is in the history that this checkpoint saw, instead of the present "
            "one.",
            show_default=False,
        ),
    ] = None,
    sign: Sign = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Prove to others that an event is in the history, with all that it says (RFC 6962).

    Example: `lineage audit prove 42 --out proof.json`
    """
    from lineage.errors import IntegrityFailure
    from lineage.registry import checkpoints

    signer = checkpoints.signer_of(sign) if sign is not None else None
    kept = checkpoints.read(os.fspath(against)) if against is not None else None
    with opened_registry() as registry:
        proof = registry.prove(event, size=kept.size if kept is not None else None)
    if kept is not None and (kept.registry, kept.root) != (
        proof.checkpoint.registry,
        proof.checkpoint.root,
    ):
        raise IntegrityFailure(
            f"The history is not the one that {against} saw.",
            remedy=f"See from which event on: lineage audit verify --against {against}",
        )
    note = checkpoints.noted(proof.checkpoint, signer)
    if kept is not None and against is not None:
        note = against.read_text(encoding="utf-8")
    document = proof.to_json(note)
    put(json.dumps(document, indent=2, ensure_ascii=False) + "\n", document, out, as_json)


@audit.command("key")
def key(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="The private key.", show_default=False)
    ],
    as_json: Json = False,
) -> None:
    """Show the public key of a private one, for this registry; the private one is made if needed.

    The same as: openssl genpkey -algorithm ed25519 -out FILE

    Example: `lineage audit key checkpoint.pem`
    """
    from lineage.errors import NotFound
    from lineage.identity.checkpoint import ORIGIN
    from lineage.registry import checkpoints

    made = not path.exists()
    if made:
        checkpoints.make_key(path)
    verifier = checkpoints.signer_of(os.fspath(path)).verifier
    with opened_registry() as registry:
        identity = registry.head().registry
    if identity is None:
        raise NotFound(
            "The registry has no history yet, and no id that the key could be named for.",
            remedy="Begin with an environment: lineage env create NAME",
        )
    public = verifier.text(ORIGIN + identity)
    if as_json:
        output.emit({"file": os.fspath(path), "made": made, "public": public})
        return
    if made:
        output.note(f"{path} was made: whoever has it signs for the registry.")
    output.raw(public)


def _signed(payload: dict[str, Any]) -> str:
    of = f"validation {payload['validation']}" if payload["validation"] else payload["about"]
    says = f" ({payload['says']})" if payload["about"] == "decision" else ""
    from lineage.identity.signers import is_identity

    signer = payload["signed_by"]
    return f"{of}{says} signed by {signer if is_identity(signer) else output.short(signer)}"


def _what(payload: dict[str, Any]) -> str:
    """The part of an event's payload that a line has room for."""
    words = []
    if "passed" in payload:
        words.append("passed" if payload["passed"] else "failed")
    if payload.get("basis") in ("run", "carried"):
        words.append(str(payload["basis"]))
    words += [str(payload[key]) for key in ("kind", "state", "instance") if key in payload]
    words += _of_weights(payload)
    if "signed_by" in payload:
        words.append(_signed(payload))
    if isinstance(payload.get("revision"), int):
        words.append(f"revision {payload['revision']}")
    versions = payload.get("versions")
    if isinstance(versions, list):
        words.append(", ".join(versions))
    pipeline = payload.get("pipeline")
    if isinstance(pipeline, dict):
        words.append(output.pipeline(pipeline["name"], pipeline["digest"]))
    elif isinstance(pipeline, str):
        words.append(output.short(pipeline))
    waivers = payload.get("waivers")
    if isinstance(waivers, list):
        words.append("waived " + ", ".join(waiver["code"] for waiver in waivers))
    if payload.get("reason"):
        words.append(f"“{payload['reason']}”")
    return "  ".join(words)


def _of_weights(payload: dict[str, Any]) -> list[str]:
    """What an event says of copies: where, what was found, and whether a backup is ready."""
    words = [f"{look['state']} in {look['store']}" for look in payload.get("looks", [])]
    if isinstance(payload.get("store"), str):
        words.append(f"in {payload['store']}")
    readiness = payload.get("readiness")
    if readiness is not None:
        words.append("ready" if readiness["ready"] else "not ready")
    return words
