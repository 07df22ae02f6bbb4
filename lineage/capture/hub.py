"""A hub of models, such as Hugging Face's: finds a commit there, and fetches its files.

``huggingface_hub`` does the talking, with its own cache, tokens and endpoint, all of the person's
environment. It comes with the extra ``hub``, and is loaded where a model of a hub is named alone.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineage.errors import CaptureError, StoreUnreachable, UsageError
from lineage.identity.external import HubAddress, check_file_names, is_commit
from lineage.masking import without_userinfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_BLOB: Final = "git-blob"
_BLOCK: Final = 1 << 20
PATIENCE: Final = 30.0
"""Seconds that a hub has to say which commit a revision is."""


@dataclass(frozen=True)
class HubSnapshot:
    """A model's files at a commit, as its hub names them; ``url`` is where the repository is.

    ``digests`` are what the hub says of the files' content: SHA-256 of those in its large file
    storage, and git's own SHA-1 of the others. It may say nothing of one.
    """

    address: HubAddress
    commit: str
    url: str
    files: tuple[str, ...]
    digests: Mapping[str, str]

    @property
    def source(self) -> str:
        """The address with its commit."""
        return f"{self.address.place}@{self.commit}"


def look_up(address: HubAddress, include: Sequence[str] = ()) -> HubSnapshot:
    """Which commit a revision is, and which files are there.

    Args:
        address: the model.
        include: patterns of the files that are meant; all where there are none.

    Raises:
        UsageError: ``huggingface_hub`` is not installed.
        CaptureError: there is no such model or revision, or no file that is meant, or a file has a
            name that leads elsewhere.
        StoreUnreachable: the hub does not answer.
    """
    hub = _library()
    shown = f"{address.place}@{address.revision}"
    with _telling(address):
        found = hub.HfApi(library_name="lineage-guard").model_info(
            address.repo, revision=address.revision, timeout=PATIENCE, files_metadata=True
        )
        commit = found.sha
        digests = {str(file.rfilename): _digest(file) for file in found.siblings or ()}
    if not isinstance(commit, str) or not is_commit(commit):
        raise CaptureError(
            f"The hub names no commit of {shown}.", remedy="Name a revision that is one."
        )
    check_file_names(digests, shown)
    files = tuple(
        sorted(hub.utils.filter_repo_objects(list(digests), allow_patterns=list(include) or None))
    )
    if not files:
        raise CaptureError(
            f"{shown} holds no file" + (" that is included." if include else "."),
            remedy="Name other patterns, or another revision."
            if include
            else "Name another revision.",
        )
    endpoint = without_userinfo(str(hub.constants.ENDPOINT))
    known = {name: digests[name] for name in files if digests[name]}
    return HubSnapshot(address, commit, f"{endpoint}/{address.repo}", files, known)


def fetch(snapshot: HubSnapshot, include: Sequence[str] = ()) -> Path:
    """Bring the files into the hub's cache of this machine; the folder that holds them.

    The cache believes what it holds, so each file is held against what the hub says of it.

    Raises:
        CaptureError: a file is not there, or is not what the hub says.
        StoreUnreachable: the hub does not give them, or gives those of another commit.
    """
    hub = _library()
    with _telling(snapshot.address), _quietly(hub):
        folder = Path(
            hub.snapshot_download(
                snapshot.address.repo,
                revision=snapshot.commit,
                allow_patterns=list(include) or None,
                library_name="lineage-guard",
            )
        )
    if folder.name != snapshot.commit:
        raise StoreUnreachable(
            f"The hub gives the files of commit {folder.name[:40]!r} for {snapshot.source}.",
            remedy="Try again; or fetch the model in another way, and name its folder.",
        )
    for name, digest in snapshot.digests.items():
        if _digest_of(folder / name, digest) != digest:
            raise CaptureError(
                f"{name} of {snapshot.source} is not what the hub says: it was changed in the "
                f"cache of this machine ({folder}).",
                remedy=f"Remove {folder.parent.parent}, and register again: it is fetched anew.",
            )
    return folder


def _digest(file: Any) -> str:  # noqa: ANN401 - what the library found
    """What a hub says of a file's content, as ``algorithm:hex``; empty where it says nothing."""
    if file.lfs is not None:
        return f"sha256:{file.lfs.sha256}".lower()
    return f"{_BLOB}:{file.blob_id}".lower() if file.blob_id else ""


