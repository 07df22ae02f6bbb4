"""The limits of a database: how long it is waited for, its connections, how far clocks may differ.

Apart from :mod:`lineage.database.engine`, because reading a number must not load SQLAlchemy.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

LOCK_TIMEOUT: Final = 10.0
"""Seconds to wait for another process's write."""

CONNECTIONS: Final = 15
"""Connections that are kept for threads."""

NOTABLE: Final = dt.timedelta(minutes=1)
"""How far a clock may be behind the history, or beside another one, before somebody is told."""
