"""Git's commands in one repository, through GitPython, with nothing of the repository's run."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Final

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # no git at all is reported by the first call

import git
from git.exc import GitCommandError, GitCommandNotFound

from lineage.capture.git_environment import FILTER_KEYS, environment
from lineage.capture.git_refusals import failed, no_repository, not_trusted, refuse_pipes
from lineage.errors import CaptureError

_FILTER: Final = re.compile(rf"filter\.(.+)\.({'|'.join(FILTER_KEYS)}|required)", re.DOTALL)


class _SilentNo(CaptureError):
    """Git's answer to a question that has none: exit status 1, no words."""


class GitCommands:
    """Runs git in one working tree; paths are relative to its top, with ``/``."""

    def __init__(self, folder: Path) -> None:
        """Open the repository that ``folder`` lies in.

        Raises:
            CaptureError: there is none, or git will not read it.
        """
        refuse_pipes(folder)
        try:
            self._repo = git.Repo(folder, search_parent_directories=True)
        except (git.InvalidGitRepositoryError, git.NoSuchPathError):
            raise no_repository(folder) from None
        if self._repo.working_tree_dir is None:
            raise CaptureError(
                f"{folder} is a bare git repository.", remedy="Run it in a working tree."
            )
        self.top = Path(self._repo.working_tree_dir).resolve()
        self._refuse_other_formats()
        self._ignored_everywhere = _own_ignore_file()
        self._filters = self._read_configuration()
        own = self._ignored_everywhere
        self._repo.git.update_environment(**environment(self.top, self._filters, own))

    @property
    def filters_left_out(self) -> tuple[str, ...]:
        """Content filters that only the repository's own configuration defines: never run here."""
        return tuple(name for name, own in self._filters.items() if not own)

    @property
    def common_folder(self) -> Path:
        """The ``.git`` folder that every working tree of the repository shares."""
        return Path(self._repo.common_dir)

    def close(self) -> None:
        """End git's helper processes."""
        self._repo.close()

    def _excluded_in_git(self) -> set[str]:
        """Files that nothing but ``.git/info/exclude`` tells to overlook."""
        try:
            lines = (self.common_folder / "info" / "exclude").read_bytes().splitlines()
        except OSError:
            return set()
        if not any(line.strip() and not line.startswith(b"#") for line in lines):
            return set()
        own = self._ignored_everywhere
        others = self._run(
            *("ls-files", "--others", "-z", "--exclude-per-directory=.gitignore"),
            *([f"--exclude-from={own}"] if os.path.isfile(own) else []),  # noqa: PTH113 - text
        )
        return {path for path in others.split("\0") if path and not path.endswith("/")}

    def _read_configuration(self) -> dict[str, dict[str, str]]:
        """The filters that this repository's configuration names, with what the user's own says.

        It says nothing of one that the repository further defines: nothing takes a setting back.
        Where that gives git-lfs commands of its own to run (``lfs.extension``), no filter is run.
        """
        named: dict[str, set[str]] = {}
        own: dict[str, dict[str, str]] = {}
        extended = False
        fields = self._run("config", "--show-scope", "--includes", "-z", "--list").split("\0")
        for scope, setting in zip(fields[::2], fields[1::2], strict=False):
            key, _, value = setting.partition("\n")
            here = scope in ("local", "worktree")
            if key == "core.excludesfile" and not here:
                self._ignored_everywhere = os.path.expanduser(value)  # noqa: PTH111 - text
            extended = extended or (here and key.startswith("lfs.extension."))
            match = _FILTER.fullmatch(key)
            if match and here:
                named.setdefault(match[1], set()).add(match[2])
            elif match:
                own.setdefault(match[1], {})[match[2]] = value
        if extended:
            return {name: {} for name in sorted({*named, *own})}
        known = {name: own.get(name, {}) for name in sorted(named)}
        return {name: said if named[name] <= set(said) else {} for name, said in known.items()}

    def _refuse_other_formats(self) -> None:
        """GitPython reads objects that SHA-1 names.

        Raises:
            CaptureError: the repository has others.
        """
        with self._repo.config_reader("repository") as settings:
            found = settings.get_value("extensions", "objectformat", "sha1")
        if found != "sha1":
            raise CaptureError(
                f"{self.top} names its objects by {str(found)[:20].upper()}, which is not read.",
                remedy="Work in a repository of git's usual format: git init --object-format=sha1",
            )

    def reaches(self, commit: str) -> bool:
        """Whether HEAD or a ref leads to a commit that is here; else git may drop it at any time.

        Raises:
            CaptureError: it is no commit that this clone has.
        """
        return not self._run("rev-list", "--max-count=1", commit, "--not", "--all").strip()

    def add_worktree(self, folder: Path, commit: str) -> None:
        """Record an empty folder as a further, detached working tree; nothing is written into it.

        Raises:
            CaptureError: git says no.
        """
        self._run("worktree", "add", "--detach", "--no-checkout", "--", os.fspath(folder), commit)

    def write_tree_here(self) -> None:
        """Write every file of the commit that is checked out here; what is there is replaced.

        Raises:
            CaptureError: an object is not in this clone, or a file cannot be written.
        """
        whole = ("--no-sparse-checkout", "--no-recurse-submodules")
        self._run("read-tree", "--reset", "-u", *whole, "HEAD")

    def _ask(self, *arguments: str) -> str | None:
        """Run a git command that answers "no" by exit status 1 and silence.

        Raises:
            CaptureError: git says anything else.
        """
        try:
            return self._run(*arguments).strip() or None
        except _SilentNo:
            return None

    def _run(self, *arguments: str, asked: bytes | None = None) -> str:
        """Run a git command here; the text it printed (paths as UTF-8 with surrogate escapes).

        Args:
            arguments: the command and what it is given.
            asked: what it reads from its standard input.

        Raises:
            CaptureError: git is missing or says no.
        """
        try:
            with tempfile.TemporaryFile() as stdin:
                stdin.write(asked or b"")
                stdin.seek(0)
                output: bytes = self._repo.git.execute(
                    ["git", *arguments],
                    istream=stdin if asked is not None else None,
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
            if "safe.directory" in said:
                raise not_trusted(self.top, said) from None
            said = said or f"exit status {error.status}"
            raise failed(arguments[0], self._repo.working_tree_dir, said) from None
        return output.decode("utf-8", "surrogateescape")


def _own_ignore_file() -> str:
    """Where git looks for what a person ignores everywhere, where no setting says otherwise."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111
    return os.path.join(home, "git", "ignore")  # noqa: PTH118 - a text for git
