"""A seal's file: reading one, and comparing the files of a host with it.

Nothing is read but the seal and the files that it names, of these no more than it says they have.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lineage import strict_json
from lineage.acts import act
from lineage.bounded_file import Unfit
from lineage.errors import PipelineMismatch
from lineage.hashing.below import blake3_below, read_below
from lineage.identity.seal import Seal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LARGEST: Final = 32 << 20
"""Bytes of a seal."""

MOST_NAMED: Final = 20
"""Files that a refusal names at the most."""


def read(path: Path) -> Seal:
    """The seal that a file holds.

    Raises:
        PipelineMismatch: it cannot be read, is none, or was changed after it was written.
    """
    try:
        real = Path(os.path.realpath(path))
        data = read_below(real.parent, real.name, LARGEST)
    except Unfit as reason:
        raise _unreadable(path, str(reason)) from None
    try:
        body = strict_json.loads(data.decode(), unique_keys=True)
    except UnicodeDecodeError:
        raise _unreadable(path, "is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, f"is no JSON document ({str(error)[:100]})") from None
    return Seal.from_json(body, path.name)


def check(seal: Seal, root: Path, name: str) -> None:
    """Compare every file that a seal names with what lies under a folder.

    Args:
        seal: the seal.
        root: the folder that its paths are relative to.
        name: what it is called, for messages.

    Raises:
        PipelineMismatch: a file differs, is missing, or a link leads out of the folder.
    """
    wrong = list(_differing(seal, root))
    if wrong:
        raise PipelineMismatch(
            f"The files under {root} are not those of {name}: {listed(wrong)}.",
            remedy="Deploy the image as it was built, or build it anew and seal it there: "
            f"{act('pipeline seal')}",
        )


def listed(things: Sequence[str]) -> str:
    """Things in a sentence, the first of them where they are many."""
    more = f" and {len(things) - MOST_NAMED} more" if len(things) > MOST_NAMED else ""
    return f"{', '.join(things[:MOST_NAMED])}{more}"


def _differing(seal: Seal, root: Path) -> Iterator[str]:
    for path, file in sorted({**seal.files, **seal.own}.items()):
        try:
            found = blake3_below(root, path, file.size)
        except Unfit as reason:
            yield f"{path} {reason}"
            continue
        if found != file.blake3:
            yield f"{path} differs"


def _unreadable(path: Path, reason: str) -> PipelineMismatch:
    return PipelineMismatch(
        f"The seal {path} {reason}.",
        remedy=f"Name the file that was written where the image was built: {act('pipeline seal')}",
    )
