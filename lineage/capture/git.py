"""Git, read through GitPython with everything neutralised that could run a command.

A repository that was handed over as a folder brings its own ``.git/config``, and git runs commands
that such a file names: ``core.fsmonitor``, ``filter.*``, hooks, transports of a lazy fetch. Each is
overridden for every call made here; a submodule's processes inherit the overrides.
"""

from __future__ import annotations

import os
import re
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # no git at all is reported by the first call

import git
from git.exc import GitCommandError, GitCommandNotFound

from lineage.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_OVERRIDES: Final = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.alternateRefsCommand": "",
    "protocol.allow": "never",
}
_ENVIRONMENT: Final = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "LC_ALL": "C",
}
_CREDENTIALS: Final = re.compile(r"^([a-z][a-z0-9+.-]*://)[^/@]*@", re.IGNORECASE)
REGULAR_MODES: Final = ("100644", "100755")
LINK_MODE: Final = "120000"
SUBMODULE_MODE: Final = "160000"
MOST_COMMITS: Final = 1000
"""Commits between two that are listed at the most."""

_AT_ONCE: Final = 1000
MOST_VERSIONS: Final = 2000
"""Versions of a file that are looked at, at the most."""

_VERSIONS_AT_ONCE: Final = 50
_FEW: Final = 16


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


class _SilentNo(CaptureError):
    """Git's answer to a question that has none: exit status 1, no words."""


