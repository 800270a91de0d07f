"""The WebSocket of one listener: a greeting as JSON, then PCM as binary messages, notices as JSON in between.

`hello` tells what the audio is like, `dropped` how much was lost because the listener did not read in time,
`ended` that the call is over. What the listener sends is not looked at.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.listening import AudioBatch, AudioDropped, Listener

BATCH_MS = 100
CHANNELS = ("contact", "agent")
# How long a listener may take to let one message go before it is given up.
SEND_TIMEOUT_S = 30.0

_encode = msgspec.json.Encoder().encode


async def serve_listener(socket: WebSocket, listener: Listener) -> None:
    """Serve one listener until the call ends or the listener has gone."""
    await socket.accept()
    sending = asyncio.create_task(_send(socket, listener))
    leaving = asyncio.create_task(_until_gone(socket))
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, leaving):
            task.cancel()
        await asyncio.gather(sending, leaving, return_exceptions=True)


async def _send(socket: WebSocket, listener: Listener) -> None:
    sample_rate = 0
    try:
        while (item := await listener.next()) is not None:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                match item:
                    case AudioDropped():
                        await _tell(socket, type="dropped", milliseconds=item.batches * BATCH_MS)
                    case AudioBatch():
                        if item.sample_rate != sample_rate:
                            sample_rate = item.sample_rate
                            await _hello(socket, sample_rate)
                        await socket.send_bytes(item.audio)
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await _tell(socket, type="ended")
            await socket.close(1000)
    except (WebSocketDisconnect, RuntimeError, OSError, TimeoutError):
        return  # gone, or as good as gone


async def _hello(socket: WebSocket, sample_rate: int) -> None:
    """Said first, and again should the rate change."""
    await _tell(
        socket,
        type="hello",
        encoding="pcm_s16le",
        sample_rate=sample_rate,
        channels=len(CHANNELS),
        channel_names=CHANNELS,
        message_ms=BATCH_MS,
    )


async def _tell(socket: WebSocket, **notice: Any) -> None:
    await socket.send_text(_encode(notice).decode())


async def _until_gone(socket: WebSocket) -> None:
    try:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
    except RuntimeError:
        return
