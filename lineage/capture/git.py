"""A git repository as capture reads it.

What is read of a working tree is what lies on the disk, and what is read of the object store is
held against its id: a ``.git`` that says otherwise is a finding, not a source.
"""

from __future__ import annotations

import os
import tempfile
from functools import cached_property
from typing import TYPE_CHECKING, Final

from git.exc import GitCommandError

from lineage.capture.git_commands import GitCommands
from lineage.capture.git_objects import BLOB, check_object, checked_blocks, folders_in, parse_batch
from lineage.capture.git_refusals import absent, batch_failed, failed, refuse_rules
from lineage.errors import CaptureError
from lineage.masking import recorded_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

REGULAR_MODES: Final = ("100644", "100755")
LINK_MODE: Final = "120000"
SUBMODULE_MODE: Final = "160000"
MOST_COMMITS: Final = 1000
"""Commits between two that are listed at the most."""

_FOLDER_MODE: Final = "040000"
_AT_ONCE: Final = 1000
MOST_VERSIONS: Final = 2000
"""Versions of a file that are looked at, at the most."""

_VERSIONS_AT_ONCE: Final = 50
_FEW: Final = 16
_BLOCK: Final = 1 << 20
_CONVERTING: Final = ("text", "eol", "crlf", "ident", "filter", "working-tree-encoding")


class Entry(tuple[str, str]):
    """A tracked path's mode and object id."""

    __slots__ = ()

    @property
    def mode(self) -> str:
        """Git's file mode in octal, e.g. ``100644``."""
        return self[0]

    @property
    def oid(self) -> str:
        """The object's id in hex."""
        return self[1]


