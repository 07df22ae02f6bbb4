"""The limits of a database: how long the registry waits for it, how many connections it keeps.

Apart from :mod:`lineage.database.engine`, because reading a number must not load SQLAlchemy.
"""

from __future__ import annotations

from typing import Final

LOCK_TIMEOUT: Final = 10.0
"""Seconds to wait for another process's write."""

CONNECTIONS: Final = 15
"""Connections that are kept for threads."""
