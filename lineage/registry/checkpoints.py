"""Checkpoints that leave the house: the keys that sign them, and where a server puts them.

A server looks a few times a second whether the history has grown, and puts a checkpoint of it where
somebody else can keep it: into a folder, or to an address. It vouches for nothing that does not go
on with what it vouched for before. What stands in the way is logged and keeps nobody waiting.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from lineage import bounded_file, timestamps
from lineage.acts import act
from lineage.database.audit.tree import Tree
from lineage.errors import IntegrityFailure, LineageError, RegistryUnreachable, UsageError
from lineage.identity import checkpoint as checkpoints
from lineage.identity import notes
from lineage.identity.checkpoint import differences
from lineage.registry_url import is_remote
from lineage.whole_file import write_whole

if TYPE_CHECKING:
    from lineage.identity.checkpoint import Checkpoint
    from lineage.identity.notes import Signer, Verifier
    from lineage.registry.registry import Registry

LATEST: Final = "latest"
"""The file of a folder of checkpoints that holds the newest; the others are named by number."""

VARIABLE: Final = "env:"
"""What stands before the name of a variable that holds a key."""

EVERY: Final = 0.25
"""Seconds between two looks whether the history has grown."""

LONGEST_PAUSE: Final = 60.0
TIMEOUT: Final = 5.0
"""Seconds that an address is waited for."""

STOPS_WITHIN: Final = 10.0
PART: Final = 2_000
"""Events that are read in one transaction: writers do not wait for the whole history."""

_log = logging.getLogger("lineage.checkpoints")


def signer_of(key: str) -> Signer:
    """The private key that a setting names: a file, or ``env:NAME`` for a variable that holds it.

    Raises:
        UsageError: it is not there, is none, or others can read it.
    """
    if key.startswith(VARIABLE):
        pem = os.environ.get(key.removeprefix(VARIABLE))
        if not pem:
            raise UsageError(
                f"The variable {key.removeprefix(VARIABLE)} holds no key to sign with.",
                remedy=f"Set it to a private key in PEM: {act('audit key', 'FILE')}",
            )
        return notes.Signer.parse(pem.encode())
    try:
        pem_bytes = bounded_file.read(key, notes.LARGEST)
        mode = stat.S_IMODE(os.stat(key).st_mode)
    except (bounded_file.Unfit, OSError) as error:
        raise UsageError(
            f"The key to sign with, {key}, {error}.",
            remedy=f"Make one: {act('audit key', 'FILE')}",
        ) from None
    if mode & 0o077:
        raise UsageError(
            f"The key to sign with, {key}, can be read or changed by others (mode {mode:o}).",
            remedy=f"Keep it to its owner: chmod 600 {key}",
        )
    return notes.Signer.parse(pem_bytes)


def make_key(path: Path) -> None:
    """Make a private key in a file that only its owner reads.

    Raises:
        UsageError: the file is there, or cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be made: {error.strerror}.", remedy="Name a file that is not there yet."
        ) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(notes.Signer.made().pem)


def verifier_of(key: str) -> Verifier:
    """The public key that a setting is, or the file that holds it.

    Raises:
        UsageError: it is none.
    """
    if "+" not in key or Path(key).is_file():
        key = _text(key)
    return notes.Verifier.parse(key)


def read(path: str, keys: tuple[Verifier, ...] = ()) -> Checkpoint:
    """A checkpoint that somebody kept; where keys are given, one of them must have signed it.

    Raises:
        UsageError: the file holds none.
        IntegrityFailure: it was not signed so, or was changed since.
    """
    found, note = checkpoints.read(_text(path))
    if keys:
        notes.require_signed(note, keys, path=path)
    return found


def noted(checkpoint: Checkpoint, signer: Signer | None) -> str:
    """A checkpoint as it is kept: signed where there is a key."""
    if signer is None:
        return checkpoint.text
    return signer.signed(checkpoint.text, checkpoint.origin)


def _text(path: str) -> str:
    try:
        return bounded_file.read(path, notes.LARGEST).decode()
    except bounded_file.Unfit as error:
        raise UsageError(f"{path} {error}.", remedy="Name a file that can be read.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no text.", remedy="Give the file as it was made.") from None


