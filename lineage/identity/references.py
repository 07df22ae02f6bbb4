"""Names, and references to versions, as people write them and as they stand in a URL.

A person writes ``churn@7``, ``churn@latest``, ``churn@production`` or ``churn@production/backup``.
In a URL the model has a place of its own; beside it stands the selector: ``7``, ``latest``,
``production`` or ``production:backup``. Both are spelled and read here alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from lineage.errors import UsageError

NAME = r"[a-z0-9][a-z0-9._-]{0,127}"
"""The form of a name of a model, a pipeline, an environment or a store."""

SELECTOR = rf"([1-9][0-9]{{0,9}}|latest|{NAME}(:backup)?)"
"""The form of a selector."""

LARGEST_NUMBER = 2**31 - 1
_NAME = re.compile(NAME, re.ASCII)


def check_path(what: str, path: str) -> str:
    """``path`` itself, if it can be a path at all.

    Raises:
        UsageError: it is empty or holds a null character.
    """
    if not path.strip() or "\0" in path:
        raise UsageError(f"{path[:60]!r} is no path of {what}.", remedy="Name a file or a folder.")
    return path


def file_name(path: str) -> str | None:
    """What the file or folder at a recorded path is called; None where it has no name.

    It is never a way out of the folder that it is put in.

    >>> file_name("models/model.pkl"), file_name("."), file_name("a/..")
    ('model.pkl', None, None)
    """
    name = PurePosixPath(path.replace("\\", "/")).name
    return name if name not in ("", ".", "..") and name.isprintable() else None


def check_weights_path(path: str) -> str:
    """``path`` itself, if weights that are recorded with it can be fetched again.

    Raises:
        UsageError: it ends in no name that a file or a folder could be given.
    """
    if file_name(path) is None:
        raise UsageError(
            f"Weights at {path[:60]!r} have no name that they could be fetched under.",
            remedy="Name the file or the folder of the weights itself.",
        )
    return path


def check_environment_name(name: str) -> str:
    """``name`` itself, if an environment may be called so.

    Raises:
        UsageError: it is not a valid name, or ``MODEL@name`` would mean a version.
    """
    check_name("environment", name)
    if name == "latest" or name.isdigit():
        raise UsageError(
            f"An environment cannot be called {name!r}: MODEL@{name} already names a version.",
            remedy="Choose a name that is neither a number nor 'latest'.",
        )
    return name


def check_name(what: str, name: str) -> str:
    """``name`` itself, if it is a valid name of a model, pipeline or environment.

    Args:
        what: what the name is of, for the message: ``model``, ``pipeline``, ``environment``.
        name: the text to check.

    Raises:
        UsageError: it is not ``[a-z0-9][a-z0-9._-]{0,127}``.
    """
    if _NAME.fullmatch(name) is None:
        raise UsageError(
            f"{_shown(name)} is not a valid {what} name.",
            remedy=(
                "Use 1 to 128 lowercase letters, digits, '.', '_' and '-', beginning with a letter "
                "or a digit."
            ),
        )
    return name


def pipeline_named(text: str) -> tuple[str | None, str | None]:
    """The pipeline and the digest of ``NAME``, ``NAME@DIGEST`` or ``DIGEST``, each if it is said.

    >>> pipeline_named("churn@xxh3:9ca2b501"), pipeline_named("xxh3:9ca2b501")
    (('churn', 'xxh3:9ca2b501'), (None, 'xxh3:9ca2b501'))
    >>> pipeline_named("churn")
    ('churn', None)

    Raises:
        UsageError: the name cannot be a pipeline's.
    """
    name, at, digest = text.partition("@")
    if ":" in name:
        return None, text
    return check_name("pipeline", name), digest if at else None


@dataclass(frozen=True)
class Reference:
    """What ``MODEL@SELECTOR`` names: a numbered version, the latest, or what an environment serves.

    Exactly one of ``number``, ``environment`` and neither (the latest version) holds.
    """

    model: str
    number: int | None = None
    environment: str | None = None
    backup: bool = False

    def __str__(self) -> str:
        return f"{self.model}@{self._spelled('/')}"

    @property
    def selector(self) -> str:
        """What stands for the version in a URL, beside the model's name."""
        return self._spelled(":")

    @classmethod
    def parse(cls, text: str | Reference) -> Reference:
        """Read ``churn@7``, ``churn@latest``, ``churn@production`` or ``churn@production/backup``.

        What is read already is given back.

        Raises:
            UsageError: the text is none of these.
        """
        if isinstance(text, Reference):
            return text
        model, at, selector = text.partition("@")
        if not at or not selector:
            raise UsageError(
                f"{_shown(text)} names no version.",
                remedy="Write MODEL@NUMBER, MODEL@latest, MODEL@ENVIRONMENT or "
                "MODEL@ENVIRONMENT/backup, for example churn@7.",
            )
        check_name("model", model)
        return cls._read(model, selector, "/")

    @classmethod
    def from_selector(cls, model: str, selector: str) -> Reference:
        """Read what :attr:`selector` wrote.

        Raises:
            UsageError: the text is no selector.
        """
        return cls._read(model, selector, ":")

    def _spelled(self, mark: str) -> str:
        if self.number is not None:
            return str(self.number)
        if self.environment is None:
            return "latest"
        return self.environment + (f"{mark}backup" if self.backup else "")

    @classmethod
    def _read(cls, model: str, selector: str, mark: str) -> Reference:
        if selector == "latest":
            return cls(model)
        if selector.isascii() and selector.isdigit():
            return cls(model, number=_number(selector))
        environment, marked, side = selector.partition(mark)
        if marked and side != "backup":
            raise UsageError(
                f"{_shown(f'{model}@{selector}')} is not a reference.",
                remedy=f"After the environment only {mark}backup may follow.",
            )
        check_environment_name(environment)
        return cls(model, environment=environment, backup=bool(marked))


def _number(digits: str) -> int:
    number = int(digits) if len(digits) < 12 else 0
    if not 1 <= number <= LARGEST_NUMBER:
        raise UsageError(
            f"{_shown(digits)} is not a version number.",
            remedy="Versions are numbered from 1.",
        )
    return number


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")
