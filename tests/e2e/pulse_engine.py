"""A voice engine that says one short sound again and again, and notes when: what it takes to measure how
late a sound is at the other end, in either direction.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator

import numpy as np
from aiohttp import WSMsgType, web

from tests.e2e.fixed_speech_engine import FixedSpeechEngine
from tests.support.audio import Samples

FRAME_BYTES = 640  # 20 ms at 16 kHz


class PulseEngine(FixedSpeechEngine):
    """Every call of it gets the `pulse` (16 kHz) every so many seconds, whole each time."""

    def __init__(self, pulse: Samples, every_s: float) -> None:
        self._every_s = every_s
        self.said_at: list[float] = []  # Unix time, just before each pulse was written
        super().__init__(pulse, clear_after_s=None, hang_up=False)

    async def _converse(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        await socket.send_json({"type": "call_started", "callId": request.match_info["call_id"]})
        await socket.send_json({"type": "state", "state": "speaking"})
        saying = asyncio.create_task(self._say(socket))
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                self.heard.append((time.time(), message.data))
        saying.cancel()
        return socket

    async def _say(self, socket: web.WebSocketResponse) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            self.said_at.append(time.time())
            for at in range(0, len(self._speech), FRAME_BYTES):
                await socket.send_bytes(self._speech[at : at + FRAME_BYTES])

    def heard_between(self, begin: float, end: float) -> tuple[Samples, float]:
        """What arrived in this time, and when its last sample did."""
        frames = [frame for frame in tuple(self.heard) if begin <= frame[0] <= end]
        if not frames:
            return np.zeros(0, dtype=np.int16), end
        samples = np.frombuffer(b"".join(pcm for _, pcm in frames), dtype="<i2").astype(np.int16)
        return samples, frames[-1][0]


@contextlib.contextmanager
def pulse_engine(pulse: Samples, every_s: float) -> Iterator[PulseEngine]:
    engine = PulseEngine(pulse, every_s)
    try:
        yield engine
    finally:
        engine.close()
