"""`python -m media.worker --link FD --parent PID`: the process of one media worker.

Started by the gateway, which hands down one end of a pair of sockets: nothing is on disk and nobody else can
connect. The worker ends when the gateway says so or is gone, and by nothing else: a signal for the whole
process group must not cut calls that the gateway lets end in peace.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import faulthandler
import os
import signal
import socket
import sys

from media.worker.server import WorkerServer

PR_SET_PDEATHSIG = 1  # prctl(2)
EXIT_ORPHAN = 5


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m media.worker", description="One media worker process.")
    parser.add_argument("--link", type=int, required=True, metavar="FD", help="socket to the gateway")
    parser.add_argument("--parent", type=int, required=True, metavar="PID", help="the gateway's process id")
    options = parser.parse_args()
    _die_with_parent()
    if os.getppid() != options.parent:
        return EXIT_ORPHAN  # it ended before it could be watched
    faulthandler.enable()
    # The gateway asks for the stack of a worker that has stalled before it ends it.
    faulthandler.register(signal.SIGUSR1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    return _run(socket.socket(fileno=options.link))


def _die_with_parent() -> None:
    """Have the kernel end this process with its parent (Linux), even when its event loop hangs. Elsewhere the
    end of the link does it.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _run(link: socket.socket) -> int:
    async def serve() -> int:
        return await WorkerServer().run(link)

    try:
        import uvloop
    except ImportError:
        return asyncio.run(serve())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve())


if __name__ == "__main__":
    sys.exit(main())