class Folder:
    """A folder that checkpoints are put into.

    Raises:
        UsageError: it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"The folder for checkpoints, {path}, cannot be made: {error.strerror}.",
                remedy="Name a folder that this server may write to.",
            ) from None

    def newest(self) -> Checkpoint | None:
        """The newest that is there.

        Raises:
            UsageError: what is there is none.
        """
        if not (self._path / LATEST).exists():
            return None
        return read(os.fspath(self._path / LATEST))

    def put(self, checkpoint: Checkpoint, note: str) -> None:
        """Put one there, unless another server put a newer one."""
        known = self.newest()
        if known is not None and known.size >= checkpoint.size:
            return
        try:
            write_whole(self._path / f"{checkpoint.size:012d}.checkpoint", note.encode())
            write_whole(self._path / LATEST, note.encode())
        except OSError as error:
            raise RegistryUnreachable(
                f"{self._path} cannot be written: {error.strerror}.",
                remedy="Check the folder and the room on the disk.",
            ) from None


class Address:
    """An address that checkpoints are sent to, each by an HTTP PUT."""

    def __init__(self, url: str) -> None:
        self._url = url
        parts = urlsplit(url)
        self._shown = f"{parts.scheme}://{parts.hostname}"

    def newest(self) -> Checkpoint | None:
        """Nothing: what lies there is not asked for."""
        return None

    def put(self, _: Checkpoint, note: str) -> None:
        """Send one."""
        import httpx

        try:
            status = httpx.put(
                self._url,
                content=note.encode(),
                headers={"Content-Type": "text/plain; charset=utf-8"},
                timeout=TIMEOUT,
                follow_redirects=False,
            ).status_code
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise self._failed(type(error).__name__) from None
        if not 200 <= status < 300:
            raise self._failed(f"HTTP {status}")

    def _failed(self, why: str) -> RegistryUnreachable:
        return RegistryUnreachable(
            f"{self._shown} did not take a checkpoint: {why}.", remedy="Check that it answers."
        )


def place_of(text: str) -> Folder | Address:
    """Where checkpoints are put: an address or a folder.

    Raises:
        UsageError: the folder cannot be made.
    """
    return Address(text) if is_remote(text) else Folder(Path(text))


class Checkpointer:
    """Puts a checkpoint of a registry's history to a place whenever it has grown, in a thread."""

    def __init__(self, registry: Registry, place: Folder | Address, signer: Signer | None) -> None:
        self._registry = registry
        self._place = place
        self._signer = signer
        self._tree = Tree()
        self._begun = False
        self._refused: IntegrityFailure | None = None
        self._put = 0
        self._said = ""
        self._pause, self._next = EVERY, 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lineage-checkpoints", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after what has happened up to now was put there, if that is quick."""
        self._stopped.set()
        self._thread.join(STOPS_WITHIN)

    def look(self) -> None:
        """Put a checkpoint there if the history has grown.

        Raises:
            IntegrityFailure: the history does not go on with what was vouched for before; from then
                on nothing is.
            RegistryUnreachable: the place does not take it, or the registry cannot be read.
        """
        if self._refused is not None:
            raise self._refused
        try:
            if not self._begun:
                self._begin()
            registry = self._read()
        except IntegrityFailure as error:
            self._refused = error
            raise
        if registry is not None and self._tree.size > self._put:
            checkpoint = self._tree.checkpoint(registry, timestamps.now())
            self._place.put(checkpoint, noted(checkpoint, self._signer))
            self._put = checkpoint.size

    def _begin(self) -> None:
        """Read the history up to the newest checkpoint there, which it must go on with."""
        known = self._place.newest()
        if known is not None:
            registry = self._read(known.size)
            same = (self._tree.size, self._tree.root()) == (known.size, known.root)
            for problem in differences([known], [same], registry, self._tree.size):
                raise IntegrityFailure(
                    f"The history is not the one that was vouched for: {problem}.",
                    remedy="Find out why; to begin anew, name another place for checkpoints.",
                )
            self._put = known.size
        self._begun = True

    def _read(self, until: int | None = None) -> str | None:
        """Take in the events (up to a number), some at a time; the registry's id."""
        while True:
            before = self._tree.size
            bound = before + PART if until is None else min(until, before + PART)
            registry = self._registry.grow(self._tree, bound)
            if self._tree.size < before + PART or self._stopped.is_set():
                return registry

    def _run(self) -> None:
        last = False
        while not last:
            last = self._stopped.wait(EVERY)
            if last or time.monotonic() >= self._next:
                self._try()

    def _try(self) -> None:
        try:
            self.look()
        except LineageError as error:
            self._next = time.monotonic() + self._pause
            self._pause = min(LONGEST_PAUSE, self._pause * 2)
            self._say(error)
        except Exception:
            self._next = time.monotonic() + LONGEST_PAUSE
            _log.exception("no checkpoint could be put anywhere")
        else:
            self._pause, self._said = EVERY, ""

    def _say(self, error: LineageError) -> None:
        """Log what stands in the way, once for as long as it does."""
        text = f"no checkpoint is put anywhere: {error} {error.remedy}"
        if text != self._said:
            self._said = text
            severe = isinstance(error, IntegrityFailure)
            _log.log(logging.ERROR if severe else logging.WARNING, "%s", text)
