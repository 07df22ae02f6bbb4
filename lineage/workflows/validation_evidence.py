"""What is measured for a verdict besides its metrics file: attributions, and what leaked.

Both become metrics, below ``attributions`` and ``leakage``, so requirements can demand them. What
stands in the way is said before a command is run, as far as that can be known.
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineage.capture.command import Stamp, stamps
from lineage.capture.dvc import overlap
from lineage.errors import CaptureError, UsageError
from lineage.workflows.own_metrics import require_own_metrics
from lineage.workflows.run_state import digests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineage.capture.project import Project
    from lineage.config.models import EvidenceTable
    from lineage.evidence.leakage import Leakage, Looking
    from lineage.workflows.validating import Validating

_CONFIGURE: Final = "Name it in lineage.toml: [models.{model}.evidence] {key}."


@dataclass(frozen=True)
class Compared:
    """Training and validation data that leakage is looked for between.

    ``require_own`` refuses training data that is not the version's.
    """

    train: Path
    validation: Path
    looking: Looking
    require_own: Callable[[], None]

    def leakage(self) -> Leakage:
        """What of the validation data the training knew.

        Raises:
            CaptureError: some of the data changed while it was read.
        """
        from lineage.evidence.reading.overlap import leakage_of

        before = self._stamps()
        try:
            found = leakage_of(self.train, self.validation, self.looking)
        except Exception:  # what is wrong with half a file is no fault of the whole one
            self._require_unchanged(before)
            raise
        self._require_unchanged(before)
        self.require_own()  # it may have changed since that was asked
        return found

    def _stamps(self) -> dict[str, Stamp]:
        return stamps(self.train) | stamps(self.validation)

    def _require_unchanged(self, before: Mapping[str, Stamp]) -> None:
        if before != self._stamps():
            raise CaptureError(
                f"{self.train} or {self.validation} changed while it was read.",
                remedy="Let nothing write there meanwhile, and try again.",
            )


@dataclass(frozen=True)
class ValidationEvidence:
    """What is measured besides, of files that are here.

    ``attributions`` is their file or folder, ``before`` the stamps of it before a command ran, if
    one does.
    """

    attributions: Path | None = None
    before: Mapping[str, Stamp] | None = None
    compared: Compared | None = None

    @classmethod
    def of(
        cls,
        project: Project,
        version: Mapping[str, Any],
        wanted: Validating,
        *,
        will_run: bool = False,
    ) -> ValidationEvidence:
        """What is named, and else configured: that counts of what is evaluated here alone.

        Args:
            project: where the files are.
            version: JSON of the version.
            wanted: what the person says.
            will_run: a command runs before it is measured.

        Raises:
            UsageError: it is not configured which data is compared, or DuckDB is not installed.
            CaptureError: that data is not here, or is not what the version was trained on.
        """
        model = version["model"]
        table = project.config.model(model).evidence
        path = attributions_path(project, model, wanted)
        before = stamps(path) if will_run and path is not None else None
        compared = None
        if wanted.leakage or (_is_here(wanted) and table is not None and table.leakage):
            compared = _compared(project, version, table)
        return cls(path, before, compared)

    @property
    def written(self) -> Path | None:
        """The attributions, where the command that ran wrote them."""
        path = self.attributions
        if path is None or self.before is None or not path.exists():
            return None
        return path if self.before != stamps(path) else None

    def require_own(self, project: Project, version: Mapping[str, Any], wanted: Validating) -> None:
        """Refuse attributions that the command did not write: if configured, or of other weights.

        Raises:
            CaptureError: it did not.
        """
        path = self.attributions
        if path is None or self.written is not None:
            return
        remedy = "Let the command write them there, or name a file of the version's own."
        if wanted.attributions is None:
            raise CaptureError(f"The command did not write the attributions {path}.", remedy=remedy)
        require_own_metrics(project, version, path, remedy)

    def joined(
        self, values: Mapping[str, Any] | None
    ) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
        """Metrics, and what is measured besides; None where there are none.

        Returns:
            Them, and what was not looked at, in sentences.

        Raises:
            UsageError: a file cannot be read.
            CaptureError: the metrics have the attributions, or what leaked, already, or data
                changed meanwhile.
        """
        found = dict(values or {})
        notes: tuple[str, ...] = ()
        if self.attributions is not None:
            from lineage.workflows.attributions_file import attributions_of

            _add(found, attributions_of(self.attributions).to_json())
        if self.compared is not None:
            leaked = self.compared.leakage()
            notes = leaked.notes
            _add(found, leaked.to_json())
        return (found if found or values is not None else None), notes


def _is_here(wanted: Validating) -> bool:
    """Whether what is configured counts: not where it was validated elsewhere, or failed."""
    return not wanted.elsewhere and wanted.stated is not False


def attributions_named(wanted: Validating) -> Path | None:
    """The file of attributions that a person named."""
    return Path(wanted.attributions).absolute() if wanted.attributions is not None else None


def besides_named(wanted: Validating) -> list[Path]:
    """The further files of metrics that a person named."""
    return [Path(path).absolute() for path in wanted.besides]


def attributions_path(project: Project, model: str, wanted: Validating) -> Path | None:
    """The file of attributions that is named, or else configured; None where none counts."""
    table = project.config.model(model).evidence
    configured = table.attributions if table is not None and _is_here(wanted) else None
    inside = project.inside(configured) if configured is not None else None
    return attributions_named(wanted) or inside


def looking_of(table: EvidenceTable) -> Looking:
    """What is looked for as it is configured.

    Raises:
        UsageError: features have a time of when they were known, and the rows have none.
    """
    from lineage.evidence.leakage import Looking

    return Looking(
        table.target,
        tuple(table.groups),
        table.time,
        tuple(table.keys),
        tuple(table.texts),
        dict(table.known_at),
    )


def _add(found: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if key in found:
            raise CaptureError(
                f"The metrics have the key {key!r}, and `validate` is to measure that.",
                remedy="Leave it out of the metrics file, or do not ask for it here.",
            )
        found[key] = value


def _compared(
    project: Project, version: Mapping[str, Any], table: EvidenceTable | None
) -> Compared:
    """The data that is compared, which must be here.

    Raises:
        UsageError: not configured, or DuckDB is not installed.
        CaptureError: not here, or not the version's.
    """
    from lineage.evidence.reading.source import import_duckdb

    model = version["model"]
    if table is None or table.data is None:
        raise UsageError(
            f"Which data {model} is validated on is not configured, so what leaked cannot be "
            "looked for.",
            remedy=_CONFIGURE.format(model=model, key="data"),
        )
    import_duckdb()
    train = _training_data(project, model, table)
    for path, what in ((train, "training"), (table.data, "validation")):
        if not project.inside(path).exists():
            raise CaptureError(
                f"The {what} data {path} of {model} is not here, so what leaked cannot be looked "
                "for.",
                remedy=f"Bring it back: dvc pull {path}, or git checkout.",
            )
    require_own = partial(_require_own, project, version, train)
    require_own()
    looking = looking_of(table)
    return Compared(project.inside(train), project.inside(table.data), looking, require_own)


def _training_data(project: Project, model: str, table: EvidenceTable) -> str:
    """The configured path of the data that a model is trained on, as a table of rows."""
    if isinstance(table.leakage, str):
        return table.leakage
    paths = [one for one in project.config.model(model).data if "://" not in one]
    if len(paths) != 1:
        many = "none" if not paths else f"{len(paths)}: {', '.join(paths[:5])}"
        raise UsageError(
            f"Of the training data of {model} one file is compared, and the configuration has "
            f"{many}.",
            remedy=f'Name it in lineage.toml: [models.{model}.evidence] leakage = "PATH".',
        )
    return paths[0]


def _require_own(project: Project, version: Mapping[str, Any], train: str) -> None:
    """Refuse training data that is not the version's, where it was registered with it.

    So it is where a folder that holds it was, or what it holds.

    Raises:
        CaptureError: it is other data.
    """
    own = {item["name"]: item["digest"] for item in version["components"]["data"]}
    path = posixpath.normpath(train)
    for name in (one for one in own if overlap(one, path)):
        named = os.path.relpath(project.inside(name))
        here = digests(project.validation_data(version["model"], [named]))
        if own[name] not in here.values():
            raise CaptureError(
                f"The data here is not that of {version['ref']}: {name}.",
                remedy="Bring the version's own data back and try again: check out its commit, "
                "then dvc checkout --force.",
            )
