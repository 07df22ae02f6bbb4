"""What the tests share: servers, stores, commands, and how long they may take."""

from __future__ import annotations

import os

LONG = bool(os.environ.get("LINEAGE_LONG_TESTS"))
"""Whether what is random or large is tried at its full length, and all commands as installed."""
