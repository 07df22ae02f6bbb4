"""What was captured behind a command and waits to be sent: kept until the registry has it.

When an hour of training is to be recorded, the server may be gone, the token revoked, the store
full, or this process killed. So what was captured is written down first, in ``.lineage/unsent``,
in files that only their owner reads, and taken away once it is recorded. The weights themselves
are not copied: :mod:`.resume` looks whether they are still the same.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import re
import secrets
import stat
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lineage import strict_json, timestamps
from lineage.acts import act
from lineage.bounded_file import Unfit
from lineage.bounded_file import read as read_bounded
from lineage.errors import Conflict, LineageError, NotFound, UsageError
from lineage.identity.digest import blake3_of
from lineage.whole_file import write_whole
from lineage.workflows.destination import Destination

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry

MOST: Final = 20
"""How many may wait; no command is run that would leave another."""

LARGEST: Final = 64 << 20
"""Bytes of one."""

REGISTER: Final = "register"
VALIDATE: Final = "validate"

_FOLDER: Final = "unsent"
_FORMAT: Final = 2
_ID: Final = re.compile(r"[0-9]{14}-[0-9a-f]{6}", re.ASCII)
_SENT_BY: Final = {
    REGISTER: act("register", resume=True),
    VALIDATE: act("validate", resume=True),
}


@dataclass(frozen=True)
class Unsent:
    """Something captured that waits to be sent.

    ``registry`` is where it is to be recorded, ``verb`` what records it, ``about`` the model or the
    version that it is of, ``captured_at`` ISO 8601 in UTC, ``body`` JSON of what is to be recorded.
    """

    path: Path
    registry: Destination
    verb: str
    about: str
    captured_at: str
    body: dict[str, Any]

    @property
    def id(self) -> str:
        """What it is called."""
        return self.path.stem

    @property
    def request(self) -> dict[str, Any]:
        """JSON of what is recorded, as a server takes it."""
        request: dict[str, Any] = self.body["request"]
        return request

    @property
    def passed(self) -> bool | None:
        """What the verdict is; None of what is no verdict."""
        return self.request["passed"] if self.verb == VALIDATE else None

    def to_json(self) -> dict[str, Any]:
        """JSON of `unsent list`."""
        run = self.request["run"]
        return {
            "id": self.id,
            "verb": self.verb,
            "about": self.about,
            "captured_at": self.captured_at,
            "registry": self.registry.url,
            "passed": self.passed,
            "command": run["command"],
            "seconds": run.get("seconds"),
            "problem": None,
        }

    def write(self) -> None:
        """Write it down, whole or not at all.

        Raises:
            OSError: it cannot be written.
            Unfit: it is too large.
        """
        document = {
            "format": _FORMAT,
            "registry": self.registry.to_json(),
            "verb": self.verb,
            "about": self.about,
            "captured_at": self.captured_at,
            "body": self.body,
        }
        document["blake3"] = _digest(document)
        text = strict_json.dumps(document).encode("utf-8")
        if len(text) > LARGEST:
            raise Unfit(f"is larger than {LARGEST:,} bytes")
        write_whole(self.path, text, mode=0o600)

    def now_stored(self, copies: list[dict[str, Any]]) -> None:
        """Note where the weights of a version are, so that it can be sent without them."""
        self.request["stored"] = copies
        with suppress(OSError, Unfit):
            if self.path.exists():
                self.write()

    def drop(self) -> None:
        """Take it away."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Unreadable:
    """A file among what waits that is not sent; ``problem`` says why, behind a subject."""

    path: Path
    problem: str

    @property
    def id(self) -> str:
        """What it is called."""
        return self.path.stem

    def to_json(self) -> dict[str, Any]:
        """JSON of `unsent list`: of what it says nothing is known."""
        unknown = ("verb", "about", "captured_at", "registry", "passed", "command", "seconds")
        return {"id": self.id, **dict.fromkeys(unknown), "problem": self.problem}


@dataclass(frozen=True)
class Keeper:
    """Keeps what is captured in a project until a registry has it."""

    project: Project
    registry: Destination

    @classmethod
    def of(cls, project: Project, registry: AnyRegistry) -> Keeper:
        """What keeps, asked before a command is run whose end could otherwise not be kept.

        Raises:
            UsageError: too many wait already, or the project's own folder cannot be written to.
            RegistryUnreachable: the registry cannot be asked which one it is.
        """
        folder = _made(project)
        if len(_files(folder)) >= MOST:
            raise UsageError(
                f"{MOST} captures wait in {folder} to be sent.",
                remedy=f"Send them ({_SENT_BY[REGISTER]}; {_SENT_BY[VALIDATE]}), "
                f"or drop what is not needed: {act('unsent drop', 'ID')}",
            )
        return cls(project, Destination.of(registry))

    @contextmanager
    def kept(self, verb: str, about: str, body: dict[str, Any]) -> Iterator[Unsent]:
        """Keep what is to be recorded until the block has recorded it; an error in it says so.

        Args:
            verb: what records it.
            about: the model or the version that it is of.
            body: JSON of it.
        """
        folder = self.project.root / ".lineage" / _FOLDER
        now = dt.datetime.now(dt.UTC)
        path = folder / f"{now:%Y%m%d%H%M%S}-{secrets.token_hex(3)}.json"
        waiting = Unsent(path, self.registry, verb, about, timestamps.written(now), body)
        with ExitStack() as until:
            with suppress(OSError, Unfit, UsageError):  # what cannot be kept can still be sent
                _made(self.project)
                with suppress(OSError):  # where nothing can be locked it is kept all the same
                    until.enter_context(_alone(path))
                waiting.write()
            try:
                yield waiting
            except LineageError as error:
                if path.exists():
                    error.remedy = (
                        f"{error.remedy.rstrip('.')}. What was captured is kept; once it can be "
                        f"recorded, send it: {_SENT_BY[verb]}"
                    )
                raise
            waiting.drop()


