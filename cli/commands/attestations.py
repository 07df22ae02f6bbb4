"""`attest`: signed statements on versions, and verifying those of others."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import documents, output
from ..help import Group
from ..options import Json, Out, Ref, opened_registry, project_and_registry
from .lists import After, Limit, emit_page, tell_more


class ByDefault(Group):
    """A group whose words are those of `sign` where they name none of its commands.

    `lineage attest churn@7` is `lineage attest sign churn@7`.
    """

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - Typer's own
        """The command that words name."""
        named = args if args[0] in self.commands else ["sign", *args]
        return super().resolve_command(ctx, named)


attest = typer.Typer(
    cls=ByDefault,
    context_settings={"ignore_unknown_options": True},
    help="Signed statements on versions, which others verify: OpenSSF, in-toto, SLSA.\n\n"
    "Without a command's name, `sign`.\n\n"
    "Example: `lineage attest churn@7 --key key.pem -o model.sig`",
)

SigningFile = Annotated[
    Path | None,
    typer.Option(
        "--key",
        metavar="FILE",
        help="The private key, in PEM; default: what LINEAGE_SIGNING_KEY holds. Encrypted: by "
        "LINEAGE_SIGNING_PASSWORD, or asked for.",
        show_default=False,
    ),
]
PublicFile = Annotated[
    Path | None,
    typer.Option(
        "--key", metavar="FILE", help="The public key of who signed, in PEM.", show_default=False
    ),
]
Who = Annotated[
    str | None,
    typer.Option(
        "--identity",
        metavar="WHO",
        help="Who signed without a key: an e-mail address or a URI, with --issuer.",
        show_default=False,
    ),
]
Issuer = Annotated[
    str | None,
    typer.Option(
        "--issuer",
        metavar="URL",
        help="The OpenID Connect issuer that vouched for the identity.",
        show_default=False,
    ),
]
Trust = Annotated[
    Path | None,
    typer.Option(
        "--trust-config",
        metavar="FILE",
        help="A private sigstore's trust configuration or root; default: what "
        "LINEAGE_SIGSTORE_TRUST names, else the public sigstore's.",
        show_default=False,
    ),
]


@attest.command("sign")
def sign(
    ref: Ref,
    key: SigningFile = None,
    about: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="KIND",
            help="weights (an OpenSSF model signature), validation (an in-toto test result) or "
            "decision (a SLSA verification summary; with --env).",
        ),
    ] = "weights",
    env: Annotated[
        str | None,
        typer.Option(
            "--env",
            metavar="ENVIRONMENT",
            help="The environment of a decision, or of the verdict that counts there.",
            show_default=False,
        ),
    ] = None,
    algorithm: Annotated[
        str,
        typer.Option(
            "--hash",
            metavar="ALGORITHM",
            help="Digests of the files of weights: sha256, for which every byte is read, or "
            "blake3, which is recorded.",
        ),
    ] = "sha256",
    path: Annotated[
        Path | None,
        typer.Option(
            "--path",
            metavar="PATH",
            help="Where the weights are here; default: their record, and the stores.",
            show_default=False,
        ),
    ] = None,
    out: Out = None,
    keyless: Annotated[
        bool,
        typer.Option(
            "--keyless",
            help="Sign without a key, by sigstore, as who the CI system says that this is, or the "
            "token in SIGSTORE_ID_TOKEN; so does --trust-config.",
        ),
    ] = False,
    trust: Trust = None,
    record: Annotated[
        bool,
        typer.Option("--record", help="Record it in the registry too, where the guard sees it."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Sign a statement on a version: its weights, a verdict on it, or what the guard says of it.

    Example: `lineage attest sign churn@7 --key key.pem -o model.sig`
    """
    from lineage.workflows import attest as attesting
    from lineage.workflows import signing
    from lineage.workflows.actor import actor

    asked = attesting.Asked.checked(about, env, algorithm, path)
    without_key = keyless or trust is not None
    signer = (
        signing.keyless_signer(key, trust)
        if without_key
        else signing.signing_key(key, _password, output.note)
    )
    with project_and_registry() as (project, registry):
        done = attesting.attest(project, registry, ref, asked, signer)
        with documents.written(done.text, out):
            if record:
                attesting.record(registry, done, actor(project))
    if record:
        output.note(f"It is recorded: {done.signed_by} signed {done.claim.sentence}.")
    documents.show(done.text, done.to_json(), out, as_json)


@attest.command("verify")
def verify(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What was signed.", show_default=False)
    ],
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="TARGET",
            help="What it must be about: a version, or the file or folder that lies here.",
            show_default=False,
        ),
    ] = None,
    key: PublicFile = None,
    identity: Who = None,
    issuer: Issuer = None,
    trust: Trust = None,
    as_json: Json = False,
) -> None:
    """Verify a signed statement, and that it is about a version or about what lies at a path.

    No registry is asked, but where a version is named.

    Example: `lineage attest verify model.sig --key pub.pem model.pkl`
    """
    from lineage.workflows import attest as attesting
    from lineage.workflows import signing

    who = signing.signer(key, identity, issuer)
    verified = attesting.verify(file, who, target, opened_registry, trust)
    if as_json:
        output.emit(verified.to_json())
        return
    about = f"; it holds for {target}" if target is not None else ""
    output.say(f"{verified.signed_by} signed {verified.claim.sentence}{about}")


@attest.command("record")
def record(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What was signed.", show_default=False)
    ],
    ref: Ref,
    key: PublicFile = None,
    identity: Who = None,
    issuer: Issuer = None,
    as_json: Json = False,
) -> None:
    """Record a signed statement on a version in the registry, if it holds.

    An environment whose policy names who signed (evidence.signed_by) then knows of it. An identity
    is verified by the root of trust that is configured where the registry is.

    Example: `lineage attest record model.sig churn@7 --key pub.pem`
    """
    from lineage.workflows import attest as attesting
    from lineage.workflows import signing
    from lineage.workflows.actor import actor

    who = signing.named(signing.signer(key, identity, issuer))
    document = attesting.document(file)
    with project_and_registry() as (project, registry):
        done = registry.record_attestation(ref, document, **who, actor=actor(project))
    if as_json:
        output.emit(done)
        return
    new = "is recorded" if done["created"] else "was recorded already"
    output.say(f"{done['ref']}: {file} {new}, signed by {done.signed_by}")


@attest.command("list")
def listing(ref: Ref, limit: Limit = None, after: After = None, as_json: Json = False) -> None:
    """List the signed statements on a version that were recorded, the newest first.

    With --limit or --after, --json prints a page: its items, and where the next one begins.

    Example: `lineage attest list churn@7`
    """
    with opened_registry() as registry:
        rows = registry.attestations(ref, limit=limit, after=after)
    if as_json:
        emit_page(list(rows), rows.next, paged=limit is not None or after is not None)
        return
    if not rows and after is None:
        output.say(f"Nobody recorded a signed statement on {ref}.")
    for row in rows:
        about, signed = output.signed(row)
        output.say(f"{about}  {signed}")
    tell_more(rows.next)


def _password() -> bytes | None:
    """The password of an encrypted key: of the environment, else asked for on a terminal."""
    from lineage.masking import hide
    from lineage.workflows.signing import PASSWORD

    said = os.environ.get(PASSWORD)
    if not said and sys.stdin.isatty():
        said = typer.prompt("Password of the key", hide_input=True, err=True)
    hide(said)
    return os.fsencode(said) if said else None
