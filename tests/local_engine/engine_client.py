"""A client of the engine as a gateway is one: REST, and a WebSocket with a frame every 20 ms."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from local_engine.tones import silence

KEY = "abcdefgh.0123456789"
FRAME_MS = 20


class CallSocket:
    """The client's end of one call: what came in is kept, with its time."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, rate: int) -> None:
        self.socket = socket
        self.rate = rate
        self.audio = bytearray()
        self.frame_sizes: list[int] = []
        self.messages: list[dict[str, Any]] = []
        self.broken_texts: list[str] = []
        self.times: list[tuple[float, str]] = []
        self._changed = asyncio.Event()
        self._reader = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        async for message in self.socket:
            now = time.monotonic()
            if message.type is aiohttp.WSMsgType.BINARY:
                self.audio += message.data
                self.frame_sizes.append(len(message.data))
                self.times.append((now, "audio"))
            elif message.type is aiohttp.WSMsgType.TEXT:
                try:
                    decoded = json.loads(message.data)
                except json.JSONDecodeError:
                    self.broken_texts.append(message.data)
                else:
                    self.messages.append(decoded)
                    self.times.append((now, decoded["type"]))
            self._changed.set()
        self._changed.set()

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    @property
    def states(self) -> list[str]:
        return [message["state"] for message in self.of_type("state")]

    def finals(self, role: str = "agent") -> list[str]:
        return [each["text"] for each in self.of_type("transcript") if each["role"] == role and each["final"]]

    async def until(self, condition: Any, within: float = 5.0) -> None:
        """Wait until `condition()` holds. Raises `TimeoutError`."""
        async with asyncio.timeout(within):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def say(self, pcm: bytes) -> None:
        """Send audio as a call does: one frame every 20 ms."""
        size = 2 * self.rate * FRAME_MS // 1000
        begin = time.monotonic()
        for index, start in enumerate(range(0, len(pcm), size)):
            await self.socket.send_bytes(pcm[start : start + size])
            await asyncio.sleep(max(0.0, begin + (index + 1) * FRAME_MS / 1000 - time.monotonic()))

    async def be_silent(self, duration_ms: float) -> None:
        await self.say(silence(duration_ms, self.rate))

    async def send(self, **message: Any) -> None:
        await self.socket.send_str(json.dumps(message))

    async def closed(self, within: float = 5.0) -> int | None:
        """Wait for the end and return the close code."""
        async with asyncio.timeout(within):
            await self._reader
        return self.socket.close_code

    async def close(self) -> None:
        await self.socket.close()
        await self._reader


class EngineClient:
    """Speaks to one engine."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def request(
        self, method: str, path: str, body: Any = None, *, key: str | None = KEY, **query: str
    ) -> tuple[int, Any]:
        """Status and decoded body."""
        headers = {} if key is None else {"X-API-Key": key}
        async with self.session.request(
            method, f"{self.url}{path}", json=body, headers=headers, params=query
        ) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None

    async def fetch(self, path: str) -> tuple[int, bytes]:
        async with self.session.get(f"{self.url}{path}", headers={"X-API-Key": KEY}) as response:
            return response.status, await response.read()

    async def create(self, scenario: str, *, rate: int = 8000, **body: Any) -> dict[str, Any]:
        """A call of `scenario` on a WebSocket; `body` overrides fields."""
        socket = {"inputSampleRate": rate, "clientBufferSizeMs": 30000, **body.pop("socket", {})}
        request = {"systemPrompt": f"[scenario:{scenario}]", "medium": {"serverWebSocket": socket}, **body}
        status, call = await self.request("POST", "/api/calls", request)
        assert status == 201, call
        assert isinstance(call, dict)
        return call

    @asynccontextmanager
    async def join(self, call: dict[str, Any]) -> AsyncIterator[CallSocket]:
        rate = call["medium"]["serverWebSocket"]["inputSampleRate"]
        async with self.session.ws_connect(call["joinUrl"]) as socket:
            joined = CallSocket(socket, rate)
            try:
                yield joined
            finally:
                await joined.close()

    async def inspect(self, call: dict[str, Any]) -> dict[str, Any]:
        _, seen = await self.request("GET", f"/inspect/calls/{call['callId']}")
        assert isinstance(seen, dict)
        return seen
