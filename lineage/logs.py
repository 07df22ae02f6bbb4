"""Logs as one JSON object a line; headers and bodies are never in them, so neither are secrets."""

from __future__ import annotations

import json
import logging
import logging.config
from typing import Any

from typing_extensions import override

from lineage import timestamps
from lineage.masking import masked


class JsonLines(logging.Formatter):
    """One JSON object for each record."""

    def text(self, record: logging.LogRecord) -> str:
        """The message of a record, without secrets."""
        return masked(record.getMessage())

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": timestamps.now(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.text(record),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = masked(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=True, default=str)


CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": "lineage.logs.JsonLines"}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stderr",
            "formatter": "lines",
        }
    },
    "loggers": {
        "lineage": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "uvicorn": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}
"""What a server gives to uvicorn."""
