"""What a signed statement claims, once its signature holds: read strictly, whoever wrote it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lineage.attest.keys import begun
from lineage.attest.statements import (
    OWN,
    PREDICATES,
    TYPE,
    VERDICT,
    About,
    Signed,
    SignedFile,
    root,
)
from lineage.errors import SignatureMismatch, UsageError
from lineage.identity.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEX: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ALGORITHMS: Final = ("sha256", "blake3")
_NUMBERS: Final = 1 << 31
"""Numbers of verdicts end below."""

_SHOWN: Final = 200
"""Characters of a name that a sentence has at the most: it could be anything."""

_PARTS: Final = frozenset({"", ".", ".."})


@dataclass(frozen=True)
class Claim:
    """What is claimed, of what.

    ``weights`` is BLAKE3 of the weights as the registry records it, None where the statement does
    not say it: another program made it. ``files`` are those of a model signature, which passes
    ``ignored`` paths over. ``name`` is the subject's, as who signed has it. ``ref``, ``tuple`` and
    what follows are there where this product made it; ``passed`` tells of a verdict or a decision
    how it ended, ``verdict`` what a verdict holds.
    """

    about: About
    weights: Digest | None
    files: Signed | None = None
    ignored: tuple[str, ...] = ()
    name: str | None = None
    ref: str | None = None
    tuple: str | None = None
    registry: str | None = None
    validation: int | None = None
    verdict: Mapping[str, Any] | None = None
    environment: str | None = None
    passed: bool | None = None

    @property
    def sentence(self) -> str:
        """What it says, in a few words."""
        subject = (self.ref or self.name or str(self.weights))[:_SHOWN]
        if self.about is About.WEIGHTS:
            rest = f" but for {', '.join(self.ignored)}"[:_SHOWN] if self.ignored else ""
            return f"the weights of {subject}{rest}"
        word = "passed" if self.passed else "failed"
        if self.about is About.VALIDATION:
            return f"that {subject} {word} its validation"
        where = str(self.environment)[:_SHOWN]
        return f"that {subject} {'may' if self.passed else 'may not'} serve in {where}"

    def to_json(self) -> dict[str, Any]:
        """What is told of it in JSON."""
        return {
            "about": self.about.value,
            "ref": self.ref,
            "tuple": self.tuple,
            "weights": self.weights,
            "files": len(self.files.files) if self.files is not None else None,
            "ignored": list(self.ignored),
            "registry": self.registry,
            "validation": self.validation,
            "environment": self.environment,
            "passed": self.passed,
        }


def claim_of(statement: Mapping[str, Any], what: str) -> Claim:
    """Read a statement whose signature holds.

    Args:
        statement: it.
        what: how a message calls the file.

    Raises:
        UsageError: it is of a kind that is not known here, or lacks what its kind must have.
        SignatureMismatch: a model signature's own digests do not go together.
    """
    kinds = {kind: about for about, kind in PREDICATES.items()}
    about = kinds.get(_text(statement.get("predicateType")) or "")
    if statement.get("_type") != TYPE or about is None:
        raise UsageError(
            f"What {what} states is of a kind that is not known here.",
            remedy=f"Give an in-toto statement v1 on one of: {', '.join(kinds)}.",
        )
    try:
        return _READERS[about](_subject(statement), statement["predicate"], what)
    except (KeyError, TypeError, ValueError, UsageError, AttributeError):
        raise UsageError(
            f"What {what} states lacks what a statement on {about.value} has.",
            remedy="Give the file as it was made.",
        ) from None


def require_about(claim: Claim, blake3: Digest, tuple_: str, ref: str, what: str) -> None:
    """Refuse a statement that is not about a version's weights; a verdict is on its whole tuple.

    Raises:
        SignatureMismatch: it is about something else.
    """
    same = claim.weights == blake3
    if claim.about is not About.WEIGHTS and claim.tuple is not None:
        same = same and claim.tuple == tuple_
    if not same:
        raise another(what, claim, ref)


def another(what: str, claim: Claim, meant: str) -> SignatureMismatch:
    """The error of a statement that is about something else than was meant."""
    return SignatureMismatch(
        f"{begun(what)} is not about {meant}, but {claim.sentence}.",
        remedy="Name what it is about, or take the signature that belongs to this.",
    )


def _weights(subject: Mapping[str, Any], predicate: Mapping[str, Any], what: str) -> Claim:
    serialization = predicate["serialization"]
    algorithm = serialization["hash_type"]
    if serialization["method"] != "files" or algorithm not in _ALGORITHMS:
        raise ValueError("another serialization")
    rows = [_resource(resource, algorithm) for resource in predicate["resources"]]
    files = tuple(SignedFile("" if path == "." else path, digest) for path, digest in rows)
    names = {file.path for file in files}
    if not files or len(names) < len(files) or ("" in names and len(files) > 1):
        raise ValueError("not one row a file")
    if root(digest for _, digest in rows) != subject["digest"]["sha256"]:
        raise SignatureMismatch(
            f"The digests in {what} do not come to the one that names them all.",
            remedy="Have it signed again.",
        )
    signed = Signed(str(subject.get("name")), algorithm, files)
    own = _own(predicate)
    weights = _digest(own["weights"]) if own is not None else None
    if algorithm == "blake3" and not signed.is_folder:
        alone = Digest(f"blake3:{files[0].digest}")
        if weights not in (None, alone):
            raise ValueError("two digests of one file")
        weights = alone
    ignored = serialization.get("ignore_paths", [])
    if not isinstance(ignored, list) or not all(isinstance(path, str) for path in ignored):
        raise ValueError("no paths")
    return Claim(About.WEIGHTS, weights, signed, tuple(ignored), **_named(subject, own))


def _resource(resource: Mapping[str, Any], algorithm: str) -> tuple[str, str]:
    name, digest = resource["name"], resource["digest"]
    inside = name == "." or not _PARTS & set(name.split("/"))
    if resource["algorithm"] != algorithm or _HEX.fullmatch(digest) is None or not inside:
        raise ValueError("no digest of a file")
    return name, digest


def _validation(subject: Mapping[str, Any], predicate: Mapping[str, Any], what: str) -> Claim:
    del what
    own = _own(predicate)
    number = own["validation"] if own is not None else None
    return Claim(
        About.VALIDATION,
        _of_subject(subject, own),
        validation=number if type(number) is int and 0 < number < _NUMBERS else None,
        verdict=_verdict(predicate, own) if own is not None else None,
        passed={"PASSED": True, "WARNED": True, "FAILED": False}[predicate["result"]],
        registry=_text(own["registry"]) if own is not None else None,
        **_named(subject, own),
    )


def _verdict(predicate: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What a verdict holds besides its number: what is not said of it is None."""
    pipeline = predicate["configuration"][:1]
    said = {name: own.get(name) for name in VERDICT}
    return said | {"pipeline": pipeline[0]["digest"].get("blake3") if pipeline else None}


