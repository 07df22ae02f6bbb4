"""The environment that a verdict was reached in, and what differs between two of them. Pure.

It is what the watched runs of a validation saw: the interpreters, their platforms, and the
distributions that were imported, by their normalised names (PEP 503), but for those that only DVC's
own process did: a stage that DVC runs is the same as one run by hand. A verdict without a watched
run, one that was stated or carried over, has none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lineage.identity.watched import WatchedRun

MOST_CHANGES: Final = 100
"""Changes that are named one by one; those beyond are counted."""


_OF_DVC: Final = (("dvc",), ("-m dvc",))
"""Who imported what DVC alone needs: it starts stages, and nothing of a model is in its process."""


def normalised(name: str) -> str:
    """A distribution's name as names are compared (PEP 503).

    >>> normalised("Scikit_Learn")
    'scikit-learn'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True)
class EnvironmentChange:
    """One thing that differs: ``python``, ``platform`` or a ``package``; empty where it is not."""

    kind: str
    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    def __str__(self) -> str:
        absent = "not imported" if self.kind == "package" else "none"
        was, now = (" and ".join(side) or absent for side in (self.before, self.after))
        return f"{self.name} {was} → {now}"

    def to_json(self) -> dict[str, Any]:
        """One of ``changes``."""
        return {
            "kind": self.kind,
            "name": self.name,
            "before": list(self.before),
            "after": list(self.after),
        }


@dataclass(frozen=True)
class RunEnvironment:
    """The interpreters (``cpython 3.11.7``), the platforms, and each package's versions.

    A package has several versions where interpreters with different ones took part. ``gaps`` tell
    what the runs may have imported besides.
    """

    interpreters: tuple[str, ...]
    platforms: tuple[str, ...]
    packages: Mapping[str, tuple[str, ...]]
    gaps: tuple[str, ...] = ()

    @classmethod
    def of_runs(cls, runs: Iterable[WatchedRun]) -> RunEnvironment | None:
        """What the runs of one validation saw together; None where no Python was observed."""
        pythons, platforms, gaps = set(), set(), set()
        packages: dict[str, set[str]] = {}
        for run in runs:
            pythons |= {f"{one.implementation} {one.version}" for one in run.interpreters}
            platforms |= {one.platform for one in run.interpreters}
            gaps |= set(run.gaps)
            for one in run.distributions:
                if one.by in _OF_DVC:
                    continue
                packages.setdefault(normalised(one.name), set()).add(one.version)
        if not pythons:
            return None
        return cls(
            tuple(sorted(pythons)),
            tuple(sorted(platforms)),
            {name: tuple(sorted(packages[name])) for name in sorted(packages)},
            tuple(sorted(gaps)),
        )

    def changes_to(self, after: RunEnvironment) -> tuple[EnvironmentChange, ...]:
        """What differs from this environment to another."""
        return tuple(self._changes_to(after))

    def to_json(self) -> dict[str, Any]:
        """The ``environment`` of a validation."""
        return {
            "interpreters": list(self.interpreters),
            "platforms": list(self.platforms),
            "packages": {name: list(versions) for name, versions in self.packages.items()},
            "gaps": list(self.gaps),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> RunEnvironment:
        """Read back what :meth:`to_json` wrote."""
        return cls(
            tuple(body["interpreters"]),
            tuple(body["platforms"]),
            {name: tuple(versions) for name, versions in body["packages"].items()},
            tuple(body["gaps"]),
        )

    def _changes_to(self, after: RunEnvironment) -> Iterator[EnvironmentChange]:
        if self.interpreters != after.interpreters:
            yield EnvironmentChange("python", "Python", self.interpreters, after.interpreters)
        if self.platforms != after.platforms:
            yield EnvironmentChange("platform", "platform", self.platforms, after.platforms)
        for name in sorted({*self.packages, *after.packages}):
            was, now = self.packages.get(name, ()), after.packages.get(name, ())
            if was != now:
                yield EnvironmentChange("package", name, was, now)


def changes_json(changes: tuple[EnvironmentChange, ...]) -> dict[str, Any]:
    """JSON of what differs, in values and in words; ``more`` counts what is not named."""
    named = changes[:MOST_CHANGES]
    return {
        "changes": [change.to_json() for change in named],
        "explanation": [str(change) for change in named],
        "more": len(changes) - len(named),
    }
