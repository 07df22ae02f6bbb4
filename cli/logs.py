"""The server's log lines as its operator reads them: remedies are typed as commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from lineage import logs
from lineage.acts import typed

if TYPE_CHECKING:
    import logging


class TypedLines(logs.JsonLines):
    """JSON lines in which an act stands as the command that does it."""

    @override
    def text(self, record: logging.LogRecord) -> str:
        return typed(super().text(record))


CONFIG: Final[dict[str, Any]] = logs.CONFIG | {
    "formatters": {"lines": {"()": "lineage.cli.logs.TypedLines"}}
}
"""What `lineage serve` gives to uvicorn."""
