"""The worker's log goes to the gateway, line by line, over the link: one place, one form, and no write to a
pipe that somebody does not read on the audio loop.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

# level, event, fields
LogSink = Callable[[str, str, dict[str, Any]], None]

LEVELS = ("debug", "info", "warning", "error", "critical")


def forward_logs(sink: LogSink, level: int) -> None:
    """Send what structlog and the standard library log at `level` or above to `sink`, which is always called
    on the running event loop, whatever thread logs.
    """
    loop = asyncio.get_running_loop()
    home = threading.get_ident()

    def deliver(name: str, event: str, fields: dict[str, Any]) -> None:
        if threading.get_ident() == home:
            sink(name, event, fields)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(sink, name, event, fields)

    def forward(logger: WrappedLogger, name: str, line: EventDict) -> str:
        del logger
        fields = {str(key): _plain(value) for key, value in line.items()}
        event = str(fields.pop("event", ""))
        deliver(_level(str(fields.pop("level", name))), event, fields)
        raise structlog.DropEvent

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            forward,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[_Handler(deliver)], force=True)


class _Handler(logging.Handler):
    """What libraries say through the standard library."""

    def __init__(self, deliver: LogSink) -> None:
        super().__init__()
        self._deliver = deliver

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info:
            fields["exception"] = logging.Formatter().formatException(record.exc_info)
        self._deliver(_level(record.levelname.lower()), record.getMessage(), fields)


def _level(name: str) -> str:
    if name == "exception":
        return "error"
    return name if name in LEVELS else "info"


def _plain(value: Any) -> str | int | float | bool | None:
    """What the link can carry; anything else as text."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    return str(value)
