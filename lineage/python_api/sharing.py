"""What others are given of a version: exports in their formats, and signed statements."""

from __future__ import annotations

import os
import warnings
from pathlib import Path as File
from typing import TYPE_CHECKING

from lineage.contract.requests import listed
from lineage.python_api.project import only_registry, project_and_registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.attest.keyless_signing import KeylessSigner
    from lineage.attest.keys import SigningKey
    from lineage.export.formats import Export
    from lineage.python_api.project import Path
    from lineage.workflows.attest import Attested


def export(reference: str, form: str, *, environments: str | Sequence[str] = ()) -> Export:
    """A version in a format that other programs read.

    Args:
        reference: the version.
        form: ``openlineage`` (events, one a line), ``cyclonedx`` (1.6 with a model card), ``prov``
            (PROV-JSON) or ``card`` (Markdown).
        environments: those of which the guard's decision of this moment is part of it; one, or
            several.

    Returns:
        Its ``text``, and what a file of it could be called (``name``).

    Raises:
        UsageError: there is no such format.
        NotFound: the version or an environment does not exist.
    """
    from lineage.export.formats import export

    with only_registry() as registry:
        return export(registry, reference, form, tuple(listed(environments)))


def attest(
    reference: str,
    about: str = "weights",
    *,
    key: Path | None = None,
    password: str | None = None,
    keyless: bool = False,
    trust_config: Path | None = None,
    environment: str | None = None,
    algorithm: str = "sha256",
    path: Path | None = None,
    record: bool = False,
) -> Attested:
    """Sign a statement on a version: its weights, a verdict on it, or what the guard says of it.

    Args:
        reference: the version.
        about: ``weights`` (an OpenSSF model signature), ``validation`` (an in-toto test result) or
            ``decision`` (a SLSA verification summary).
        key: the file of the private key, in PEM; default: what ``LINEAGE_SIGNING_KEY`` holds.
        password: that of an encrypted key; default: ``LINEAGE_SIGNING_PASSWORD``.
        keyless: sign without a key, by sigstore, as who the CI system or ``SIGSTORE_ID_TOKEN`` says
            that this is.
        trust_config: a private sigstore's trust configuration, which signs keyless too; default:
            what ``LINEAGE_SIGSTORE_TRUST`` names, else the public sigstore's.
        environment: that of a decision, or of the verdict that counts there.
        algorithm: of the digests of the files of weights: ``sha256``, for which every byte is read,
            or ``blake3``, which is recorded.
        path: where the weights are here; default: their record, and the stores.
        record: record it in the registry too, where the guard sees it.

    Returns:
        Its ``text``, which is kept as it is, and by which key or identity it is ``signed_by``.

    Raises:
        UsageError: there is no key or identity, it cannot be used, or what is asked for does not go
            together.
        StoreUnreachable: sigstore cannot be reached.
        NotFound: the version, a verdict on it, or the environment does not exist.
        IntegrityFailure: the bytes are not what was registered.
    """
    from lineage.masking import hide
    from lineage.workflows import attest as attesting
    from lineage.workflows import signing

    asked = attesting.Asked.checked(
        about, environment, algorithm, File(path) if path is not None else None
    )
    file = File(key) if key is not None else None
    signer: SigningKey | KeylessSigner
    if keyless or trust_config is not None:
        trust = File(trust_config) if trust_config is not None else None
        signer = signing.keyless_signer(file, trust)
    else:
        secret = password if password is not None else os.environ.get(signing.PASSWORD)
        hide(secret)
        signer = signing.signing_key(
            file,
            lambda: os.fsencode(secret) if secret else None,
            lambda note: warnings.warn(note.removeprefix("note: "), stacklevel=4),
        )
    with project_and_registry() as (project, registry, actor):
        done = attesting.attest(project, registry, reference, asked, signer)
        if record:
            attesting.record(registry, done, actor)
    return done