def listed(project: Project) -> list[Unsent | Unreadable]:
    """What waits to be sent, the oldest first; what this user did not write as it is, is not sent.

    Raises:
        UsageError: the project's own folder is a link.
    """
    files = _files(_folder(project))
    tracked = project.git.index if files and project.git is not None else {}
    top = project.top.resolve()
    found = [
        Unreadable(path, "is tracked by git")
        if os.path.relpath(path.parent.resolve() / path.name, top) in tracked
        else _read(path)
        for path in files
    ]
    return sorted(found, key=lambda one: (getattr(one, "captured_at", ""), one.id))


def count(project: Project) -> int:
    """How many seem to wait to be sent; none of them is read."""
    with suppress(UsageError):
        return len(_files(_folder(project)))
    return 0


def drop(project: Project, identity: str) -> Unsent | Unreadable:
    """Take one away without sending it; what it was.

    Raises:
        NotFound: there is none of this id.
        UsageError: it cannot be removed, or the project's own folder is a link.
    """
    for path in _files(_folder(project)):
        if path.stem == identity:
            dropped = _read(path)
            try:
                path.unlink(missing_ok=True)
                path.with_suffix(".lock").unlink(missing_ok=True)
            except OSError as error:
                raise UsageError(
                    f"{path} cannot be removed: {error.strerror}.", remedy="Remove it by hand."
                ) from None
            return dropped
    raise NotFound(
        f"No capture {identity[:40]!r} waits here to be sent.",
        remedy=f"See what does: {act('unsent list')}",
    )


@contextmanager
def sending(project: Project) -> Iterator[list[Unsent | Unreadable]]:
    """What waits to be sent, while no other process sends any of it.

    What its own command is recording just now is not among it.

    Raises:
        Conflict: another one does.
        UsageError: the project's own folder is a link.
    """
    folder = _folder(project)
    if not folder.is_dir():
        yield []
        return
    with ExitStack() as until:
        try:
            until.enter_context(_locked(folder, os.O_RDONLY))
        except OSError:
            raise Conflict(
                "Another command is sending what was captured here.",
                remedy="Wait until it has ended, then look what is left: " + act("unsent list"),
            ) from None
        own = set()
        for path in _files(folder):
            with suppress(OSError):
                until.enter_context(_alone(path))
                own.add(path)
        yield [one for one in listed(project) if one.path in own]


def _folder(project: Project) -> Path:
    """Where captures wait: a folder of this project, not one that a repository's link leads to.

    Raises:
        UsageError: it is a link.
    """
    folder = project.root / ".lineage" / _FOLDER
    for path in (folder.parent, folder):
        if path.is_symlink():
            raise UsageError(
                f"{path} is a link: what waits where it leads to may be another project's.",
                remedy="Remove the link; a folder of its own is made in its place.",
            )
    return folder


def _made(project: Project) -> Path:
    """The folder, which only its owner looks into.

    Raises:
        UsageError: it cannot be made, nothing can be written there, or it is a link.
    """
    folder = _folder(project)
    project.own_folder()
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be made: {error.strerror}.", remedy="Make its folder writable."
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"Nothing can be written to {folder}.", remedy="Make the folder writable.")
    return folder


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.json") if _ID.fullmatch(path.stem))


def _read(path: Path) -> Unsent | Unreadable:
    """One that waits; what another wrote, or could have, is not read."""
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            return Unreadable(path, "is no file")
        if status.st_uid != os.getuid():
            return Unreadable(path, "is another user's")
        if status.st_mode & 0o077:
            return Unreadable(path, "is open to others, who may have changed it")
        from lineage.contract.bodies.kept import KeptValidation, KeptVersion, check

        document: Any = strict_json.loads(read_bounded(path, LARGEST))
        if document["format"] != _FORMAT:
            return Unreadable(path, "was written by another version of lineage-guard")
        claim = document.pop("blake3")
        if claim != _digest(document):
            return Unreadable(path, "is damaged: it is not what was written")
        check(KeptVersion if document["verb"] == REGISTER else KeptValidation, document["body"])
        return Unsent(
            path,
            Destination.from_json(document["registry"]),
            document["verb"],
            str(document["about"]),
            timestamps.parse_time(document["captured_at"]),
            document["body"],
        )
    except OSError as error:
        return Unreadable(path, f"cannot be read: {error.strerror}")
    except UsageError as error:
        return Unreadable(path, f"is damaged ({error})")
    except (Unfit, ValueError, KeyError, TypeError, RecursionError, LineageError):
        return Unreadable(path, "is damaged")


def _digest(document: dict[str, Any]) -> str:
    """BLAKE3 of all else that a file holds: by it damage is noticed."""
    return blake3_of(strict_json.dumps(document).encode("utf-8"))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """While the block runs, no other process records what a file holds.

    Raises:
        OSError: another one does, or nothing can be locked here.
    """
    lock = path.with_suffix(".lock")
    with _locked(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW):
        yield
        if not path.exists():
            lock.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path, flags: int) -> Iterator[None]:
    """A lock on a file or a folder, which ends with this process.

    Raises:
        OSError: another process holds one.
    """
    descriptor = os.open(path, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
