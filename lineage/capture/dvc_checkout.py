"""What DVC tracks, brought into a temporary worktree: from the user's cache, else from a remote.

The worktree's own ``.dvc/config.local`` says where these are. It is made of what the user's
checkout and the commit say, read from the user's own place: a relative address means the same.
Data is copied out of the cache and never linked to it: what is run there may write to its data in
place, and that would be the user's.
"""

from __future__ import annotations

import errno
import logging
import os
import posixpath
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from lineage.capture.dvc import is_outside
from lineage.errors import CaptureError, LineageError, StoreUnreachable
from lineage.weights.dvc_remotes import Remotes, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from lineage.capture.dvc import DvcProject

_LINKS: Final = ("reflink", "copy")
"""How data is brought out of the cache: as files of their own, which a hard or a soft link is not.
"""

_SHOWN: Final = 3
_OWN: Final = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
    *(errno.EISDIR, errno.ENOTDIR, errno.EFBIG, errno.ENAMETOOLONG),
)


def fetch_tracked(
    dvc: DvcProject, top: Path, own: Path, without: Sequence[str] = (), *, commit: str
) -> None:
    """Bring what DVC has recorded at a commit into its worktree.

    Args:
        dvc: what DVC knows of the worktree.
        top: the worktree.
        own: the user's checkout, whose cache and remotes are used.
        without: paths that are not needed, relative to the top.
        commit: whose data it is, for messages.

    Raises:
        CaptureError: neither the cache nor a remote has it, or it would be written elsewhere.
        StoreUnreachable: the cache does not have it, and the remote cannot be asked.
    """
    if not (top / dvc.root / ".dvc").is_dir():
        return
    wanted = [
        path
        for path, item in sorted(dvc.tracked.items())
        if item.digest is not None and not is_outside(path)
        if not any(path == one or path.startswith(f"{one}/") for one in without)
    ]
    for path in (posixpath.join(dvc.root, ".dvc", "config.local"), *wanted):
        _refuse_elsewhere(top, path)
    write_local_config(top / dvc.root, own / dvc.root)
    if wanted:
        _bring(top / dvc.root, top, wanted, commit)


