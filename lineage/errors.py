"""Every way a command or a request can fail, in one hierarchy.

::

    LineageError             exit 1   HTTP 500   internal-error
    ├── UsageError           exit 2   HTTP 422   invalid-request
    │   └── KeyReused        exit 2   HTTP 422   idempotency-key-reused
    ├── GuardRefused         exit 3   HTTP 409   guard-refused
    ├── CarryRefused         exit 3   HTTP 409   carry-over-refused
    ├── OthersMove           exit 3   HTTP 409   others-move
    ├── PipelineMismatch     exit 3   HTTP 409   pipeline-mismatch
    │   └── PackageMismatch  exit 3   HTTP 409   package-mismatch
    ├── NotFound             exit 4   HTTP 404   not-found
    │   └── VersionDeleted   exit 4   HTTP 410   version-deleted
    ├── Conflict             exit 5   HTTP 412   conflict
    │   ├── ModelArchived    exit 5   HTTP 409   model-archived
    │   └── InUse            exit 5   HTTP 409   in-use
    ├── IntegrityFailure     exit 6   HTTP 500   integrity-failure
    │   ├── DigestMismatch   exit 6   HTTP 422   digest-mismatch
    │   └── SignatureMismatch exit 6  HTTP 422   signature-mismatch
    ├── RegistryUnreachable  exit 7   HTTP 503   registry-unreachable
    │   └── TooManyWaiting   exit 7   HTTP 503   too-many-waiting
    ├── StoreUnreachable     exit 7   HTTP 503   store-unreachable
    ├── NotPermitted         exit 8   HTTP 403   not-permitted
    │   ├── NotAuthenticated exit 8   HTTP 401   not-authenticated
    │   └── TooManyAttempts  exit 8   HTTP 429   too-many-attempts
    └── CaptureError         exit 9   HTTP 422   nothing-to-capture
        └── DirtyTree        exit 9   HTTP 422   dirty-tree

Each error says in one sentence what is wrong (``str(error)``) and in one what to do
(``error.remedy``). The command line and the REST interface show exactly these; nothing else maps
errors. Where they tell where the registry is, REST shows ``error.public`` to all but an ``admin``.
``GuardRefused`` holds decisions, so it stands beside them: :mod:`lineage.guard.decision`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from typing_extensions import override


class LineageError(Exception):
    """The root: something failed that no subclass describes better."""

    code: ClassVar[str] = "internal-error"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, remedy: str, public: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.public = public

    def to_json(self) -> dict[str, Any]:
        """The error as the command line prints it under ``--json``."""
        return {"error": {"code": self.code, "message": str(self), "remedy": self.remedy}}


class UsageError(LineageError):
    """The request itself is wrong: a name, a flag, a file of the user's."""

    code = "invalid-request"
    exit_code = 2
    http_status = 422


class KeyReused(UsageError):
    """An idempotency key stands for another request already."""

    code = "idempotency-key-reused"


class CarryRefused(LineageError):
    """A verdict does not hold for another pipeline version; ``details`` tell what differs."""

    code = "carry-over-refused"
    exit_code = 3
    http_status = 409

    def __init__(self, message: str, *, remedy: str, details: dict[str, Any]) -> None:
        super().__init__(message, remedy=remedy)
        self.details = details

    @override
    def to_json(self) -> dict[str, Any]:
        return super().to_json() | {"difference": self.details}


class OthersMove(LineageError):
    """A rollback would move other models too, for their pipeline moves; ``models`` names them."""

    code = "others-move"
    exit_code = 3
    http_status = 409

    def __init__(self, message: str, *, remedy: str, models: tuple[str, ...] = ()) -> None:
        super().__init__(message, remedy=remedy)
        self.models = models

    @override
    def to_json(self) -> dict[str, Any]:
        return super().to_json() | {"models": list(self.models)}


class PipelineMismatch(LineageError):
    """A serving host runs another pipeline than its environment declares."""

    code = "pipeline-mismatch"
    exit_code = 3
    http_status = 409


class PackageMismatch(PipelineMismatch):
    """A serving host has other packages than what serves was validated with."""

    code = "package-mismatch"


class NotFound(LineageError):
    """A model, a version, an environment or a digest that the registry does not hold."""

    code = "not-found"
    exit_code = 4
    http_status = 404


class VersionDeleted(NotFound):
    """A version that was deleted: its number and its tuple's digest are all that is left."""

    code = "version-deleted"
    http_status = 410


class Conflict(LineageError):
    """The state moved since the caller looked."""

    code = "conflict"
    exit_code = 5
    http_status = 412


class ModelArchived(Conflict):
    """A model that is archived: it takes no new versions, and moves nowhere."""

    code = "model-archived"
    http_status = 409


class InUse(Conflict):
    """Something cannot be taken away, for something else refers to it."""

    code = "in-use"
    http_status = 409


class ReleaseStaged(Conflict):
    """A planned move would overtake a release that is staged; ``models`` are those it is of."""

    def __init__(self, message: str, *, remedy: str, models: tuple[str, ...] = ()) -> None:
        super().__init__(message, remedy=remedy)
        self.models = models


class IntegrityFailure(LineageError):
    """Recorded and actual bytes differ: a digest, the audit chain, the database file."""

    code = "integrity-failure"
    exit_code = 6
    http_status = 500


class DigestMismatch(IntegrityFailure):
    """A digest that a client claims is not what the manifest beside it comes to."""

    code = "digest-mismatch"
    http_status = 422


class SignatureMismatch(IntegrityFailure):
    """A signature is not of the key that was given, or what is signed is about something else."""

    code = "signature-mismatch"
    http_status = 422


class RegistryUnreachable(LineageError):
    """The registry cannot be opened, read or written now."""

    code = "registry-unreachable"
    exit_code = 7
    http_status = 503


class TooManyWaiting(RegistryUnreachable):
    """As many hosts wait on a server as may; it answers those who do not wait."""

    code = "too-many-waiting"


class StoreUnreachable(LineageError):
    """A store of weights cannot be opened, read or written now."""

    code = "store-unreachable"
    exit_code = 7
    http_status = 503


class NotPermitted(LineageError):
    """The caller may not do this."""

    code = "not-permitted"
    exit_code = 8
    http_status = 403


class NotAuthenticated(NotPermitted):
    """Nobody knows who the caller is."""

    code = "not-authenticated"
    http_status = 401


class TooManyAttempts(NotPermitted):
    """An address tried too many tokens that were none; it may try again after ``seconds``."""

    code = "too-many-attempts"
    http_status = 429

    def __init__(self, message: str, *, remedy: str, seconds: int = 1) -> None:
        super().__init__(message, remedy=remedy)
        self.seconds = seconds


class CaptureError(LineageError):
    """There is nothing valid to capture: a missing file, a bad ``dvc.yaml``."""

    code = "nothing-to-capture"
    exit_code = 9
    http_status = 422


class DirtyTree(CaptureError):
    """The git tree has changes that no commit holds."""

    code = "dirty-tree"
