"""Structured logs on standard error: one event name, key-values, `call_id` wherever there is a call.

Audio, digits, passwords and transcripts are never logged above debug; that is the duty of whoever logs, and
there is no line in the product that does.
"""

from __future__ import annotations

import logging
import sys

import structlog

from gateway.configuration.nodes import LoggingSection

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def log_level(config: LoggingSection) -> int:
    """The level as a number of the standard library's scale."""
    return _LEVELS[config.level]


def configure_logging(config: LoggingSection) -> None:
    """Set up structlog, and the standard library's logging for the libraries that use it."""
    level = log_level(config)
    renderer: structlog.typing.Processor
    if config.format == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.__stderr__),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=max(level, logging.WARNING), stream=sys.stderr, format="%(asctime)s %(name)s %(message)s"
    )
