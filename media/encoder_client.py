"""The gateway's side of the encoding process: started for the first job, ended when there was none for a
while, started anew when it dies.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress

import msgspec
import structlog

from media.encoding import Encoded, EncodingError, EncodingJob, EncodingResult

log = structlog.get_logger(__name__)

IDLE_S = 30.0
CLOSE_TIMEOUT_S = 2.0
# Even on a machine that is busy with calls, and for the longest recording.
JOB_TIMEOUT_S = 1800.0
COMMAND = (sys.executable, "-m", "media.encoder_process")


class EncoderLostError(Exception):
    """The process died, or did not come to an end with the job; the job may be tried again."""


class EncoderClient:
    """Encodes one recording after the other."""

    def __init__(
        self,
        command: tuple[str, ...] = COMMAND,
        *,
        idle_s: float = IDLE_S,
        job_timeout_s: float = JOB_TIMEOUT_S,
    ) -> None:
        self._command = command
        self._idle_s = idle_s
        self._job_timeout_s = job_timeout_s
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._idle_timer: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._decoder = msgspec.json.Decoder(EncodingResult)

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return self._process.pid if self._process is not None else None

    async def encode(self, job: EncodingJob) -> Encoded:
        """Wait for our turn and for the result. Raises `EncodingError` and `EncoderLostError`."""
        async with self._turn:
            if self._idle_timer is not None:
                self._idle_timer.cancel()
            try:
                result = await self._ask(job)
            except BaseException:
                await self._end(patience_s=0.0)  # what it would say next is not what we ask next
                raise
            self._idle_timer = asyncio.get_running_loop().call_later(self._idle_s, self._rest)
        if result.encoded is None:
            raise EncodingError(result.error or "no reason given")
        return result.encoded

    async def close(self) -> None:
        """End the process; a job in progress is given up by whoever awaits it."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        await self._end(CLOSE_TIMEOUT_S)
        if self._ending:
            await asyncio.gather(*self._ending)

    async def _ask(self, job: EncodingJob) -> EncodingResult:
        try:
            process = self._process
            if process is None or process.returncode is not None:
                process = self._process = await asyncio.create_subprocess_exec(
                    *self._command, stdin=PIPE, stdout=PIPE
                )
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(msgspec.json.encode(job) + b"\n")
            async with asyncio.timeout(self._job_timeout_s):
                await process.stdin.drain()
                line = await process.stdout.readline()
            return self._decoder.decode(line)
        except (OSError, TimeoutError, msgspec.MsgspecError) as error:
            raise EncoderLostError(f"the encoder was lost: {type(error).__name__}") from error

    def _rest(self) -> None:
        task = asyncio.ensure_future(self._end_when_free())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end_when_free(self) -> None:
        async with self._turn:
            await self._end(CLOSE_TIMEOUT_S)

    async def _end(self, patience_s: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), patience_s)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
