"""What a server sets for its process, so that its event loop is not kept waiting.

The event loop answers look-ups within a fraction of a millisecond; threads beside it read and write
the registry, in Python for milliseconds on end. They share the interpreter's lock, which a thread
gives up only when it waits for something, or after the *switch interval*: by default 5 ms, each
time that the loop has looked for what came.
"""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SWITCH: Final = 0.0005
"""Seconds after which a thread gives the interpreter's lock to another that waits for it."""


@contextmanager
def tuned() -> Iterator[None]:
    """Let the event loop of this process have its turn soon, and no collection last long."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    gc.freeze()  # what was loaded stays: no collection looks at it again
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)