class GitRepository:
    """One git working tree; paths are relative to its top, with ``/``."""

    def __init__(self, folder: Path) -> None:
        """Open the repository that ``folder`` lies in.

        Raises:
            CaptureError: there is none, or git will not read it.
        """
        try:
            self._repo = git.Repo(folder, search_parent_directories=True)
        except (git.InvalidGitRepositoryError, git.NoSuchPathError):
            raise CaptureError(
                f"{folder} is not in a git repository.",
                remedy="Run it inside the repository, or make one: git init",
            ) from None
        if self._repo.working_tree_dir is None:
            raise CaptureError(
                f"{folder} is a bare git repository.", remedy="Run it in a working tree."
            )
        self.top = Path(self._repo.working_tree_dir).resolve()
        self._repo.git.update_environment(**_environment(self._filters()))

    @property
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
        return _CREDENTIALS.sub(r"\1", url) if url else None

    def resolve(self, revision: str) -> str:
        """The commit that a revision names.

        Raises:
            CaptureError: there is no such commit here.
        """
        try:
            if not revision.isprintable():
                raise _failed("rev-parse", self.top, "not printable")
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
        """The paths of a commit."""
        return dict(_parse_ls_tree(self._run("ls-tree", "-r", "-z", "--full-tree", commit)))

    @cached_property
    def modified(self) -> frozenset[str]:
        """Tracked paths whose bytes, mode or existence differ from the last commit."""
        return self._status[0] | self._hidden_changes

    @cached_property
    def untracked(self) -> frozenset[str]:
        """Paths that git neither tracks nor ignores."""
        return self._status[1]

    def blob(self, oid: str) -> bytes:
        """An object's bytes as git stores them.

        Raises:
            CaptureError: the object is not in this clone.
        """
        try:
            return bytes(self._repo.odb.stream(bytes.fromhex(oid)).read())
        except Exception:
            raise CaptureError(
                f"Object {oid} is not in this clone.",
                remedy="Fetch it (a partial clone leaves objects out): git fetch --refetch",
            ) from None

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
            yield from zip(part, self._batch(part), strict=True)

    def _batch(self, names: Iterable[str]) -> Iterator[bytes | None]:
        """Objects by their ids, or as ``commit:path``, from one process of git."""
        with tempfile.TemporaryFile() as asked:
            asked.write("".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape"))
            asked.seek(0)
            output: bytes = self._repo.git.execute(
                ["git", "cat-file", "--batch", "--buffer"],
                istream=asked,
                with_extended_output=False,
                stdout_as_string=False,
                strip_newline_in_stdout=False,
            )
        return _parse_batch(output)

    @property
    def filters_left_out(self) -> tuple[str, ...]:
        """Content filters that only the repository's own configuration defines: never run here."""
        return self._filters()

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
        """Forget what was read of the working tree, which may have changed since."""
        for name in ("modified", "untracked", "_listed", "_status", "_hidden_changes"):
            self.__dict__.pop(name, None)

    def close(self) -> None:
        """End git's helper processes."""
        self._repo.close()

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
        return frozenset(changed), frozenset(untracked)

    @cached_property
    def _hidden_changes(self) -> frozenset[str]:
        """Changes that ``assume-unchanged`` and ``skip-worktree`` keep out of git's own status."""
        index, overlooked = self._listed
        present = [
            path
            for path in overlooked
            if index[path].mode in REGULAR_MODES and (self.top / path).is_file()
        ]
        return frozenset(path for path in present if self._hash(path) != index[path].oid)

    @cached_property
    def _listed(self) -> tuple[dict[str, Entry], list[str]]:
        """The tracked paths, and those of them that git was told to overlook: one listing."""
        index: dict[str, Entry] = {}
        overlooked: list[str] = []
        for line in self._run("ls-files", "-z", "-v", "--stage").split("\0"):
            if line:
                facts, _, path = line.partition("\t")
                flag, mode, oid, _stage = facts.split(" ")
                index[path] = Entry((mode, oid))
                if flag.islower() or flag == "S":
                    overlooked.append(path)
        return index, overlooked

    def _hash(self, path: str) -> str:
        return self._run("hash-object", "--", os.fspath(self.top / path)).strip()

    def _filters(self) -> tuple[str, ...]:
        """Names of content filters defined in this repository's configuration alone."""
        names: set[str] = set()
        for scope in ("--local", "--worktree"):
            try:
                listing = self._run("config", scope, "--includes", "-z", "--list", "--name-only")
            except CaptureError:
                continue
            for key in listing.split("\0"):
                match = re.fullmatch(r"filter\.(.+)\.(clean|smudge|process)", key, re.DOTALL)
                if match:
                    names.add(match[1])
        return tuple(sorted(names))

    def _ask(self, *arguments: str) -> str | None:
        """Run a git command that answers "no" by exit status 1 and silence.

        Raises:
            CaptureError: git says anything else.
        """
        try:
            return self._run(*arguments).strip() or None
        except _SilentNo:
            return None

    def _run(self, *arguments: str) -> str:
        """Run a git command here; the text it printed (paths as UTF-8 with surrogate escapes).

        Raises:
            CaptureError: git is missing or says no.
        """
        try:
            output: bytes = self._repo.git.execute(
                ["git", *arguments],
                with_extended_output=False,
                stdout_as_string=False,
                strip_newline_in_stdout=False,
            )
        except GitCommandNotFound:
            raise CaptureError("git is not installed.", remedy="Install git.") from None
        except GitCommandError as error:
            said = str(error.stderr).strip().removeprefix("stderr:").strip(" '\n")
            if error.status == 1 and not said:
                raise _SilentNo(f"git {arguments[0]} says no.", remedy="Try it by hand.") from None
            first = said.splitlines()[0] if said else f"exit status {error.status}"
            raise _failed(arguments[0], self._repo.working_tree_dir, first) from None
        return output.decode("utf-8", "surrogateescape")


def _failed(command: str, where: object, reason: str) -> CaptureError:
    return CaptureError(
        f"git {command} failed in {where}: {reason}.",
        remedy="Run the same git command by hand and mend what it reports.",
    )


def _environment(filters: Iterable[str]) -> dict[str, str]:
    """The variables that make git read-only, offline and deaf to the repository's commands."""
    overrides = list(_OVERRIDES.items())
    for name in filters:
        overrides += [(f"filter.{name}.{key}", "") for key in ("clean", "smudge", "process")]
        overrides.append((f"filter.{name}.required", "false"))
    variables = {"GIT_CONFIG_COUNT": str(len(overrides))}
    for number, (key, value) in enumerate(overrides):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return _ENVIRONMENT | variables


def _parse_batch(output: bytes) -> Iterator[bytes | None]:
    """What ``git cat-file --batch`` printed: a line with the size, the bytes, a line end."""
    at = 0
    while at < len(output):
        end = output.index(b"\n", at)
        facts = output[at:end].split(b" ")
        if len(facts) != 3 or not facts[2].isdigit():
            yield None
            at = end + 1
            continue
        size = int(facts[2])
        yield output[end + 1 : end + 1 + size]
        at = end + size + 2


def _parse_ls_tree(text: str) -> Iterator[tuple[str, Entry]]:
    for line in text.split("\0"):
        if line:
            facts, _, path = line.partition("\t")
            mode, _type, oid = facts.split(" ")
            yield path, Entry((mode, oid))