def _digest_of(path: Path, like: str) -> str:
    """The digest of a file by the algorithm of another digest; of git, with its head before it.

    Raises:
        CaptureError: it cannot be read.
    """
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256, Hash

    algorithm = like.partition(":")[0]
    try:
        with path.open("rb") as file:
            of_git = algorithm == _BLOB
            # what the hub's git names its files by; nothing here rests on its strength
            hasher = Hash(SHA1() if of_git else SHA256())  # noqa: S303  # nosec B303
            if of_git:
                hasher.update(b"blob %d\0" % path.stat().st_size)
            while block := file.read(_BLOCK):
                hasher.update(block)
    except OSError as error:
        raise CaptureError(
            f"{path} cannot be read: {os.strerror(error.errno or 0)}.",
            remedy="Make it readable; or remove it, and register again: it is fetched anew.",
        ) from None
    return f"{algorithm}:{hasher.finalize().hex()}"


def fetched(source: str) -> Path | None:
    """The folder of a model that was fetched to this machine before; None where it was not.

    Args:
        source: ``hf://ORG/NAME@COMMIT``.
    """
    try:
        hub = _library()
    except UsageError:
        return None
    address = HubAddress.parse(source)
    try:
        return Path(
            hub.snapshot_download(address.repo, revision=address.revision, local_files_only=True)
        )
    except (OSError, ValueError):  # the library's own errors of what is not there are such
        return None


def _library() -> Any:  # noqa: ANN401 - a module that may not be there
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError:
        raise UsageError(
            "A model of a hub (hf://) needs huggingface_hub, which is not installed.",
            remedy="Install it: pip install 'lineage-guard[hub]'; or fetch the model in another "
            "way, and name its folder.",
        ) from None
    return huggingface_hub


@contextmanager
def _quietly(hub: Any) -> Iterator[None]:  # noqa: ANN401 - see _library
    """Without bars of progress, but on a terminal."""
    silent = not sys.stderr.isatty() and not hub.utils.are_progress_bars_disabled()
    if silent:
        hub.utils.disable_progress_bars()
    try:
        yield
    finally:
        if silent:
            hub.utils.enable_progress_bars()


@contextmanager
def _telling(address: HubAddress) -> Iterator[None]:
    """Tell in a sentence what the library could not do."""
    from httpx2 import HTTPError  # what huggingface_hub speaks through
    from huggingface_hub import errors

    shown = f"{address.place}@{address.revision}"
    try:
        yield
    except errors.GatedRepoError:
        raise CaptureError(
            f"{shown} is open only to those who were let in.",
            remedy="Ask for it on the hub's page, and give a token that may read it: HF_TOKEN.",
        ) from None
    except errors.RevisionNotFoundError:
        raise CaptureError(
            f"{address.place} has no revision {address.revision!r}.",
            remedy="Name a branch, a tag or a commit that it has.",
        ) from None
    except errors.RepositoryNotFoundError:
        raise CaptureError(
            f"The hub has no model {address.place}, or none that may be read from here.",
            remedy="Check the name; where it is private, give a token that may read it: HF_TOKEN.",
        ) from None
    except (HTTPError, OSError, ValueError, errors.EntryNotFoundError) as error:
        raise StoreUnreachable(
            f"The hub does not give {shown}: {_first_line(error)}",
            remedy="Try again; or fetch the model in another way, and name its folder.",
        ) from None
    except (AttributeError, KeyError, RecursionError, TypeError):  # of a library that read nonsense
        raise StoreUnreachable(
            f"What the hub answers about {shown} is no description of a model.",
            remedy="Check HF_ENDPOINT; or fetch the model in another way, and name its folder.",
        ) from None


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    said = (lines[0] if lines else type(error).__name__)[:300]
    return said if said.endswith(".") else f"{said}."
