"""A hub of models, such as Hugging Face's: finds a commit there, and fetches its files.

``huggingface_hub`` does the talking, with its own cache, tokens and endpoint, all of the person's
environment. It comes with the extra ``hub``, and is loaded where a model of a hub is named alone.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineage.errors import CaptureError, StoreUnreachable, UsageError
from lineage.identity.external import HubAddress, check_file_names, is_commit
from lineage.masking import without_userinfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PATIENCE: Final = 30.0
"""Seconds that a hub has to say which commit a revision is."""


@dataclass(frozen=True)
class HubSnapshot:
    """A model's files at a commit, as its hub names them; ``url`` is where the repository is."""

    address: HubAddress
    commit: str
    url: str
    files: tuple[str, ...]

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
    with _telling(address):
        found = hub.HfApi(library_name="lineage-guard").model_info(
            address.repo, revision=address.revision, timeout=PATIENCE
        )
    shown = f"{address.place}@{address.revision}"
    if not isinstance(found.sha, str) or not is_commit(found.sha):
        raise CaptureError(
            f"The hub names no commit of {shown}.", remedy="Name a revision that is one."
        )
    names = [file.rfilename for file in found.siblings or ()]
    check_file_names(names, shown)
    files = tuple(
        sorted(hub.utils.filter_repo_objects(names, allow_patterns=list(include) or None))
    )
    if not files:
        raise CaptureError(
            f"{shown} holds no file" + (" that is included." if include else "."),
            remedy="Name other patterns, or another revision."
            if include
            else "Name another revision.",
        )
    endpoint = without_userinfo(str(hub.constants.ENDPOINT))
    return HubSnapshot(address, found.sha, f"{endpoint}/{address.repo}", files)


def fetch(snapshot: HubSnapshot, include: Sequence[str] = ()) -> Path:
    """Bring the files into the hub's cache of this machine; the folder that holds them.

    Raises:
        CaptureError: a file is not there.
        StoreUnreachable: the hub does not give them.
    """
    hub = _library()
    with _telling(snapshot.address), _quietly(hub):
        return Path(
            hub.snapshot_download(
                snapshot.address.repo,
                revision=snapshot.commit,
                allow_patterns=list(include) or None,
                library_name="lineage-guard",
            )
        )


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


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    said = (lines[0] if lines else type(error).__name__)[:300]
    return said if said.endswith(".") else f"{said}."
