"""`python -m local_engine`: run the engine until SIGTERM or SIGINT.

Prints one line, `ready http://HOST:PORT`, on standard output when it listens; the log goes to standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import stat
import sys

import structlog
import uvloop

from local_engine.errors import SpeechUnavailable
from local_engine.server import EngineServer, ServerOptions

# Where the key may come from instead of the command line, which other users of the machine can read.
KEY_VARIABLE = "LOCAL_ENGINE_API_KEY"

_LEVELS = ("debug", "info", "warning", "error")


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m local_engine", description="A local voice engine that speaks Ultravox's protocol."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback)")
    parser.add_argument("--port", type=int, default=0, help="port of the REST API (default: any free one)")
    parser.add_argument(
        "--api-key",
        default=os.environ.get(KEY_VARIABLE) or None,
        help=f"the X-API-Key to ask for (default: ${KEY_VARIABLE}, or accept any)",
    )
    parser.add_argument("--keep-calls", type=int, default=10_000, help="how many ended calls are remembered")
    parser.add_argument(
        "--webhook-retry",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="pause before a webhook's first retry",
    )
    parser.add_argument(
        "--exit-with-parent",
        action="store_true",
        help="end when standard input ends (the parent holds its other end)",
    )
    parser.add_argument("--log-level", choices=_LEVELS, default="warning")
    return parser.parse_args(arguments)


def configure_logging(level: str) -> None:
    """Structured lines on standard error; standard output is for the `ready` line."""
    number = getattr(logging, level.upper())
    logging.basicConfig(level=number, stream=sys.stderr)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


async def watch_parent(stop: asyncio.Event) -> None:
    """Set `stop` when standard input ends."""
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        # Nobody holds the other end of a file or a terminal.
        return
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while await reader.read(4096):
        pass
    stop.set()


async def serve(options: ServerOptions, *, exit_with_parent: bool) -> None:
    """Run until told to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with EngineServer(options) as server:
        print(f"ready {server.url}", flush=True)
        watcher = loop.create_task(watch_parent(stop)) if exit_with_parent else None
        await stop.wait()
        if watcher is not None:
            watcher.cancel()


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 after a clean end, 1 when it could not start."""
    chosen = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    configure_logging(chosen.log_level)
    options = ServerOptions(
        host=chosen.host,
        port=chosen.port,
        api_key=chosen.api_key,
        keep_calls=max(chosen.keep_calls, 0),
        first_retry_s=chosen.webhook_retry,
    )
    try:
        uvloop.run(serve(options, exit_with_parent=chosen.exit_with_parent))
    except (OSError, SpeechUnavailable) as error:
        print(f"local_engine: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