def _decision(subject: Mapping[str, Any], predicate: Mapping[str, Any], what: str) -> Claim:
    del what
    own = _own(predicate)
    uri = str(predicate["policy"]["uri"])
    return Claim(
        About.DECISION,
        _of_subject(subject, own),
        environment=_text(own["environment"]) if own is not None else uri,
        passed={"PASSED": True, "FAILED": False}[predicate["verificationResult"]],
        registry=_text(own["registry"]) if own is not None else None,
        **_named(subject, own),
    )


_READERS: Final = {
    About.WEIGHTS: _weights,
    About.VALIDATION: _validation,
    About.DECISION: _decision,
}


def _subject(statement: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one subject of a statement: of several, nobody could say which is meant."""
    (subject,) = statement["subject"]
    if not subject["digest"]:
        raise ValueError("no digest")
    found: Mapping[str, Any] = subject
    return found


def _own(predicate: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What this product says of it; None where another made it."""
    own: Mapping[str, Any] | None = predicate.get(OWN)
    return own


def _named(subject: Mapping[str, Any], own: Mapping[str, Any] | None) -> dict[str, Any]:
    name = {"name": _text(subject.get("name"))}
    return name if own is None else name | {"ref": _text(own["ref"]), "tuple": _text(own["tuple"])}


def _of_subject(subject: Mapping[str, Any], own: Mapping[str, Any] | None) -> Digest | None:
    """BLAKE3 of the weights that a statement names as its subject, said once or twice alike."""
    digits = subject["digest"].get("blake3")
    weights = _digest(f"blake3:{digits}") if digits is not None else None
    if own is not None and own["weights"] != weights:
        raise ValueError("two subjects")
    return weights


def _digest(text: str) -> Digest:
    digest = Digest(text)
    if digest.algorithm != "blake3":
        raise ValueError("another algorithm")
    return digest


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