class GitRepository(GitCommands):
    """One git working tree; paths are relative to its top, with ``/``."""

    @cached_property
    def head(self) -> str | None:
        """The commit that is checked out; None where there is no commit yet."""
        return self._ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}")

    @property
    def branch(self) -> str | None:
        """The branch that is checked out; None where the head is detached."""
        return self._ask("symbolic-ref", "--quiet", "--short", "HEAD")

    @property
    def remote(self) -> str | None:
        """The URL of ``origin`` (or of the only remote) without credentials."""
        names = self._run("remote").split()
        name = "origin" if "origin" in names else names[0] if len(names) == 1 else None
        url = self._ask("config", "--get", f"remote.{name}.url") if name else None
        return recorded_url(url) if url else None

    def resolve(self, revision: str) -> str:
        """The commit that a revision names.

        Raises:
            CaptureError: there is no such commit here.
        """
        try:
            if not revision.isprintable():
                raise failed("rev-parse", self.top, "not printable")
            return self._run(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
            ).strip()
        except CaptureError:
            hint = " This clone is shallow: git fetch --unshallow." if self.shallow else ""
            raise CaptureError(
                f"{revision[:80]!r} names no commit in {self.top}.",
                remedy=f"Name a commit, a branch or a tag that git rev-parse knows.{hint}",
            ) from None

    @property
    def shallow(self) -> bool:
        """Whether the clone holds only a part of the history."""
        return self._run("rev-parse", "--is-shallow-repository").strip() == "true"

    @property
    def index(self) -> dict[str, Entry]:
        """The tracked paths; those in a merge conflict are in :attr:`modified` too."""
        return self._listed[0]

    def tree(self, commit: str) -> dict[str, Entry]:
        """The paths of a commit, each object on the way to them held against its id.

        Raises:
            CaptureError: one is not in this clone, or holds other bytes than its id stands for.
        """
        try:
            listing = self._run("ls-tree", "-r", "-t", "-z", "--full-tree", commit)
        except CaptureError:
            self._require_folders(commit)
            raise
        entries = dict(_parse_ls_tree(listing))
        folders = {path: entry for path, entry in entries.items() if entry.mode == _FOLDER_MODE}
        listed = dict.fromkeys(entry.oid for entry in folders.values())
        for name, data in zip(
            (commit, f"{commit}^{{tree}}", *listed),
            self._batch((commit, f"{commit}^{{tree}}", *listed)),
            strict=True,
        ):
            if data is None:
                raise absent(name)
        return {path: entry for path, entry in entries.items() if path not in folders}

    def _require_folders(self, commit: str) -> None:
        """Raise where a folder of a commit is not in this clone, by its path.

        Git's own listing ends at such a one, and tells its id alone.
        """
        top = self._run("rev-list", "--max-count=1", "--format=%T", commit).split()[-1]
        level = {top: ""}
        while level:
            below: dict[str, str] = {}
            for (oid, path), data in zip(level.items(), self._batch(level, level), strict=True):
                if data is None:
                    raise absent(oid, path)
                below |= {one: f"{path}{name}/" for name, one in folders_in(data)}
            level = below

    @cached_property
    def modified(self) -> frozenset[str]:
        """Tracked paths whose bytes, mode or existence differ from the last commit."""
        return self._status[0] | self._hidden_changes

    @cached_property
    def untracked(self) -> frozenset[str]:
        """Paths that git neither tracks nor ignores."""
        return self._status[1]

    def blob(self, oid: str, path: str | None = None) -> bytes:
        """An object's bytes as git stores them.

        Args:
            oid: its id.
            path: whose it is, for messages.

        Raises:
            CaptureError: the object is not in this clone.
        """
        try:
            data = bytes(self._repo.odb.stream(bytes.fromhex(oid)).read())
        except Exception:
            raise absent(oid, path) from None
        return check_object(BLOB, oid, data)

    def blob_blocks(self, oid: str, path: str | None = None) -> Iterator[bytes]:
        """An object's bytes in blocks, for one that may be large.

        Raises:
            CaptureError: the object is not in this clone; or, at its end, it holds other bytes.
        """
        try:
            stream = self._repo.odb.stream(bytes.fromhex(oid))
        except Exception:
            raise absent(oid, path) from None
        yield from checked_blocks(BLOB, oid, stream.size, iter(lambda: stream.read(_BLOCK), b""))

    def size_of(self, oid: str, path: str | None = None) -> int:
        """An object's size in bytes, as it is said to be.

        Raises:
            CaptureError: the object is not in this clone.
        """
        try:
            return int(self._repo.odb.info(bytes.fromhex(oid)).size)
        except Exception:
            raise absent(oid, path) from None

    def converting(self, paths: Iterable[str]) -> list[str]:
        """The paths that git may store otherwise than they lie: ends of lines, encodings, filters.

        Only what the attributes and the configuration say is asked for; no file is read.
        """
        wanted = list(paths)
        if not wanted:
            return []
        asked = "".join(f"{path}\0" for path in wanted).encode("utf-8", "surrogateescape")
        fields = self._run("check-attr", "-z", "--stdin", *_CONVERTING, asked=asked).split("\0")
        said: dict[str, dict[str, str]] = {}
        for path, name, value in zip(fields[::3], fields[1::3], fields[2::3], strict=False):
            said.setdefault(path, {})[name] = value
        by_default = (self._ask("config", "--get", "core.autocrlf") or "false") != "false"
        return [path for path in wanted if _may_convert(said.get(path, {}), by_default=by_default)]

    def _blob_here(self, oid: str) -> bytes | None:
        try:
            return self.blob(oid)
        except CaptureError:
            return None

    def blobs(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """Many objects and their bytes, each as git stores it; None for one that is not here.

        One process of git gives them all: asking for each by itself is ten times as slow. Few are
        asked for one by one, of the process that runs already.
        """
        wanted = list(oids)
        if len(wanted) <= _FEW:
            yield from ((oid, self._blob_here(oid)) for oid in wanted)
            return
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            try:
                found = list(self._batch(part))
            except CaptureError:  # a partial clone's git ends at the first that is not here
                found = [self._blob_here(oid) for oid in part]
            yield from zip(part, found, strict=True)

    def _batch(
        self, names: Iterable[str], paths: Mapping[str, str] | None = None
    ) -> Iterator[bytes | None]:
        """Objects by their ids, or as ``commit:path``, from one process of git; each is checked.

        Args:
            names: the objects.
            paths: whose each of them is, for messages.

        Raises:
            CaptureError: one is damaged, or not in a clone that could fetch it.
        """
        with tempfile.TemporaryFile() as asked:
            asked.write("".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape"))
            asked.seek(0)
            try:
                output: bytes = self._repo.git.execute(
                    ["git", "cat-file", "--batch", "--buffer"],
                    istream=asked,
                    with_extended_output=False,
                    stdout_as_string=False,
                    strip_newline_in_stdout=False,
                )
            except GitCommandError as error:
                raise batch_failed(self.top, str(error.stderr), paths or {}) from None
        return parse_batch(output)

    def commits_between(self, first: str, second: str) -> list[dict[str, str]]:
        """The commits that one of two holds and the other does not, the newest first.

        Returns:
            For each its ``commit``, ``author``, ``at`` (ISO 8601) and ``subject``; at most
            :data:`MOST_COMMITS`.

        Raises:
            CaptureError: one of them is not in this clone.
        """
        both = f"{self.resolve(first)}...{self.resolve(second)}"
        text = self._run(
            "rev-list", f"--max-count={MOST_COMMITS}", "--format=%H%x00%an%x00%aI%x00%s", both
        )
        fields = (line.split("\0") for line in text.split("\n") if "\0" in line)
        return [
            dict(zip(("commit", "author", "at", "subject"), row, strict=True)) for row in fields
        ]

    def versions_of(
        self, path: str, commit: str, *, everywhere: bool = False
    ) -> Iterator[tuple[str, bytes | None]]:
        """A file at the commits that changed it, up to one of them (or everywhere), newest first.

        Yields:
            The commit, and the file's bytes there; None where it is not there. At most
            :data:`MOST_VERSIONS`; none of a path with a line end, which git's batch cannot name.
        """
        if "\n" in path:
            return
        ways = ("--full-history", "--all") if everywhere else ()
        most = f"--max-count={MOST_VERSIONS}"
        listed = self._run("rev-list", most, *ways, commit, "--", path).split()
        for start in range(0, len(listed), _VERSIONS_AT_ONCE):
            part = listed[start : start + _VERSIONS_AT_ONCE]
            yield from zip(part, self._batch(f"{one}:{path}" for one in part), strict=True)

    def identity(self) -> str | None:
        """The e-mail address of the person whom git would name as author."""
        return self._ask("config", "--get", "user.email")

    def refresh(self) -> None:
        """Forget what was read of the checkout, which may have changed since."""
        for name in ("head", "modified", "untracked", "_listed", "_status", "_hidden_changes"):
            self.__dict__.pop(name, None)

    @cached_property
    def _status(self) -> tuple[frozenset[str], frozenset[str]]:
        text = self._run(
            "status",
            "--porcelain=v2",
            "-z",
            "--untracked-files=all",
            "--ignore-submodules=dirty",
            "--no-renames",
        )
        changed: set[str] = set()
        untracked: set[str] = set()
        for line in text.split("\0"):
            if line.startswith("? "):
                untracked.add(line[2:])
            elif line.startswith("1 "):
                changed.add(line.split(" ", 8)[8])
            elif line.startswith("u "):
                changed.add(line.split(" ", 10)[10])
        return frozenset(changed), frozenset(untracked | self._excluded_in_git())

    @property
    def left_out(self) -> frozenset[str]:
        """Tracked paths that a sparse checkout leaves out of the working tree."""
        return self._listed[2]

    @cached_property
    def _hidden_changes(self) -> frozenset[str]:
        """Changes that ``assume-unchanged`` and ``skip-worktree`` keep out of git's own status."""
        index, overlooked, _ = self._listed
        present = [
            path
            for path in overlooked
            if index[path].mode in REGULAR_MODES and (self.top / path).is_file()
        ]
        ids = self.ids_on_disk(present)
        return frozenset(path for path in present if ids[path] != index[path].oid)

    @cached_property
    def _listed(self) -> tuple[dict[str, Entry], list[str], frozenset[str]]:
        """The tracked paths, those that git was told to overlook, and those to leave out."""
        index: dict[str, Entry] = {}
        overlooked: list[str] = []
        left_out: set[str] = set()
        for line in self._run("ls-files", "-z", "-v", "--stage").split("\0"):
            if line:
                facts, _, path = line.partition("\t")
                flag, mode, oid, _stage = facts.split(" ")
                index[path] = Entry((mode, oid))
                if flag.islower() or flag == "S":
                    overlooked.append(path)
                if flag.upper() == "S":
                    left_out.add(path)
        refuse_rules(self.top, index)
        return index, overlooked, frozenset(left_out)

    def ids_on_disk(self, paths: Iterable[str], *, filters: bool = True) -> dict[str, str]:
        """The ids that git would give to files on the disk, with ends of lines and filters undone.

        Raises:
            CaptureError: one cannot be read.
        """
        rest = list(paths)
        told = [path for path in rest if "\n" not in path and not path.startswith('"')]
        asked = "".join(f"{path}\n" for path in told).encode("utf-8", "surrogateescape")
        plain = () if filters else ("--no-filters",)
        found = self._run("hash-object", *plain, "--stdin-paths", asked=asked) if told else ""
        ids = dict(zip(told, found.split(), strict=True))
        for path in rest:
            if path not in ids:
                full = os.fspath(self.top / path)
                ids[path] = self._run("hash-object", *plain, "--", full).strip()
        return ids


def _may_convert(attributes: Mapping[str, str], *, by_default: bool) -> bool:
    """Whether git may store a file with these attributes otherwise than it lies."""
    set_ = {name for name, value in attributes.items() if value not in ("unspecified", "unset")}
    is_binary = "unset" in (attributes.get("text"), attributes.get("crlf"))
    return bool(set_) or (by_default and not is_binary)


def _parse_ls_tree(text: str) -> Iterator[tuple[str, Entry]]:
    for line in text.split("\0"):
        if line:
            facts, _, path = line.partition("\t")
            mode, _type, oid = facts.split(" ")
            yield path, Entry((mode, oid))