def write_local_config(there: Path, own: Path) -> None:
    """Tell DVC in a worktree to use a checkout's cache and remotes, and to leave git alone.

    Args:
        there: the DVC project in the worktree.
        own: the same one in the user's checkout.

    Raises:
        CaptureError: a configuration of DVC's cannot be read.
    """
    from configobj import ConfigObj

    said = _said(there / ".dvc" / "config", own / ".dvc")
    cache = {"dir": own / ".dvc" / "cache"} if (own / ".dvc").is_dir() else {}
    core = {
        "analytics": False,
        "autostage": False,
        "check_update": False,
        "site_cache_dir": there / ".dvc" / "tmp" / "site",
    }
    remote = {name: said["core"][name] for name in ("remote",) if name in said.get("core", {})}
    caching = cache | said.get("cache", {}) | {"type": _LINKS}
    sections = {"core": remote | core, "cache": caching} | {
        f'remote "{name}"': settings for name, settings in said.get("remote", {}).items()
    }
    config = ConfigObj()
    for name, settings in sections.items():
        config[name] = {key: _written(value) for key, value in settings.items()}
    target = there / ".dvc" / "config.local"
    target.unlink(missing_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        config.write(file)


def _written(value: object) -> str:
    """A setting as DVC's configuration says it: several values by commas."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _said(committed: Path, folder: Path) -> dict[str, Any]:
    """What the commit's configuration says, and over it the checkout's, seen from its folder."""
    from dvc.config import Config, ConfigError, merge

    said: dict[str, Any] = {}
    try:
        for file in (committed, folder / "config", folder / "config.local"):
            if file.is_file():
                merge(said, Config._load_paths(Config.load_file(file), folder / file.name))
    except (ConfigError, OSError, ValueError) as error:
        raise CaptureError(
            f"DVC's configuration cannot be read: {reason_of(error)}.",
            remedy="Mend it: `dvc config --list` shows the same problem.",
        ) from None
    return said


def _refuse_elsewhere(top: Path, path: str) -> None:
    """Refuse to write through a link that leads out of the worktree."""
    folder = top / posixpath.dirname(path)
    if not folder.resolve().is_relative_to(top):
        raise CaptureError(
            f"DVC's {path} lies behind a link that leads out of the repository.",
            remedy="Only what is inside the repository is written: replace the link by a folder.",
        )


def _bring(root: Path, top: Path, wanted: Sequence[str], commit: str) -> None:
    """Check out from the cache; what is not there is fetched from the remotes first."""
    from dvc.exceptions import CheckoutError, DvcException
    from dvc.repo import Repo

    targets = [os.fspath(top / path) for path in wanted]
    try:
        with _overheard() as said, closing(Repo(root)) as repo:
            try:
                repo.checkout(targets, force=True)
            except CheckoutError as error:
                repo.config["remote"] = _remotes(repo.config["remote"])
                _fetch(repo, _paths(error), said)
                _check_out_again(repo, targets, top, said, commit)
    except DvcException as error:
        raise CaptureError(
            f"DVC cannot check out the data of commit {commit[:12]}: {reason_of(error)}.",
            remedy="Check that commit out by hand and mend what dvc pull says there.",
        ) from None
    except LineageError:
        raise
    except Exception as error:  # a remote's own library; or it is not installed
        raise StoreUnreachable(
            f"DVC cannot use its remote for the data of commit {commit[:12]}: {reason_of(error)}.",
            remedy="Install its plugin (pip install 'dvc[…]'), or see what DVC says: dvc fetch",
        ) from None


def _remotes(merged: Mapping[str, Any]) -> dict[str, Any]:
    """The remotes with the settings that count: what only the user may say is the user's own.

    Raises:
        UsageError: the repository says it.
    """
    remotes = Remotes.of(merged)
    return {name: remotes.settings(name) for name in merged if remotes.knows(name)}


def _fetch(repo: Any, missing: Sequence[str], said: list[BaseException]) -> None:  # noqa: ANN401
    """Fetch what the cache does not have, as far as a remote has it."""
    from dvc.config import NoRemoteError
    from dvc.exceptions import DownloadError

    try:
        repo.fetch(missing)
    except (DownloadError, NoRemoteError):
        pass  # what is missing still is told by its paths
    except Exception as error:  # whatever a remote's own library raises
        said.append(error)


def _check_out_again(
    repo: Any,  # noqa: ANN401 - DVC has no types
    targets: Sequence[str],
    top: Path,
    said: Sequence[BaseException],
    commit: str,
) -> None:
    from dvc.exceptions import CheckoutError

    try:
        repo.checkout(targets, force=True)
    except CheckoutError as error:
        paths = sorted(os.path.relpath(path, top) for path in _paths(error))
        more = f" and {len(paths) - _SHOWN} more" if paths[_SHOWN:] else ""
        what = f"{', '.join(paths[:_SHOWN])}{more}, as commit {commit[:12]} has it,"
        own = next((one for one in said if _is_own(one)), None)
        if own is not None:
            raise CaptureError(
                f"{paths[0]}{more} cannot be brought into the temporary worktree: "
                f"{reason_of(own)}.",
                remedy="Make room where TMPDIR and DVC's cache are, or mend the cache: dvc fetch",
            ) from None
        if said:
            raise StoreUnreachable(
                f"DVC's cache here has no {what} and a remote cannot be asked: "
                f"{reason_of(said[0])}.",
                remedy="Try again when it answers, or see what DVC says: dvc fetch",
            ) from None
        raise CaptureError(
            f"Neither DVC's cache here nor a remote has {what} so nothing can be run with it.",
            remedy="Push it from a checkout that has it (dvc push), or make it anew (dvc repro).",
        ) from None


def _paths(error: Any) -> list[str]:  # noqa: ANN401 - DVC has no types
    """What DVC could not check out: it says paths as seen from the current folder."""
    return [os.path.abspath(path) for path in error.target_infos]  # noqa: PTH100 - links stay


def _is_own(error: BaseException) -> bool:
    """Whether this machine said no: its disk is full, or a file is none."""
    return isinstance(error, OSError) and error.errno in _OWN


class _Failures(logging.Handler):
    """Keeps the exceptions that DVC only logs: a remote that does not answer is one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[BaseException] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, FileNotFoundError):
            self.said.append(error)


@contextmanager
def _overheard() -> Iterator[list[BaseException]]:
    """Keep DVC's own words back, for what failed is said in ours; the failures that it logs."""
    handler = _Failures()
    loggers = [logging.getLogger(name) for name in ("dvc", "dvc_data", "dvc_objects")]
    detailed = logging.getLogger("dvc.repo.checkout")  # why a file was not written, it only notes
    level = detailed.level
    before = [(logger.handlers, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [handler], False
    detailed.setLevel(logging.DEBUG)
    try:
        yield handler.said
    finally:
        detailed.setLevel(level)
        for logger, (handlers, propagate) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate
