"""What changed in what production sees, beside what was validated. Pure."""

from __future__ import annotations

from typing_extensions import override

from lineage.contract.results.documents import Document, Key, moment, optional, several, values


class Estimated(Document):
    """What a change is estimated to take off the area under the ROC curve; less than 0 adds."""

    value = Key(float)
    """The loss."""
    low = Key(float)
    """Its least, 95 times of 100, if the calibration of the validation still holds."""
    high = Key(float)
    """Its most."""

    @override
    def _line(self) -> str:
        return f"{self.value:.3f} of AUC ({self.low:.3f} to {self.high:.3f})"


class EventNear(Document):
    """Something that happened here, within a window of a change."""

    at = Key(moment)
    """When."""
    what = Key(str)
    """What happened: ``promoted churn@7``."""
    seq = Key(optional(int))
    """Its number in the history; None of what a host reported."""

    @override
    def _line(self) -> str:
        return f"{self.what} at {self['at']}"


class DriftWindow(Document):
    """A window of what was served, and what it says."""

    start = Key(moment)
    """When it begins."""
    rows = Key(int)
    """How many rows were seen."""
    kind = Key(str)
    """``quiet``, or the kind of the change that goes on: ``hard``, ``soft``, ``drift``."""
    loss = Key(optional(Estimated))
    """What is estimated of its area under the ROC curve; None where nobody can."""

    @override
    def _line(self) -> str:
        return f"{self['start']}: {self.kind}"


class DriftChange(Document):
    """Something that changed: an alarm."""

    kind = Key(str)
    """``hard``: upstream; ``soft``: here, or on some hosts; ``drift``: gradually."""
    tier = Key(str)
    """How urgent: ``page``, ``ticket``, or ``explain``."""
    since = Key(moment)
    """The start of the first window that shows it."""
    told = Key(moment)
    """The start of the window in which it was sure."""
    ended = Key(optional(moment))
    """The start of the first calm window; None while it goes on."""
    columns = Key(several(values))
    """``name`` and ``distance`` (Jensen-Shannon, 0 to 1) of each column; ``(score)`` is the
    model's own."""
    question = Key(str)
    """What more rows, or fewer, do than was expected, in words: ``has no value``."""
    expected = Key(float)
    """The share of rows that was expected to, in the first of the columns."""
    seen = Key(float)
    """The share that does, since the change began."""
    breaks_contract = Key(bool)
    """Whether no row may: nulls, values out of range, new categories."""
    hosts = Key(several(str))
    """The hosts that alone show it; empty where all do, or nobody can tell."""
    events = Key(several(EventNear))
    """What happened here within a window of its beginning."""
    loss = Key(optional(Estimated))
    """What it is estimated to cost."""
    sentence = Key(str)
    """All this for a person."""

    @override
    def _line(self) -> str:
        return f"{self.kind}: {self.sentence}"


class Interval(Document):
    """An area under the ROC curve, with the interval that holds it 95 times of 100."""

    value = Key(float)
    """The area."""
    low = Key(float)
    """Its least."""
    high = Key(float)
    """Its most."""

    @override
    def _line(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


class DriftMonth(Document):
    """A month of what was served."""

    start = Key(moment)
    """When it begins."""
    rows = Key(int)
    """How many rows were seen."""
    alarms = Key(int)
    """Changes that were told in it."""
    columns = Key(several(str))
    """The columns of the changes that went on in it."""
    estimated = Key(optional(Interval))
    """What its AUC is estimated to be; None where nobody can tell."""
    realised = Key(optional(Interval))
    """What it was, of the rows whose outcomes are recorded; None where none are."""
    beyond_estimate = Key(bool)
    """Whether what was realised lies outside the estimate, both with their intervals."""

    @override
    def _line(self) -> str:
        return f"{self['start'][:7]}: {self.alarms} alarms"


class Drift(Document):
    """What changed between the data of a validation and what production sees since."""

    model = Key(str)
    """The model's present name."""
    environment = Key(str)
    """Where it serves."""
    ref = Key(optional(str))
    """The version that serves; None where none does."""
    pipeline = Key(optional(str))
    """The digest of the pipeline version that it serves with."""
    profile = Key(optional(str))
    """The digest of the profile that is the reference."""
    state = Key(str)
    """``quiet``, the kind of the gravest change that goes on, or ``unknown``."""
    tier = Key(optional(str))
    """How urgent that is; None where nothing is."""
    missing = Key(optional(values))
    """Why it is unknown: ``code``, ``what`` is missing, and the ``remedy``."""
    alarms_per_year = Key(float)
    """The false alarms that are granted to the model."""
    window_seconds = Key(optional(int))
    """The length of the windows that are compared."""
    reference_windows = Key(int)
    """From how many of the reference it was learned what is ordinary."""
    windows = Key(several(DriftWindow))
    """Every window that is over, in order."""
    changes = Key(several(DriftChange))
    """What changed, in the order in which it was told."""
    validated = Key(optional(Interval))
    """The AUC at validation, of the same bins of scores; None where it is not known."""
    months = Key(several(DriftMonth))
    """What was served by months, estimated and realised, in order."""
    cannot_see = Key(str)
    """What an estimate of the loss cannot see."""

    @override
    def _line(self) -> str:
        return f"{self.ref or self.model} in {self.environment}: {self.state}"

    @override
    def _facts(self) -> dict[str, object]:
        return {
            "version": self.ref,
            "environment": self.environment,
            "state": self.state,
            "tier": self.tier,
            "windows": len(self.windows),
            "changes": [change.sentence for change in self.changes],
            "missing": self.missing.get("what") if self.missing else None,
        }
