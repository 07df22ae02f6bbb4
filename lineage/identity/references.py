"""Names and references as people write them: ``churn``, ``churn@7``, ``churn@production``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lineage.errors import UsageError

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}", re.ASCII)
LARGEST_NUMBER = 2**31 - 1


def check_path(what: str, path: str) -> str:
    """``path`` itself, if it can be a path at all.

    Raises:
        UsageError: it is empty or holds a null character.
    """
    if not path.strip() or "\0" in path:
        raise UsageError(f"{path[:60]!r} is no path of {what}.", remedy="Name a file or a folder.")
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
        if self.number is not None:
            return f"{self.model}@{self.number}"
        if self.environment is not None:
            return f"{self.model}@{self.environment}" + ("/backup" if self.backup else "")
        return f"{self.model}@latest"

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read ``churn@7``, ``churn@latest``, ``churn@production`` or ``churn@production/backup``.

        Raises:
            UsageError: the text is none of these.
        """
        model, at, selector = text.partition("@")
        if not at or not selector:
            raise UsageError(
                f"{_shown(text)} names no version.",
                remedy="Write MODEL@NUMBER, MODEL@latest, MODEL@ENVIRONMENT or "
                "MODEL@ENVIRONMENT/backup, for example churn@7.",
            )
        check_name("model", model)
        if selector == "latest":
            return cls(model)
        if selector.isascii() and selector.isdigit():
            return cls(model, number=_number(selector))
        environment, _, rest = selector.partition("/")
        if rest not in ("", "backup") or selector.endswith("/"):
            raise UsageError(
                f"{_shown(text)} is not a reference.",
                remedy="After the environment only /backup may follow.",
            )
        check_environment_name(environment)
        return cls(model, environment=environment, backup=rest == "backup")


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
