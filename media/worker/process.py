"""One worker process: started with one end of a socket pair, ended for good."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress

from media.plane import MediaStartError

# After a kill the kernel needs a moment to tell.
KILL_TIMEOUT_S = 5.0
# How long a stalled worker has for printing where it stands.
STACK_TIME_S = 0.1


class WorkerProcess:
    """`python -m media.worker`, and our end of the link to it."""

    def __init__(self, process: Process, stream: socket.socket) -> None:
        self._process = process
        self.stream = stream
        self.pid = process.pid

    @classmethod
    async def start(cls) -> WorkerProcess:
        """Start a process; it waits to be greeted on `stream`. Raises `MediaStartError`."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "media.worker", "--link", str(theirs.fileno()), "--parent", str(os.getpid())),
                stdin=DEVNULL,
                stdout=DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # a Ctrl-C at the terminal is for the gateway, which drains first
            )
        except OSError as error:
            ours.close()
            raise MediaStartError(f"no media worker can be started: {error}") from error
        finally:
            theirs.close()
        return cls(process, ours)

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def wait(self, timeout_s: float) -> int | None:
        """The exit status (negative: the signal), None when it still runs after `timeout_s`."""
        with suppress(TimeoutError):
            return await asyncio.wait_for(self._process.wait(), timeout_s)
        return None

    async def kill(self, *, with_stack: bool = False) -> int | None:
        """End it by force and reap it. `with_stack`: have it print first where it stands."""
        if self.running and with_stack:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGUSR1)
            await self.wait(STACK_TIME_S)
        if self.running:
            with suppress(ProcessLookupError):
                self._process.kill()
        return await self.wait(KILL_TIMEOUT_S)
