"""What a version was both trained on and validated on, and what was not compared. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from lineage.contract.fields import from_fields
from lineage.display import Shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Leaked:
    """Content that a version was trained on and validated on, and its names on either side."""

    digest: str
    training: tuple[str, ...]
    validation: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON of it."""
        return {
            "digest": self.digest,
            "training": list(self.training),
            "validation": list(self.validation),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Leaked:
        """Read back what :meth:`to_json` wrote."""
        sides = {side: tuple(body[side]) for side in ("training", "validation")}
        return from_fields(cls, body, **sides)


@dataclass(frozen=True, repr=False)
class Leak(Shown):
    """What stands on both sides of a version: what it was trained on, and validated on.

    It is true where something does.

    ``validations`` are the numbers of those whose data is recorded; none where nothing could be
    compared. ``incomparable`` are names of validation data whose digests are of another algorithm
    than any of what it was trained on: the same bytes would not be found. ``gaps`` are sentences:
    what else is not known, or was not compared. ``more`` tells that the walk reached its bound.
    """

    ref: str
    validations: tuple[int, ...]
    leaked: tuple[Leaked, ...]
    incomparable: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    more: bool = False

    @property
    def whole(self) -> bool:
        """Whether all was compared: then what is not told does not stand on both sides."""
        return not (self.incomparable or self.gaps or self.more)

    @property
    def sentence(self) -> str:
        """What was found, in a sentence."""
        if not self.validations:
            return f"No validation of {self.ref} names its data."
        if self.leaked:
            many = "1 content" if len(self.leaked) == 1 else f"{len(self.leaked):,} contents"
            return f"{self.ref} was trained on and validated on {many}."
        known = "" if self.whole else "As far as that could be compared, "
        return f"{known}{self.ref} was validated on nothing that it was trained on."

    @property
    def unknown(self) -> Iterator[str]:
        """What was not compared, in sentences."""
        for name in self.incomparable:
            yield f"{name} cannot be compared: nothing it was trained on has such a digest."
        yield from self.gaps
        if self.more:
            yield "It was made of more than was walked to."
        if not self.validations:
            yield "Name what it is validated on as validation_data in lineage.toml, and validate."

    def __bool__(self) -> bool:
        return bool(self.leaked)

    @override
    def _line(self) -> str:
        return f"{self.ref}: {len(self.leaked)} contents trained on and validated on"

    @override
    def _facts(self) -> dict[str, object]:
        return {one.digest: ", ".join((*one.training, *one.validation)) for one in self.leaked}

    @override
    def to_json(self) -> dict[str, Any]:
        """JSON of `leak`."""
        return {
            "ref": self.ref,
            "validations": list(self.validations),
            "leaked": [content.to_json() for content in self.leaked],
            "incomparable": list(self.incomparable),
            "gaps": list(self.gaps),
            "more": self.more,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Leak:
        """Read back what :meth:`to_json` wrote."""
        return from_fields(
            cls,
            body,
            validations=tuple(body["validations"]),
            leaked=tuple(map(Leaked.from_json, body["leaked"])),
            incomparable=tuple(body["incomparable"]),
            gaps=tuple(body["gaps"]),
        )
