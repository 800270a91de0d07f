"""A voice engine that says one thing, known to the last sample, and notes the time of what it does.

The local engine's synthesiser never says a sentence twice alike, and decides by itself when a caller
interrupts. To find an utterance whole on the wire, or to measure how fast the wire falls silent, a test must
know both. Speaks as much of the engine's protocol as one call needs.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import uuid
from collections.abc import Iterator

from aiohttp import WSMsgType, web

from tests.support.audio import Samples


class FixedSpeechEngine:
    """Serves REST and WebSocket on one port of a thread of its own."""

    def __init__(self, speech: Samples, *, clear_after_s: float | None, hang_up: bool) -> None:
        self._speech = speech.tobytes()
        self._clear_after_s = clear_after_s
        self._hang_up = hang_up
        self.heard: list[tuple[float, bytes]] = []  # the caller's audio, each with its Unix time of arrival
        self.cleared_at: list[float] = []  # Unix time, just before each clear message was written
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="fixed-speech-engine", daemon=True
        )
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _start(self) -> str:
        app = web.Application()
        app.router.add_post("/api/calls", self._create_call)
        app.router.add_get("/api/calls/{call_id}", self._read_call)
        app.router.add_post("/api/agents", self._create_agent)
        app.router.add_get("/calls/{call_id}/socket", self._converse)
        app.router.add_get("/api/{rest:.*}", self._list)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return f"http://127.0.0.1:{self._port}"

    async def _create_call(self, request: web.Request) -> web.Response:
        call_id = str(uuid.uuid4())
        join_url = f"ws://127.0.0.1:{self._port}/calls/{call_id}/socket"
        return web.json_response({"callId": call_id, "joinUrl": join_url}, status=201)

    async def _read_call(self, request: web.Request) -> web.Response:
        return web.json_response({"callId": request.match_info["call_id"], "endReason": "hangup"})

    async def _create_agent(self, request: web.Request) -> web.Response:
        body = await request.json()
        return web.json_response({"agentId": str(uuid.uuid4()), "name": body.get("name")}, status=201)

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response({"results": [], "next": None, "previous": None, "total": 0})

    async def _converse(self, request: web.Request) -> web.WebSocketResponse:
        """Send the whole speech at once; then clear it, hang up, or listen until the client leaves."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        await socket.send_json({"type": "call_started", "callId": request.match_info["call_id"]})
        await socket.send_json({"type": "state", "state": "speaking"})
        for at in range(0, len(self._speech), 320):
            await socket.send_bytes(self._speech[at : at + 320])
        if self._hang_up:
            await socket.close(code=1000)
            return socket
        clearing = asyncio.create_task(self._clear(socket))
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                self.heard.append((time.time(), message.data))
            if message.type not in (WSMsgType.BINARY, WSMsgType.TEXT):
                break
        clearing.cancel()
        return socket

    async def _clear(self, socket: web.WebSocketResponse) -> None:
        if self._clear_after_s is None:
            return
        await asyncio.sleep(self._clear_after_s)
        self.cleared_at.append(time.time())
        await socket.send_json({"type": "playback_clear_buffer"})
        await socket.send_json({"type": "state", "state": "listening"})


@contextlib.contextmanager
def fixed_speech_engine(
    speech: Samples, *, clear_after_s: float | None = None, hang_up: bool = False
) -> Iterator[FixedSpeechEngine]:
    """A running engine; every call of it gets the same `speech` (8 kHz)."""
    engine = FixedSpeechEngine(speech, clear_after_s=clear_after_s, hang_up=hang_up)
    try:
        yield engine
    finally:
        engine.close()
